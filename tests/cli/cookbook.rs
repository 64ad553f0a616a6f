//! The cookbook: every example's rules make of its events exactly the journal that stands below them.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use rekindle_core::rules::reference;
use serde_json::Value;

/// A rules file with more lines than this, blank ones not counted, is no short example.
const RULES_LINES_MAX: usize = 18;

/// What shops ask for, by the headings.
const WANTED: [&str; 24] = [
    "The shoes in an order's products",
    "Each cart by its `cart_id`",
    "Each ticket",
    "No promotions while a ticket is open",
    "An order that is not shipped",
    "The same category viewed three times, and nothing of it bought",
    "This month",
    "Three days before a renewal",
    "A birthday",
    "Days active of the last 30",
    "A, then B within an hour",
    "A message for each order",
    "Time to buy again",
    "Days in a row",
    "Did the campaign work?",
    "Who is more probably lost than not",
    "Tiers by points",
    "Points for a coupon",
    "A coupon for the first 500",
    "A budget for each month, and what became of it",
    "A lottery",
    "Before points expire",
    "Until somebody unsubscribes",
    "What was delivered counts",
];

struct Example<'t> {
    title: &'t str,
    rules: &'t str,
    events: &'t str,
    until: &'t str,
    journal: &'t str,
}

/// The contents of the fenced blocks of one kind.
fn blocks<'t>(text: &'t str, kind: &str) -> Vec<&'t str> {
    let fence = format!("```{kind}\n");
    text.split(fence.as_str()).skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

fn examples() -> Vec<Example<'static>> {
    let sections = reference::COOKBOOK.split("\n## ").skip(1);
    let examples = sections.map(|section| {
        let title = section.lines().next().expect("a heading");
        let until = section.split("`rekindle replay --until ").nth(1).and_then(|rest| rest.split('`').next());
        match (blocks(section, "toml").as_slice(), blocks(section, "jsonl").as_slice(), until) {
            ([rules], [events, journal], Some(until)) => Example { title, rules, events, until, journal },
            found => panic!("{title}: rules, events, `rekindle replay --until TIME`, journal; not {found:?}"),
        }
    });
    examples.collect()
}

/// What `rekindle replay` writes.
fn replay(Example { title, rules, events, until, .. }: &Example<'_>) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("rules.toml"), rules).expect("the rules");
    fs::write(folder.path().join("events.jsonl"), events).expect("the events");
    let run = Command::new(env!("CARGO_BIN_EXE_rekindle"))
        .args(["replay", "--rules", "rules.toml", "--until", until, "events.jsonl"])
        .current_dir(folder.path())
        .output()
        .expect("the binary starts");
    assert!(run.status.success(), "{title}: {}", String::from_utf8_lossy(&run.stderr));
    lines(&String::from_utf8(run.stdout).expect("text"))
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

#[test]
fn every_example_of_the_cookbook_gives_the_journal_it_shows() {
    for example in examples() {
        let (found, shown) = (replay(&example), lines(example.journal));
        assert_eq!(found.len(), shown.len(), "{}: {found:#?}", example.title);
        for (found, shown) in found.iter().zip(&shown) {
            // A journal says more: the version of the rules, evidence.
            let fields = shown.as_object().expect("an object");
            let same = fields.iter().all(|(field, value)| found.get(field) == Some(value));
            assert!(same && fields.contains_key("at"), "{}: {found:#?}\nis not\n{shown:#?}", example.title);
        }
        assert!(!shown.is_empty(), "{} shows nothing", example.title);
    }
}

#[test]
fn the_cookbook_has_a_short_example_for_everything_that_shops_ask_for() {
    let examples = examples();
    let titles: BTreeSet<&str> = examples.iter().map(|example| example.title).collect();
    for wanted in WANTED {
        assert!(titles.contains(wanted), "no example `{wanted}` in {titles:?}");
    }
    for Example { title, rules, .. } in examples {
        let lines = rules.lines().filter(|line| !line.trim().is_empty()).count();
        assert!(lines <= RULES_LINES_MAX, "{title}: {lines} lines of rules");
    }
}

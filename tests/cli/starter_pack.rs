//! The starter pack on a month of the simulated storefront: `rekindle replay` writes what the naive oracle says.

use std::fs;
use std::process::Command;

use rekindle_core::time::Timestamp;
use rekindle_test_kit::daemon::log::{lines, starter_pack};
use rekindle_test_kit::oracle::{self, OracleInput, compare};
use serde_json::Value;

/// One of this number of shoppers is kept: the oracle is slow.
const ONE_IN: usize = 12;

const UNTIL: &str = "2026-03-20T00:00:00Z";

/// The events of some of the shoppers.
fn month() -> Vec<u8> {
    let mut kept = Vec::new();
    for line in lines(3, 30) {
        // Every messageId begins with the shopper's number.
        let number = line.split('"').nth(3).and_then(|id| id.split('.').next());
        let number = number.and_then(|number| usize::from_str_radix(number, 16).ok()).expect("a number");
        if number.is_multiple_of(ONE_IN) {
            kept.extend_from_slice(line.as_bytes());
            kept.push(b'\n');
        }
    }
    kept
}

/// The lines of a journal.
fn replay(rules: &str, events: &[u8], more: &[&str]) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("rules.toml"), rules).expect("the rules");
    fs::write(folder.path().join("events.jsonl"), events).expect("the events");
    let run = Command::new(env!("CARGO_BIN_EXE_rekindle"))
        .args(["replay", "--quiet", "--rules", "rules.toml", "--until", UNTIL, "--max-disorder", "5s"])
        .args(more)
        .arg("events.jsonl")
        .current_dir(folder.path())
        .output()
        .expect("the binary starts");
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let journal = String::from_utf8(run.stdout).expect("text");
    journal.lines().map(|line| serde_json::from_str(line).expect("a line is JSON")).collect()
}

/// Rules without a chapter.
fn without(rules: &str, chapter: &str, next: &str) -> String {
    let (before, chapter) = rules.split_once(&format!("# ── {chapter} ──")).expect("the chapter");
    let (_, after) = chapter.split_once(&format!("# ── {next} ──")).expect("the chapter after it");
    format!("{before}{after}", after = after.trim_start_matches('─'))
}

/// The starter pack without what the oracle does not know yet: budgets and models.
fn known_to_the_oracle() -> String {
    let rules = without(&starter_pack(), "What it may cost", "What we send");
    let asks = |line: &&str| ["spends = ", "coupon = ", "settle = "].iter().any(|key| line.starts_with(key));
    let rules: String = rules.lines().filter(|line| !asks(line)).map(|line| format!("{line}\n")).collect();
    let slipping = "p_alive('buying') < 0.5";
    assert!(rules.contains(slipping), "{slipping} is in the starter pack");
    rules.replace(slipping, "total(order) >= 1 && since(order) >= duration('21d')")
}

#[test]
fn the_starter_pack_does_to_a_month_of_the_storefront_what_the_oracle_says() {
    let (rules, events) = (known_to_the_oracle(), month());
    let mut expected = oracle::run(&OracleInput {
        rules_toml: &rules,
        events_jsonl: &events,
        until_ms: Timestamp::parse_rfc3339(UNTIL).expect("a time").0,
        max_disorder_ms: 5_000,
        ..OracleInput::default()
    });
    expected.sort_by_key(|line| line["at"].as_str().map(str::to_owned));
    assert!(expected.len() > 1_000, "{} lines are little", expected.len());
    for more in [&[][..], &["--partitions", "7", "--workers", "2"]] {
        if let Some(difference) = compare::difference(&expected, &replay(&rules, &events, more)) {
            panic!("with {more:?}, {difference}");
        }
    }
}

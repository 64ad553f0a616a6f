//! A backtest says what a naive program finds that compares two whole journals, on random rules and logs; whatever the batches,
//! partitions and workers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use proptest::prelude::*;
use rekindle_core::action;
use rekindle_core::journal::{self, JournalSorter};
use rekindle_core::partition::{ExecutionPlan, Output};
use rekindle_core::rules;
use rekindle_core::secret::DrawSecret;
use rekindle_core::time::{Span, Timestamp};
use rekindle_runtime::backtest::{Backtest, BacktestError, BacktestPeriod, BacktestReport, BacktestSetup, BothRules};
use rekindle_runtime::files::source::{FileItem, LineBlock, LinePosition};
use rekindle_runtime::pipeline::{Pipeline, PipelineOptions};
use rekindle_test_kit::generator::{LanguageParts, Scenario, scenario_of};
use serde_json::Value;

/// The engine's part of an attempt.
#[derive(Clone, Copy, Debug)]
struct Machine {
    partitions: usize,
    workers: usize,
    /// Lines in a batch.
    batch: usize,
}

const ONE_BY_ONE: Machine = Machine { partitions: 1, workers: 1, batch: 1 };
const AT_ONCE: Machine = Machine { partitions: 7, workers: 2, batch: 10_000 };

fn options(scenario: &Scenario, machine: Machine) -> PipelineOptions {
    PipelineOptions {
        partitions: machine.partitions,
        workers: machine.workers,
        max_disorder: Span(scenario.max_disorder_ms()),
        secret: DrawSecret::of_file(scenario.secret().as_bytes()),
        ..PipelineOptions::default()
    }
}

fn attempt(
    [new, old]: [&str; 2],
    scenario: &Scenario,
    machine: Machine,
    from: Option<Timestamp>,
) -> Result<BacktestReport, BacktestError> {
    let period = BacktestPeriod { from, to: Some(Timestamp(scenario.until_ms())) };
    let setup = BacktestSetup { new, old: Some(old), options: options(scenario, machine), period };
    let events = scenario.events_jsonl();
    let lines: Vec<&[u8]> = events.split_inclusive(|byte| *byte == b'\n').collect();
    let place = LinePosition { file: "events.jsonl".into(), line: 1 };
    let blocks = lines.chunks(machine.batch).map(|lines| {
        Ok(FileItem::Block(LineBlock { lines: lines.concat(), is_document: false, place: place.clone(), offset: 0 }))
    });
    let mut backtest = Backtest::new(&setup)?;
    backtest.feed_files(blocks).expect("there is nothing to read");
    Ok(backtest.finish())
}

/// A journal's lines, read; those of messages with their payload.
fn journal(rules: &str, scenario: &Scenario) -> Vec<Value> {
    let plan = Arc::new(ExecutionPlan::new(rules::compile(rules).expect("the rules compile")));
    let mut outputs = Vec::new();
    replayed(&plan, scenario, &mut outputs);
    let in_order = JournalSorter::default().release(&mut outputs, Timestamp::NEVER);
    let line = |output: &Output| {
        let (mut line, mut action) = (Vec::new(), Vec::new());
        journal::append_line(&plan.rules, output, &mut line);
        action::write_line(&plan.rules, output, &mut action).expect("it is written to memory");
        let mut line: Value = serde_json::from_slice(&line).expect("a journal is JSON");
        if let Ok(action) = serde_json::from_slice::<Value>(&action) {
            line["payload"] = action["data"]["payload"].clone();
        }
        line
    };
    in_order.iter().map(line).collect()
}

/// The log, taken in at once by one rule set.
fn replayed(plan: &Arc<ExecutionPlan>, scenario: &Scenario, outputs: &mut Vec<Output>) -> Pipeline {
    let until = Timestamp(scenario.until_ms());
    let options = PipelineOptions { until: Some(until), ..options(scenario, AT_ONCE) };
    let mut pipeline = Pipeline::new(Arc::clone(plan), options).expect("threads start");
    pipeline.feed(&scenario.events_jsonl(), &mut |_| {}, outputs);
    pipeline.advance_to(until, outputs);
    pipeline
}

/// What a line is about: lines of a user and instant that are about the same are the same thing decided.
fn subject(line: &Value) -> String {
    let fields: &[&str] = match text(line, "kind") {
        "transition" => &["segment", "change", "key"],
        "decision" => &["campaign", "key"],
        "points" => &["ledger", "change"],
        "budget" => &["budget", "campaign", "change"],
        "outcome" => &["campaign", "goal"],
        "shared" => &["partner", "segment", "change"],
        _ => &["from"],
    };
    let said: Vec<String> = fields.iter().map(|field| format!("{}", line[*field])).collect();
    format!("{} {}", text(line, "kind"), said.join(" "))
}

/// What the journal says of it, without its cause.
fn decided(line: &Value) -> Value {
    let mut line = line.clone();
    let fields = line.as_object_mut().expect("a line is an object");
    for field in ["cause", "action", "paid_for"] {
        fields.remove(field);
    }
    line
}

fn text<'l>(line: &'l Value, field: &str) -> &'l str {
    line[field].as_str().unwrap_or_default()
}

/// The lines of each user and instant, in the order of time; by subject, in the order of the journal.
type Instants = BTreeMap<(String, String), BTreeMap<String, [Vec<Value>; 2]>>;

#[derive(Debug, Default, PartialEq, Eq)]
struct NaiveDifferences {
    exact: u64,
    after: u64,
    people: BTreeSet<String>,
    noticing: BTreeSet<String>,
    noticing_before: BTreeSet<String>,
}

/// Goes through both journals instant by instant. A visitor who becomes a user takes along that it has noticed something.
fn compare(new: &[Value], old: &[Value], from: &str) -> NaiveDifferences {
    let mut instants = Instants::new();
    for (side, lines) in [new, old].into_iter().enumerate() {
        // Groups are no people.
        for line in lines.iter().filter(|line| line["of"].is_null()) {
            let place = (text(line, "at").to_owned(), text(line, "user").to_owned());
            instants.entry(place).or_default().entry(subject(line)).or_default()[side].push(line.clone());
        }
    }
    let (mut found, mut noticed) = (NaiveDifferences::default(), BTreeSet::new());
    let mut merges: Vec<(String, String, String)> = Vec::new();
    for ((at, user), subjects) in instants {
        for (_, visitor, into) in merges.extract_if(.., |(merged, ..)| *merged < at) {
            if noticed.contains(&visitor) {
                noticed.insert(into.clone());
            }
        }
        let (mut differences, mut notices) = (0, false);
        for lines in subjects.values() {
            for index in 0..lines[0].len().max(lines[1].len()) {
                let pair = [lines[0].get(index), lines[1].get(index)];
                if pair[0].map(decided) != pair[1].map(decided) {
                    differences += 1;
                    let mut both = pair.into_iter().flatten();
                    notices |= both.any(|line| text(line, "outcome") == "sent" || text(line, "kind") == "points");
                }
            }
            for line in lines[0].iter().chain(&lines[1]).filter(|line| text(line, "kind") == "merged") {
                merges.push((at.clone(), text(line, "from").to_owned(), user.clone()));
            }
        }
        let had_noticed = noticed.contains(&user);
        let counts = at.as_str() >= from;
        if differences > 0 && counts {
            *if had_noticed { &mut found.after } else { &mut found.exact } += differences;
            found.people.insert(user.clone());
        }
        if notices && !had_noticed {
            if counts { &mut found.noticing } else { &mut found.noticing_before }.insert(user.clone());
            noticed.insert(user);
        }
    }
    found
}

/// Transitions and decisions from an instant on, counted.
fn counted(lines: &[Value], from: &str) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for line in lines.iter().filter(|line| text(line, "at") >= from) {
        let name = match text(line, "kind") {
            "transition" => format!("{} {}", text(line, "segment"), text(line, "change")),
            "decision" => format!("{} {}", text(line, "campaign"), text(line, "outcome")),
            _ => continue,
        };
        *counts.entry(name).or_default() += 1;
    }
    counts
}

fn counted_by_backtest(report: &BacktestReport, side: usize) -> BTreeMap<String, u64> {
    let mut counts = BTreeMap::new();
    for segment in &report.segments {
        if let Some(figures) = of(&segment.figures, side) {
            counts.insert(format!("{} enter", segment.segment), figures.entered);
            counts.insert(format!("{} exit", segment.segment), figures.left);
        }
    }
    for campaign in &report.campaigns {
        for (outcome, count) in of(&campaign.outcomes, side).iter().flat_map(|outcomes| outcomes.iter()) {
            counts.insert(format!("{} {outcome}", campaign.campaign), *count);
        }
    }
    counts.retain(|_, count| *count > 0);
    counts
}

fn of<T>(both: &BothRules<T>, side: usize) -> Option<&T> {
    [&both.new, &both.old][side].as_ref()
}

/// Users and keys, or groups, in each segment at the end, as the engine has them that went through the log alone.
fn members(rules: &str, scenario: &Scenario) -> BTreeMap<String, BTreeSet<(String, usize)>> {
    let plan = Arc::new(ExecutionPlan::new(rules::compile(rules).expect("the rules compile")));
    let pipeline = replayed(&plan, scenario, &mut Vec::new());
    let mut members: BTreeMap<String, BTreeSet<(String, usize)>> = BTreeMap::new();
    for user in pipeline.users() {
        for (number, segment) in user.memberships().enumerate() {
            let id = plan.rules.segments[usize::from(segment.0)].id.clone();
            members.entry(id).or_default().insert((user.id.to_string(), number));
        }
    }
    for (kind, group) in pipeline.groups().into_iter().flat_map(|book| book.groups()) {
        for segment in group.profile.members.iter() {
            let id = plan.rules.segments[usize::from(segment.0)].id.clone();
            members.entry(id).or_default().insert((format!("group {kind:?} {}", group.key), 0));
        }
    }
    members
}

/// Messages to each person from an instant on; those of a visitor are its user's.
fn messages(lines: &[Value], from: &str) -> HashMap<String, u32> {
    let mut messages: HashMap<String, u32> = HashMap::new();
    // What a visitor got at the instant at which it becomes a user is the user's too.
    let mut lines: Vec<&Value> = lines.iter().collect();
    lines.sort_by_key(|line| (text(line, "at"), text(line, "kind") == "merged"));
    for line in lines {
        if text(line, "outcome") == "sent" && text(line, "kind") == "decision" && text(line, "at") >= from {
            *messages.entry(text(line, "user").to_owned()).or_default() += 1;
        }
        if text(line, "kind") == "merged"
            && let Some(count) = messages.remove(text(line, "from"))
        {
            *messages.entry(text(line, "user").to_owned()).or_default() += count;
        }
    }
    messages
}

/// Two rule sets for the log of the first.
fn contest() -> impl Strategy<Value = (Scenario, String)> {
    let scenario = || scenario_of(LanguageParts::ALL);
    let another = scenario().boxed();
    let edited = move |first: Scenario| {
        let rules = first.rules_toml();
        // The same rules with other thresholds, cooldowns and windows, or altogether other ones.
        let other = prop_oneof![
            3 => prop::sample::select(vec![(">= 2", ">= 1"), (">= 1", ">= 2"), ("'1h'", "'2h'"), ("\"1h\"", "\"3h\""), ("> 1", "> 0")])
                .prop_map(move |(from, to)| rules.replace(from, to)),
            2 => another.clone().prop_map(|other| other.rules_toml()),
        ];
        (Just(first), other)
    };
    scenario().prop_flat_map(edited)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, max_shrink_iters: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn backtest_says_what_comparing_two_journals_says((scenario, old_rules) in contest(), share in 0.0_f64..1.0) {
        let new_rules = scenario.rules_toml();
        let journals = [journal(&new_rules, &scenario), journal(&old_rules, &scenario)];
        let times: BTreeSet<&str> = journals.iter().flatten().map(|line| text(line, "at")).collect();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "any place will do")]
        let from = times.iter().nth((times.len() as f64 * share) as usize).filter(|_| share > 0.5);
        let from_instant = from.map(|from| Timestamp::parse_rfc3339(from).expect("a time of the journal"));
        let from = from.copied().unwrap_or("");
        if from_instant.is_some_and(|from| from.0 >= scenario.until_ms()) {
            return Ok(());
        }
        let report = attempt([&new_rules, &old_rules], &scenario, ONE_BY_ONE, from_instant).expect("rules without mistakes");

        let wanted = compare(&journals[0], &journals[1], from);
        let differences = report.differences.as_ref().expect("there are old rules");
        prop_assert_eq!(differences.exact, wanted.exact, "{:#?}", differences.kinds);
        prop_assert_eq!(differences.after, wanted.after);
        prop_assert_eq!(differences.people_noticing, wanted.noticing.len() as u64);
        prop_assert_eq!(differences.people_noticing_before, wanted.noticing_before.len() as u64);
        prop_assert_eq!(differences.kinds.iter().map(|kind| kind.exact).sum::<u64>(), wanted.exact);
        for example in differences.kinds.iter().flat_map(|kind| &kind.people) {
            prop_assert!(wanted.people.contains(&example.user), "{} is no example", example.user);
        }

        let ends = [members(&new_rules, &scenario), members(&old_rules, &scenario)];
        for (side, lines) in journals.iter().enumerate() {
            prop_assert_eq!(counted_by_backtest(&report, side), counted(lines, from), "rules {}", side);
            let members = &ends[side];
            for segment in &report.segments {
                let Some(figures) = of(&segment.figures, side) else { continue };
                let wanted = members.get(&segment.segment).map_or(0, BTreeSet::len);
                prop_assert_eq!(figures.size, wanted as u64, "{} by rules {}", segment.segment, side);
            }
            let wanted = messages(lines, from);
            let found = of(&report.messages, side).expect("both are counted");
            prop_assert_eq!(found.people, wanted.len() as u64);
            prop_assert_eq!(found.messages, wanted.values().map(|count| u64::from(*count)).sum::<u64>());
            prop_assert_eq!(found.max, wanted.values().copied().max().unwrap_or(0));
        }
        for segment in &report.segments {
            let people = ends.each_ref().map(|members| -> BTreeSet<String> {
                let of = members.get(&segment.segment).into_iter().flatten().map(|(user, _)| user.clone());
                of.filter(|user| !user.starts_with("group ")).collect()
            });
            let compared = segment.members.as_ref().expect("there are old rules");
            prop_assert_eq!(compared.both, people[0].intersection(&people[1]).count() as u64, "{}", segment.segment);
            prop_assert_eq!(compared.only_new, people[0].difference(&people[1]).count() as u64, "{}", segment.segment);
            prop_assert_eq!(compared.only_old, people[1].difference(&people[0]).count() as u64, "{}", segment.segment);
        }

        let again = attempt([&new_rules, &old_rules], &scenario, AT_ONCE, from_instant).expect("rules without mistakes");
        let json = |report: &BacktestReport| serde_json::to_string(report).expect("it is serialized");
        prop_assert_eq!(json(&report), json(&again));
    }
}

#[test]
fn mistakes_are_said_of_the_rules_that_have_them() {
    let right = "[events]\nview = \"View\"\n";
    let wrong = "[events]\nview = \"View\"\n[[segments]]\nid = \"a\"\nwhen = \"countt(view, '1h') > 0\"\n";
    let setup = |new, old| BacktestSetup {
        new,
        old: Some(old),
        options: PipelineOptions { workers: 1, ..PipelineOptions::default() },
        period: BacktestPeriod::default(),
    };
    assert!(
        matches!(Backtest::new(&setup(wrong, right)), Err(BacktestError::NewRules(mistakes)) if mistakes.len() == 1)
    );
    assert!(
        matches!(Backtest::new(&setup(right, wrong)), Err(BacktestError::OldRules(mistakes)) if mistakes.len() == 1)
    );
    let period = BacktestPeriod { from: Some(Timestamp(5)), to: Some(Timestamp(5)) };
    let nothing = Backtest::new(&BacktestSetup { period, ..setup(right, right) });
    assert!(matches!(nothing, Err(BacktestError::EmptyPeriod { .. })));
}

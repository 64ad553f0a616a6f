//! Explanations are checked on real shops, not believed: for some people of each data set, at every instant at which a segment
//! changed or a campaign was considered, each clause is what the naive evaluator says of it; and without the event that is named as
//! the cause, what it caused does not happen. Where the data lies, and what becomes of tests whose data is not there, stands in
//! `data_sets`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::sync::Arc;

use libtest_mimic::Trial;
use rekindle_core::campaigns::StepRecording;
use rekindle_core::explanation::SegmentExplanation;
use rekindle_core::journal::JournalSorter;
use rekindle_core::partition::{Cause, ExecutionPlan, Output};
use rekindle_core::rules;
use rekindle_core::time::{Span, Timestamp};
use rekindle_runtime::pipeline::{Pipeline, PipelineOptions, UserCopy};
use rekindle_test_kit::data_sets::trial;
use rekindle_test_kit::explained::{
    DecidedLog, cause, clauses, decisions, expected_decisions, happen_without, without,
};
use rekindle_test_kit::oracle::{self, OracleInput};
use rekindle_test_kit::repository;
use serde_json::Value;

use crate::expected::{DATA_SETS, expected};

/// No more of a data set is read: the naive evaluator looks at everything again for every clause.
const LINES: usize = 50_000;
/// How many people are looked at, evenly among all of them.
const PEOPLE: usize = 24;
/// How many events of each.
const EVENTS_MAX: usize = 40;
/// Time goes on for so long after the last event: some become silent.
const AFTER: Span = Span(120 * 86_400_000);

pub(crate) fn trials() -> Vec<Trial> {
    let trials = DATA_SETS.map(|data_set| {
        let name = format!("explanations_are_what_the_naive_evaluator_says::{data_set}");
        trial(&name, &expected(data_set).file, move |events| check(data_set, events))
    });
    trials.into()
}

/// One person's events, and the end of time.
struct PersonalLog {
    events: Vec<u8>,
    until: Timestamp,
}

/// The rules of a data set.
struct ExplainedRules {
    text: String,
    plan: Arc<ExecutionPlan>,
}

/// A replay of one person's events.
struct PersonalReplay {
    pipeline: Pipeline,
    outputs: Vec<Output>,
}

fn check(data_set: &str, events: &Path) {
    let path = repository().join("config/examples").join(&expected(data_set).rules);
    let text = std::fs::read_to_string(path).expect("the rules");
    let plan = Arc::new(ExecutionPlan::new(rules::compile(&text).expect("the rules compile")));
    let rules = ExplainedRules { text, plan };
    let (mut instants, mut causes) = (0, 0);
    for (person, log) in people(events) {
        instants += check_clauses(&rules, &person, &log);
        causes += check_causes(&rules, &person, &log);
    }
    assert!(instants > 40 && causes > 8, "{data_set}: {instants} instants and {causes} causes were looked at");
}

/// Some people, evenly, with the first of their events.
fn people(events: &Path) -> Vec<(String, PersonalLog)> {
    let file = File::open(events).expect("it is there");
    let lines = BufReader::new(zstd::Decoder::new(file).expect("it is compressed")).lines().take(LINES);
    let mut of_all: BTreeMap<String, Vec<(Timestamp, String)>> = BTreeMap::new();
    for line in lines.map(|line| line.expect("UTF-8")) {
        let call: Value = serde_json::from_str(&line).expect("JSON");
        let at = call["timestamp"].as_str().and_then(Timestamp::parse_rfc3339);
        let (Some(user), Some(at)) = (call["userId"].as_str(), at) else { continue };
        of_all.entry(user.to_owned()).or_default().push((at, line));
    }
    of_all.retain(|_, events| events.len() > 3);
    let every = of_all.len().div_ceil(PEOPLE).max(1);
    let chosen = of_all.into_iter().step_by(every).map(|(user, mut events)| {
        events.truncate(EVENTS_MAX);
        let last = events.iter().map(|(at, _)| *at).max().expect("there are four");
        let events = events.into_iter().flat_map(|(_, line)| [line, "\n".to_owned()]).collect::<String>();
        (user, PersonalLog { events: events.into_bytes(), until: last + AFTER })
    });
    chosen.collect()
}

fn replay(rules: &ExplainedRules, events: &[u8], until: Timestamp) -> PersonalReplay {
    let options = PipelineOptions {
        partitions: 1,
        workers: 1,
        until: Some(until),
        decision_steps: StepRecording::Conditions,
        ..PipelineOptions::default()
    };
    let mut pipeline = Pipeline::new(Arc::clone(&rules.plan), options).expect("threads start");
    let mut outputs = Vec::new();
    pipeline.feed(events, &mut |_| {}, &mut outputs);
    pipeline.advance_to(until, &mut outputs);
    let outputs = JournalSorter::default().release(&mut outputs, Timestamp::NEVER);
    PersonalReplay { pipeline, outputs }
}

fn input<'i>(rules: &'i ExplainedRules, log: &'i PersonalLog, until: Timestamp) -> OracleInput<'i> {
    OracleInput {
        rules_toml: &rules.text,
        events_jsonl: &log.events,
        until_ms: until.0,
        max_disorder_ms: PipelineOptions::default().max_disorder.0,
        ..OracleInput::default()
    }
}

/// Every clause at every instant, and those of every decision. Returns how many instants there were.
fn check_clauses(rules: &ExplainedRules, person: &str, log: &PersonalLog) -> usize {
    let whole = replay(rules, &log.events, log.until);
    let theirs = expected_decisions(&input(rules, log, log.until));
    assert_eq!(decisions(&rules.plan, &whole.outputs), theirs, "decisions about {person}");
    let told = whole.outputs.iter().filter(|output| cause(output).is_some() && output.at <= log.until);
    let instants: BTreeSet<Timestamp> = told.map(|output| output.at).collect();
    for at in &instants {
        let replayed = replay(rules, &log.events, *at);
        let Some(UserCopy { plan, user, at: now, rows }) = replayed.pipeline.copy_of(person) else { continue };
        if now > *at {
            continue;
        }
        let explained = SegmentExplanation::of_user(&plan, &user, now, &rows, |_| true);
        let ours = clauses(&[(person.to_owned(), explained)].into());
        assert_eq!(ours, oracle::clauses_at_the_end(&input(rules, log, *at)), "of {person} at {at}");
    }
    instants.len()
}

/// Every event that is named as a cause, taken out. Returns how many there were.
fn check_causes(rules: &ExplainedRules, person: &str, log: &PersonalLog) -> usize {
    let whole = replay(rules, &log.events, log.until);
    let causes = whole.outputs.iter().filter_map(|output| match cause(output)? {
        Cause::Event(id) => id.clone(),
        _ => None,
    });
    let causes: BTreeSet<Arc<str>> = causes.collect();
    for id in &causes {
        let remaining = without(&log.events, id).expect("a cause is an event of the log");
        let others = replay(rules, &remaining, log.until);
        let [with, without] =
            [&whole, &others].map(|replay| DecidedLog { plan: &rules.plan, outputs: &replay.outputs });
        let wrong = happen_without(id, with, without);
        assert!(wrong.is_empty(), "about {person}: {wrong:?}");
    }
    causes.len()
}

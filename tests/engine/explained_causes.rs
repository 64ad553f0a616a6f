//! Explanations are checked, not believed, on random rules and logs: every clause is what the naive oracle says of it, at the
//! instants of transitions and decisions; the events behind a count are as many as it says; and without the event that is named as
//! the cause, what it caused does not happen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use rekindle_core::campaigns::StepRecording;
use rekindle_core::explanation::{EventHistory, SegmentExplanation, UserHistory};
use rekindle_core::features::FeatureKind;
use rekindle_core::journal::JournalSorter;
use rekindle_core::partition::{Cause, EventRecording, ExecutionPlan, Output};
use rekindle_core::rules;
use rekindle_core::secret::DrawSecret;
use rekindle_core::time::{Span, Timestamp};
use rekindle_runtime::pipeline::{Pipeline, PipelineOptions, UserCopy};
use rekindle_test_kit::explained::{
    DecidedLog, cause, clauses, decisions, expected_decisions, happen_without, without,
};
use rekindle_test_kit::generator::{Scenario, scenario};
use rekindle_test_kit::oracle::{self, OracleInput};

/// How many instants of a scenario are looked at.
const INSTANTS_MAX: usize = 6;
/// How many causes of a scenario are taken out.
const CAUSES_MAX: usize = 4;

/// A replay that explains.
struct ExplainingReplay {
    plan: Arc<ExecutionPlan>,
    pipeline: Pipeline,
    outputs: Vec<Output>,
}

fn replay(scenario: &Scenario, events: &[u8], until: Timestamp) -> ExplainingReplay {
    let plan = Arc::new(ExecutionPlan::new(rules::compile(&scenario.rules_toml()).expect("the rules compile")));
    let options = PipelineOptions {
        partitions: 2,
        workers: 1,
        max_disorder: Span(scenario.max_disorder_ms()),
        secret: DrawSecret::of_file(scenario.secret().as_bytes()),
        until: Some(until),
        decision_steps: StepRecording::Conditions,
        recorded_events: EventRecording::All,
        ..PipelineOptions::default()
    };
    let mut pipeline = Pipeline::new(Arc::clone(&plan), options).expect("threads start");
    let mut outputs = Vec::new();
    pipeline.feed(events, &mut |_| {}, &mut outputs);
    pipeline.advance_to(until, &mut outputs);
    let outputs = JournalSorter::default().release(&mut outputs, Timestamp::NEVER);
    ExplainingReplay { plan, pipeline, outputs }
}

/// The explanations of all segments of all users whose clocks are not ahead of the end.
fn explained(replay: &ExplainingReplay) -> BTreeMap<String, Vec<SegmentExplanation>> {
    let ids: Vec<Arc<str>> = replay.pipeline.users().map(|user| Arc::clone(&user.id)).collect();
    let of_user = |id: &Arc<str>| {
        let UserCopy { plan, user, at, rows } = replay.pipeline.copy_of(id).expect("the user is there");
        let (events, is_complete) = replay.pipeline.recorded_events_of(id);
        let outputs: Vec<&Output> = replay.outputs.iter().filter(|output| output.user == *id).collect();
        let events = Some(EventHistory { events: &events, is_complete });
        let history = UserHistory { outputs: &outputs, events, rows: &rows };
        (id.to_string(), SegmentExplanation::with_history(&plan, &user, at, history, |_| true))
    };
    ids.iter().map(of_user).collect()
}

fn input<'s>(rules_toml: &'s str, events_jsonl: &'s [u8], scenario: &'s Scenario, until: Timestamp) -> OracleInput<'s> {
    OracleInput {
        rules_toml,
        events_jsonl,
        until_ms: until.0,
        max_disorder_ms: scenario.max_disorder_ms(),
        secret: scenario.secret().as_bytes(),
        ..OracleInput::default()
    }
}

/// Some of them, evenly, the last one included.
fn some<T: Clone>(all: &[T], most: usize) -> Vec<T> {
    let step = all.len().div_ceil(most).max(1);
    let mut some: Vec<T> = all.iter().rev().step_by(step).cloned().collect();
    some.reverse();
    some
}

/// Whether the value is the number of matches of one name, and nothing else.
fn counts_matches(plan: &ExecutionPlan, operand: &rekindle_core::explanation::OperandExplanation) -> bool {
    let is_call = ["count(", "total("].iter().any(|call| operand.text.starts_with(call));
    let is_alone = operand.text.matches('(').count() == 1 && operand.text.ends_with(')');
    let [feature] = operand.features.as_slice() else { return false };
    let feature = &plan.rules.features[usize::from(feature.0)];
    let is_count = matches!(feature.kind, FeatureKind::WindowCount(_) | FeatureKind::TotalCount(_));
    let is_told = feature.name().is_some_and(|name| plan.rules.names[usize::from(name.0)].is_told());
    is_call && is_alone && is_count && feature.per.is_none() && !is_told
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, max_shrink_iters: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_clause_is_what_the_naive_evaluator_says(scenario in scenario()) {
        let (rules_toml, events, end) =
            (scenario.rules_toml(), scenario.events_jsonl(), Timestamp(scenario.until_ms()));
        let whole = replay(&scenario, &events, end);
        let told = |output: &&Output| cause(output).is_some();
        let instants: BTreeSet<Timestamp> = whole.outputs.iter().filter(told).map(|output| output.at).collect();
        let instants: Vec<Timestamp> = instants.into_iter().filter(|at| *at <= end).collect();
        for at in some(&instants, INSTANTS_MAX) {
            let replayed = replay(&scenario, &events, at);
            let is_ahead = |id: &str| replayed.pipeline.copy_of(id).is_none_or(|copy| copy.at > at);
            let mut ours = clauses(&explained(&replayed));
            let mut theirs = oracle::clauses_at_the_end(&input(&rules_toml, &events, &scenario, at));
            ours.retain(|one| !is_ahead(&one.user));
            theirs.retain(|one| !is_ahead(&one.user));
            prop_assert_eq!(&ours, &theirs, "at {}", at);
        }
    }

    #[test]
    fn the_clauses_of_decisions_are_what_the_naive_evaluator_says(scenario in scenario()) {
        let (rules_toml, events, end) =
            (scenario.rules_toml(), scenario.events_jsonl(), Timestamp(scenario.until_ms()));
        let whole = replay(&scenario, &events, end);
        let ours = decisions(&whole.plan, &whole.outputs);
        let theirs = expected_decisions(&input(&rules_toml, &events, &scenario, end));
        prop_assert_eq!(ours, theirs);
    }

    #[test]
    fn as_many_events_stand_behind_a_count_as_it_says(scenario in scenario()) {
        let whole = replay(&scenario, &scenario.events_jsonl(), Timestamp(scenario.until_ms()));
        for (user, segments) in explained(&whole) {
            for leaf in segments.iter().flat_map(|segment| segment.condition.leaves()) {
                for operand in leaf.operands.iter().filter(|operand| counts_matches(&whole.plan, operand)) {
                    let events = operand.events.as_ref().expect("a count is made of events");
                    prop_assert_eq!(operand.shown.clone(), events.matches.to_string(), "{} of {}", operand.text, user);
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn without_the_event_named_as_the_cause_it_does_not_happen(scenario in scenario()) {
        let (events, end) = (scenario.events_jsonl(), Timestamp(scenario.until_ms()));
        let whole = replay(&scenario, &events, end);
        let by_event: BTreeSet<Arc<str>> = whole.outputs.iter().filter_map(|output| match cause(output)? {
            Cause::Event(id) => id.clone(),
            _ => None,
        }).collect();
        for id in some(&by_event.into_iter().collect::<Vec<_>>(), CAUSES_MAX) {
            // What a group gave its users is no event of the log.
            let Some(remaining) = without(&events, &id) else { continue };
            let others = replay(&scenario, &remaining, end);
            let (recorded, _) = others.pipeline.recorded_events();
            if recorded.iter().any(|event| event.message_id.as_ref() == Some(&id)) {
                // It is written so that only the engine reads it: with escapes, or twice in one call.
                continue;
            }
            let [with, without] =
                [&whole, &others].map(|replay| DecidedLog { plan: &replay.plan, outputs: &replay.outputs });
            let wrong = happen_without(&id, with, without);
            prop_assert!(wrong.is_empty(), "{wrong:?}");
        }
    }
}

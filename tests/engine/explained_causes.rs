//! Explanations are checked, not believed, on random rules and logs: every clause is what the naive oracle says of it, at the
//! instants of transitions and decisions; the events behind a count are as many as it says; and without the event that is named as
//! the cause, what it caused does not happen.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use rekindle_core::campaigns::{DecisionStep, StepRecording};
use rekindle_core::explanation::{ConditionExplanation, EventHistory, SegmentExplanation, UserHistory};
use rekindle_core::features::FeatureKind;
use rekindle_core::journal::{self, JournalSorter};
use rekindle_core::partition::{Cause, EventRecording, ExecutionPlan, Output, OutputKind, RecordedEvent};
use rekindle_core::rules;
use rekindle_core::secret::DrawSecret;
use rekindle_core::time::{Span, Timestamp};
use rekindle_runtime::pipeline::{Pipeline, PipelineOptions, UserCopy};
use rekindle_test_kit::generator::{Scenario, scenario};
use rekindle_test_kit::oracle::{self, OracleInput, SegmentClauses};
use serde_json::Value as Json;

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
    let (recorded, is_complete) = replay.pipeline.recorded_events();
    let ids: Vec<Arc<str>> = replay.pipeline.users().map(|user| Arc::clone(&user.id)).collect();
    let of_user = |id: &Arc<str>| {
        let UserCopy { plan, user, at } = replay.pipeline.copy_of(id).expect("the user is there");
        let events = history_of(replay, id, &recorded);
        let outputs: Vec<&Output> = replay.outputs.iter().filter(|output| output.user == *id).collect();
        let events = Some(EventHistory { events: &events, is_complete });
        let history = UserHistory { outputs: &outputs, events };
        (id.to_string(), SegmentExplanation::with_history(&plan, &user, at, history, |_| true))
    };
    ids.iter().map(of_user).collect()
}

/// The events that are a user's in the end.
fn history_of<'r>(replay: &ExplainingReplay, id: &Arc<str>, recorded: &[&'r RecordedEvent]) -> Vec<&'r RecordedEvent> {
    let visitors = replay.pipeline.visitors_of(id);
    recorded.iter().filter(|event| event.user == *id || visitors.contains(&event.user)).copied().collect()
}

/// The leaves of the engine's explanations, as the oracle tells its own.
fn clauses(explained: &BTreeMap<String, Vec<SegmentExplanation>>) -> Vec<SegmentClauses> {
    let of_segment = |user: &str, segment: &SegmentExplanation| SegmentClauses {
        user: user.to_owned(),
        segment: segment.segment.clone(),
        key: segment.key.as_ref().map(|key| key.to_string()),
        holds: holds(&segment.condition),
    };
    let all = explained.iter().flat_map(|(user, segments)| segments.iter().map(|segment| of_segment(user, segment)));
    let mut all: Vec<SegmentClauses> = all.collect();
    all.sort();
    all
}

fn holds(condition: &ConditionExplanation) -> Vec<bool> {
    condition.leaves().iter().map(|leaf| leaf.holds).collect()
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
    is_call && is_alone && is_count && feature.per.is_none()
}

/// Without the calls that bear this messageId.
fn without(events: &[u8], message_id: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for line in events.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
        let kept = match serde_json::from_slice::<Json>(line) {
            Err(_) => line.to_vec(),
            Ok(mut call) => {
                if call["messageId"] == message_id {
                    // The line stays, and is rejected: it moves nothing.
                    out.extend_from_slice(b"{}\n");
                    continue;
                }
                let is_list = call.is_array();
                let calls = if is_list { Some(&mut call) } else { call.get_mut("batch") };
                match calls.and_then(Json::as_array_mut) {
                    None => line.to_vec(),
                    Some(calls) => {
                        let before = calls.len();
                        calls.retain(|call| call["messageId"] != message_id);
                        if calls.len() == before { line.to_vec() } else { serde_json::to_vec(&call).expect("JSON") }
                    }
                }
            }
        };
        out.extend_from_slice(&kept);
        out.push(b'\n');
    }
    out
}

/// An output as its line of the journal, without its cause.
fn effect(plan: &ExecutionPlan, output: &Output) -> String {
    let mut line = Vec::new();
    journal::append_line(&plan.rules, output, &mut line);
    let mut line: Json = serde_json::from_slice(&line).expect("a line is JSON");
    for incidental in ["cause", "action", "variant", "until", "outcome", "channel"] {
        line.as_object_mut().expect("an object").remove(incidental);
    }
    line.to_string()
}

fn cause(output: &Output) -> Option<&Cause> {
    match &output.decided {
        OutputKind::Transition { cause, .. } => Some(cause),
        OutputKind::Decision(decision) => Some(&decision.cause),
        _ => None,
    }
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
        let mut ours: Vec<String> = whole.outputs.iter().filter_map(|output| {
            let OutputKind::Decision(decision) = &output.decided else { return None };
            let campaign = &whole.plan.rules.campaigns[usize::from(decision.campaign.0)].id;
            let clauses = decision.steps.iter().find_map(|step| match step {
                DecisionStep::Condition { explained, .. } => explained.as_deref().map(holds),
                _ => None,
            });
            Some(format!("{} {campaign} {} {} {clauses:?}", output.user, output.at, decision.outcome.name()))
        }).collect();
        let theirs = oracle::run_with_clauses(&input(&rules_toml, &events, &scenario, end));
        let mut theirs: Vec<String> = theirs.iter().filter(|line| line["kind"] == "decision").map(|line| {
            let text = |key: &str| line[key].as_str().unwrap_or_default().to_owned();
            let clauses: Option<Vec<bool>> = serde_json::from_value(line["clauses"].clone()).unwrap_or_default();
            format!("{} {} {} {} {clauses:?}", text("user"), text("campaign"), text("at"), text("outcome"))
        }).collect();
        ours.sort();
        theirs.sort();
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
            let is_by_it = |output: &&Output| matches!(cause(output), Some(Cause::Event(Some(of))) if *of == id);
            let others = replay(&scenario, &without(&events, &id), end);
            let (recorded, _) = others.pipeline.recorded_events();
            if recorded.iter().any(|event| event.message_id.as_ref() == Some(&id)) {
                // It is written so that only the engine reads it: with escapes, or twice in one call.
                continue;
            }
            for caused in whole.outputs.iter().filter(is_by_it) {
                let effect_of_it = effect(&whole.plan, caused);
                let again = others.outputs.iter().filter(|output| {
                    output.user == caused.user && output.at == caused.at && effect(&others.plan, output) == effect_of_it
                });
                // Another event of the same instant may do it instead; time does not.
                for output in again {
                    let by_another = matches!(cause(output), Some(Cause::Event(of)) if of.as_ref() != Some(&id));
                    prop_assert!(by_another, "{effect_of_it} happens without {id}, too: {:?}", cause(output));
                }
            }
        }
    }
}

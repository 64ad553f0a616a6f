//! The engine and the naive oracle agree on random rules and random logs, user by user and line by line.
//!
//! A failure prints the smallest scenario that still fails: its files, and the first differing user with both
//! journals. `PROPTEST_CASES` sets how many are tried.

use std::sync::Arc;

use proptest::prelude::*;
use rekindle_core::journal::{self, JournalSorter};
use rekindle_core::partition::{ExecutionPlan, Output, OutputKind};
use rekindle_core::rules;
use rekindle_core::secret::DrawSecret;
use rekindle_core::time::{Span, Timestamp};
use rekindle_runtime::pipeline::{Pipeline, PipelineOptions};
use rekindle_test_kit::generator::{Scenario, scenario};
use rekindle_test_kit::oracle::{self, OracleInput, compare};
use serde_json::Value as Json;

/// How the engine's work is split.
#[derive(Clone, Copy, Debug)]
struct Split {
    partitions: usize,
    batch_bytes: usize,
}

/// The engine's journal, with payloads; the one place where these tests meet the engine.
fn engine_journal(input: &OracleInput<'_>, split: Split) -> Vec<Json> {
    let options = PipelineOptions {
        partitions: split.partitions,
        workers: 1,
        max_disorder: Span(input.max_disorder_ms),
        secret: DrawSecret::of_file(input.secret),
        // With one resident user, all others are packed between any two events.
        resident_users: (split.partitions > 1).then_some(1),
        ..PipelineOptions::default()
    };
    let until = Timestamp(input.until_ms);
    let plan = Arc::new(ExecutionPlan::new(rules::compile(input.rules_toml).expect("the rules compile")));
    let options = PipelineOptions { until: Some(until), ..options };
    let mut pipeline = Pipeline::new(Arc::clone(&plan), options).expect("threads start");
    let mut outputs = Vec::new();
    let mut batch = Vec::new();
    for line in input.events_jsonl.split_inclusive(|byte| *byte == b'\n') {
        batch.extend_from_slice(line);
        if batch.len() >= split.batch_bytes {
            pipeline.feed(&std::mem::take(&mut batch), &mut |_| {}, &mut outputs);
        }
    }
    pipeline.feed(&batch, &mut |_| {}, &mut outputs);
    pipeline.advance_to(until, &mut outputs);
    let released = JournalSorter::default().release(&mut outputs, Timestamp::NEVER);
    released.iter().map(|output| line_with_payload(&plan, output)).collect()
}

fn line_with_payload(plan: &ExecutionPlan, output: &Output) -> Json {
    let mut text = Vec::new();
    journal::append_line(&plan.rules, output, &mut text);
    let mut line: Json = serde_json::from_slice(&text).expect("a line is JSON");
    if let OutputKind::Decision(decision) = &output.decided
        && let Some(payload) = &decision.payload
    {
        line["payload"] = serde_json::to_value(payload).expect("it is JSON");
    }
    line
}

fn disagreement(scenario: &Scenario, split: Split) -> Option<String> {
    let (rules, events) = (scenario.rules_toml(), scenario.events_jsonl());
    let input = OracleInput {
        rules_toml: &rules,
        events_jsonl: &events,
        until_ms: scenario.until_ms(),
        max_disorder_ms: scenario.max_disorder_ms(),
        secret: scenario.secret().as_bytes(),
        ..OracleInput::default()
    };
    let mut expected = oracle::run(&input);
    // The journal is ordered by due time. A user occurs twice only if its id was linked as a visitor and later appears as a
    // userId; the second user may begin before the merge of the first.
    expected.sort_by_key(|line| line["at"].as_str().map(str::to_owned));
    let actual = engine_journal(&input, split);
    compare::difference(&expected, &actual).or_else(|| compare::payload_difference(&expected, &actual))
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn engine_agrees_with_oracle(
        scenario in scenario(),
        partitions in prop::sample::select(vec![1, 7, 64]),
        batch_bytes in prop::sample::select(vec![0, 2_000, 1 << 30]),
    ) {
        let split = Split { partitions, batch_bytes };
        if let Some(difference) = disagreement(&scenario, split) {
            return Err(TestCaseError::fail(format!("with {split:?}, {difference}")));
        }
    }
}

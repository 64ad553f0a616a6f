//! The engine and the naive oracle agree on random rules and random logs, user by user and line by line.
//!
//! A failure prints the smallest scenario that still fails: its files, and the first differing user with both
//! journals. `PROPTEST_CASES` sets how many are tried.

use proptest::prelude::*;
use rekindle_core::secret::DrawSecret;
use rekindle_core::time::{Span, Timestamp};
use rekindle_runtime::pipeline::PipelineOptions;
use rekindle_runtime::replay::replay_bytes;
use rekindle_test_kit::generator::{Scenario, scenario};
use rekindle_test_kit::oracle::{self, OracleInput, compare};
use serde_json::Value as Json;

/// How the engine's work is split.
#[derive(Clone, Copy, Debug)]
struct Split {
    partitions: usize,
    batch_bytes: usize,
}

/// The engine's journal; the one place where these tests meet the engine.
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
    let journal = replay_bytes(input.rules_toml, input.events_jsonl, until, options, split.batch_bytes)
        .expect("the rules compile");
    let lines = journal.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| serde_json::from_slice(line).expect("the journal is JSONL")).collect()
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
    compare::difference(&expected, &actual)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, max_shrink_iters: 20_000, failure_persistence: None, ..ProptestConfig::default() })]

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

//! Records of changes in the log: whatever they say, whenever the broker took them in, and wherever they stand, everything is as without them.

use std::sync::Arc;

use proptest::prelude::*;
use rekindle_core::journal::{self, JournalSorter};
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules;
use rekindle_core::secret::DrawSecret;
use rekindle_core::time::{Span, Timestamp};
use rekindle_runtime::log::RecordKind;
use rekindle_runtime::pipeline::{InputEntry, Pipeline, PipelineOptions};
use rekindle_test_kit::generator::{Scenario, scenario};

/// How long after the one before the broker takes in an event.
const STEP_MS: i64 = 47_000;

/// Where a record stands, and how much later than the events around it the broker's clock says it came.
type AuditPlace = (prop::sample::Index, i64);

/// A record of the log, with its broker time.
type LoggedLine = (RecordKind, Vec<u8>, Timestamp);

fn log(scenario: &Scenario, places: &[AuditPlace]) -> Vec<LoggedLine> {
    let events = scenario.events_jsonl();
    let lines: Vec<&[u8]> = events.split_inclusive(|byte| *byte == b'\n').collect();
    let begin = scenario.until_ms() - STEP_MS * lines.len() as i64;
    let mut log = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let received = Timestamp(begin + STEP_MS * index as i64);
        for (_, later) in places.iter().filter(|(before, _)| before.index(lines.len()) == index) {
            // It says what an event says: its kind alone makes it none.
            log.push((RecordKind::Audit, line.to_vec(), Timestamp(received.0 + later)));
        }
        log.push((RecordKind::Events, line.to_vec(), received));
    }
    log
}

/// The journal, rejections and the state at the end.
fn run(scenario: &Scenario, log: &[LoggedLine], batch: usize) -> (Vec<u8>, u64, Vec<u8>) {
    let rules = rules::compile(&scenario.rules_toml()).expect("the rules compile");
    let options = PipelineOptions {
        workers: 1,
        partitions: 7,
        max_disorder: Span(scenario.max_disorder_ms()),
        secret: DrawSecret::of_file(scenario.secret().as_bytes()),
        ..PipelineOptions::default()
    };
    let plan = Arc::new(ExecutionPlan::new(rules));
    let mut pipeline = Pipeline::new(Arc::clone(&plan), options).expect("threads start");
    let (mut outputs, mut rejected) = (Vec::new(), 0);
    for batch in log.chunks(batch) {
        let entries: Vec<_> = batch
            .iter()
            .map(|(kind, lines, received)| InputEntry { kind: *kind, lines, received: Some(*received), is_whole: true })
            .collect();
        pipeline.feed_entries(&entries, &mut |_| rejected += 1, &mut outputs);
    }
    pipeline.advance_to(Timestamp(scenario.until_ms()), &mut outputs);
    let mut journal = Vec::new();
    for output in JournalSorter::default().release(&mut outputs, Timestamp::NEVER) {
        journal::write_line(&plan.rules, &output, &mut journal).expect("memory");
    }
    (journal, rejected, pipeline.encode_checkpoint())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everything_is_as_without_them(
        scenario in scenario(),
        places in prop::collection::vec((any::<prop::sample::Index>(), -1_000i64..400_000_000), 1..6),
        batch in prop::sample::select(vec![1, 3, 1_000]),
    ) {
        let without = run(&scenario, &log(&scenario, &[]), 1_000);
        let with = run(&scenario, &log(&scenario, &places), batch);
        prop_assert_eq!(with.1, without.1, "rejected");
        prop_assert!(with.0 == without.0, "journal with {:?} in batches of {}", places, batch);
        prop_assert!(with.2 == without.2, "state with {:?} in batches of {}", places, batch);
    }
}

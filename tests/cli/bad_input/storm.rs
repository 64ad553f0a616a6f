//! Random lines, good and bad, through the whole engine: it never panics, how the work is split does not show, and the
//! journal is that of the accepted lines alone.

use proptest::prelude::*;
use rekindle_core::decode::Decoder;
use rekindle_core::event::Event;
use rekindle_core::rules::ruleset::Projection;
use rekindle_core::time::{Span, Timestamp};
use rekindle_runtime::pipeline::PipelineOptions;
use rekindle_runtime::replay::replay_bytes;
use rekindle_test_kit::decoder_oracle::text;

use crate::bad_input::command::{RULES, view};

fn some_line() -> impl Strategy<Value = Vec<u8>> {
    let edited = (text::event(), text::edit()).prop_map(|(line, edit)| text::edited(line.into_bytes(), &[edit]));
    let at_any_time = (prop::sample::select(&text::TIMES[..]), 0u8..3)
        .prop_map(|(time, user)| view(&format!("u{user}"), 0).replace("2026-03-05T09:00:00Z", time).into_bytes());
    let whole = prop_oneof![text::event(), text::batch()].prop_map(String::into_bytes);
    let line = prop_oneof![3 => whole, 1 => edited, 3 => at_any_time];
    line.prop_map(|line| line.into_iter().filter(|byte| *byte != b'\n').collect())
}

fn journal(lines: &[&[u8]], until: Timestamp, partitions: usize, workers: usize, batch_bytes: usize) -> Vec<u8> {
    let options = PipelineOptions { partitions, workers, max_disorder: Span(5_000), ..PipelineOptions::default() };
    let bytes = lines.iter().flat_map(|line| line.iter().copied().chain([b'\n'])).collect::<Vec<u8>>();
    replay_bytes(RULES, &bytes, until, options, batch_bytes).expect("the rules compile")
}

/// No call of it is accepted by a replay that ends at `until`.
fn is_rejected(line: &[u8], until: Timestamp) -> bool {
    let mut calls = Vec::new();
    Decoder::new(&Projection::default(), 1 << 20).decode(line, &mut calls);
    !calls.iter().any(|call| call.as_ref().is_ok_and(|event| happened(event).is_some_and(|at| at <= until)))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2 * ProptestConfig::default().cases, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn only_accepted_lines_count(
        lines in prop::collection::vec(some_line(), 0..24),
        until in prop::sample::select(&["0001-01-01T00:00:00Z", "2026-03-06T00:00:00Z", "9999-12-31T23:59:59.999Z"][..]),
    ) {
        let until = Timestamp::parse_rfc3339(until).expect("a time");
        let lines: Vec<&[u8]> = lines.iter().map(Vec::as_slice).collect();
        let found = journal(&lines, until, 64, 1, usize::MAX >> 1);
        prop_assert_eq!(&found, &journal(&lines, until, 7, 2, 0));
        let kept: Vec<&[u8]> = lines.iter().copied().filter(|line| !is_rejected(line, until)).collect();
        prop_assert_eq!(&found, &journal(&kept, until, 1, 1, 0));
    }
}

/// The event's time in a file, where the broker's is what it says itself.
fn happened(event: &Event<'_>) -> Option<Timestamp> {
    let at = event.time.resolve(event.received_at)?;
    Some(at.min(event.received_at.unwrap_or(at)))
}

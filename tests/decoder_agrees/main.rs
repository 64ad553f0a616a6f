//! The decoder agrees with serde_json about what is JSON, and with an independent reading of serde_json's value about
//! what a line says: accepted or rejected alike and for the same reason, with the same ids, time, fields and traits.

#[path = "../oracle/decimal.rs"]
mod decimal;
mod reading;
mod text;

use proptest::prelude::*;
use rekindle::decode::Decoder;
use rekindle::rules::program::Projection;

fn agree(line: &[u8], projection: &Projection, max_event_bytes: usize) -> Result<(), TestCaseError> {
    let mut decoded = Vec::new();
    Decoder::new(projection, max_event_bytes).decode(line, &mut decoded);
    let found: Vec<_> = decoded.iter().map(|call| reading::of_decoded(call).without_unread(projection)).collect();
    let expected = reading::of_line(line, projection, max_event_bytes);
    let expected: Vec<_> = expected.into_iter().map(|verdict| verdict.without_unread(projection)).collect();
    let alike = found.len() == expected.len() && found.iter().zip(&expected).all(|(a, b)| a == b);
    prop_assert!(
        alike,
        "{}\nthe decoder says {found:#?}\nthe reading says {expected:#?}",
        String::from_utf8_lossy(line).escape_debug()
    );
    for call in decoded.iter().filter_map(|call| call.as_ref().err()) {
        let is_part = line.windows(call.original.len().max(1)).any(|part| part == &*call.original);
        prop_assert!(is_part, "the original bytes are not in the line: {:?}", call.original);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12 * ProptestConfig::default().cases, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn on_events(line in text::event(), projection in text::projection()) {
        agree(line.as_bytes(), &projection, 1 << 20)?;
    }

    #[test]
    fn on_mutated_events(
        line in text::event(),
        edits in prop::collection::vec(text::edit(), 1..4),
        projection in text::projection(),
    ) {
        agree(&text::edited(line.into_bytes(), &edits), &projection, 1 << 20)?;
    }

    #[test]
    fn on_batches(line in text::batch(), edits in prop::collection::vec(text::edit(), 0..2), projection in text::projection()) {
        agree(&text::edited(line.into_bytes(), &edits), &projection, 1 << 20)?;
    }

    #[test]
    fn on_any_json(line in text::json(), projection in text::projection()) {
        agree(line.as_bytes(), &projection, 1 << 20)?;
    }

    #[test]
    fn on_any_bytes(line in prop::collection::vec(any::<u8>(), 0..64), projection in text::projection()) {
        agree(&line, &projection, 1 << 20)?;
    }

    #[test]
    fn on_the_longest_event(line in text::event(), by in -2isize..3) {
        let limit = line.len().saturating_add_signed(by);
        agree(line.as_bytes(), &Projection::default(), limit)?;
    }

    #[test]
    fn around_the_nesting_limit(line in text::deep_event(), projection in text::projection()) {
        agree(line.as_bytes(), &projection, 1 << 20)?;
    }
}

#[test]
fn the_generator_makes_events_of_every_verdict() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    let any_line = prop_oneof![4 => text::event(), 1 => text::batch(), 1 => text::json(), 1 => text::deep_event()];
    for _ in 0..5_000 {
        let line = any_line.new_tree(&mut runner).expect("generates").current();
        for verdict in reading::of_line(line.as_bytes(), &text::whole_projection(), 1 << 20) {
            *seen.entry(verdict.name()).or_default() += 1;
        }
    }
    let names = ["not_json", "not_an_object", "unknown_type", "wrong_type", "no_id", "id_too_long"];
    for name in names.iter().chain(&["accepted", "accepted with fields", "accepted with traits"]) {
        assert!(seen.get(*name).is_some_and(|count| *count >= 10), "{name} is too rare: {seen:?}");
    }
}

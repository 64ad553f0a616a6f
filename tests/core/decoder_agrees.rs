//! The decoder agrees with a slow reading of the same lines, made apart from it: accepted or rejected alike and for the same
//! reason, with the same ids, time, fields and traits. What that reading takes for JSON is what serde_json does, and what
//! clients write beside it.

use proptest::prelude::*;
use rekindle_core::decode::Decoder;
use rekindle_core::rules::ruleset::Projection;
use rekindle_test_kit::decoder_oracle::{lenient, reading, text, verdict};

fn agree(line: &[u8], projection: &Projection, max_event_bytes: usize) -> Result<(), TestCaseError> {
    let mut decoded = Vec::new();
    Decoder::new(projection, max_event_bytes).decode(line, &mut decoded);
    let found: Vec<_> = decoded.iter().map(|call| verdict::of_decoded(call).without_unread(projection)).collect();
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
    fn decoder_agrees_with_the_oracle_on_events(line in text::event(), projection in text::projection()) {
        agree(line.as_bytes(), &projection, 1 << 20)?;
    }

    #[test]
    fn decoder_agrees_with_the_oracle_on_mutated_events(
        line in text::event(),
        edits in prop::collection::vec(text::edit(), 1..4),
        projection in text::projection(),
    ) {
        agree(&text::edited(line.into_bytes(), &edits), &projection, 1 << 20)?;
    }

    #[test]
    fn decoder_agrees_with_the_oracle_on_batches(line in text::batch(), edits in prop::collection::vec(text::edit(), 0..2), projection in text::projection()) {
        agree(&text::edited(line.into_bytes(), &edits), &projection, 1 << 20)?;
    }

    #[test]
    fn decoder_agrees_with_the_oracle_on_any_json(line in text::json(), projection in text::projection()) {
        agree(line.as_bytes(), &projection, 1 << 20)?;
    }

    #[test]
    fn decoder_agrees_with_the_oracle_on_any_bytes(line in prop::collection::vec(any::<u8>(), 0..64), projection in text::projection()) {
        agree(&line, &projection, 1 << 20)?;
    }

    #[test]
    fn decoder_agrees_with_the_oracle_at_the_size_limit(line in text::event(), by in -2isize..3) {
        let limit = line.len().saturating_add_signed(by);
        agree(line.as_bytes(), &Projection::default(), limit)?;
    }

    #[test]
    fn decoder_agrees_with_the_oracle_at_the_nesting_limit(line in text::deep_event(), projection in text::projection()) {
        agree(line.as_bytes(), &projection, 1 << 20)?;
    }
}

fn plain(value: &lenient::Json) -> serde_json::Value {
    use lenient::JsonKind;
    match &value.kind {
        JsonKind::Null => serde_json::Value::Null,
        JsonKind::Bool(value) => (*value).into(),
        JsonKind::Number(number) => serde_json::from_str(number).expect("a number"),
        JsonKind::Text(text) => text.as_str().into(),
        JsonKind::Array(items) => items.iter().map(plain).collect(),
        JsonKind::Object(members) => members.iter().map(|(key, value)| (key.clone(), plain(value))).collect(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// What serde_json reads, the slow reading reads as the same.
    #[test]
    fn the_oracle_reads_json_like_serde_json(line in prop_oneof![text::event(), text::json(), text::deep_event()]) {
        if let Ok(value) = serde_json::from_str::<serde_json::Value>(&line) {
            let slowly = lenient::read(line.as_bytes());
            prop_assert_eq!(slowly.as_ref().map(plain), Some(value.clone()));
            let compact = slowly.map(|slowly| slowly.compact).unwrap_or_default();
            prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&compact).ok(), Some(value));
        }
    }
}

#[test]
fn the_generator_makes_calls_of_every_verdict() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut seen = std::collections::BTreeMap::<String, usize>::new();
    let any_line = prop_oneof![4 => text::event(), 1 => text::batch(), 1 => text::json(), 1 => text::deep_event()];
    for _ in 0..5_000 {
        let line = any_line.new_tree(&mut runner).expect("generates").current();
        for verdict in reading::of_line(line.as_bytes(), &text::whole_projection(), 1 << 20) {
            verdict.names().into_iter().for_each(|name| *seen.entry(name).or_default() += 1);
        }
    }
    let names = ["not_json", "not_an_object", "unknown_type", "wrong_type", "no_id", "id_too_long"];
    let accepted = ["fields", "traits", "placeholder ids"].map(|what| format!("accepted with {what}"));
    let calls = rekindle_core::event::CallType::ALL.map(|call| format!("accepted {}", call.name()));
    for name in names.map(str::to_owned).iter().chain(&accepted).chain(&calls) {
        assert!(seen.get(name).is_some_and(|count| *count >= 10), "{name} is too rare: {seen:?}");
    }
}

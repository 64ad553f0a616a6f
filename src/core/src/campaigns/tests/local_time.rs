//! `hour()` and `weekday()`: what the user's clock shows when a campaign is decided.

use rstest::rstest;

use crate::testing::Story;

/// The payload of what is sent at 2026-03-02T23:30:00Z, a Monday, to whom these calls say the zone.
fn sent(zone_line: &str, calls: &[&str]) -> String {
    let mut story = Story::under(&format!(
        "{zone_line}\n[events]\nend = 'End'\n[[segments]]\nid = 's'\nwhen = 'total(end) == 1'\n\
         [[campaigns]]\nid = 'c'\non = 'enter:s'\nchannel = 'email'\nif = 'weekday() < 6 && hour() != 3'\n\
         payload_from = {{ hour = 'hour()', day = 'weekday()' }}\n"
    ));
    calls.iter().for_each(|call| {
        story.call(0, "u", call);
    });
    story.track(23 * 3_600_000 + 1_800_000, "End", "");
    let payload = |output: &crate::partition::Output| match &output.decided {
        crate::partition::OutputKind::Decision(decision) => {
            let outcome = decision.outcome.name().to_owned();
            Some(decision.payload.as_ref().map_or(outcome, |it| serde_json::to_string(it).expect("JSON")))
        }
        _ => None,
    };
    story.outputs().iter().filter_map(payload).collect()
}

#[rstest]
#[case::utc("", &[], r#"{"day":1,"hour":23}"#)]
#[case::of_the_rules("timezone = 'Asia/Kathmandu'", &[], r#"{"day":2,"hour":5}"#)]
#[case::of_the_trait("timezone = 'Asia/Tokyo'", &[r#""type":"identify","traits":{"timezone":"America/New_York"}"#], r#"{"day":1,"hour":18}"#)]
#[case::of_the_context("", &[r#""type":"page","context":{"timezone":"+08:00"}"#], r#"{"day":2,"hour":7}"#)]
#[case::no_zone("timezone = 'Asia/Tokyo'", &[r#""type":"page","context":{"timezone":"Mars/Olympus"}"#], r#"{"day":2,"hour":8}"#)]
#[case::the_condition_is_asked("timezone = 'UTC+4'", &[], "condition")]
fn the_local_time_is_the_users(#[case] zone_line: &str, #[case] calls: &[&str], #[case] expected: &str) {
    assert_eq!(sent(zone_line, calls), expected);
}

//! Quiet hours: their end in every kind of night, and whose zone counts.

use super::rules;
use crate::rules::ruleset::QuietHours;
use crate::testing::Story;
use crate::time::Timestamp;
use proptest::prelude::*;
use rstest::rstest;

const HOUR: i64 = 3_600_000;

fn minutes(text: &str) -> QuietHours {
    let minute = |clock: &str| -> u16 {
        let (hours, minutes) = clock.split_once(':').expect("hh:mm");
        hours.parse::<u16>().expect("hours") * 60 + minutes.parse::<u16>().expect("minutes")
    };
    let (start, end) = text.split_once('-').expect("start-end");
    QuietHours { start_minute: minute(start), end_minute: minute(end) }
}

fn end_after(quiet: &str, zone: &str, now: &str) -> Option<String> {
    let zone = jiff::tz::TimeZone::get(zone).expect("a zone");
    let now = Timestamp::parse_rfc3339(now).expect("a time");
    minutes(quiet).end_after(now, &zone).map(|end| end.to_string())
}

#[rstest]
#[case::before("22:00-08:00", "UTC", "2026-03-05T21:59:59.999Z", None)]
#[case::start_belongs_to_them("22:00-08:00", "UTC", "2026-03-05T22:00:00Z", Some("2026-03-06T08:00:00.000Z"))]
#[case::last_millisecond("22:00-08:00", "UTC", "2026-03-06T07:59:59.999Z", Some("2026-03-06T08:00:00.000Z"))]
#[case::end_does_not("22:00-08:00", "UTC", "2026-03-06T08:00:00Z", None)]
#[case::within_a_day("12:00-14:00", "UTC", "2026-03-05T13:00:00Z", Some("2026-03-05T14:00:00.000Z"))]
#[case::all_but_a_minute("06:00-05:59", "UTC", "2026-03-05T06:00:00Z", Some("2026-03-06T05:59:00.000Z"))]
#[case::until_midnight("23:59-00:00", "UTC", "2026-03-05T23:59:30Z", Some("2026-03-06T00:00:00.000Z"))]
#[case::across_the_year("22:00-08:00", "Asia/Shanghai", "2026-12-31T15:00:00Z", Some("2027-01-01T00:00:00.000Z"))]
#[case::across_the_year_in_utc("22:00-08:00", "UTC", "2026-12-31T23:59:59.999Z", Some("2027-01-01T08:00:00.000Z"))]
#[case::leap_day("22:00-08:00", "UTC", "2028-02-28T23:00:00Z", Some("2028-02-29T08:00:00.000Z"))]
fn quiet_hours_end(#[case] quiet: &str, #[case] zone: &str, #[case] now: &str, #[case] end: Option<&str>) {
    assert_eq!(end_after(quiet, zone, now).as_deref(), end);
}

// New York skips 02:00-03:00 on 2026-03-08 (07:00Z) and has 01:00-02:00 twice on 2026-11-01 (until 06:00Z, and after).
#[rstest]
#[case::night_is_an_hour_shorter("22:00-08:00", "2026-03-08T04:00:00Z", Some("2026-03-08T12:00:00.000Z"))]
#[case::night_is_an_hour_longer("22:00-08:00", "2026-11-01T03:00:00Z", Some("2026-11-01T13:00:00.000Z"))]
#[case::end_in_the_gap("22:00-02:30", "2026-03-08T06:00:00Z", Some("2026-03-08T07:30:00.000Z"))]
#[case::end_where_the_gap_begins("22:00-02:00", "2026-03-08T06:59:59.999Z", Some("2026-03-08T07:00:00.000Z"))]
#[case::end_where_the_gap_ends("22:00-03:00", "2026-03-08T06:00:00Z", Some("2026-03-08T07:00:00.000Z"))]
#[case::after_the_gap_it_is_past_the_end("22:00-02:30", "2026-03-08T07:00:00Z", None)]
#[case::both_in_the_gap("02:10-02:50", "2026-03-08T07:00:00Z", None)]
#[case::first_of_two_ends("22:00-01:30", "2026-11-01T04:00:00Z", Some("2026-11-01T05:30:00.000Z"))]
#[case::first_of_two_ends_in_the_fold("22:00-01:30", "2026-11-01T05:29:59.999Z", Some("2026-11-01T05:30:00.000Z"))]
#[case::between_the_two("22:00-01:30", "2026-11-01T05:30:00Z", None)]
#[case::quiet_again_in_the_second_pass("22:00-01:30", "2026-11-01T06:00:00Z", Some("2026-11-01T06:30:00.000Z"))]
#[case::start_in_the_fold("01:30-03:30", "2026-11-01T05:45:00Z", Some("2026-11-01T08:30:00.000Z"))]
fn quiet_hours_end_when_clocks_change(#[case] quiet: &str, #[case] now: &str, #[case] end: Option<&str>) {
    assert_eq!(end_after(quiet, "America/New_York", now).as_deref(), end);
}

#[rstest]
// Lord Howe's clocks change by half an hour: 02:00-02:30 is skipped on 2026-10-04 (15:30Z the day before).
#[case("21:00-02:15", "Australia/Lord_Howe", "2026-10-03T15:00:00Z", "2026-10-03T15:45:00.000Z")]
// Half past: Newfoundland, UTC-3:30 in winter.
#[case("22:00-08:00", "America/St_Johns", "2026-01-05T02:00:00Z", "2026-01-05T11:30:00.000Z")]
// Berlin skips 02:00-03:00 on 2026-03-29 (01:00Z), and has it twice on 2026-10-25 (until 01:00Z, and after).
#[case("22:00-02:45", "Europe/Berlin", "2026-03-29T00:30:00Z", "2026-03-29T01:45:00.000Z")]
#[case("22:00-02:15", "Europe/Berlin", "2026-10-25T00:10:00Z", "2026-10-25T00:15:00.000Z")]
#[case("22:00-02:15", "Europe/Berlin", "2026-10-25T01:10:00Z", "2026-10-25T01:15:00.000Z")]
fn quiet_hours_end_in_other_zones(#[case] quiet: &str, #[case] zone: &str, #[case] now: &str, #[case] end: &str) {
    assert_eq!(end_after(quiet, zone, now).as_deref(), Some(end));
}

/// What is said of an event of a New York afternoon that is a night in Shanghai, under these calls before it.
fn outcome(zone_line: &str, calls: &[&str]) -> String {
    let mut story = Story::under(&format!("{zone_line}{}", rules(&[("c", "quiet_hours = \"22:00-08:00\"")], "")));
    calls.iter().for_each(|call| {
        story.call(0, "u", call);
    });
    story.told();
    // 16:00Z: noon (11:00) in New York, 24:00 in Shanghai, 17:00 in Berlin.
    story.track(16 * HOUR, "View", "");
    story.decided().pop().unwrap_or_default()
}

#[rstest]
#[case::nothing_known("", &[], "sent c")]
#[case::the_rules("timezone = \"Asia/Shanghai\"\n", &[], "deferred c")]
#[case::context("", &[r#""type":"page","context":{"timezone":"Asia/Shanghai"}"#], "deferred c")]
#[case::the_trait("", &[r#""type":"identify","traits":{"timezone":"Asia/Shanghai"}"#], "deferred c")]
#[case::trait_over_context("", &[
    r#""type":"identify","traits":{"timezone":"America/New_York"}"#,
    r#""type":"page","context":{"timezone":"Asia/Shanghai"}"#,
], "sent c")]
#[case::the_context_that_came_last("", &[
    r#""type":"page","context":{"timezone":"Asia/Shanghai"}"#,
    r#""type":"page","context":{"timezone":"America/New_York"}"#,
    r#""type":"page","context":{"timezone":null}"#,
], "sent c")]
#[case::a_null_trait_gives_way("", &[
    r#""type":"page","context":{"timezone":"Asia/Shanghai"}"#,
    r#""type":"identify","traits":{"timezone":"America/New_York"}"#,
    r#""type":"identify","traits":{"timezone":null}"#,
], "deferred c")]
#[case::an_unknown_trait_is_the_rules_zone("timezone = \"America/New_York\"\n", &[
    r#""type":"page","context":{"timezone":"Asia/Shanghai"}"#,
    r#""type":"identify","traits":{"timezone":"Mars/Olympus"}"#,
], "sent c")]
#[case::a_browser_that_knows_none_is_in_the_rules_zone("timezone = \"Asia/Shanghai\"\n", &[
    r#""type":"page","context":{"timezone":"Etc/Unknown"}"#,
], "deferred c")]
#[case::an_offset_of_utc("", &[r#""type":"page","context":{"timezone":"UTC+8"}"#], "deferred c")]
#[case::an_offset_of_gmt("", &[r#""type":"page","context":{"timezone":"GMT+0800"}"#], "deferred c")]
#[case::an_offset_alone("", &[r#""type":"page","context":{"timezone":"+08:00"}"#], "deferred c")]
#[case::an_offset_behind("", &[r#""type":"page","context":{"timezone":"-05:00"}"#], "sent c")]
#[case::an_offset_of_the_rules("timezone = \"UTC+8\"\n", &[], "deferred c")]
#[case::an_unknown_context_is_the_rules_zone("timezone = \"Asia/Shanghai\"\n", &[
    r#""type":"page","context":{"timezone":"Mars/Olympus"}"#,
], "deferred c")]
fn whose_zone_counts(#[case] zone_line: &str, #[case] calls: &[&str], #[case] expected: &str) {
    assert_eq!(outcome(zone_line, calls), expected);
}

const TOKYO: &str = r#""type":"page","context":{"timezone":"Asia/Tokyo"}"#;
const LOS_ANGELES: &str = r#""type":"page","context":{"timezone":"America/Los_Angeles"}"#;

/// The outputs of a campaign that is deferred at midnight in Los Angeles (08:00Z) until 08:00 there (16:00Z), with these calls
/// on the way.
fn held_in_los_angeles(calls: &[(i64, &str)]) -> Vec<String> {
    let mut story = Story::under(&rules(&[("c", "quiet_hours = \"22:00-08:00\"")], ""));
    story.call(7 * HOUR, "u", LOS_ANGELES).track(8 * HOUR, "View", "");
    assert_eq!(story.told(), [format!("{} enter on", 8 * HOUR), format!("{} deferred c", 8 * HOUR)]);
    for (at, call) in calls {
        story.call(*at, "u", call);
    }
    story.wait(72 * HOUR);
    let hours = |line: String| {
        let (at, rest) = line.split_once(' ').map(|(at, rest)| (at.to_owned(), rest.to_owned())).unwrap_or_default();
        format!("{} {rest}", at.parse::<i64>().expect("milliseconds") / HOUR)
    };
    story.told().into_iter().map(hours).collect()
}

#[test]
fn what_is_held_for_one_zone_waits_for_the_morning_of_another() {
    assert_eq!(held_in_los_angeles(&[]), ["16 sent c"]);
    assert_eq!(held_in_los_angeles(&[(9 * HOUR, LOS_ANGELES)]), ["16 sent c"], "the same zone once more");
    // 16:00Z is 01:00 in Tokyo, whose nights end at 23:00Z.
    assert_eq!(held_in_los_angeles(&[(9 * HOUR, TOKYO)]), ["16 deferred c", "23 sent c"]);
    let by_trait = r#""type":"identify","traits":{"timezone":"GMT+0900"}"#;
    assert_eq!(held_in_los_angeles(&[(9 * HOUR, by_trait)]), ["16 deferred c", "23 sent c"]);
    assert_eq!(held_in_los_angeles(&[(9 * HOUR, TOKYO), (10 * HOUR, LOS_ANGELES)]), ["16 sent c"], "there and back");
    // Once more it is asked in the zone of then: 23:00Z is 15:00 in Los Angeles.
    assert_eq!(held_in_los_angeles(&[(9 * HOUR, TOKYO), (17 * HOUR, LOS_ANGELES)]), ["16 deferred c", "23 sent c"]);
    // In Berlin it is 17:00.
    let berlin = r#""type":"page","context":{"timezone":"Europe/Berlin"}"#;
    assert_eq!(held_in_los_angeles(&[(9 * HOUR, berlin)]), ["16 sent c"]);
    let left = r#""type":"track","event":"Order""#;
    assert_eq!(
        held_in_los_angeles(&[(9 * HOUR, TOKYO), (18 * HOUR, left)]),
        ["16 deferred c", "18 exit on", "23 stale c"]
    );
}

#[test]
fn while_it_is_held_once_more_another_is_pending() {
    let (left, back) = (r#""type":"track","event":"Order""#, r#""type":"track","event":"View""#);
    assert_eq!(
        held_in_los_angeles(&[(9 * HOUR, TOKYO), (17 * HOUR, left), (18 * HOUR, back)]),
        ["16 deferred c", "17 exit on", "18 enter on", "18 pending c", "23 sent c"]
    );
}

proptest! {
    #[test]
    fn the_end_lies_ahead_and_within_a_day_and_a_bit(
        start in 0u16..1440,
        length in 1u16..1440,
        zone in prop::sample::select(vec!["America/New_York", "Europe/Berlin", "Australia/Lord_Howe", "UTC", "Asia/Kolkata"]),
        minute in 0i64..525_600,
    ) {
        let quiet = QuietHours { start_minute: start, end_minute: (start + length) % 1440 };
        let zone = jiff::tz::TimeZone::get(zone).expect("a zone");
        let now = Timestamp(1_767_225_600_000 + minute * 60_000 + 1);
        if let Some(end) = quiet.end_after(now, &zone) {
            prop_assert!(end > now);
            prop_assert!((end - now).0 <= 25 * HOUR);
            let local = zone.to_datetime(jiff::Timestamp::from_millisecond(end.0).expect("a time"));
            let found = i64::from(local.hour()) * 60 + i64::from(local.minute());
            let shifted = (found - i64::from(quiet.end_minute)).rem_euclid(1440);
            prop_assert!([0, 30, 60].contains(&shifted), "ends at {local}");
        }
    }
}

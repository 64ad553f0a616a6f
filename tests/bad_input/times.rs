//! Times: RFC 3339 in all its forms, and what only looks like it.

use rekindle::time::Timestamp;
use rstest::rstest;

use crate::command::{UNTIL, World, accepts, rejects, view};

fn at(time: &str) -> String {
    view("u1", 0).replace("2026-03-05T09:00:00Z", time)
}

#[rstest]
#[case::utc("2026-03-05T09:00:00Z", "2026-03-05T09:00:00.000Z")]
#[case::lower_case("2026-03-05t09:00:00z", "2026-03-05T09:00:00.000Z")]
#[case::blank_between("2026-03-05 09:00:00Z", "2026-03-05T09:00:00.000Z")]
#[case::fourteen_ahead("2026-03-05T23:00:00+14:00", "2026-03-05T09:00:00.000Z")]
#[case::twelve_behind("2026-03-04T21:00:00-12:00", "2026-03-05T09:00:00.000Z")]
#[case::half_an_hour("2026-03-05T14:30:00+05:30", "2026-03-05T09:00:00.000Z")]
#[case::three_quarters("2026-03-05T14:45:00+05:45", "2026-03-05T09:00:00.000Z")]
#[case::unknown_offset("2026-03-05T09:00:00-00:00", "2026-03-05T09:00:00.000Z")]
#[case::largest_offset("2026-03-05T09:00:00+23:59", "2026-03-04T09:01:00.000Z")]
#[case::one_decimal("2026-03-05T09:00:00.1Z", "2026-03-05T09:00:00.100Z")]
#[case::decimals_are_cut("2026-03-05T09:00:00.123999999Z", "2026-03-05T09:00:00.123Z")]
#[case::many_decimals("2026-03-05T09:00:00.12345678901234567890Z", "2026-03-05T09:00:00.123Z")]
#[case::leap_second("2016-12-31T23:59:60Z", "2016-12-31T23:59:59.000Z")]
#[case::leap_second_elsewhere("2017-01-01T05:29:60.5+05:30", "2016-12-31T23:59:59.500Z")]
#[case::leap_day("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z")]
#[case::before_1970("1969-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z")]
#[case::cut_before_1970("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z")]
#[case::year_1("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z")]
#[case::the_year_before("0001-01-01T00:00:00+14:00", "0000-12-31T10:00:00.000Z")]
#[case::year_9999("9999-12-31T23:59:59.999Z", "9999-12-31T23:59:59.999Z")]
fn a_time_is_read_to_the_millisecond(#[case] text: &str, #[case] utc: &str) {
    assert_eq!(Timestamp::parse_rfc3339(text).map(|at| at.to_string()).as_deref(), Some(utc));
}

#[test]
fn the_ends_of_time_are_where_the_calendar_says() {
    let ms = |text: &str| Timestamp::parse_rfc3339(text).map(|at| at.0);
    assert_eq!(ms("0001-01-01T00:00:00Z"), Some(-62_135_596_800_000));
    assert_eq!(ms("1970-01-01T00:00:00Z"), Some(0));
    assert_eq!(ms("9999-12-31T23:59:59.999Z"), Some(253_402_300_799_999));
}

#[test]
fn what_only_looks_like_a_time_is_rejected() {
    let times = [
        "",
        "2026-03-05",
        "2026-03-05T09:00:00",
        "2026-03-05T09:00Z",
        "2026-03-05T09:00:00+08",
        "2026-03-05T09:00:00+0800",
        "2026-03-05T09:00:00+08:00:00",
        "2026-03-05T09:00:00+24:00",
        "2026-03-05T09:00:00+08:60",
        "2026-03-05T09:00:00,5Z",
        "2026-03-05T09:00:00.Z",
        "2026-03-05T09:00:00Z ",
        " 2026-03-05T09:00:00Z",
        "2026-03-05T09:00:00Z[UTC]",
        "2026-03-05T24:00:00Z",
        "2026-03-05T09:60:00Z",
        "2026-03-05T09:00:61Z",
        "2026-02-29T09:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-3-5T09:00:00Z",
        "+002026-03-05T09:00:00Z",
        "-0001-03-05T09:00:00Z",
        "12026-03-05T09:00:00Z",
        "0000-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
        "20260305T090000Z",
        "Thu, 05 Mar 2026 09:00:00 GMT",
        "1772701200",
        "1772701200000",
        "now",
        "２０２６-03-05T09:00:00Z",
    ];
    let lines = times.map(at);
    let lines: Vec<_> = lines.iter().map(|line| (line.as_bytes(), "bad_time")).collect();
    rejects(&lines);
    let seconds = view("u1", 0).replace("\"2026-03-05T09:00:00Z\"", "1772701200");
    let milliseconds = view("u1", 0).replace("\"2026-03-05T09:00:00Z\"", "1772701200000");
    rejects(&[(seconds.as_bytes(), "wrong_type"), (milliseconds.as_bytes(), "wrong_type")]);
}

#[test]
fn a_file_has_no_time_to_use_instead_of_a_missing_one() {
    let without = view("u1", 0).replace("\"timestamp\":\"2026-03-05T09:00:00Z\",", "");
    let clocks = without.replacen(
        "\"type\"",
        "\"originalTimestamp\":\"2026-03-05T09:00:00Z\",\"sentAt\":\"2026-03-05T09:00:01Z\",\"type\"",
        1,
    );
    rejects(&[(without.as_bytes(), "no_time"), (clocks.as_bytes(), "no_time")]);
}

#[test]
fn client_clocks_that_are_no_times_do_not_matter_beside_a_timestamp() {
    accepts(&[at("2026-03-05T09:00:00Z").replacen("\"type\"", "\"sentAt\":\"soon\",\"type\"", 1).into_bytes()]);
}

#[test]
fn the_year_1_is_long_ago() {
    let journal = accepts(&[at("0001-01-01T00:00:00Z").into_bytes(), view("u2", 0).into_bytes()]);
    assert!(
        journal.contains(r#""user":"u1","segment":"quiet","change":"enter","at":"0001-01-01T00:30:00.000Z""#),
        "{journal}"
    );
    assert!(
        journal.contains(r#""user":"u2","segment":"seen","change":"enter","at":"2026-03-05T09:00:00.000Z""#),
        "{journal}"
    );
}

#[test]
fn the_year_9999_is_after_the_end_unless_the_end_is_later() {
    let distant = at("9999-12-31T23:59:58Z");
    rejects(&[(distant.as_bytes(), "after_until"), (at("2026-03-06T00:00:00.001Z").as_bytes(), "after_until")]);
    accepts(&[at(UNTIL).into_bytes()]);
    let world = World::new();
    world.write("events.jsonl", format!("{}\n{distant}\n", view("u2", 0)));
    let run = world.run(&["replay", "--rules", "rules.toml", "--until", "9999-12-31T23:59:59Z", "events.jsonl"]);
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let entered = r#""user":"u1","segment":"seen","change":"enter","at":"9999-12-31T23:59:58.000Z""#;
    assert!(run.stdout.contains(entered), "{}", run.stdout);
    assert!(run.stderr.contains("2 accepted, 0 rejected"), "{}", run.stderr);
}

#[test]
fn the_end_must_be_a_time_too() {
    let world = World::new();
    for until in ["2026-03-05", "tomorrow", "", "2026-03-05T09:00:00"] {
        let run = world.run(&["replay", "--rules", "rules.toml", "--until", until, "-"]);
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        assert!(run.stderr.contains("--until") && run.stderr.contains("such as 2026"), "{}", run.stderr);
    }
}

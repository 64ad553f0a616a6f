//! Times: RFC 3339 in all its forms, what clients write for it, and what only looks like a time.

use rekindle_core::time::Timestamp;
use rstest::rstest;

use crate::bad_input::command::{UNTIL, World, accepts, lines_of, rejects, view};

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
fn times_at_the_ends_of_the_calendar_are_accepted() {
    let ms = |text: &str| Timestamp::parse_rfc3339(text).map(|at| at.0);
    assert_eq!(ms("0001-01-01T00:00:00Z"), Some(-62_135_596_800_000));
    assert_eq!(ms("1970-01-01T00:00:00Z"), Some(0));
    assert_eq!(ms("9999-12-31T23:59:59.999Z"), Some(253_402_300_799_999));
}

#[rstest]
#[case::rfc_3339("2026-03-05T09:00:00.123Z", "2026-03-05T09:00:00.123Z")]
#[case::no_colon_in_the_zone("2026-03-05T10:00:00.000+0000", "2026-03-05T10:00:00.000Z")]
#[case::hours_ahead("2026-03-05T10:00:00+0800", "2026-03-05T02:00:00.000Z")]
#[case::hours_alone("2026-03-05T10:00:00-05", "2026-03-05T15:00:00.000Z")]
#[case::no_seconds("2026-03-05T10:00Z", "2026-03-05T10:00:00.000Z")]
#[case::no_seconds_nor_colon("2026-03-05T10:00+0530", "2026-03-05T04:30:00.000Z")]
#[case::no_zone("2026-03-05T10:00:00", "2026-03-05T10:00:00.000Z")]
#[case::no_zone_nor_seconds("2026-03-05 10:00", "2026-03-05T10:00:00.000Z")]
#[case::no_zone_but_decimals("2026-03-05 10:00:00.5", "2026-03-05T10:00:00.500Z")]
#[case::a_date("2026-03-05", "2026-03-05T00:00:00.000Z")]
#[case::seconds("1772704800", "2026-03-05T10:00:00.000Z")]
#[case::milliseconds("1772704800123", "2026-03-05T10:00:00.123Z")]
#[case::first_believed("1990-01-01", "1990-01-01T00:00:00.000Z")]
#[case::first_believed_second("631152000", "1990-01-01T00:00:00.000Z")]
#[case::last_believed("2100-12-31T23:59:59.999Z", "2100-12-31T23:59:59.999Z")]
#[case::last_believed_millisecond("4133980799999", "2100-12-31T23:59:59.999Z")]
fn what_clients_write_for_a_time_is_read(#[case] text: &str, #[case] utc: &str) {
    assert_eq!(Timestamp::parse_client(text).map(|at| at.to_string()).as_deref(), Some(utc));
}

#[rstest]
#[case::seconds("1772704800", "2026-03-05T10:00:00.000Z")]
#[case::decimals_are_cut("1772704800.1239", "2026-03-05T10:00:00.123Z")]
#[case::as_written_not_as_the_double_is("1772704800.001", "2026-03-05T10:00:00.001Z")]
#[case::milliseconds("1772704800123", "2026-03-05T10:00:00.123Z")]
#[case::milliseconds_and_less("1772704800123.75", "2026-03-05T10:00:00.123Z")]
#[case::an_exponent("1.7727048e9", "2026-03-05T10:00:00.000Z")]
fn a_number_is_a_time_since_1970(#[case] number: &str, #[case] utc: &str) {
    let line = at("2026-03-05T09:00:00Z").replace("\"2026-03-05T09:00:00Z\"", number);
    let journal = accepts(&[line.into_bytes()]);
    let entered = format!(r#""user":"u1","segment":"seen","change":"enter","at":"{utc}""#);
    assert!(journal.contains(&entered), "{journal}");
}

#[test]
fn what_only_looks_like_a_time_is_rejected() {
    let times = [
        "",
        "2026-03-05T",
        "2026-03-05Z",
        "2026-03-05T09",
        "2026-03-05T09Z",
        "2026-03-05T09:00.5Z",
        "2026-03-05T09:00:00+8",
        "2026-03-05T09:00:00+08:00:00",
        "2026-03-05T09:00:00+24:00",
        "2026-03-05T09:00:00+08:60",
        "2026-03-05T09:00:00+0860",
        "2026-03-05T09:00:00 +0800",
        "2026-03-05T09:00:00 UTC",
        "2026-03-05T09:00:00,5Z",
        "2026-03-05T09:00:00.Z",
        "2026-03-05T09:00:00.123:Z",
        "2026-03-05T09:00:00Z ",
        " 2026-03-05T09:00:00Z",
        "2026-03-05T09:00:00Z[UTC]",
        "2026-03-05 9:00:00 am",
        "2026-03-05T09:00:00 AM",
        "2026-03-05T24:00:00Z",
        "2026-03-05T09:60:00Z",
        "2026-03-05T09:00:61Z",
        "2026-02-29",
        "2026-02-29T09:00:00Z",
        "2026-13-01T00:00:00Z",
        "2026-00-01T00:00:00Z",
        "2026-3-5T09:00:00Z",
        "+002026-03-05T09:00:00Z",
        "-0001-03-05T09:00:00Z",
        "12026-03-05T09:00:00Z",
        "20260305T090000Z",
        "Thu, 05 Mar 2026 09:00:00 GMT",
        "now",
        "２０２６-03-05T09:00:00Z",
        "༢༠༢༦-༠༣-༠༥T09:00:00Z",
        "1772701200.5",
        "-1772701200",
        "1772701200s",
        "99999999999999999999999999",
    ];
    let lines = times.map(at);
    let lines: Vec<_> = lines.iter().map(|line| (line.as_bytes(), "bad_time")).collect();
    rejects(&lines);
}

/// Years that clocks say which were never set, or that count otherwise (2569 is 2026 in Thailand).
#[test]
fn a_time_before_1990_or_after_2100_is_none() {
    let times = [
        "0000-01-01T00:00:00+14:00",
        "0000-01-01T00:00:00Z",
        "0027-06-27T08:23:48+03:00",
        "1970-01-01T00:00:00Z",
        "1989-12-31T23:59:59.999Z",
        "1990-01-01T00:00:00+00:01",
        "2101-01-01",
        "2100-12-31T23:59:59-00:01",
        "2569-03-05T10:00:00Z",
        "9999-12-31T23:59:59-12:00",
        "0",
        "2026",
        "20260305",
        "631151999",
        "4133980800",
        "100000000000",
        "100000000001",
        "4133980800000",
        "20260305090000",
    ];
    let numbers = ["0", "-1772704800", "1e300", "20260305090000", "17727048e-2"];
    let numbers = numbers.map(|number| at("2026-03-05T09:00:00Z").replace("\"2026-03-05T09:00:00Z\"", number));
    let lines: Vec<_> = times.map(at).into_iter().chain(numbers).collect();
    let lines: Vec<_> = lines.iter().map(|line| (line.as_bytes(), "bad_time")).collect();
    rejects(&lines);
}

#[test]
fn a_file_has_no_time_to_use_instead_of_a_missing_one() {
    let without = view("u1", 0).replace("\"timestamp\":\"2026-03-05T09:00:00Z\",", "");
    let sent = without.replacen("\"type\"", "\"sentAt\":\"2026-03-05T09:00:01Z\",\"type\"", 1);
    rejects(&[(without.as_bytes(), "no_time"), (sent.as_bytes(), "no_time")]);
}

/// A call with these times, as JSON, is one that happened then.
#[rstest]
#[case::rudderstack(r#""originalTimestamp":"2026-03-05T09:00:00Z","sentAt":"2026-03-05T09:00:01Z""#, "09:00:00.000")]
#[case::received_alone(r#""receivedAt":"2026-03-05T09:00:00Z""#, "09:00:00.000")]
#[case::no_time_and_received(r#""timestamp":"then","receivedAt":"2026-03-05T09:00:00Z""#, "09:00:00.000")]
#[case::unset_clock(r#""timestamp":0,"sentAt":5,"receivedAt":"2026-03-05T09:00:00Z""#, "09:00:00.000")]
#[case::slow(
    r#""timestamp":"2026-03-05T06:00:00Z","sentAt":"2026-03-05T06:00:30Z","receivedAt":"2026-03-05T09:00:30Z""#,
    "09:00:00.000"
)]
#[case::fast(
    r#""timestamp":"2026-03-05T11:00:00Z","sentAt":"2026-03-05T11:00:30Z","receivedAt":"2026-03-05T09:00:30Z""#,
    "09:00:00.000"
)]
#[case::slow_and_original_alone(
    r#""originalTimestamp":"2026-03-05T06:00Z","sentAt":"2026-03-05T06:00:30Z","receivedAt":"2026-03-05T09:00:30Z""#,
    "09:00:00.000"
)]
#[case::timestamp_that_is_none_and_original(
    r#""timestamp":"","originalTimestamp":"2026-03-05T06:00Z","sentAt":"2026-03-05T06:00:30Z","receivedAt":"2026-03-05T09:00:30Z""#,
    "09:00:00.000"
)]
#[case::corrected(
    r#""timestamp":"2026-03-05T09:00:00Z","originalTimestamp":"2026-03-05T06:00:00Z","sentAt":"2026-03-05T06:00:30Z","receivedAt":"2026-03-05T09:00:40Z""#,
    "09:00:00.000"
)]
#[case::original_that_is_none(
    r#""timestamp":"2026-03-05T06:00:00Z","originalTimestamp":"1970-01-01T00:00:00Z","sentAt":"2026-03-05T06:00:30Z","receivedAt":"2026-03-05T09:00:30Z""#,
    "09:00:00.000"
)]
#[case::sent_before_it_happened(
    r#""timestamp":"2026-03-05T09:10:00Z","sentAt":"2026-03-05T09:00:00Z","receivedAt":"2026-03-05T09:00:00Z""#,
    "09:00:00.000"
)]
#[case::sent_that_is_none(
    r#""timestamp":"2026-03-05T09:00:00Z","sentAt":"soon","receivedAt":"2026-03-05T10:00:00Z""#,
    "09:00:00.000"
)]
#[case::beyond_received(r#""timestamp":"2026-03-05T09:04:40Z","receivedAt":"2026-03-05T09:00:00Z""#, "09:00:00.000")]
#[case::corrected_beyond_received(
    r#""timestamp":"2026-03-05T09:04:40Z","originalTimestamp":"2026-03-05T09:00:00Z","receivedAt":"2026-03-05T09:00:00Z""#,
    "09:00:00.000"
)]
#[case::received_that_is_none(r#""timestamp":"2026-03-05T09:00:00Z","receivedAt":"2569-01-01""#, "09:00:00.000")]
fn the_time_of_a_call_comes_of_all_its_clocks(#[case] clocks: &str, #[case] clock: &str) {
    let call = view("u1", 0).replace("\"timestamp\":\"2026-03-05T09:00:00Z\"", clocks);
    let entered = format!(r#""user":"u1","segment":"seen","change":"enter","at":"2026-03-05T{clock}Z""#);
    let journal = accepts(&[call.into_bytes()]);
    assert!(journal.contains(&entered), "{journal}");
}

#[test]
fn a_call_of_a_batch_has_the_clocks_of_its_envelope_where_it_has_none() {
    let slow = |user: &str, clocks: &str| {
        view(user, 0)
            .replace("\"timestamp\":\"2026-03-05T09:00:00Z\"", &format!("\"timestamp\":\"2026-03-05T06:00Z\"{clocks}"))
    };
    let own = r#","sentAt":"2026-03-05T06:10:00Z""#;
    let calls = [slow("own", own), slow("without", ""), slow("nulled", r#","sentAt":null"#)].join(",");
    let envelope =
        format!(r#"{{"batch":[{calls}],"sentAt":"2026-03-05T06:00:30Z","receivedAt":"2026-03-05T09:00:30Z"}}"#);
    let journal = accepts(&[envelope.into_bytes()]);
    let entered = |user: &str| lines_of(&journal, user)[0]["at"].as_str().map(str::to_owned);
    let expected = [("without", "09:00:00"), ("nulled", "09:00:00"), ("own", "08:50:30")];
    for (user, clock) in expected {
        assert_eq!(entered(user), Some(format!("2026-03-05T{clock}.000Z")), "{user}");
    }
}

/// `receivedAt` corrects and bounds; time is moved by the events' own alone.
#[test]
fn received_at_in_a_file_does_not_move_time() {
    let received =
        at("2026-03-05T09:00:00Z").replacen("\"type\"", "\"receivedAt\":\"2026-03-05T12:00:00Z\",\"type\"", 1);
    let journal = accepts(&[received.into_bytes(), view("u2", 60).into_bytes()]);
    assert_eq!(lines_of(&journal, "u2")[0]["at"], "2026-03-05T09:01:00.000Z", "{journal}");
}

#[test]
fn client_clocks_that_are_no_times_do_not_matter_beside_a_timestamp() {
    accepts(&[at("2026-03-05T09:00:00Z").replacen("\"type\"", "\"sentAt\":\"soon\",\"type\"", 1).into_bytes()]);
}

#[test]
fn an_event_is_rejected_after_the_end_by_the_time_it_comes_to() {
    let late = at("2026-03-06T00:00:00.001Z");
    rejects(&[(late.as_bytes(), "after_until")]);
    let received = late.replacen("\"type\"", "\"receivedAt\":\"2026-03-06T00:00:00Z\",\"type\"", 1);
    accepts(&[at(UNTIL).into_bytes(), received.into_bytes()]);
}

/// From the first time that is believed to the latest that anything can be due at.
#[test]
fn every_instant_that_is_written_is_rfc_3339() {
    let world = World::new();
    world.write("rules.toml", RULES_UNTIL_THE_END);
    let last = at("2100-12-31T23:59:59.999Z").replacen("\"type\"", "\"anonymousId\":\"a\",\"type\"", 1);
    world.write("events.jsonl", format!("{}\n{last}\n", at("1990-01-01")));
    let arguments = ["--actions", "actions.jsonl", "--until", "9999-12-31T23:59:59.999Z", "events.jsonl"];
    let run = world.run(&[&["replay", "--rules", "rules.toml"][..], &arguments].concat());
    assert_eq!(run.code, Some(0), "{}", run.stderr);
    let actions = world.read("actions.jsonl");
    let mut instants = 0;
    for line in run.stdout.lines().chain(actions.lines()) {
        let record: serde_json::Value = serde_json::from_str(line).expect("JSON");
        for instant in ["/at", "/until", "/time", "/data/expires", "/expires"] {
            let Some(text) = record.pointer(instant).and_then(serde_json::Value::as_str) else { continue };
            assert!(Timestamp::parse_rfc3339(text).is_some(), "{line}");
            instants += 1;
        }
    }
    assert!(instants > 8 && actions.contains("2301-01-0"), "{instants}: {actions}{}", run.stdout);
}

const RULES_UNTIL_THE_END: &str = r#"
[events]
view = "Viewed"
[[segments]]
id = "seen"
when = "total(view) >= 1"
[[segments]]
id = "asleep"
when = "idle() >= duration('36525d')"
[[campaigns]]
id = "again"
on = "enter:asleep"
channel = "email"
expires = "36525d"
"#;

#[test]
fn a_date_is_an_end_too() {
    let world = World::new();
    world.write("events.jsonl", format!("{}\n{}\n", at("2026-03-05T23:59:59.999Z"), at("2026-03-06T00:00:00.001Z")));
    let run = world.run(&["replay", "--rules", "rules.toml", "--until", "2026-03-06", "events.jsonl"]);
    assert!(run.code == Some(0) && run.stderr.contains("1 accepted, 1 rejected"), "{}", run.stderr);
    assert_eq!(run.stdout, world.run(&["replay", "--rules", "rules.toml", "--until", UNTIL, "events.jsonl"]).stdout);
}

#[test]
fn the_end_must_be_a_time_too() {
    let world = World::new();
    for until in ["2026-02-29", "tomorrow", "", "2026-03-05T09:00:00", "2026-03-05T09:00Z", "1772704800"] {
        let run = world.run(&["replay", "--rules", "rules.toml", "--until", until, "-"]);
        assert_eq!(run.code, Some(2), "{}", run.stderr);
        assert!(run.stderr.contains("--until") && run.stderr.contains("such as 2026"), "{}", run.stderr);
    }
}

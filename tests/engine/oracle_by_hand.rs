//! The oracle on what the conformance cases leave open; every expected instant was computed by hand.

use rstest::rstest;
use serde_json::Value as Json;

use rekindle_test_kit::oracle::{self, OracleInput};

const UNTIL_2027_MS: i64 = 1_798_761_600_000;

fn track(user: &str, time: &str, rest: &str) -> String {
    format!("{{\"type\":\"track\",\"event\":\"E\",\"userId\":\"{user}\",\"timestamp\":\"{time}\"{rest}}}\n")
}

/// The journal as `segment change at`, `campaign outcome at`, or `merged from at`.
fn run(rules: &str, events: &str) -> Vec<String> {
    let text = |line: &Json, field: &str| line[field].as_str().unwrap_or_default().to_owned();
    let show = |line: &Json| match line["kind"].as_str() {
        Some("transition") => format!("{} {} {}", text(line, "segment"), text(line, "change"), text(line, "at")),
        Some("decision") => {
            let until = line["until"].as_str().map(|until| format!(" until {until}")).unwrap_or_default();
            format!("{} {} {}{until}", text(line, "campaign"), text(line, "outcome"), text(line, "at"))
        }
        _ => format!("merged {} {}", text(line, "from"), text(line, "at")),
    };
    let input = OracleInput {
        rules_toml: rules,
        events_jsonl: events.as_bytes(),
        until_ms: UNTIL_2027_MS,
        max_disorder_ms: 5_000,
        ..OracleInput::default()
    };
    oracle::run(&input).iter().map(show).collect()
}

fn segment(when: &str) -> String {
    format!("[events]\ne = \"E\"\n[[segments]]\nid = \"s\"\nwhen = \"{when}\"\n")
}

#[rstest]
#[case::skipped_hour_shifts_forward(
    "America/New_York",
    "22:00-02:30",
    "2026-03-08T06:50:00Z",
    "2026-03-08T07:30:00.000Z"
)]
#[case::repeated_hour_first_time("America/New_York", "00:00-01:30", "2026-11-01T05:10:00Z", "2026-11-01T05:30:00.000Z")]
#[case::repeated_hour_second_time(
    "America/New_York",
    "00:00-01:30",
    "2026-11-01T06:10:00Z",
    "2026-11-01T06:30:00.000Z"
)]
#[case::half_hour_shift("Australia/Lord_Howe", "22:00-02:15", "2026-10-03T15:20:00Z", "2026-10-03T15:45:00.000Z")]
#[case::year_end("Europe/Berlin", "22:00-08:00", "2026-12-30T21:00:00Z", "2026-12-31T07:00:00.000Z")]
#[case::end_is_exclusive("Europe/Berlin", "22:00-08:00", "2026-06-01T05:59:59.999Z", "2026-06-01T06:00:00.000Z")]
fn quiet_hours_end(#[case] zone: &str, #[case] hours: &str, #[case] at: &str, #[case] until: &str) {
    let rules = format!(
        "timezone = \"{zone}\"\n{}[[campaigns]]\nid = \"c\"\non = \"enter:s\"\nchannel = \"email\"\nquiet_hours = \"{hours}\"\n",
        segment("total(e) >= 1")
    );
    let journal = run(&rules, &track("u", at, ""));
    assert!(journal[1].starts_with("c deferred") && journal[1].ends_with(&format!("until {until}")), "{journal:?}");
    assert_eq!(journal[2], format!("c sent {until}"));
}

#[test]
fn equality_with_elapsed_time_holds_for_a_millisecond() {
    let journal = run(&segment("since(e) == duration('1h')"), &track("u", "2026-03-05T00:00:00Z", ""));
    assert_eq!(journal, ["s enter 2026-03-05T01:00:00.000Z", "s exit 2026-03-05T01:00:00.001Z"]);
}

#[test]
fn window_leaves_with_its_pane_not_with_its_length() {
    let journal = run(&segment("count(e, '1h') >= 1"), &track("u", "2026-03-05T00:00:59.999Z", ""));
    assert_eq!(journal, ["s enter 2026-03-05T00:00:59.999Z", "s exit 2026-03-05T01:00:00.000Z"]);
}

#[rstest]
#[case::within("2026-03-05T23:59:59.999Z", 1)]
#[case::exactly_the_window_old("2026-03-06T00:00:00Z", 2)]
fn duplicates_end_with_the_dedup_window(#[case] second: &str, #[case] total: usize) {
    let id = ",\"messageId\":\"m\"";
    let events = track("u", "2026-03-05T00:00:00Z", id) + &track("u", second, id);
    assert_eq!(run(&segment(&format!("total(e) == {total}")), &events).len(), 1);
    assert!(run(&segment(&format!("total(e) == {}", 3)), &events).is_empty());
}

#[test]
fn an_id_linked_to_itself_keeps_its_past() {
    let events = track("u", "2026-03-05T00:00:00Z", "") + &track("u", "2026-03-05T00:01:00Z", ",\"anonymousId\":\"u\"");
    assert_eq!(run(&segment("total(e) >= 2"), &events), ["s enter 2026-03-05T00:01:00.000Z"]);
}

#[rstest]
#[case("sum(e.p, '1h') == 0.3", "0.1", "0.2")]
#[case("sum(e.p, '1h') == 0.000002", "0.0000005", "0.0000015")]
#[case("total(e.p) == 0.0", "1e24", "-1e24")]
#[case("total(e.p) == 1.5", "1.5", "1e25")]
#[case("number(last(e.p)) * 3 - 0.000003 == 0.3", "\\\"0.1\\\"", "\\\" .100001 \\\"")]
#[case("total(e.p) == 1.5", "1.5", "true")]
#[case("last(e.p) == 7 && !(last(e.p) != 7)", "7", "null")]
#[case("total(e) / 4 == 0.5 && total(e) / 3 == 0.666667 && !(total(e) / 0 != 1)", "1", "1")]
#[case("distinct(e.p, '1h') == 2 && last(e.p) != 1", "1", "\\\"1\\\"")]
fn numbers_are_exact_and_values_of_different_types_are_unequal(
    #[case] when: &str,
    #[case] first: &str,
    #[case] second: &str,
) {
    let property = |json: &str| format!(",\"properties\":{{\"p\":{}}}", json.replace('\\', ""));
    let events =
        track("u", "2026-03-05T00:00:00Z", &property(first)) + &track("u", "2026-03-05T00:00:01Z", &property(second));
    let rules = segment(&format!("total(e) == 2 && {when}"));
    assert_eq!(run(&rules, &events).first().map(String::as_str), Some("s enter 2026-03-05T00:00:01.000Z"));
}

#[test]
fn merged_past_keeps_its_times_and_the_user_its_memberships() {
    let rules = segment("total(e) >= 2");
    let visitor = "{\"type\":\"track\",\"event\":\"E\",\"anonymousId\":\"a\",\"timestamp\":\"2026-03-05T00:00:00Z\"}\n";
    let alias = "{\"type\":\"alias\",\"previousId\":\"a\",\"userId\":\"u\",\"timestamp\":\"2026-03-05T00:02:00Z\"}\n";
    let events = visitor.to_owned() + &track("u", "2026-03-05T00:01:00Z", "") + alias;
    assert_eq!(run(&rules, &events), ["merged a 2026-03-05T00:02:00.000Z", "s enter 2026-03-05T00:02:00.000Z"]);
}

#[test]
fn timer_due_at_the_instant_of_an_event_fires_before_it() {
    let events = track("u", "2026-03-05T00:00:00Z", "") + &track("u", "2026-03-05T01:00:00Z", "");
    let journal = run(&segment("since(e) == duration('1h')"), &events);
    let (enter, exit) = ("s enter 2026-03-05T01:00:00.000Z", "s exit 2026-03-05T01:00:00.000Z");
    assert_eq!(journal, [enter, exit, "s enter 2026-03-05T02:00:00.000Z", "s exit 2026-03-05T02:00:00.001Z"]);
}

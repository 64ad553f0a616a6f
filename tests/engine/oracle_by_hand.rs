//! The oracle on what the conformance cases leave open; every expected instant was computed by hand.

use rstest::rstest;
use serde_json::Value as Json;

use rekindle_test_kit::oracle::{self, OracleInput};

const UNTIL_2027_MS: i64 = 1_798_761_600_000;

fn track(user: &str, time: &str, rest: &str) -> String {
    format!("{{\"type\":\"track\",\"event\":\"E\",\"userId\":\"{user}\",\"timestamp\":\"{time}\"{rest}}}\n")
}

/// The journal as `segment change at`, `campaign outcome at`, or `merged from at`; after a segment its key and the cause.
fn run(rules: &str, events: &str) -> Vec<String> {
    let text = |line: &Json, field: &str| line[field].as_str().unwrap_or_default().to_owned();
    let show = |line: &Json| match line["kind"].as_str() {
        Some("transition") => {
            let of_key = ["key", "cause"].map(|field| line[field].as_str().map(|text| format!(" {text}")));
            let of_key = of_key.into_iter().flatten().collect::<String>();
            format!("{} {} {}{of_key}", text(line, "segment"), text(line, "change"), text(line, "at"))
        }
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

#[rstest]
#[case::clocks_go_forward_at_midnight("Africa/Cairo", "2026-04-23T21:30:00Z", "2026-04-23T22:00:00.000Z")]
#[case::the_hour_after_a_skipped_midnight("Africa/Cairo", "2026-04-23T22:00:00Z", "2026-04-24T21:00:00.000Z")]
#[case::clocks_go_back_from_midnight("America/Santiago", "2026-04-05T02:30:00Z", "2026-04-05T04:00:00.000Z")]
#[case::midnight_comes_twice("America/Havana", "2026-11-01T05:30:00Z", "2026-11-02T05:00:00.000Z")]
#[case::clocks_go_back_over_midnight("America/St_Johns", "2006-10-29T02:00:00Z", "2006-10-29T02:30:00.000Z")]
#[case::the_second_time_before_midnight("America/St_Johns", "2006-10-29T02:45:00Z", "2006-10-30T03:30:00.000Z")]
#[case::the_day_before_the_skipped_one("Pacific/Apia", "2011-12-30T09:00:00Z", "2011-12-30T10:00:00.000Z")]
fn a_day_ends_where_the_next_begins(#[case] zone: &str, #[case] at: &str, #[case] end: &str) {
    let rules = format!("timezone = \"{zone}\"\n{}", segment("count(e, 'today') >= 1"));
    let journal = run(&rules, &track("u", at, ""));
    assert_eq!(journal.get(1), Some(&format!("s exit {end}")), "{journal:?}");
}

#[rstest]
#[case::week("'this_week'", "2026-03-09T00:00:00.000Z")]
#[case::month("'this_month'", "2026-04-01T00:00:00.000Z")]
#[case::quarter("'last_quarter'", "2026-07-01T00:00:00.000Z")]
#[case::year("'this_year'", "2027-01-01T00:00:00.000Z")]
fn a_period_ends_for_an_idle_user(#[case] window: &str, #[case] end: &str) {
    let journal = run(&segment(&format!("count(e, {window}) >= 1")), &track("u", "2026-03-05T12:00:00Z", ""));
    assert_eq!(journal.last(), Some(&format!("s exit {end}")));
}

#[rstest]
#[case::product("since(e) > usual_gap(e) * 1.5", "enter 2026-03-05T02:30:00.001Z", None)]
#[case::quotient_is_cut(
    "since(e) / 3 == duration('1h')",
    "enter 2026-03-05T04:00:00.000Z",
    Some("exit 2026-03-05T04:00:00.003Z")
)]
#[case::share_is_rounded("since(e) / usual_gap(e) >= 2", "enter 2026-03-05T02:59:59.999Z", None)]
#[case::date_in_the_rules_zone("until(last(e.by)) < duration('1h')", "enter 2026-03-05T23:00:00.001Z", None)]
#[case::anniversary(
    "anniversary(last(e.by)) && total(e) == 2",
    "enter 2026-03-06T00:00:00.000Z",
    Some("exit 2026-03-07T00:00:00.000Z")
)]
#[case::days(
    "days(e, 2) == 1 && total(e) == 2",
    "enter 2026-03-05T01:00:00.000Z",
    Some("exit 2026-03-07T00:00:00.000Z")
)]
#[case::streak("streak(e) == 0", "enter 2026-03-07T00:00:00.000Z", None)]
#[case::followed("followed(e, e, '1h') >= 1", "enter 2026-03-05T01:00:00.000Z", None)]
fn what_moves_with_time_changes_at_its_millisecond(
    #[case] when: &str,
    #[case] first: &str,
    #[case] second: Option<&str>,
) {
    let by = ",\"properties\":{\"by\":\"2026-03-06\"}";
    let events = track("u", "2026-03-05T00:00:00Z", by) + &track("u", "2026-03-05T01:00:00Z", by);
    let journal = run(&segment(when), &events);
    let expected: Vec<String> = [Some(first), second].into_iter().flatten().map(|text| format!("s {text}")).collect();
    assert_eq!(journal, expected);
}

const KEYED: &str = "[events]\ne = \"E\"\n[per.k]\nkey = \"p\"\nttl = \"1h\"\nmax = 2\n\
                     [[segments]]\nid = \"s\"\nper = \"k\"\nwhen = \"total(e) >= 1\"\n";

#[test]
fn keys_are_forgotten_after_their_time_and_when_there_are_too_many() {
    let key = |minute: u32, key: &str| {
        track("u", &format!("2026-03-05T00:{minute:02}:00Z"), &format!(",\"properties\":{{\"p\":{key}}}"))
    };
    let events = [key(0, "\"a\""), key(10, "7.0"), key(20, "2.5"), key(30, "\"b\""), key(40, "7")].concat();
    let expected = [
        "s enter 2026-03-05T00:00:00.000Z a",
        "s enter 2026-03-05T00:10:00.000Z 7",
        "s exit 2026-03-05T00:30:00.000Z a max",
        "s enter 2026-03-05T00:30:00.000Z b",
        "s exit 2026-03-05T01:30:00.000Z b ttl",
        "s exit 2026-03-05T01:40:00.000Z 7 ttl",
    ];
    assert_eq!(run(KEYED, &events), expected);
}

#[test]
fn a_match_older_than_the_ttl_makes_no_key() {
    let at = |time: &str| track("u", time, ",\"properties\":{\"p\":\"a\"}");
    let events = [track("u", "2026-03-05T01:00:00Z", ""), at("2026-03-05T00:00:00Z"), at("2026-03-05T00:00:00.001Z")];
    let expected = ["s enter 2026-03-05T01:00:00.000Z a", "s exit 2026-03-05T01:00:00.001Z a ttl"];
    assert_eq!(run(KEYED, &events.concat()), expected);
}

#[test]
fn a_let_stands_before_the_element_and_the_element_before_the_event() {
    let rules = "[events]\ne = { event = \"E\", each = \"items\", let = { p = \"item.p * 2\" } }\n\
                 f = { event = \"E\", each = \"items\" }\n\
                 [[segments]]\nid = \"s\"\nwhen = \"total(e.p) == 4 && total(f.p) == 12 && count(e, '1h') == 2\"\n";
    let properties = ",\"properties\":{\"p\":10,\"items\":[{\"p\":2},5,{\"p\":null}]}";
    assert_eq!(run(rules, &track("u", "2026-03-05T00:00:00Z", properties))[0], "s enter 2026-03-05T00:00:00.000Z");
}

#[rstest]
#[case::bg_nbd("bg_nbd", "r = 0.243\nalpha = 4.414\na = 0.793\nb = 2.426", true, "2026-05-18T11:53:58.477Z")]
#[case::mbg_nbd_after_the_first(
    "mbg_nbd",
    "r = 0.525\nalpha = 6.183\na = 0.891\nb = 1.614",
    false,
    "2026-06-03T22:13:23.264Z"
)]
#[case::mbg_nbd("mbg_nbd", "r = 0.525\nalpha = 6.183\na = 0.891\nb = 1.614", true, "2026-05-12T14:58:49.985Z")]
fn a_customer_is_lost_at_its_millisecond(
    #[case] kind: &str,
    #[case] parameters: &str,
    #[case] buys_again: bool,
    #[case] lost: &str,
) {
    let model =
        format!("[[models]]\nid = \"m\"\nkind = \"{kind}\"\non = \"e\"\nunit = \"7d\"\n{parameters}\n[[segments]]");
    let rules = segment("p_alive('m') < 0.5").replace("[[segments]]", &model);
    // The third is less than `min_gap` after the second, which is 1.71 weeks after the first.
    let again = track("u", "2026-03-16T23:16:48Z", "") + &track("u", "2026-03-17T11:16:47.999Z", "");
    let events = track("u", "2026-03-05T00:00:00Z", "") + if buys_again { &again } else { "" };
    assert_eq!(run(&rules, &events), [format!("s enter {lost}")]);
}

//! `until` and `anniversary`: texts that are dates and instants, days of the rules' time zone.

use rstest::rstest;

use crate::engine::evaluate::EvaluationContext;
use crate::event::TraitId;
use crate::rules::ruleset::Term;
use crate::testing::{START, Story, segments};
use crate::time::Timestamp;
use crate::value::Value;

const HOUR: i64 = 3_600_000;
const DAY: i64 = 24 * HOUR;

/// The transitions of a user who was identified with this date, under a time zone, from `from` until a time.
fn told(zone: &str, when: &str, date: &str, from: &str, until: &str) -> Vec<String> {
    let at = |text: &str| Timestamp::parse_rfc3339(text).expect("a time").0 - START;
    let mut story = Story::under(&format!("timezone = '{zone}'\n{}", segments(&[("s", when)])));
    story.identify(at(from), &format!("\"day\":{date}")).wait(at(until));
    let told = story.told().into_iter();
    told.map(|line| {
        let (ms, rest) = line.split_once(' ').expect("a time");
        format!("{} {rest}", Timestamp(START + ms.parse::<i64>().expect("milliseconds")))
    })
    .collect()
}

#[test]
fn until_reaches_and_passes_the_exact_instant() {
    let mut story = Story::under(&segments(&[
        ("soon", "until(traits.day) <= duration('1s')"),
        ("sooner", "until(traits.day) < duration('1s')"),
        ("now", "until(traits.day) == duration('0s')"),
        ("past", "duration('0s') > until(traits.day)"),
        ("long_past", "until(traits.day) + duration('2s') < duration('0s')"),
    ]));
    story.identify(0, &format!("\"day\":\"{}\"", Timestamp(START + 5_000))).wait(100_000);
    assert_eq!(
        story.told(),
        [
            "4000 enter soon",
            "4001 enter sooner",
            "5000 enter now",
            "5001 exit now",
            "5001 enter past",
            "7001 enter long_past"
        ]
    );
}

#[rstest]
#[case::date("'2026-03-03'", Some(23 * HOUR))]
#[case::date_on_the_day_that_clocks_change("'2026-03-30'", Some(27 * DAY + 22 * HOUR))]
#[case::instant("'2026-03-03T09:00:00+08:00'", Some(DAY + HOUR))]
#[case::instant_with_a_fraction("'2026-03-02T00:00:00.0014999Z'", Some(1))]
#[case::past("'2026-03-01T23:59:59Z'", Some(-1_000))]
#[case::long_past("'0000-01-01'", Some(-62_167_219_200_000 - 53 * 60_000 - 28_000 - START))]
#[case::far_away("'9999-12-31'", Some(253_402_300_800_000 - DAY - HOUR - START))]
#[case::last_instant("'9999-12-31T23:59:59.999Z'", Some(253_402_300_799_999 - START))]
#[case::beyond_the_years("'9999-12-31T23:59:59.999-23:59'", None)]
#[case::no_such_day("'2026-02-30'", None)]
#[case::no_zone("'2026-03-03T09:00:00'", None)]
#[case::no_seconds("'2026-03-03T09:00Z'", None)]
#[case::blanks("' 2026-03-03'", None)]
#[case::other_words("'soon'", None)]
#[case::number("20260303", None)]
#[case::list("['2026-03-03']", None)]
#[case::nothing("null", None)]
#[case::empty("''", None)]
fn until_reads_dates_and_instants(#[case] date: &str, #[case] expected: Option<i64>) {
    let (mut rules, date) = ("timezone = 'Europe/Berlin'\n".to_owned(), date.replace('\'', "\""));
    rules.push_str(&segments(&[("s", "until(traits.day) > duration('0s') || until(traits.day) <= duration('0s')")]));
    let mut story = Story::under(&rules);
    story.identify(0, &format!("\"day\":{date}"));
    let (term, profile) = (Term::Until(Box::new(Term::Trait(TraitId(0)))), &story.user().profile);
    let value = EvaluationContext::new(&story.plan.rules, profile, Timestamp(START)).value(&term);
    assert_eq!(value, expected.map_or(Value::Missing, Value::Span));
    assert_eq!(story.is_in("s"), expected.is_some());
}

#[test]
fn until_asks_about_what_an_event_said() {
    let mut story = Story::of("until(last(order.due)) < duration('1h') && until(last(order.due)) > duration('0s')");
    story.track(0, "Order", &format!("\"due\":\"{}\"", Timestamp(START + 2 * HOUR))).wait(HOUR + 5);
    assert_eq!(story.told(), [format!("{} enter s", HOUR + 1)]);
    story.track(HOUR + 6, "Order", &format!("\"due\":\"{}\"", Timestamp(START + 4 * HOUR))).wait(9 * HOUR);
    assert_eq!(
        story.told(),
        [format!("{} exit s", HOUR + 6), format!("{} enter s", 3 * HOUR + 1), format!("{} exit s", 4 * HOUR)]
    );
}

#[test]
fn a_segment_of_a_trait_and_an_event_wakes_without_that_event() {
    let mut story = Story::of("until(traits.day) < duration('1s') || anniversary(traits.day) || total(order) > 3");
    story.identify(0, r#""day":"2026-03-03""#).wait(10 * DAY);
    assert_eq!(story.told(), [format!("{} enter s", DAY - 999)]);
}

#[rstest]
#[case::a_day(
    "UTC", "\"1990-03-04\"", "2026-03-02T10:00:00Z", "2027-06-01T00:00:00Z",
    &["2026-03-04T00:00:00.000Z enter s", "2026-03-05T00:00:00.000Z exit s",
      "2027-03-04T00:00:00.000Z enter s", "2027-03-05T00:00:00.000Z exit s"]
)]
#[case::today("UTC", "\"2030-03-02\"", "2026-03-02T10:00:00Z", "2026-06-01T00:00:00Z",
    &["2026-03-02T10:00:00.000Z enter s", "2026-03-03T00:00:00.000Z exit s"])]
#[case::an_instant_counts_by_its_day_there("Asia/Tokyo", "\"1990-03-03T20:00:00Z\"", "2026-03-02T10:00:00Z", "2026-06-01T00:00:00Z",
    &["2026-03-03T15:00:00.000Z enter s", "2026-03-04T15:00:00.000Z exit s"])]
#[case::leap_day_in_another_year("UTC", "\"2024-02-29\"", "2027-01-01T00:00:00Z", "2028-06-01T00:00:00Z",
    &["2027-02-28T00:00:00.000Z enter s", "2027-03-01T00:00:00.000Z exit s",
      "2028-02-29T00:00:00.000Z enter s", "2028-03-01T00:00:00.000Z exit s"])]
#[case::the_day_before_a_leap_day("UTC", "\"2023-02-28\"", "2028-01-01T00:00:00Z", "2028-06-01T00:00:00Z",
    &["2028-02-28T00:00:00.000Z enter s", "2028-02-29T00:00:00.000Z exit s"])]
#[case::a_day_of_23_hours("America/Havana", "\"1990-03-08\"", "2026-03-02T10:00:00Z", "2026-06-01T00:00:00Z",
    &["2026-03-08T05:00:00.000Z enter s", "2026-03-09T04:00:00.000Z exit s"])]
#[case::a_day_that_the_zone_skipped("Pacific/Apia", "\"1990-12-30\"", "2011-12-01T00:00:00Z", "2013-02-01T00:00:00Z",
    &["2012-12-29T10:00:00.000Z enter s", "2012-12-30T10:00:00.000Z exit s"])]
#[case::the_day_before_the_skipped_one("Pacific/Apia", "\"1990-12-29\"", "2011-12-01T00:00:00Z", "2012-02-01T00:00:00Z",
    &["2011-12-29T10:00:00.000Z enter s", "2011-12-30T10:00:00.000Z exit s"])]
#[case::the_end_of_the_years("UTC", "\"9999-12-31\"", "2026-12-30T10:00:00Z", "2027-02-01T00:00:00Z",
    &["2026-12-31T00:00:00.000Z enter s", "2027-01-01T00:00:00.000Z exit s"])]
#[case::the_first_of_the_years("UTC", "\"0000-02-29\"", "2026-12-30T10:00:00Z", "2027-03-02T00:00:00Z",
    &["2027-02-28T00:00:00.000Z enter s", "2027-03-01T00:00:00.000Z exit s"])]
#[case::no_date("UTC", "\"1990-02-30\"", "2026-01-01T00:00:00Z", "2028-01-01T00:00:00Z", &[])]
#[case::a_number("UTC", "5", "2026-01-01T00:00:00Z", "2028-01-01T00:00:00Z", &[])]
fn an_anniversary_is_a_day_of_the_rules_zone(
    #[case] zone: &str,
    #[case] date: &str,
    #[case] from: &str,
    #[case] until: &str,
    #[case] expected: &[&str],
) {
    assert_eq!(told(zone, "anniversary(traits.day)", date, from, until), expected);
}

#[test]
fn an_anniversary_can_be_negated_and_compared() {
    for when in ["!anniversary(traits.day) && has(traits.day)", "anniversary(traits.day) == false && has(traits.day)"] {
        let told = told("UTC", when, "\"1990-03-04\"", "2026-03-02T10:00:00Z", "2026-06-01T00:00:00Z");
        let expected =
            ["2026-03-02T10:00:00.000Z enter s", "2026-03-04T00:00:00.000Z exit s", "2026-03-05T00:00:00.000Z enter s"];
        assert_eq!(told, expected, "{when}");
    }
}

#[test]
fn no_date_of_any_year_makes_a_user_wake_in_vain() {
    for date in ["0000-01-01", "9999-12-31", "0000-02-29", "9999-12-31T23:59:59.999Z", "0000-01-01T00:00:00Z"] {
        let mut story = Story::of("anniversary(traits.day) || until(traits.day) == duration('0s')");
        story.identify(0, &format!("\"day\":\"{date}\""));
        let wake_up = story.user().due().0 - START;
        assert!(wake_up > 50 * DAY && wake_up < 366 * DAY, "{date}: {wake_up}");
    }
}

#[test]
fn a_campaign_asks_about_the_dates_of_the_match_that_triggers_it() {
    let mut story = Story::under(
        "[events]\norder = 'Order'\n[[campaigns]]\nid = 'c'\non = 'event:order'\nchannel = 'email'\n\
         if = \"until(event.due) > duration('1d') && anniversary(event.placed)\"\n",
    );
    let order = |due: &str, placed: &str| format!("\"due\":\"{due}\",\"placed\":\"{placed}\"");
    story.track(0, "Order", &order("2026-03-03T00:00:00.001Z", "1999-03-02"));
    story.track(0, "Order", &order("2026-03-03", "1999-03-02"));
    story.track(0, "Order", &order("2026-03-09", "1999-03-03"));
    assert_eq!(story.told(), ["0 sent c", "0 condition c", "0 condition c"]);
}

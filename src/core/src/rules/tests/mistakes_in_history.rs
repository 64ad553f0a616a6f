//! Wrong calls of the functions of semantics §10: what is said, what is underlined, what is advised.

use rstest::rstest;

use super::{only_problem, problems, rules_with};

#[rstest]
#[case::misspelt_period(
    "count(view, 'this_mont') > 1",
    "there is no window `this_mont`",
    "'this_mont'",
    "did you mean 'this_month'?"
)]
#[case::another_word("sum(order.total, 'previous') > 1", "there is no window `previous`", "'previous'", "`last_month`")]
#[case::period_without_quotes(
    "count(view, this_month) > 1",
    "the window must be a literal in quotes",
    "this_month",
    "'this_month'"
)]
#[case::first_of_an_event("first(view) == 1", "first needs a property of `view`", "view", "first(view.price)")]
#[case::gap_of_a_property(
    "gap(view.price) > duration('1d')",
    "gap takes an event, not a property of it",
    "view.price",
    "gap(view)"
)]
#[case::usual_gap_of_two(
    "usual_gap(view, order) > duration('1d')",
    "usual_gap is not used like this",
    "usual_gap(view, order)",
    "usual_gap(order)"
)]
#[case::gap_with_a_number("gap(view) > 30", "a duration is compared with a number", "30", "duration('30m')")]
#[case::streak_of_a_property(
    "streak(view.price) > 3",
    "streak takes an event, not a property of it",
    "view.price",
    "streak(view)"
)]
#[case::days_of_a_property(
    "days(view.price, 7) > 3",
    "days takes an event, not a property of it",
    "view.price",
    "just view"
)]
#[case::no_days("days(view, 0) > 3", "the number of days must be a whole number from 1 to 366", "0", "days(order, 30)")]
#[case::too_many_days("days(view, 367) > 3", "the number of days must be a whole number from 1 to 366", "367", "")]
#[case::half_a_day("days(view, 1.5) > 3", "the number of days must be a whole number from 1 to 366", "1.5", "")]
#[case::days_in_quotes("days(view, '30d') > 3", "the number of days must be a whole number from 1 to 366", "'30d'", "")]
#[case::days_without_a_number("days(view) > 3", "days is not used like this", "days(view)", "days(order, 30)")]
#[case::followed_by_two_names(
    "followed(view, cart, order, '1h') > 1",
    "followed is not used like this",
    "followed(view, cart, order, '1h')",
    "followed(view, order, '1h')"
)]
#[case::followed_by_a_property(
    "followed(view, order.total, '1h') > 1",
    "followed takes an event, not a property of it",
    "order.total",
    "just order"
)]
#[case::followed_in_a_month(
    "followed(view, order, 'this_month') > 1",
    "'this_month' is no length of time",
    "'this_month'",
    "'1h'"
)]
#[case::followed_in_no_time(
    "followed(view, order, 7) > 1",
    "the length of time must be a literal in quotes",
    "7",
    "'1h'"
)]
fn a_wrong_call_says_what_and_where(
    #[case] when: &str,
    #[case] message: &str,
    #[case] underlined: &str,
    #[case] help: &str,
) {
    let (found, span, advice) = only_problem(&rules_with(when));
    assert_eq!((found.as_str(), span.as_str()), (message, underlined));
    assert!(advice.contains(help), "{advice:?} has no {help:?}");
}

#[test]
fn every_mistake_of_a_call_is_reported() {
    let found = problems(&rules_with("followed(vew, ordr, '1x') > 1 || days(vew, 400) > 1"));
    assert_eq!(found.len(), 5, "{found:#?}");
}

//! Wrong uses of durations, dates and what moves with time: what is said, what is underlined, what is advised.

use rstest::rstest;

use super::{compiled, only_problem, problems, rules_with};

const MANY: &str = "two functions that move with time stand in one comparison with more than + and - of durations";
const DIVISOR: &str = "what moves with time cannot be a divisor in `when`";
const ALONE: &str = "what moves with time can only be compared in `when`";

#[rstest]
#[case::two_under_arithmetic(
    "since(view) > since(cart) * 2",
    MANY,
    "since(view) > since(cart) * 2",
    "only add and subtract"
)]
#[case::two_on_one_side(
    "(since(view) + idle()) / 2 > duration('1d')",
    MANY,
    "(since(view) + idle()) / 2 > duration('1d')",
    "one of them at a time"
)]
#[case::the_same_twice("idle() * 2 - idle() > duration('1d')", MANY, "idle() * 2 - idle() > duration('1d')", "")]
#[case::until_and_age(
    "until(traits.x) / duration('1d') > age() / duration('7d')",
    MANY,
    "until(traits.x) / duration('1d') > age() / duration('7d')",
    ""
)]
#[case::divisor("duration('1d') / since(view) > 2", DIVISOR, "since(view)", "since(order) * 2 < duration('1d')")]
#[case::deep_in_a_divisor(
    "duration('1d') / (since(view) * 2 + duration('1d')) > 2",
    DIVISOR,
    "since(view)",
    "multiply the other side"
)]
#[case::in_a_list("idle() / duration('1d') in [1, 2]", ALONE, "idle()", "compare it")]
#[case::alone("since(view)", "this is a duration, not a condition", "since(view)", "duration('30m')")]
#[case::ratio_alone(
    "since(view) / duration('1d')",
    "this is a number, not a condition",
    "since(view) / duration('1d')",
    "> 0"
)]
#[case::product_of_durations(
    "duration('1d') * idle() > duration('1d')",
    "two durations cannot be multiplied",
    "duration('1d') * idle()",
    "by a number"
)]
#[case::number_by_duration(
    "2 / duration('1d') > 1",
    "a number cannot be divided by a duration",
    "2 / duration('1d')",
    "/ duration('1d')"
)]
#[case::trait_by_duration("traits.x / idle() > 1", "a number cannot be divided by a duration", "traits.x / idle()", "")]
#[case::duration_and_number(
    "idle() + 5 > duration('1d')",
    "a duration and a number cannot be added or subtracted",
    "idle() + 5",
    "duration('5m')"
)]
#[case::trait_and_duration(
    "traits.x - idle() > duration('1d')",
    "a duration and a number cannot be added or subtracted",
    "traits.x - idle()",
    "* duration('1d')"
)]
#[case::duration_and_text("idle() * 'x' > duration('1d')", "arithmetic needs numbers, but this is a text", "'x'", "")]
#[case::truth_and_duration(
    "in_segment('s0') + idle() > duration('1d')",
    "arithmetic needs numbers, but this is true or false",
    "in_segment('s0')",
    ""
)]
#[case::ratio_with_a_duration(
    "idle() / duration('1d') > duration('1d')",
    "a duration is compared with a number",
    "idle() / duration('1d')",
    ""
)]
#[case::product_with_a_number("idle() * 2 > 5", "a duration is compared with a number", "5", "duration('5m')")]
#[case::minus_a_duration(
    "-idle() < duration('1d')",
    "a minus needs a number, but this is a duration",
    "idle()",
    "* -1"
)]
#[case::until_a_date_written_out(
    "until('2026-12-24') < duration('1d')",
    "until(…) asks about a date of a trait or an event, not one written out",
    "'2026-12-24'",
    "until(traits.name)"
)]
#[case::until_no_date(
    "until('2026-13-24') < duration('1d')",
    "'2026-13-24' is no date, and until(…) asks about one of a trait or an event",
    "'2026-13-24'",
    "until(last(order.name))"
)]
#[case::anniversary_of_a_text(
    "anniversary('Christmas')",
    "'Christmas' is no date, and anniversary(…) asks about one of a trait or an event",
    "'Christmas'",
    "anniversary(traits.name)"
)]
#[case::until_a_number(
    "until(total(view)) < duration('1d')",
    "until(…) needs a date of a trait or an event, but this is a number",
    "total(view)",
    ""
)]
#[case::until_a_duration(
    "until(idle()) < duration('1d')",
    "until(…) needs a date of a trait or an event, but this is a duration",
    "idle()",
    ""
)]
#[case::until_an_event(
    "until(order.due) < duration('1d')",
    "`order.due` has many values, one per event",
    "order.due",
    "last(order.due)"
)]
#[case::until_nothing("until() < duration('1d')", "until is not used like this", "until()", "until(traits.renewal)")]
#[case::anniversary_of_two(
    "anniversary(traits.a, traits.b)",
    "anniversary is not used like this",
    "anniversary(traits.a, traits.b)",
    "anniversary(traits.birthday)"
)]
#[case::until_as_a_condition("until(traits.x)", "this is a duration, not a condition", "until(traits.x)", "")]
#[case::hour_in_when(
    "hour() < 12",
    "hour() is asked when a campaign is decided, not in `when`",
    "hour",
    "if = \"hour() < 5\""
)]
#[case::weekday_in_when(
    "weekday() == 1",
    "weekday() is asked when a campaign is decided, not in `when`",
    "weekday",
    "`if`"
)]
fn a_wrong_use_says_what_and_where(
    #[case] when: &str,
    #[case] message: &str,
    #[case] underlined: &str,
    #[case] help: &str,
) {
    let text = rules_with(when).replacen("[[segments]]", "[[segments]]\nid = 's0'\nwhen = 'true'\n[[segments]]", 1);
    let (found, span, advice) = only_problem(&text);
    assert_eq!((found.as_str(), span.as_str()), (message, underlined));
    assert!(advice.contains(help), "{advice:?} has no {help:?}");
}

#[test]
fn the_present_is_not_seen_in_where_and_let() {
    let text = "[events]\na = { event = 'A', where = \"hour() > 1 || until(traits.x) > duration('1d')\", \
                let = { b = \"anniversary(traits.x)\", c = \"weekday()\" } }\n";
    let found: Vec<_> = problems(text).into_iter().map(|(message, span, _)| (message, span)).collect();
    let expected = [
        ("hour() is asked when a campaign is decided, not in `where`", "hour"),
        ("`where` sees only one event and the traits, but until() asks about the present", "until"),
        ("`let` sees only one event and the traits, but anniversary() asks about the present", "anniversary"),
        ("weekday() is asked when a campaign is decided, not in `let`", "weekday"),
    ];
    assert_eq!(found, expected.map(|(message, span)| (message.to_owned(), span.to_owned())));
}

#[test]
fn what_moves_of_a_key_and_of_its_user_are_two_functions() {
    let of_key = |when: &str| {
        rules_with("true")
            + "[per.cart]\nkey = 'cart_id'\nttl = '30d'\n[[segments]]\nid = 'k'\nper = 'cart'\nwhen = \"\"\""
            + when
            + "\"\"\"\n"
    };
    for when in ["idle() * 2 > user.idle()", "since(cart) / 2 > user.since(order)"] {
        let (message, span, _) = only_problem(&of_key(when));
        assert_eq!((message.as_str(), span.as_str()), (MANY, when));
    }
    compiled(&of_key("idle() * 2 > duration('1d') && user.since(order) / duration('1d') > 3 && idle() > user.idle()"));
}

#[test]
fn a_campaign_on_an_event_may_ask_about_dates_of_its_match() {
    let text = "[events]\norder = 'Order'\n[[campaigns]]\nid = 'c'\non = 'event:order'\nchannel = 'email'\n\
                if = \"until(event.due) > duration('1d') && !anniversary(event.due)\"\npayload_from = { a = \"until(event.due)\" }\n";
    compiled(text);
}

#[test]
fn what_moves_may_be_compared_in_these_ways() {
    for when in [
        "since(view) - since(cart) > duration('1d') * 2",
        "since(view) + idle() - age() < duration('1d') / traits.x + until(traits.y)",
        "(1 + idle() / duration('1d')) * 2 - count(view, '7d') > sum(order.total, '7d') / 2",
        "-(age() / duration('1d')) < number(last(order.days)) * -1",
        "number(idle() / duration('1h')) >= 2",
        "(since(view) * 2 > duration('1d')) == (until(traits.y) / 3 < duration('1d'))",
        "traits.factor * until(last(order.due)) > duration('1d') || anniversary(last(order.due)) == traits.x",
    ] {
        compiled(&rules_with(when));
    }
}

#[test]
fn a_campaign_may_ask_anything_of_what_moves() {
    let text = rules_with("true")
        + "[[campaigns]]\nid = 'c'\non = 'exit:s'\nchannel = 'email'\n\
           if = \"since(view) * 2 > since(cart) && duration('1d') / idle() > 2 && age() / duration('1d') in [1, 2]\"\n\
           payload_from = { a = \"since(view)\", b = \"until(traits.x) / until(traits.y)\", c = \"anniversary(traits.x)\" }\n";
    compiled(&text);
}

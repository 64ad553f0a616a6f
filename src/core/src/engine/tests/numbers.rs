//! Exact numbers: millionths, sums, negative prices, whole-number arithmetic.

use crate::testing::Story;
use rstest::rstest;

#[test]
fn ten_times_a_tenth_is_one() {
    let tenths: Vec<_> = (0..10).map(|at| (at, "View", r#""price":0.1"#)).collect();
    assert!(Story::holds("sum(view.price, '1h') == 1 && total(view.price) == 1", &tenths, 10));
}

#[test]
fn sums_beyond_two_to_the_53_are_exact() {
    // 2^53 and one, and 2^53 less: doubles would have lost the one.
    let happened = [
        (0, "View", r#""price":9007199254740992"#),
        (1, "View", r#""price":1"#),
        (2, "View", r#""price":-9007199254740992"#),
    ];
    for when in ["total(view.price) == 1", "sum(view.price, '1h') == 1"] {
        assert!(Story::holds(when, &happened, 3), "{when}");
    }
    let huge = [(0, "View", r#""price":1e24"#), (1, "View", r#""price":-1e24"#), (2, "View", r#""price":0.000001"#)];
    assert!(Story::holds("total(view.price) == 0.000001", &huge, 3));
}

#[test]
fn negative_prices_count_as_what_they_are() {
    let happened = [(0, "View", r#""price":-3.25"#), (1, "View", r#""price":1.25"#)];
    for when in [
        "sum(view.price, '1h') == -2",
        "min(view.price, '1h') == -3.25",
        "max(view.price, '1h') == 1.25",
        "avg(view.price, '1h') == -1",
        "total(view.price) < 0",
        "-total(view.price) == 2",
    ] {
        assert!(Story::holds(when, &happened, 3), "{when}");
    }
}

#[test]
fn what_is_no_number_is_passed_over() {
    let happened = [
        (0, "View", r#""price":"12.5""#),
        (1, "View", r#""price":true"#),
        (2, "View", r#""price":null"#),
        (3, "View", r#""price":[4]"#),
        (4, "View", r#""price":2"#),
    ];
    for when in
        ["sum(view.price, '1h') == 2", "avg(view.price, '1h') == 2", "total(view.price) == 2", "total(view) == 5"]
    {
        assert!(Story::holds(when, &happened, 5), "{when}");
    }
}

#[rstest]
#[case("total(view) / 2 == 3.5", true)]
#[case("total(view) / 2 == 3", false)]
#[case("total(view) / 2.0 == 3.5", true)]
#[case("-total(view) / 2 == -3.5", true)]
#[case("total(view) / 3 == 2.333333", true)]
#[case("total(view) / (total(order) - 0) == 0", false)]
#[case("total(view) / total(order) != 0", false)]
#[case("total(view) * 2 + 1 == 15", true)]
#[case("total(view) - 8 < 0", true)]
#[case("total(view) * 9223372036854775807 == 64563604257983430649", true)]
#[case("total(view) * 1e24 * 1e6 > 0", false)]
#[case("total(view) + 9223372036854775807 == 9223372036854775814", true)]
#[case("1 + 2 * total(view) == 15", true)]
fn arithmetic_of_whole_numbers(#[case] when: &str, #[case] holds: bool) {
    let seven: Vec<_> = (0..7).map(|at| (at, "View", "")).collect();
    assert_eq!(Story::holds(when, &seven, 7), holds);
}

#[test]
fn ids_of_64_bits_keep_all_their_digits() {
    let happened = [
        (0, "Order", r#""id":820982911946154508,"small":9007199254740993"#),
        (1, "Order", r#""id":820982911946154509"#),
    ];
    for (when, holds) in [
        ("distinct(order.id, '1d') == 2", true),
        ("last(order.id) == 820982911946154509", true),
        ("last(order.id) == 820982911946154508", false),
        ("last(order.small) == 9007199254740993", true),
        ("last(order.small) == 9007199254740992", false),
    ] {
        assert_eq!(Story::holds(when, &happened, 2), holds, "{when}");
    }
}

#[test]
fn refunds_are_subtracted_to_the_cent() {
    let happened = [(0, "Order", r#""total":64.07"#), (1, "View", r#""total":14.07"#)];
    for when in [
        "total(order.total) - total(view.total) == 50",
        "sum(order.total, '7d') - sum(view.total, '7d') >= 50",
        "last(order.total) - last(view.total) == 50.00",
        "avg(order.total, '7d') * 0.1 == 6.407",
    ] {
        assert!(Story::holds(when, &happened, 2), "{when}");
    }
}

#[test]
fn a_number_above_ten_to_the_24_is_none_and_a_sum_above_ten_to_the_30_is_missing() {
    let happened =
        [(0, "View", r#""price":1.000001e24"#), (1, "View", r#""price":-1e25"#), (2, "View", r#""price":2"#)];
    for when in ["total(view.price) == 2", "distinct(view.price, '1h') == 1", "min(view.price, '1h') == 2"] {
        assert!(Story::holds(when, &happened, 3), "{when}");
    }
    for reverse in [false, true] {
        let mut story = Story::of("total(view.price) == 0.5 && sum(view.price, '1h') == 0.5");
        let sign = if reverse { "-" } else { "" };
        for at in 0..1_000 {
            story.track(at, "View", &format!(r#""price":{sign}1e24"#));
        }
        story.track(1_000, "View", r#""price":0.5"#);
        assert!(!story.is_in("s"));
        for at in 0..1_000 {
            story.track(2_000 + at, "View", &format!(r#""price":{}1e24"#, if reverse { "" } else { "-" }));
        }
        assert!(story.is_in("s"), "what was added is taken away again, in whatever order");
    }
    let millions: Vec<_> = (0..11).map(|at| (at, "View", r#""price":1e24"#)).collect();
    assert!(Story::holds("total(view.price) * 100000 == 0 || total(view.price) > 0", &millions, 20));
    assert!(!Story::holds("total(view.price) * 100000 != 0", &millions, 20), "larger than 10^30");
}

#[rstest]
#[case(r#""109.30""#, "== 109.3", true)]
#[case(r#"" -5 ""#, "== -5", true)]
#[case(r#""+0.2""#, "+ 0.1 == 0.3", true)]
#[case("7", "== 7", true)]
#[case(r#""12e3""#, "!= 0", false)]
#[case(r#""""#, "!= 0", false)]
#[case(r#""€5""#, "!= 0", false)]
#[case("true", "!= 0", false)]
#[case("[5]", "!= 0", false)]
#[case("null", "!= 0", false)]
fn texts_are_read_as_numbers_where_rules_ask_for_it(#[case] amount: &str, #[case] rest: &str, #[case] holds: bool) {
    let happened = [(0, "Order", format!(r#""amount":{amount}"#))];
    let happened: Vec<_> = happened.iter().map(|(at, event, properties)| (*at, *event, properties.as_str())).collect();
    assert_eq!(Story::holds(&format!("number(last(order.amount)) {rest}"), &happened, 1), holds);
    let rules = format!(
        "[events]\nlarge = {{ event = 'Order', where = 'number(properties.amount) {rest}' }}\n\
         [[segments]]\nid = 's'\nwhen = 'total(large) == 1'\n"
    );
    assert_eq!(Story::under(&rules).track(0, "Order", &format!(r#""amount":{amount}"#)).is_in("s"), holds);
}

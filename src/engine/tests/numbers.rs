//! Exact numbers: millionths, sums, negative prices, whole-number arithmetic.

use crate::engine::window::Micros;
use crate::testing::Story;
use rstest::rstest;

#[rstest]
#[case(0.000_000_5, 0)]
#[case(0.000_001_5, 2)]
#[case(0.000_002_5, 2)]
#[case(-0.000_000_5, 0)]
#[case(-0.000_001_5, -2)]
#[case(0.000_000_51, 1)]
#[case(12.5, 12_500_000)]
#[case(-3.25, -3_250_000)]
#[case(-0.0, 0)]
fn numbers_are_rounded_to_millionths_half_to_even(#[case] number: f64, #[case] millionths: i128) {
    assert_eq!(Micros::from_number(number), Micros(millionths));
}

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
    let huge = [(0, "View", r#""price":1e25"#), (1, "View", r#""price":-1e25"#), (2, "View", r#""price":0.000001"#)];
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
#[case("total(view) / 2 == 3", true)]
#[case("total(view) / 2 == 3.5", false)]
#[case("total(view) / 2.0 == 3.5", true)]
#[case("-total(view) / 2 == -3", true)]
#[case("total(view) / (total(order) - 0) == 0", false)]
#[case("total(view) / total(order) != 0", false)]
#[case("total(view) * 2 + 1 == 15", true)]
#[case("total(view) - 8 < 0", true)]
#[case("total(view) * 9223372036854775807 > 0", false)]
#[case("total(view) + 9223372036854775807 != 0", false)]
#[case("1 + 2 * total(view) == 15", true)]
fn arithmetic_of_whole_numbers(#[case] when: &str, #[case] holds: bool) {
    let seven: Vec<_> = (0..7).map(|at| (at, "View", "")).collect();
    assert_eq!(Story::holds(when, &seven, 7), holds);
}

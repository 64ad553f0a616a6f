//! Arithmetic of durations: cut toward zero, infinite ones, too long ones.

use rstest::rstest;

use crate::decimal::Decimal;
use crate::testing::Story;
use crate::value::{Arithmetic, Value, arithmetic};

const LONGEST: Value<'_> = Value::Span(i64::MAX);
const SHORTEST: Value<'_> = Value::Span(-i64::MAX);

fn n<'a>(digits: &str) -> Value<'a> {
    Value::from(Decimal::parse(digits))
}

#[rstest]
#[case::cut_toward_zero(Value::Span(10), "0.39", Value::Span(3))]
#[case::cut_toward_zero_from_below(Value::Span(-10), "0.39", Value::Span(-3))]
#[case::by_a_negative_number(Value::Span(7), "-1.5", Value::Span(-10))]
#[case::by_a_millionth(Value::Span(1_999_999), "0.000001", Value::Span(1))]
#[case::by_nothing(Value::Span(7), "0", Value::Span(0))]
#[case::too_long(Value::Span(9_000_000_000_000_000_000), "1.1", LONGEST)]
#[case::far_too_long(Value::Span(-9_000_000_000_000_000_000), "1e24", SHORTEST)]
#[case::exact_where_a_double_is_not(Value::Span(9_007_199_254_740_993), "3", Value::Span(27_021_597_764_222_979))]
#[case::infinite(Value::Forever, "0.1", Value::Forever)]
#[case::infinite_the_other_way(Value::Forever, "-2", Value::MinusForever)]
#[case::infinite_back_again(Value::MinusForever, "-2", Value::Forever)]
#[case::infinite_by_nothing(Value::Forever, "0", Value::Missing)]
fn a_duration_times_a_number(#[case] duration: Value<'_>, #[case] number: &str, #[case] product: Value<'_>) {
    assert_eq!(arithmetic(Arithmetic::Multiply, &duration, &n(number)), product);
    assert_eq!(arithmetic(Arithmetic::Multiply, &n(number), &duration), product);
}

#[rstest]
#[case::cut_toward_zero(Value::Span(10), "0.7", Value::Span(14))]
#[case::cut_toward_zero_from_below(Value::Span(-10), "3", Value::Span(-3))]
#[case::by_zero(Value::Span(10), "0", Value::Missing)]
#[case::too_long(Value::Span(i64::MAX), "-0.000001", SHORTEST)]
#[case::infinite(Value::Forever, "-3", Value::MinusForever)]
#[case::infinite_by_zero(Value::MinusForever, "0", Value::Missing)]
fn a_duration_divided_by_a_number(#[case] duration: Value<'_>, #[case] number: &str, #[case] quotient: Value<'_>) {
    assert_eq!(arithmetic(Arithmetic::Divide, &duration, &n(number)), quotient);
    assert_eq!(arithmetic(Arithmetic::Divide, &n(number), &duration), Value::Missing);
}

#[rstest]
#[case::rounded_half_to_even(Value::Span(1), Value::Span(3), n("0.333333"))]
#[case::half_a_millionth(Value::Span(1), Value::Span(2_000_000), n("0"))]
#[case::negative(Value::Span(-7), Value::Span(2), n("-3.5"))]
#[case::by_nothing(Value::Span(7), Value::Span(0), Value::Missing)]
#[case::infinite_by_finite(Value::Forever, Value::Span(1), Value::Missing)]
#[case::finite_by_infinite(Value::Span(7), Value::MinusForever, n("0"))]
#[case::infinite_by_infinite(Value::Forever, Value::Forever, Value::Missing)]
#[case::by_something_missing(Value::Span(7), Value::Missing, Value::Missing)]
fn a_duration_divided_by_a_duration(#[case] dividend: Value<'_>, #[case] divisor: Value<'_>, #[case] ratio: Value<'_>) {
    assert_eq!(arithmetic(Arithmetic::Divide, &dividend, &divisor), ratio);
    assert_eq!(arithmetic(Arithmetic::Multiply, &dividend, &divisor), Value::Missing);
}

#[test]
fn what_never_was_is_infinitely_long_ago_under_arithmetic_too() {
    for (when, holds) in [
        ("since(order) * 2 > duration('5000w')", true),
        ("since(order) * -2 < duration('0s')", true),
        ("since(order) * 0 == duration('0s')", false),
        ("since(order) / duration('1d') > 7", false),
        ("since(order) / duration('1d') != 7", false),
        ("since(view) * traits.none > duration('0s')", false),
    ] {
        assert_eq!(Story::holds(when, &[(0, "View", "")], 5), holds, "{when}");
    }
}

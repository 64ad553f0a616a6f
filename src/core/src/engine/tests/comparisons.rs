//! Comparisons: missing values, unlike values, lists, texts.

use crate::decimal::Decimal;
use crate::rules::ruleset::{Arithmetic, Comparison};
use crate::testing::Story;
use crate::value::{Value, arithmetic, compare};
use rstest::rstest;

const ALL: [Comparison; 6] = [
    Comparison::Equal,
    Comparison::NotEqual,
    Comparison::Less,
    Comparison::LessOrEqual,
    Comparison::Greater,
    Comparison::GreaterOrEqual,
];

fn holding(left: Value<'_>, right: Value<'_>) -> Vec<Comparison> {
    ALL.into_iter().filter(|op| compare(*op, &left, &right)).collect()
}

fn n<'a>(number: i64) -> Value<'a> {
    Value::Number(Decimal::from(number))
}

fn decimal<'a>(digits: &str) -> Value<'a> {
    Value::from(Decimal::parse(digits))
}

#[test]
fn every_comparison_with_something_missing_is_false() {
    for other in
        [Value::Missing, n(1), Value::Text("a"), Value::Bool(true), Value::Forever, Value::Span(1), Value::Json("[]")]
    {
        assert_eq!(holding(Value::Missing, other), []);
        assert_eq!(holding(other, Value::Missing), []);
    }
    for op in ["==", "!=", "<", "<=", ">", ">="] {
        for when in [format!("traits.x {op} 'a'"), format!("last(view.x) {op} 1"), format!("min(view.x, '1h') {op} 1")]
        {
            assert!(!Story::holds(&when, &[(0, "View", "")], 0), "{when}");
        }
    }
}

#[test]
fn unlike_values_are_unequal_and_have_no_order() {
    let unlike = [n(1), Value::Text("1"), Value::Bool(true), Value::Span(1)];
    for (at, left) in unlike.iter().enumerate() {
        for right in unlike.iter().skip(at + 1) {
            assert_eq!(holding(*left, *right), [Comparison::NotEqual], "{left:?} {right:?}");
            assert_eq!(holding(*right, *left), [Comparison::NotEqual], "{right:?} {left:?}");
        }
    }
}

#[test]
fn every_comparison_with_an_array_or_an_object_is_false() {
    for json in [Value::Json("{}"), Value::Json("[]"), Value::Json("[1]")] {
        for other in [json, Value::Missing, n(1), Value::Text("[]"), Value::Bool(true), Value::Forever] {
            assert_eq!(holding(json, other), []);
            assert_eq!(holding(other, json), []);
        }
    }
    for op in ["==", "!=", "<", ">="] {
        for when in [format!("traits.x {op} 'a'"), format!("traits.x {op} 1"), format!("traits.x {op} traits.x")] {
            assert!(!Story::of(&when).identify(0, r#""x":{"a":1}"#).is_in("s"), "{when}");
            assert!(!Story::of(&when).identify(0, r#""x":["a"]"#).is_in("s"), "{when}");
        }
    }
    assert!(Story::of("has(traits.x)").identify(0, r#""x":[]"#).is_in("s"), "it is there");
}

#[test]
fn numbers_compare_exactly() {
    let equal = [Comparison::Equal, Comparison::LessOrEqual, Comparison::GreaterOrEqual];
    assert_eq!(holding(n(2), decimal("2.0")), equal);
    assert_eq!(holding(decimal("-0.0"), n(0)), equal);
    let less = [Comparison::NotEqual, Comparison::Less, Comparison::LessOrEqual];
    assert_eq!(holding(n(2), decimal("2.000001")), less);
    // As doubles these two would be the same.
    assert_eq!(holding(n((1 << 53) + 1), n((1 << 53) + 2)), less);
}

#[test]
fn infinite_durations_bound_all_others() {
    let less = [Comparison::NotEqual, Comparison::Less, Comparison::LessOrEqual];
    let equal = [Comparison::Equal, Comparison::LessOrEqual, Comparison::GreaterOrEqual];
    assert_eq!(holding(Value::Span(i64::MAX), Value::Forever), less);
    assert_eq!(holding(Value::MinusForever, Value::Span(i64::MIN)), less);
    assert_eq!(holding(Value::MinusForever, Value::Forever), less);
    assert_eq!(holding(Value::Forever, Value::Forever), equal);
    assert_eq!(arithmetic(Arithmetic::Subtract, &Value::Forever, &Value::Forever), Value::Missing);
    assert_eq!(arithmetic(Arithmetic::Subtract, &Value::Span(5), &Value::Forever), Value::MinusForever);
    assert_eq!(arithmetic(Arithmetic::Add, &Value::Forever, &Value::Span(5)), Value::Forever);
    assert_eq!(arithmetic(Arithmetic::Add, &Value::Span(5), &n(1)), Value::Missing);
}

#[rstest]
#[case(r#""x":"b""#, "traits.x in ['a', 'b']", true)]
#[case(r#""x":"c""#, "traits.x in ['a', 'b']", false)]
#[case(r#""y":"c""#, "traits.x in ['a', 'b']", false)]
#[case(r#""x":2"#, "traits.x in ['2', 2.0]", true)]
#[case(r#""x":"2""#, "traits.x in [1, 2, 3]", false)]
#[case(r#""x":true"#, "traits.x in [true]", true)]
#[case(r#""x":null"#, "traits.x in ['a']", false)]
#[case(r#""x":["a","b"]"#, "'b' in traits.x", true)]
#[case(r#""x":["a","b"]"#, "'c' in traits.x", false)]
#[case(r#""x":[1,2.5,true]"#, "2.5 in traits.x", true)]
#[case(r#""x":"abc""#, "'b' in traits.x", false)]
#[case(r#""x":[ 820982911946154508 , {"y":1} ]"#, "820982911946154508 in traits.x", true)]
#[case(r#""x":[820982911946154508]"#, "820982911946154509 in traits.x", false)]
#[case(r#""x":[25e-1, null]"#, "2.5 in traits.x", true)]
#[case(r#""x":["\u0062", "\""]"#, "'b' in traits.x && '\"' in traits.x", true)]
#[case(r#""x":["1", [1], {"a":1}]"#, "1 in traits.x || 'a' in traits.x", false)]
#[case(r#""x":{"a":"b"}"#, "'b' in traits.x || 'a' in traits.x", false)]
#[case(r#""x":[true,false]"#, "false in traits.x", true)]
#[case(r#""x":["true"]"#, "true in traits.x", false)]
#[case(r#""x":["a"],"y":[["a"]]"#, "traits.x in traits.y", false)]
#[case(r#""y":1"#, "'b' in traits.x", false)]
#[case(r#""x":["a"]"#, "traits.x in ['a']", false)]
fn membership_in_lists(#[case] traits: &str, #[case] when: &str, #[case] holds: bool) {
    assert_eq!(Story::of(when).identify(0, traits).is_in("s"), holds);
}

#[rstest]
#[case("traits.x.startsWith('ab')", true)]
#[case("traits.x.startsWith('bc')", false)]
#[case("traits.x.endsWith('bc')", true)]
#[case("traits.x.contains('b')", true)]
#[case("traits.x.contains('')", true)]
#[case("traits.x.contains('B')", false)]
#[case("traits.x.matches('^a.c$')", true)]
#[case("traits.x.matches('b')", true)]
#[case("traits.x.matches('^b')", false)]
#[case("traits.number.contains('1')", false)]
#[case("traits.number.matches('1')", false)]
#[case("traits.gone.startsWith('')", false)]
#[case("!traits.gone.startsWith('')", true)]
#[case("traits.x > 'abb'", true)]
#[case("traits.x < 5", false)]
#[case("traits.number > '0'", false)]
#[case("traits.number != '12'", true)]
fn tests_on_texts(#[case] when: &str, #[case] holds: bool) {
    assert_eq!(Story::of(when).identify(0, r#""x":"abc","number":12"#).is_in("s"), holds);
}

#[rstest]
#[case("true", true)]
#[case("false", false)]
#[case("traits.yes && !traits.no", true)]
#[case("traits.no || traits.gone", false)]
#[case("traits.yes == true", true)]
#[case("traits.no != true", true)]
#[case("(traits.yes && traits.no) == false", true)]
#[case("traits.word", false)]
fn logic(#[case] when: &str, #[case] holds: bool) {
    assert_eq!(Story::of(when).identify(0, r#""yes":true,"no":false,"word":"true""#).is_in("s"), holds);
}

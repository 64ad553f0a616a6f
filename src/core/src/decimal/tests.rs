//! Numbers read, written and worked with.

use proptest::prelude::*;

use super::*;

fn of(text: &str) -> Decimal {
    Decimal::parse(text).unwrap_or_else(|| panic!("no number: {text}"))
}

#[test]
fn numbers_are_read_exactly_from_their_digits() {
    for (text, written) in [
        ("0", "0"),
        ("-0", "0"),
        ("-0.0e5", "0"),
        ("50.00", "50"),
        ("49.90", "49.9"),
        ("-12.5", "-12.5"),
        ("820982911946154508", "820982911946154508"),
        ("9007199254740993.000001", "9007199254740993.000001"),
        ("1e3", "1000"),
        ("1.5E+3", "1500"),
        ("12345e-3", "12.345"),
        ("1000000000000000000000000", "1000000000000000000000000"),
        ("-1e24", "-1000000000000000000000000"),
        ("0.0000001e30", "100000000000000000000000"),
        ("1e-400", "0"),
        ("0e999999999999999999999999", "0"),
        ("1e-999999999999999999999999", "0"),
    ] {
        assert_eq!(of(text).to_string(), written, "{text}");
    }
}

#[test]
fn a_millionth_is_rounded_half_to_even() {
    for (text, millionths) in [
        ("0.0000005", 0),
        ("0.0000015", 2),
        ("0.0000025", 2),
        ("0.00000250000000000000000000000000000000000000000001", 3),
        ("-0.0000015", -2),
        ("0.00000049999999999999999999999999999999", 0),
        ("5e-7", 0),
        ("15e-7", 2),
        ("0.5e-7", 0),
        ("99.9999995", 100_000_000),
    ] {
        assert_eq!(of(text).millionths(), millionths, "{text}");
    }
}

#[test]
fn what_is_too_large_or_no_number_is_none() {
    let long = "9".repeat(10_000);
    for text in ["1e25", "-1000000000000000000000000.000001", "1e999999999999999999999", &long, "1e400"] {
        assert_eq!(Decimal::parse(text), None, "{text}");
    }
    for text in ["", "-", ".", "1e", "1e+", "1.2.3", "0x10", "NaN", "Infinity", "１", "--1", "1e1.5"] {
        assert_eq!(Decimal::parse(text), None, "{text}");
    }
}

#[test]
fn texts_are_numbers_where_they_say_one() {
    for (text, written) in [
        ("109.30", "109.3"),
        (" -5\t", "-5"),
        ("+7.", "7"),
        (".5", "0.5"),
        ("\u{a0}007\u{a0}", "7"),
        ("0.0000015", "0.000002"),
    ] {
        assert_eq!(Decimal::from_text(text).map(|number| number.to_string()).as_deref(), Some(written), "{text:?}");
    }
    for text in ["", " ", "12e3", "1,5", "1 000", "€5", "5%", "- 5", "+-5", ".", "1.2.3", "٣", "1e24", "Infinity"] {
        assert_eq!(Decimal::from_text(text), None, "{text:?}");
    }
    assert_eq!(Decimal::from_text(&format!("1{}", "0".repeat(25))), None, "larger than 10^24");
}

#[test]
fn sums_are_exact_and_products_and_quotients_rounded_half_to_even() {
    assert_eq!(of("64.07").minus(of("14.07")), Some(of("50")));
    assert_eq!(of("0.1").plus(of("0.2")), Some(of("0.3")));
    assert_eq!(of("7").over(of("2")), Some(of("3.5")));
    assert_eq!(of("1").over(of("3")), Some(of("0.333333")));
    assert_eq!(of("-2").over(of("3")), Some(of("-0.666667")));
    assert_eq!(of("0.000001").over(of("2")), Some(of("0")));
    assert_eq!(of("0.000003").over(of("2")), Some(of("0.000002")));
    assert_eq!(of("0.000005").times(of("0.5")), Some(of("0.000002")));
    assert_eq!(of("0.000007").times(of("0.5")), Some(of("0.000004")));
    assert_eq!(of("5").over(of("0")), None);
    assert_eq!(of("0").over(of("0")), None);
}

#[test]
fn results_beyond_what_fits_in_128_bits_are_right_or_none() {
    let largest = of("1e24");
    assert_eq!(largest.times(of("1e6")).map(|n| n.to_string()), Some(format!("1{}", "0".repeat(30))));
    assert_eq!(largest.times(of("1000000.000001")), None, "larger than 10^30");
    assert_eq!(largest.times(largest), None);
    assert_eq!(largest.over(of("0.000001")).map(|n| n.to_string()), Some(format!("1{}", "0".repeat(30))));
    let huge = largest.times(of("1e6")).expect("it is 10^30");
    assert_eq!(huge.over(of("0.000001")), None);
    assert_eq!(huge.over(huge), Some(of("1")));
    assert_eq!(huge.plus(of("0.000001")), None);
    assert_eq!(huge.negated().minus(of("0.000001")), None);
    assert_eq!(huge.over(of("3")).map(|n| n.to_string()), Some(format!("{}.333333", "3".repeat(30))));
    assert_eq!(Decimal::of_sum(i128::MAX), None);
    assert_eq!(Decimal::of_sum(-10_i128.pow(36)).map(|n| n.negated()), Some(huge));
}

#[test]
fn it_takes_no_padding() {
    assert_eq!((size_of::<Decimal>(), align_of::<Decimal>()), (16, 8));
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(millionths in -GIVEN_MAX..=GIVEN_MAX) {
        let number = Decimal::from_millionths(millionths);
        prop_assert_eq!(Decimal::parse(&number.to_string()), Some(number));
        prop_assert_eq!(Decimal::from_text(&number.to_string()), Some(number));
    }

    #[test]
    fn few_digits_are_read_as_many_are(digits in "-?[0-9]{0,20}[.]?[0-9]{0,9}") {
        let usual = usual(digits.strip_prefix('-').unwrap_or(&digits));
        let scaled = scaled(digits.strip_prefix('-').unwrap_or(&digits), 0);
        prop_assert!(usual.is_none() || usual == scaled, "{:?} is not {:?}", usual, scaled);
        prop_assert!(usual.is_some() || digits.len() > USUAL_BYTES_MAX || scaled.is_none() || digits.split('.').nth(1).is_some_and(|places| places.len() > 6));
    }

    #[test]
    fn wide_division_undoes_wide_products(a: u128, b in 1..=u128::MAX >> 1, rest: u128) {
        let rest = rest % b;
        let (high, low) = wide_product(a, b);
        let (low, carry) = low.overflowing_add(rest);
        prop_assert_eq!(divide((high + u128::from(carry), low), b), Some((a, rest)));
    }

    #[test]
    fn both_ways_of_dividing_agree(a in -10_i128.pow(20)..10_i128.pow(20), b in 1..10_i128.pow(20)) {
        let product = a.unsigned_abs() * SCALE.unsigned_abs();
        let wide = divide(wide_product(a.unsigned_abs(), SCALE.unsigned_abs()), b.unsigned_abs());
        prop_assert_eq!(wide, Some((product / b.unsigned_abs(), product % b.unsigned_abs())));
    }
}

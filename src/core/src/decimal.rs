//! Decimals with six places: what every number of events, state, rules and payloads is.
//!
//! A number is a whole count of millionths, so `64.07 - 14.07` is 50 and an order's id keeps all its digits. Sums and
//! differences are exact; products and quotients are rounded half to even to a millionth. What is too large is no number
//! at all: nothing saturates, and no result depends on the order in which things were added.

use std::fmt;

/// Millionths of one.
const SCALE: i128 = 1_000_000;
/// Decimal places.
const PLACES: i64 = 6;
/// Millionths of the largest number that an event or a rule may have, 10^24.
const GIVEN_MAX: i128 = 10_i128.pow(30);
/// Millionths of the largest number that may be worked out, 10^30.
const RESULT_MAX: i128 = 10_i128.pow(36);

/// A number with six decimal places.
///
/// Eight bytes are its alignment, so that what holds one next to an instant or a text is not padded for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(Rust, packed(8))]
pub struct Decimal(i128);

impl Decimal {
    /// 0.
    pub const ZERO: Decimal = Decimal(0);
    /// The largest number that an event or a rule may have, 10^24.
    pub const GIVEN_MAX: Decimal = Decimal(GIVEN_MAX);

    /// A number of millionths.
    pub const fn from_millionths(millionths: i128) -> Decimal {
        Decimal(millionths)
    }

    /// How many millionths it is.
    pub const fn millionths(self) -> i128 {
        self.0
    }

    /// A number as JSON writes it (`-12.50`, `1e3`), rounded half to even to a millionth exactly from its digits. `None`: it
    /// is larger than 10^24 in size, or no number.
    pub fn parse(text: &str) -> Option<Decimal> {
        let (is_negative, digits) = match text.strip_prefix('-') {
            Some(digits) => (true, digits),
            None => (false, text),
        };
        let (digits, exponent) = match digits.find(['e', 'E']) {
            Some(at) => (&digits[..at], exponent(&digits[at + 1..])?),
            None => (digits, 0),
        };
        let magnitude = scaled(digits, exponent)?;
        Some(Decimal(if is_negative { -magnitude } else { magnitude }))
    }

    /// What a text says: an optional sign, digits, at most one point, and blanks around them. `None`: it is no such text, or
    /// the number is larger than 10^24 in size.
    pub fn from_text(text: &str) -> Option<Decimal> {
        let text = text.trim();
        let (is_negative, digits) = match text.as_bytes().first()? {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let magnitude = scaled(digits, 0)?;
        Some(Decimal(if is_negative { -magnitude } else { magnitude }))
    }

    /// Whether an event or a rule may have it.
    pub fn is_given(self) -> bool {
        self.0.unsigned_abs() <= GIVEN_MAX.unsigned_abs()
    }

    /// `self + other`; `None`: it is larger than 10^30 in size.
    pub fn plus(self, other: Decimal) -> Option<Decimal> {
        self.0.checked_add(other.0).and_then(Decimal::result)
    }

    /// `self - other`; `None`: it is larger than 10^30 in size.
    pub fn minus(self, other: Decimal) -> Option<Decimal> {
        self.0.checked_sub(other.0).and_then(Decimal::result)
    }

    /// `self * other`, rounded half to even to a millionth; `None`: it is larger than 10^30 in size.
    pub fn times(self, other: Decimal) -> Option<Decimal> {
        self.scaled_product(other.0, SCALE)
    }

    /// `self / other`, rounded half to even to a millionth; `None`: it is larger than 10^30 in size, or `other` is 0.
    pub fn over(self, other: Decimal) -> Option<Decimal> {
        self.scaled_product(SCALE, other.0)
    }

    /// `-self`.
    pub fn negated(self) -> Decimal {
        Decimal(self.0.wrapping_neg())
    }

    /// A sum of numbers of events, unless it is larger than 10^30 in size.
    ///
    /// Sums of millionths are kept modulo 2^128, which no order of adding changes. They are exact as long as fewer than 170
    /// million numbers were added up, even of the largest there are.
    pub fn of_sum(millionths: i128) -> Option<Decimal> {
        Decimal::result(millionths)
    }

    fn result(millionths: i128) -> Option<Decimal> {
        (millionths.unsigned_abs() <= RESULT_MAX.unsigned_abs()).then_some(Decimal(millionths))
    }

    /// `self * factor / divisor` in millionths.
    fn scaled_product(self, factor: i128, divisor: i128) -> Option<Decimal> {
        let is_negative = (self.0 < 0) ^ (factor < 0) ^ (divisor < 0);
        let (factor, divisor) = (factor.unsigned_abs(), divisor.unsigned_abs());
        if divisor == 0 {
            return None;
        }
        let (quotient, rest) = match self.0.unsigned_abs().checked_mul(factor) {
            Some(product) => (product / divisor, product % divisor),
            None => divide(wide_product(self.0.unsigned_abs(), factor), divisor)?,
        };
        let rounds_up = match rest.cmp(&(divisor - rest)) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => quotient % 2 == 1,
            std::cmp::Ordering::Greater => true,
        };
        let magnitude = i128::try_from(quotient.checked_add(u128::from(rounds_up))?).ok()?;
        Decimal::result(if is_negative { -magnitude } else { magnitude })
    }
}

impl From<i64> for Decimal {
    fn from(number: i64) -> Decimal {
        Decimal(i128::from(number) * SCALE)
    }
}

impl From<u64> for Decimal {
    fn from(number: u64) -> Decimal {
        Decimal(i128::from(number) * SCALE)
    }
}

/// All its digits and no more: `50`, `49.9`, `-0.000001`.
impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let magnitude = self.millionths().unsigned_abs();
        let (whole, rest) = (magnitude / SCALE.unsigned_abs(), magnitude % SCALE.unsigned_abs());
        if self.millionths() < 0 {
            f.write_str("-")?;
        }
        write!(f, "{whole}")?;
        if rest == 0 {
            return Ok(());
        }
        let places = format!("{rest:06}");
        write!(f, ".{}", places.trim_end_matches('0'))
    }
}

/// A power of ten; what does not fit is far beyond every number there is.
fn exponent(text: &str) -> Option<i64> {
    let (is_negative, digits) = match text.as_bytes().first()? {
        b'-' => (true, &text[1..]),
        b'+' => (false, &text[1..]),
        _ => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let size = digits.bytes().fold(0_i64, |size, byte| size.saturating_mul(10).saturating_add(i64::from(byte - b'0')));
    // Half of what fits, so that a number's own digits can be added.
    let size = size.min(i64::MAX / 2);
    Some(if is_negative { -size } else { size })
}

/// The millionths of digits with at most one point among them, times a power of ten, rounded half to even.
fn scaled(digits: &str, exponent: i64) -> Option<i128> {
    let places = digits.find('.').map_or(0, |at| digits.len() - at - 1);
    let count = digits.len() - usize::from(digits.contains('.'));
    let figures = || digits.bytes().filter(|byte| *byte != b'.').map(|byte| byte.wrapping_sub(b'0'));
    if count == 0 || digits.matches('.').count() > 1 || figures().any(|figure| figure > 9) {
        return None;
    }
    let shift = exponent + PLACES - i64::try_from(places).ok()?;
    // Figures left of the last millionth; those right of it decide how it is rounded.
    let kept = i64::try_from(count).ok()?.saturating_add(shift.min(0));
    let mut magnitude: i128 = 0;
    for figure in figures().take(usize::try_from(kept).unwrap_or(0)) {
        magnitude = in_range(magnitude * 10 + i128::from(figure))?;
    }
    for _ in 0..shift.max(0) {
        if magnitude == 0 {
            break;
        }
        magnitude = in_range(magnitude * 10)?;
    }
    let mut right = figures().skip(usize::try_from(kept).unwrap_or(usize::MAX));
    let rounds_up = match right.next() {
        Some(figure @ 5..) => figure > 5 || right.any(|figure| figure > 0) || magnitude % 2 == 1,
        _ => false,
    };
    in_range(magnitude + i128::from(rounds_up))
}

fn in_range(magnitude: i128) -> Option<i128> {
    (magnitude <= GIVEN_MAX).then_some(magnitude)
}

/// The upper and the lower 128 bits of a product.
fn wide_product(a: u128, b: u128) -> (u128, u128) {
    const LOW: u128 = u64::MAX as u128;
    let (a_high, a_low, b_high, b_low) = (a >> 64, a & LOW, b >> 64, b & LOW);
    let low = a_low * b_low;
    // Neither can overflow: each is at most (2^64 - 1)^2 and a carry below 2^64.
    let first = a_high * b_low + (low >> 64);
    let second = a_low * b_high + (first & LOW);
    (a_high * b_high + (first >> 64) + (second >> 64), second << 64 | low & LOW)
}

/// The quotient and the rest of 256 bits divided by at most 127 of them; `None`: the quotient has more than 128.
fn divide((high, low): (u128, u128), divisor: u128) -> Option<(u128, u128)> {
    if high >= divisor {
        return None;
    }
    let (mut quotient, mut rest) = (0_u128, high);
    for bit in (0..128).rev() {
        rest = rest << 1 | low >> bit & 1;
        quotient <<= 1;
        if rest >= divisor {
            rest -= divisor;
            quotient |= 1;
        }
    }
    Some((quotient, rest))
}

/// `1234567` as `1,234,567`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
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
        for text in ["", " ", "12e3", "1,5", "1 000", "€5", "5%", "- 5", "+-5", ".", "1.2.3", "٣", "1e24", "Infinity"]
        {
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
}

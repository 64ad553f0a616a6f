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
        let magnitude = match usual(digits) {
            Some(magnitude) => magnitude,
            None => match digits.find(['e', 'E']) {
                Some(at) => scaled(&digits[..at], exponent(&digits[at + 1..])?)?,
                None => scaled(digits, 0)?,
            },
        };
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

    /// The number, if it is whole and has at most 64 bits, with a sign or without.
    pub fn whole_within_64_bits(self) -> Option<i128> {
        let whole = self.0 / SCALE;
        let is_whole = whole * SCALE == self.0;
        (is_whole && (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&whole)).then_some(whole)
    }

    /// Whether a term may give it: it is at most 10^30 in size.
    pub fn is_in_range(self) -> bool {
        self.0.unsigned_abs() <= RESULT_MAX.unsigned_abs()
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

    /// The nearest double.
    pub fn to_double(self) -> f64 {
        let millionths = self.millionths();
        match i32::try_from(millionths) {
            // Both are exact, so that only the quotient is rounded.
            Ok(millionths) => f64::from(millionths) / 1e6,
            Err(_) => self.to_string().parse().unwrap_or(f64::NAN),
        }
    }

    /// A double, rounded half to even to a millionth from its shortest digits. `None`: it is larger than 10^24 in size, or no
    /// number.
    pub fn from_double(double: f64) -> Option<Decimal> {
        double.is_finite().then(|| Decimal::parse(&double.to_string())).flatten()
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

/// The longest number, without its sign, that [`usual`] reads: all of its digits fit in 64 bits.
const USUAL_BYTES_MAX: usize = 18;

/// The millionths of a few digits with at most one point among them and at most six behind it; `None`: they are others.
fn usual(digits: &str) -> Option<i128> {
    const POINT_MILLIONTHS: [u32; 7] = [1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
    if digits.len() > USUAL_BYTES_MAX || digits.bytes().all(|byte| byte == b'.') {
        return None;
    }
    let (mut number, mut point) = (0_u64, None);
    for (at, byte) in digits.bytes().enumerate() {
        match byte {
            b'0'..=b'9' => number = number * 10 + u64::from(byte - b'0'),
            b'.' if point.is_none() => point = Some(at),
            _ => return None,
        }
    }
    let places = point.map_or(0, |at| digits.len() - at - 1);
    Some(i128::from(number) * i128::from(*POINT_MILLIONTHS.get(places)?))
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
mod tests;

//! Numbers with six places, reckoned as with pencil and paper: a sign, and the digits of the millionths.

#![allow(dead_code, reason = "the decoder's twin only reads numbers")]

use std::cmp::Ordering;

/// A number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OracleDecimal {
    negative: bool,
    /// Of the millionths, the most significant digit first, and no zero before it; none of 0.
    digits: Vec<u8>,
}

impl OracleDecimal {
    /// The number that JSON's digits say, half to even; `None`: above 10^24 in size.
    pub fn parse(json: &str) -> Option<OracleDecimal> {
        let (negative, rest) = json.strip_prefix('-').map_or((false, json), |rest| (true, rest));
        let (mantissa, exponent) = rest.split_once(['e', 'E']).unwrap_or((rest, "0"));
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let all: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|digit| digit - b'0').collect();
        let leading = all.iter().take_while(|digit| **digit == 0).count();
        let all = all[leading..].to_vec();
        if all.is_empty() {
            return Some(OracleDecimal::new(false, all));
        }
        // Where the point of the millionths stands among the digits.
        let exponent: i128 = exponent.trim_start_matches('+').parse().unwrap_or(if exponent.starts_with('-') {
            -1_000_000
        } else {
            1_000_000
        });
        let point = whole.len() as i128 - leading as i128 + exponent + 6;
        if point > 31 {
            return None;
        }
        let zeros = usize::try_from(-point).unwrap_or(0).min(1);
        let padded: Vec<u8> = std::iter::repeat_n(0, zeros).chain(all).chain(std::iter::repeat_n(0, 40)).collect();
        let point = usize::try_from(point).unwrap_or(0);
        let number = round(negative, padded[..point].to_vec(), &padded[point..]);
        (number.size() <= power(30)).then_some(number)
    }

    /// What a text says, if it is a number.
    pub fn of_text(text: &str) -> Option<OracleDecimal> {
        let text = text.trim();
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let shape = regex::Regex::new(r"^([0-9]+\.?[0-9]*|\.[0-9]+)$").expect("the pattern is fixed and valid");
        let sign = if text.starts_with('-') { "-" } else { "" };
        shape.is_match(unsigned).then(|| OracleDecimal::parse(&format!("{sign}{unsigned}")))?
    }

    pub fn whole(number: usize) -> OracleDecimal {
        OracleDecimal::parse(&number.to_string()).expect("counts are small")
    }

    /// The number that has this many millionths.
    pub fn of_millionths(number: i128) -> OracleDecimal {
        let digits = number.unsigned_abs().to_string().bytes().map(|digit| digit - b'0').collect();
        OracleDecimal::new(number < 0, digits)
    }

    pub fn plus(&self, other: &OracleDecimal) -> OracleDecimal {
        if self.negative == other.negative {
            return OracleDecimal::new(self.negative, add(&self.digits, &other.digits));
        }
        match self.size().cmp(&other.size()) {
            Ordering::Less => OracleDecimal::new(other.negative, subtract(&other.digits, &self.digits)),
            _ => OracleDecimal::new(self.negative, subtract(&self.digits, &other.digits)),
        }
    }

    pub fn negated(&self) -> OracleDecimal {
        OracleDecimal::new(!self.negative, self.digits.clone())
    }

    pub fn times(&self, other: &OracleDecimal) -> OracleDecimal {
        let mut product = Vec::new();
        for digit in &self.digits {
            product.push(0);
            for _ in 0..*digit {
                product = add(&product, &other.digits);
            }
        }
        let padded: Vec<u8> = std::iter::repeat_n(0, 6).chain(product).collect();
        let point = padded.len() - 6;
        round(self.negative != other.negative, padded[..point].to_vec(), &padded[point..])
    }

    /// `None`: by 0.
    pub fn over(&self, other: &OracleDecimal) -> Option<OracleDecimal> {
        if other.digits.is_empty() {
            return None;
        }
        let (mut quotient, mut rest) = (Vec::new(), Vec::new());
        for digit in self.digits.iter().copied().chain(std::iter::repeat_n(0, 6)) {
            rest.push(digit);
            rest = trimmed(rest);
            let mut times = 0;
            while size(&rest) >= other.size() {
                rest = trimmed(subtract(&rest, &other.digits));
                times += 1;
            }
            quotient.push(times);
        }
        // Whether the rest is less than half, half or more, as a tenth's digit would say it.
        let dropped = match size(&trimmed(add(&rest, &rest))).cmp(&other.size()) {
            Ordering::Less => [4, 0],
            Ordering::Equal => [5, 0],
            Ordering::Greater => [5, 1],
        };
        Some(round(self.negative != other.negative, quotient, &dropped))
    }

    /// Unless it is larger than 10^30 in size.
    pub fn bounded(self) -> Option<OracleDecimal> {
        (self.size() <= power(36)).then_some(self)
    }

    /// The nearest double.
    pub fn to_double(&self) -> f64 {
        self.written().parse().expect("digits with at most one point are a double")
    }

    /// Its millionths, written out.
    pub fn millionths(&self) -> String {
        let digits: String = self.digits.iter().map(|digit| char::from(b'0' + digit)).collect();
        let sign = if self.negative { "-" } else { "" };
        if digits.is_empty() { "0".to_owned() } else { format!("{sign}{digits}") }
    }

    /// The number as digits, with a point if it is not whole, and without zeros at the end of a fraction.
    pub fn written(&self) -> String {
        let digits: String = self.digits.iter().map(|digit| char::from(b'0' + digit)).collect();
        let padded = format!("{digits:0>7}");
        let (whole, fraction) = padded.split_at(padded.len() - 6);
        let sign = if self.negative { "-" } else { "" };
        format!("{sign}{whole}.{fraction}").trim_end_matches('0').trim_end_matches('.').to_owned()
    }

    fn new(negative: bool, digits: Vec<u8>) -> OracleDecimal {
        let digits = trimmed(digits);
        OracleDecimal { negative: negative && !digits.is_empty(), digits }
    }

    fn size(&self) -> (usize, &[u8]) {
        size(&self.digits)
    }
}

impl PartialOrd for OracleDecimal {
    fn partial_cmp(&self, other: &OracleDecimal) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OracleDecimal {
    fn cmp(&self, other: &OracleDecimal) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.size().cmp(&other.size()),
            (true, true) => other.size().cmp(&self.size()),
            (negative, _) => {
                if negative {
                    Ordering::Less
                } else {
                    Ordering::Greater
                }
            }
        }
    }
}

/// Longer is larger; of equal length, digit by digit.
fn size(digits: &[u8]) -> (usize, &[u8]) {
    (digits.len(), digits)
}

/// 10 to a power, as a size.
fn power(exponent: usize) -> (usize, &'static [u8]) {
    const DIGITS: [u8; 64] = {
        let mut digits = [0; 64];
        digits[0] = 1;
        digits
    };
    (exponent + 1, &DIGITS[..exponent + 1])
}

fn trimmed(mut digits: Vec<u8>) -> Vec<u8> {
    let zeros = digits.iter().take_while(|digit| **digit == 0).count();
    digits.drain(..zeros);
    digits
}

/// Half to even, by the digits that are dropped.
fn round(negative: bool, kept: Vec<u8>, dropped: &[u8]) -> OracleDecimal {
    let more = dropped[1..].iter().any(|digit| *digit > 0);
    let up = match dropped[0] {
        0..5 => false,
        5 if !more => kept.last().is_some_and(|digit| digit % 2 == 1),
        _ => true,
    };
    OracleDecimal::new(negative, if up { add(&kept, &[1]) } else { kept })
}

fn add(left: &[u8], right: &[u8]) -> Vec<u8> {
    let length = left.len().max(right.len()) + 1;
    let mut sum = vec![0; length];
    let mut carry = 0;
    for at in 0..length {
        let digit = |digits: &[u8]| digits.len().checked_sub(at + 1).map_or(0, |place| digits[place]);
        let total = digit(left) + digit(right) + carry;
        (sum[length - 1 - at], carry) = (total % 10, total / 10);
    }
    sum
}

/// The larger less the smaller.
fn subtract(larger: &[u8], smaller: &[u8]) -> Vec<u8> {
    let mut difference = larger.to_vec();
    let mut borrowed = 0;
    for at in 0..larger.len() {
        let other = smaller.len().checked_sub(at + 1).map_or(0, |place| smaller[place]) + borrowed;
        let digit = &mut difference[larger.len() - 1 - at];
        borrowed = u8::from(*digit < other);
        *digit = *digit + 10 * borrowed - other;
    }
    difference
}

#[test]
fn zeros_at_the_end_of_a_fraction_are_not_written() {
    let written = |text| OracleDecimal::parse(text).map(|number| number.written());
    let expected = ["100", "0", "-0.5", "6172839450617283.5", "0.000001"];
    assert_eq!(
        ["100.0", "0", "-0.50", "6172839450617283.500", "1e-6"].map(written),
        expected.map(|text| Some(text.to_owned()))
    );
}

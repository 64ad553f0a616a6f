//! Lengths of time, and their literals.

use std::fmt;

use super::Timestamp;

/// The units of a literal, in milliseconds.
const UNITS: [(&str, i64); 6] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];

/// A length of time in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub i64);

/// Why a text is not a duration.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// There is no text.
    #[error("the duration is empty")]
    Empty,
    /// A part is not digits and letters.
    #[error("`{0}` is not a whole number followed by a unit (ms, s, m, h, d, w)")]
    Malformed(String),
    /// The letters of a part are not a unit.
    #[error("`{0}` is not a unit of time; the units are ms, s, m, h, d (24 h), w (7 d)")]
    UnknownUnit(String),
    /// The units do not descend.
    #[error("the parts of `{0}` must go from the largest unit to the smallest, each once")]
    UnitOrder(String),
    /// It exceeds the range of milliseconds.
    #[error("`{0}` is too long to count in milliseconds")]
    TooLong(String),
}

impl Span {
    /// Reads a duration literal of the rules language: `30m`, `7d`, `1h30m`; units `ms`, `s`, `m`, `h`, `d` (24 h) and
    /// `w` (7 d), each after a whole number; of several, the largest comes first.
    ///
    /// # Errors
    /// What is wrong with the literal.
    pub fn parse(text: &str) -> Result<Span, SpanError> {
        if text.is_empty() {
            return Err(SpanError::Empty);
        }
        let (mut rest, mut total, mut previous_unit) = (text, 0i64, i64::MAX);
        while !rest.is_empty() {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (number, tail) = rest.split_at(digits);
            let letters = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
            let (unit, tail) = tail.split_at(letters);
            if number.is_empty() || unit.is_empty() {
                return Err(SpanError::Malformed(text.to_owned()));
            }
            let Some(&(_, unit_ms)) = UNITS.iter().find(|(name, _)| *name == unit) else {
                return Err(SpanError::UnknownUnit(unit.to_owned()));
            };
            if unit_ms >= previous_unit {
                return Err(SpanError::UnitOrder(text.to_owned()));
            }
            let part = number.parse::<i64>().ok().and_then(|n| n.checked_mul(unit_ms));
            total = part
                .and_then(|ms| total.checked_add(ms))
                .filter(|ms| *ms <= Timestamp::NEVER.0)
                .ok_or_else(|| SpanError::TooLong(text.to_owned()))?;
            (rest, previous_unit) = (tail, unit_ms);
        }
        Ok(Span(total))
    }
}

/// As [`Span`]'s literal.
impl serde::Serialize for Span {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The shortest literal [`Span::parse`] reads back: `1h30m`, `7d`, `0ms`.
impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        if rest == 0 {
            return f.write_str("0ms");
        }
        if rest < 0 {
            f.write_str("-")?;
            rest = -rest;
        }
        for (unit, ms) in [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)] {
            if rest >= ms {
                write!(f, "{}{unit}", rest / ms)?;
                rest %= ms;
            }
        }
        Ok(())
    }
}

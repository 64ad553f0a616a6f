//! Instants and spans of time, in whole milliseconds.
//!
//! Every time the engine computes with is a [`Timestamp`]: UTC milliseconds since 1970-01-01T00:00:00Z. There is no
//! clock in here; time comes from the log.

use std::fmt;
use std::ops::{Add, Sub};

/// An instant: UTC milliseconds since 1970. Earlier instants are negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// A length of time in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub i64);

impl Timestamp {
    /// Before every event: the watermark of a log of which nothing was read yet.
    pub const MIN: Timestamp = Timestamp(i64::MIN / 4);
    /// After every event: "time alone changes nothing here".
    pub const NEVER: Timestamp = Timestamp(i64::MAX / 4);

    /// Reads an RFC 3339 timestamp (`2026-03-05T09:00:00.123+08:00`), cut to whole milliseconds.
    ///
    /// Years 0001 to 9999. A leap second (`:60`) reads as the second before it. `None` for anything else, a missing
    /// offset included.
    pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
        let bytes = text.as_bytes();
        let shape_holds = bytes.len() >= 20
            && bytes[4] == b'-'
            && bytes[7] == b'-'
            && matches!(bytes[10], b'T' | b't' | b' ')
            && bytes[13] == b':'
            && bytes[16] == b':'
            && (matches!(bytes[bytes.len() - 1], b'Z' | b'z') || bytes[bytes.len() - 3] == b':')
            && bytes[..4].iter().all(u8::is_ascii_digit);
        if !shape_holds {
            return None;
        }
        let instant: jiff::Timestamp = text.parse().ok()?;
        let ms = instant.as_nanosecond().div_euclid(1_000_000);
        i64::try_from(ms).ok().map(Timestamp)
    }
}

impl Span {
    /// Reads a duration literal of the rules language: `30m`, `7d`, `1h30m`; units `ms`, `s`, `m`, `h`, `d` (24 h) and
    /// `w` (7 d), each a whole number and, when several stand together, from the largest to the smallest.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the literal.
    pub fn parse(text: &str) -> Result<Span, String> {
        const UNITS: [(&str, i64); 6] =
            [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];
        if text.is_empty() {
            return Err("the duration is empty".to_owned());
        }
        let (mut rest, mut total, mut previous_unit) = (text, 0i64, i64::MAX);
        while !rest.is_empty() {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let (number, tail) = rest.split_at(digits);
            let letters = tail.len() - tail.trim_start_matches(|c: char| c.is_ascii_alphabetic()).len();
            let (unit, tail) = tail.split_at(letters);
            if number.is_empty() || unit.is_empty() {
                return Err(format!("`{text}` is not a whole number followed by a unit (ms, s, m, h, d, w)"));
            }
            let Some(&(_, unit_ms)) = UNITS.iter().find(|(name, _)| *name == unit) else {
                return Err(format!("`{unit}` is not a unit of time; the units are ms, s, m, h, d (24 h), w (7 d)"));
            };
            if unit_ms >= previous_unit {
                return Err(format!("the parts of `{text}` must go from the largest unit to the smallest, each once"));
            }
            let part = number.parse::<i64>().ok().and_then(|n| n.checked_mul(unit_ms));
            total = part
                .and_then(|ms| total.checked_add(ms))
                .filter(|ms| *ms <= Timestamp::NEVER.0)
                .ok_or_else(|| format!("`{text}` is too long to count in milliseconds"))?;
            (rest, previous_unit) = (tail, unit_ms);
        }
        Ok(Span(total))
    }
}

impl Add<Span> for Timestamp {
    type Output = Timestamp;

    fn add(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_add(span.0))
    }
}

impl Sub<Span> for Timestamp {
    type Output = Timestamp;

    fn sub(self, span: Span) -> Timestamp {
        Timestamp(self.0.saturating_sub(span.0))
    }
}

impl Sub for Timestamp {
    type Output = Span;

    fn sub(self, earlier: Timestamp) -> Span {
        Span(self.0.saturating_sub(earlier.0))
    }
}

/// RFC 3339 in UTC with exactly three decimals: `2026-03-03T10:00:00.000Z`.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_millisecond(self.0) {
            Ok(instant) => write!(f, "{instant:.3}"),
            Err(_) => write!(f, "{} ms since 1970", self.0),
        }
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

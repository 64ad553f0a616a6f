//! Instants and spans of time, in whole milliseconds.
//!
//! Every time the engine computes with is a [`Timestamp`]: UTC milliseconds since 1970-01-01T00:00:00Z. There is no
//! clock in here; time comes from the log.

use std::fmt;
use std::ops::{Add, Sub};

use jiff::SignedDuration;
use jiff::civil::DateTime;
use jiff::tz::Offset;
use schemars::JsonSchema;
use serde::Serialize;

/// An instant: UTC milliseconds since 1970. Earlier instants are negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

/// A length of time in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span(pub i64);

/// What moves time (semantics §3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, JsonSchema, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Clock {
    /// Events and broker times: for live traffic.
    Log,
    /// Events alone: for backfills of history and sped-up simulations.
    Events,
}

impl Timestamp {
    /// Before every event: the watermark of a log of which nothing was read yet.
    pub const MIN: Timestamp = Timestamp(i64::MIN / 4);
    /// After every event: "time alone changes nothing here".
    pub const NEVER: Timestamp = Timestamp(i64::MAX / 4);

    /// Reads an RFC 3339 timestamp (`2026-03-05T09:00:00.123+08:00`), cut to whole milliseconds.
    ///
    /// A leap second (`:60`) reads as the second before it. `None` for anything else, for a missing offset, and for an
    /// instant outside the years 0000 to 9999 UTC, which RFC 3339 could not write.
    pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
        let (date_time, rest) = text.as_bytes().split_at_checked(19)?;
        let [_, _, _, _, b'-', _, _, b'-', _, _, b'T' | b't' | b' ', _, _, b':', _, _, b':', _, _] = date_time else {
            return None;
        };
        let (fraction_ms, rest) = fraction(rest)?;
        let two = |at: usize| digits(&date_time[at..at + 2]).and_then(|number| i8::try_from(number).ok());
        let second = two(17).filter(|second| *second <= 60)?.min(59);
        let year = i16::try_from(digits(&date_time[..4])?).ok()?;
        let local = DateTime::new(year, two(5)?, two(8)?, two(11)?, two(14)?, second, fraction_ms * 1_000_000).ok()?;
        // Not through jiff::Timestamp, which ends a day before the year 9999 does.
        let utc = match offset(rest)? {
            SignedDuration::ZERO => local,
            offset => local.checked_sub(offset).ok().filter(|utc| utc.year() >= 0)?,
        };
        i64::try_from(utc.duration_since(EPOCH).as_millis()).ok().map(Timestamp)
    }
}

const EPOCH: DateTime = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0);

fn digits(bytes: &[u8]) -> Option<i32> {
    bytes.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i32::from(byte - b'0')))
}

/// The milliseconds of `.123456`, and what follows it; 0 where there is no fraction.
fn fraction(text: &[u8]) -> Option<(i32, &[u8])> {
    let Some(decimals) = text.strip_prefix(b".") else { return Some((0, text)) };
    let count = decimals.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (decimals, rest) = decimals.split_at(count);
    let first_three = decimals.iter().chain(b"00").take(3);
    let ms = first_three.fold(0, |ms, byte| ms * 10 + i32::from(byte - b'0'));
    (count > 0).then_some((ms, rest))
}

/// What `Z`, `+08:00` or `-05:30` is ahead of UTC.
fn offset(text: &[u8]) -> Option<SignedDuration> {
    let (sign, hours, minutes) = match text {
        b"Z" | b"z" => return Some(SignedDuration::ZERO),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => (*sign, digits(&[*h1, *h2])?, digits(&[*m1, *m2])?),
        _ => return None,
    };
    let ahead = SignedDuration::from_secs(i64::from(hours * 3_600 + minutes * 60));
    (hours < 24 && minutes < 60).then_some(if sign == b'-' { -ahead } else { ahead })
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

impl Timestamp {
    /// Hands on its text: RFC 3339 in UTC with exactly three decimals (`2026-03-03T10:00:00.000Z`).
    pub fn with_text<R>(self, take: impl FnOnce(&str) -> R) -> R {
        let civil = jiff::Timestamp::from_millisecond(self.0).map(|instant| Offset::UTC.to_datetime(instant));
        // jiff's instants end a day before the year 9999 does.
        match civil.or_else(|_| EPOCH.checked_add(SignedDuration::from_millis(self.0))) {
            Ok(utc) if utc.year() >= 0 => take(str::from_utf8(&digits_of(utc)).expect("digits are text")),
            Ok(utc) => take(&format!("{utc:.3}Z")),
            Err(_) => take(&format!("{} ms since 1970", self.0)),
        }
    }
}

/// As RFC 3339 has it; the year is not negative.
fn digits_of(utc: DateTime) -> [u8; 24] {
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let mut put = |mut end: usize, mut number: u16| {
        while number > 0 {
            end -= 1;
            text[end] = b'0' + (number % 10) as u8;
            number /= 10;
        }
    };
    put(4, utc.year().unsigned_abs());
    put(7, utc.month().unsigned_abs().into());
    put(10, utc.day().unsigned_abs().into());
    put(13, utc.hour().unsigned_abs().into());
    put(16, utc.minute().unsigned_abs().into());
    put(19, utc.second().unsigned_abs().into());
    put(23, utc.millisecond().unsigned_abs());
    text
}

/// As [`Timestamp::with_text`] has it.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.with_text(|text| f.write_str(text))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_instants_text_is_what_jiff_writes(ms in -100_000_000_000_000i64..300_000_000_000_000) {
            let utc = EPOCH.checked_add(SignedDuration::from_millis(ms));
            let expected = utc.map_or_else(|_| format!("{ms} ms since 1970"), |utc| format!("{utc:.3}Z"));
            prop_assert_eq!(Timestamp(ms).to_string(), expected);
        }
    }

    #[test]
    fn text_at_the_ends_of_the_years_there_are() {
        for (ms, text) in [
            (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
            (-62_167_219_200_001, "-000001-12-31T23:59:59.999Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (253_402_300_800_000, "253402300800000 ms since 1970"),
            (0, "1970-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(Timestamp(ms).to_string(), text);
        }
    }
}

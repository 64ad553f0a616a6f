//! Instants and spans of time, in whole milliseconds.
//!
//! Every time the engine computes with is a [`Timestamp`]: UTC milliseconds since 1970-01-01T00:00:00Z. There is no
//! clock in here; time comes from the log.

mod beat;
mod calendar;
mod day_bits;
mod day_set;
mod span;
mod usual;
mod written;

use std::fmt;
use std::ops::{Add, Range, Sub};

use jiff::SignedDuration;
use jiff::civil::{Date, DateTime, Time};
use jiff::tz::Offset;
use schemars::JsonSchema;
use serde::Serialize;

pub use beat::{beat_after, beat_through};
pub use calendar::{CalendarUnit, ZoneCalendar};
pub(crate) use day_bits::DayBits;
pub(crate) use day_set::DaySet;
pub use span::{Span, SpanError};
pub use written::WrittenTime;

/// An instant: UTC milliseconds since 1970. Earlier instants are negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

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

    /// Before everything that RFC 3339 can write: the beginning of the year 0000, UTC.
    const FIRST_WRITTEN: Timestamp = Timestamp(-62_167_219_200_000);
    /// After everything that RFC 3339 can write: the last millisecond of the year 9999, UTC.
    const LAST_WRITTEN: Timestamp = Timestamp(253_402_300_799_999);
    /// What a client's clock is believed: from the beginning of 1990 to before that of 2101, UTC.
    const BELIEVED: Range<Timestamp> = Timestamp(631_152_000_000)..Timestamp(4_133_980_800_000);

    /// Reads an RFC 3339 timestamp (`2026-03-05T09:00:00.123+08:00`), truncated to whole milliseconds.
    ///
    /// A leap second (`:60`) reads as the second before it. `None` for anything else, for a missing offset, and for an
    /// instant outside the years 0000 to 9999 UTC, which RFC 3339 could not write.
    pub fn parse_rfc3339(text: &str) -> Option<Timestamp> {
        parse(text, TimeGrammar::Rfc3339)
    }

    /// Reads a moment that people write: as RFC 3339 has it, or a date (`2026-03-05`), which is its midnight, UTC.
    pub fn parse_moment(text: &str) -> Option<Timestamp> {
        Timestamp::parse_rfc3339(text).or_else(|| parse(text, TimeGrammar::Client).filter(|_| text.len() == DATE_BYTES))
    }

    /// Reads a time that a client wrote (semantics §2), truncated to whole milliseconds: RFC 3339, also with a blank for the
    /// `T`, without seconds, without a zone (UTC), with `+0800` or `+08`; a date, which is its midnight, UTC; or digits,
    /// which are seconds since 1970, above 10^11 milliseconds.
    ///
    /// `None` for anything else, and for what lies before 1990 or after 2100.
    pub fn parse_client(text: &str) -> Option<Timestamp> {
        let is_number = || !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let time = match usual::read(text.as_bytes()) {
            None if is_number() => since_1970(text),
            None => parse(text, TimeGrammar::Client),
            time => time,
        };
        time.filter(|time| Timestamp::BELIEVED.contains(time))
    }

    /// Reads a JSON number that a client wrote for a time, as [`parse_client`](Timestamp::parse_client) reads digits;
    /// digits beyond whole milliseconds are dropped.
    pub fn parse_client_number(number: f64) -> Option<Timestamp> {
        // The shortest digits that give this double are those that the client wrote.
        let time = since_1970(&number.to_string())?;
        Some(time).filter(|time| Timestamp::BELIEVED.contains(time))
    }
}

const EPOCH: DateTime = jiff::civil::date(1970, 1, 1).at(0, 0, 0, 0);

/// The length of `2026-03-05`.
const DATE_BYTES: usize = 10;

/// Above it a number is milliseconds since 1970, up to it seconds.
const SECONDS_MAX: i64 = 100_000_000_000;

/// Which of the ways to write a time are read.
#[derive(Clone, Copy, PartialEq, Eq)]
enum TimeGrammar {
    Rfc3339,
    Client,
}

fn parse(text: &str, grammar: TimeGrammar) -> Option<Timestamp> {
    if let Some(time) = usual::read(text.as_bytes()) {
        return Some(time);
    }
    let is_lenient = grammar == TimeGrammar::Client;
    let (date, rest) = text.as_bytes().split_at_checked(DATE_BYTES)?;
    let date = date_of(date)?;
    let (local, ahead) = match rest {
        [] if is_lenient => (date.at(0, 0, 0, 0), SignedDuration::ZERO),
        [b'T' | b't' | b' ', h1, h2, b':', m1, m2, rest @ ..] => {
            let ((second, ms), zone) = match rest {
                [b':', s1, s2, rest @ ..] => {
                    let (ms, zone) = fraction(rest)?;
                    ((two(*s1, *s2).filter(|second| *second <= 60)?.min(59), ms), zone)
                }
                zone if is_lenient => ((0, 0), zone),
                _ => return None,
            };
            let clock = Time::new(two(*h1, *h2)?, two(*m1, *m2)?, second, ms * 1_000_000).ok()?;
            (date.to_datetime(clock), offset(zone, grammar)?)
        }
        _ => return None,
    };
    // Not through jiff::Timestamp, which ends a day before the year 9999 does.
    let utc = match ahead {
        SignedDuration::ZERO => local,
        ahead => local.checked_sub(ahead).ok().filter(|utc| utc.year() >= 0)?,
    };
    i64::try_from(utc.duration_since(EPOCH).as_millis()).ok().map(Timestamp)
}

/// The date that `2026-03-05` writes.
fn date_of(text: &[u8]) -> Option<Date> {
    let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else { return None };
    let year = i16::try_from(digits(&[*y1, *y2, *y3, *y4])?).ok()?;
    Date::new(year, two(*m1, *m2)?, two(*d1, *d2)?).ok()
}

fn digits(bytes: &[u8]) -> Option<i32> {
    bytes.iter().try_fold(0, |number, byte| byte.is_ascii_digit().then(|| number * 10 + i32::from(byte - b'0')))
}

fn two(tens: u8, ones: u8) -> Option<i8> {
    digits(&[tens, ones]).and_then(|number| i8::try_from(number).ok())
}

/// The milliseconds of `.123456`, and what follows it; 0 where there is no fraction.
fn fraction(text: &[u8]) -> Option<(i32, &[u8])> {
    let Some(decimals) = text.strip_prefix(b".") else { return Some((0, text)) };
    let count = decimals.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (decimals, rest) = decimals.split_at(count);
    (count > 0).then(|| (milliseconds(decimals), rest))
}

/// The milliseconds of the digits behind a point, truncated.
fn milliseconds(decimals: &[u8]) -> i32 {
    let first_three = decimals.iter().chain(b"00").take(3);
    first_three.fold(0, |ms, byte| ms * 10 + i32::from(byte - b'0'))
}

/// What `Z`, `+08:00` or `-05:30` is ahead of UTC; for a client also nothing, `+0800` and `+08`.
fn offset(text: &[u8], grammar: TimeGrammar) -> Option<SignedDuration> {
    let is_lenient = grammar == TimeGrammar::Client;
    let (sign, hours, minutes) = match text {
        b"Z" | b"z" => return Some(SignedDuration::ZERO),
        [] if is_lenient => return Some(SignedDuration::ZERO),
        [sign, h1, h2, b':', m1, m2] => (*sign, digits(&[*h1, *h2])?, digits(&[*m1, *m2])?),
        [sign, h1, h2, m1, m2] if is_lenient => (*sign, digits(&[*h1, *h2])?, digits(&[*m1, *m2])?),
        [sign, h1, h2] if is_lenient => (*sign, digits(&[*h1, *h2])?, 0),
        _ => return None,
    };
    let ahead = SignedDuration::from_secs(i64::from(hours * 3_600 + minutes * 60));
    match sign {
        _ if hours > 23 || minutes > 59 => None,
        b'+' => Some(ahead),
        b'-' => Some(-ahead),
        _ => None,
    }
}

/// The instant this many seconds after 1970-01-01, or milliseconds; digits, and behind a point perhaps more.
fn since_1970(number: &str) -> Option<Timestamp> {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let whole = whole.parse::<i64>().ok().filter(|whole| *whole >= 0)?;
    if whole > SECONDS_MAX {
        return Some(Timestamp(whole));
    }
    let is_digits = decimals.bytes().all(|byte| byte.is_ascii_digit());
    is_digits.then(|| Timestamp(whole * 1_000 + i64::from(milliseconds(decimals.as_bytes()))))
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
    /// Hands on its text: RFC 3339 in UTC with exactly three decimals (`2026-03-03T10:00:00.000Z`). An instant before the
    /// year 0000 or after the year 9999, which RFC 3339 cannot write, reads as the first or the last that it can.
    pub fn with_text<R>(self, take: impl FnOnce(&str) -> R) -> R {
        if let Some(digits) = usual::written(self) {
            return take(str::from_utf8(&digits).expect("digits are text"));
        }
        let written = self.clamp(Timestamp::FIRST_WRITTEN, Timestamp::LAST_WRITTEN);
        let civil = jiff::Timestamp::from_millisecond(written.0).map(|instant| Offset::UTC.to_datetime(instant));
        // jiff's instants end a day before the year 9999 does.
        let utc = civil.or_else(|_| EPOCH.checked_add(SignedDuration::from_millis(written.0)));
        let utc = utc.expect("jiff has the years 0 to 9999");
        take(str::from_utf8(&digits_of(utc)).expect("digits are text"))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const YEARS: std::ops::RangeInclusive<i64> = Timestamp::FIRST_WRITTEN.0..=Timestamp::LAST_WRITTEN.0;

    proptest! {
        #[test]
        fn an_instants_text_is_what_jiff_writes(ms in YEARS) {
            let utc = EPOCH.checked_add(SignedDuration::from_millis(ms)).expect("a civil time");
            prop_assert_eq!(Timestamp(ms).to_string(), format!("{utc:.3}Z"));
        }

        #[test]
        fn every_instants_text_is_rfc_3339(ms in any::<i64>()) {
            let text = Timestamp(ms).to_string();
            let read = Timestamp::parse_rfc3339(&text);
            prop_assert_eq!(read, Some(Timestamp(ms.clamp(*YEARS.start(), *YEARS.end()))), "{}", text);
        }

        #[test]
        fn no_text_is_read_as_a_time_that_is_not_believed(text in "[0-9]{1,20}|[0-9]{4}-[01][0-9]-[0-3][0-9]([T ][0-2][0-9]:[0-5][0-9](:[0-6][0-9])?)?") {
            let years = Timestamp::parse_rfc3339("1990-01-01T00:00:00Z")..Timestamp::parse_rfc3339("2101-01-01T00:00:00Z");
            let read = Timestamp::parse_client(&text);
            prop_assert!(read.is_none() || years.contains(&read), "{} is {:?}", text, read);
        }
    }

    #[test]
    fn text_at_the_ends_of_the_years_there_are() {
        for (ms, text) in [
            (-62_167_219_200_000, "0000-01-01T00:00:00.000Z"),
            (-62_167_219_200_001, "0000-01-01T00:00:00.000Z"),
            (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
            (253_402_300_800_000, "9999-12-31T23:59:59.999Z"),
            (Timestamp::MIN.0, "0000-01-01T00:00:00.000Z"),
            (Timestamp::NEVER.0, "9999-12-31T23:59:59.999Z"),
            (0, "1970-01-01T00:00:00.000Z"),
        ] {
            assert_eq!(Timestamp(ms).to_string(), text);
        }
    }
}

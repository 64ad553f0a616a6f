//! Instants and dates that texts name, for `until` and `anniversary`.

use std::sync::LazyLock;

use jiff::civil::Date;
use regex::Regex;

use super::calendar::{OracleCalendar, days_since_1970};

static RFC_3339: LazyLock<Regex> = LazyLock::new(|| {
    let (date, time) = ("([0-9]{4})-([0-9]{2})-([0-9]{2})", "([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\\.([0-9]+))?");
    let pattern = format!("^{date}(?:[Tt]{time}(?:[Zz]|([+-])([0-9]{{2}}):([0-9]{{2}})))?$");
    Regex::new(&pattern).expect("the pattern is fixed and valid")
});

/// What a text names.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OracleMoment {
    Day(Date),
    /// UTC milliseconds.
    Instant(i64),
}

impl OracleMoment {
    /// RFC 3339, or a date.
    pub(crate) fn parse(text: &str) -> Option<OracleMoment> {
        let parts = RFC_3339.captures(text)?;
        let number = |group: usize| parts.get(group).map_or(Some(0), |digits| digits.as_str().parse::<i64>().ok());
        let year = i16::try_from(number(1)?).ok()?;
        let date = Date::new(year, i8::try_from(number(2)?).ok()?, i8::try_from(number(3)?).ok()?).ok()?;
        if parts.get(4).is_none() {
            return Some(OracleMoment::Day(date));
        }
        let (hour, minute, second, offset_hour, offset_minute) =
            (number(4)?, number(5)?, number(6)?, number(9)?, number(10)?);
        if hour > 23 || minute > 59 || second > 60 || offset_hour > 23 || offset_minute > 59 {
            return None;
        }
        let sign = if parts.get(8).is_some_and(|sign| sign.as_str() == "-") { -1 } else { 1 };
        let minutes = days_since_1970(date) * 1_440 + hour * 60 + minute - sign * (offset_hour * 60 + offset_minute);
        let fraction = parts.get(7).map_or("", |digits| digits.as_str());
        let milliseconds = format!("{fraction:0<3}")[..3].parse::<i64>().ok()?;
        Some(OracleMoment::Instant((minutes * 60 + second.min(59)) * 1_000 + milliseconds))
    }

    /// The instant, or the beginning of the day.
    pub(crate) fn instant(self, calendar: &OracleCalendar) -> i64 {
        match self {
            OracleMoment::Day(date) => calendar.day_start(date),
            OracleMoment::Instant(at) => at,
        }
    }

    pub(crate) fn day(self, calendar: &OracleCalendar) -> Date {
        match self {
            OracleMoment::Day(date) => date,
            OracleMoment::Instant(at) => calendar.day_of(at),
        }
    }
}

/// The day of a year that has the month and day of another: 29 February is 28 February where there is none.
pub(crate) fn anniversary(day: Date, year: i16) -> Option<Date> {
    Date::new(year, day.month(), day.day()).or_else(|_| Date::new(year, day.month(), 28)).ok()
}

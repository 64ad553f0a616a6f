//! Days and longer periods in a time zone. A day begins at the first instant whose local date is that day or later.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};

const DAY_MS: i64 = 86_400_000;

/// A kind of period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CalendarPeriod {
    Day,
    Week,
    Month,
    Quarter,
    Year,
}

/// The days of a time zone.
pub(crate) struct OracleCalendar {
    zone: TimeZone,
}

impl OracleCalendar {
    pub(crate) fn new(zone: TimeZone) -> OracleCalendar {
        OracleCalendar { zone }
    }

    /// The first instant whose local date is this one or later.
    ///
    /// Between two changes of clocks local time runs evenly, so the first such instant of each stretch is known.
    pub(crate) fn day_start(&self, date: Date) -> i64 {
        let midnight = days_since_1970(date) * DAY_MS;
        let before = timestamp(midnight - 3 * DAY_MS);
        let (mut from, mut offset) = (i64::MIN, self.zone.to_offset(before));
        for change in self.zone.following(before) {
            let until = change.timestamp().as_millisecond();
            let first = from.max(midnight - i64::from(offset.seconds()) * 1_000);
            if first < until {
                return first;
            }
            (from, offset) = (until, change.offset());
        }
        from.max(midnight - i64::from(offset.seconds()) * 1_000)
    }

    /// The day of an instant: the latest that has begun.
    pub(crate) fn day_of(&self, at: i64) -> Date {
        let mut date = self.zone.to_datetime(timestamp(at)).date();
        while let Ok(next) = date.checked_add(1.day())
            && self.day_start(next) <= at
        {
            date = next;
        }
        date
    }

    /// The first instant of the period in which a day lies, or of the one `later` periods later.
    pub(crate) fn period_start(&self, period: CalendarPeriod, day: Date, later: i32) -> i64 {
        let day = match period {
            CalendarPeriod::Day => later_day(day, later),
            CalendarPeriod::Week => later_day(day, 7 * later - i32::from(day.weekday().to_monday_zero_offset())),
            CalendarPeriod::Month => month(day, 1, later),
            CalendarPeriod::Quarter => month(day, 3, later),
            CalendarPeriod::Year => month(day, 12, later),
        };
        self.day_start(day)
    }
}

/// The day that is `days` days later.
pub(crate) fn later_day(day: Date, days: i32) -> Date {
    day.saturating_add(days.days())
}

/// The first day of the period of `months` months in which a day lies, or of the one `later` periods later.
fn month(day: Date, months: i32, later: i32) -> Date {
    let since_year_0 = i32::from(day.year()) * 12 + i32::from(day.month()) - 1;
    let first = (since_year_0.div_euclid(months) + later) * months;
    let year = i16::try_from(first.div_euclid(12)).expect("a year near one of four digits");
    let month = i8::try_from(first.rem_euclid(12) + 1).expect("1 to 12");
    Date::new(year, month, 1).unwrap_or(Date::MAX)
}

pub(crate) fn days_since_1970(date: Date) -> i64 {
    let since = date.duration_since(Date::constant(1970, 1, 1));
    since.as_hours() / 24
}

fn timestamp(at: i64) -> Timestamp {
    let (min, max) = (Timestamp::MIN.as_millisecond(), Timestamp::MAX.as_millisecond());
    Timestamp::from_millisecond(at.clamp(min + 1, max - 1)).expect("it is between the first and the last")
}

//! The business calendar: the day and the hour of an instant in one time zone.

use std::fmt;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan};
use serde::{Serialize, Serializer};

use crate::time::Timestamp;

/// A business day, counted from 1970-01-01, which is 1. Earlier days are clamped to it, and days after mid-2149 to 65,535.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub u16);

/// An hour of the business calendar: 24 × (day − 1) + hour of the day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(pub u32);

/// Milliseconds of a day without a clock change.
const DAY_MS: i64 = 86_400_000;
const HOUR_MS: i64 = 3_600_000;
const EPOCH: Date = jiff::civil::date(1970, 1, 1);

/// A time zone as a table of offsets from UTC.
#[derive(Clone, Debug)]
pub struct BusinessCalendar {
    /// Start and offset in milliseconds, ascending; the first holds for all earlier instants.
    offsets: Vec<(i64, i64)>,
}

/// An hour with the instants that are known to lie in it, in milliseconds since 1970 UTC, both inclusive.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HourSpan {
    pub(crate) first_ms: i64,
    pub(crate) last_ms: i64,
    pub(crate) hour: Hour,
}

impl HourSpan {
    /// Whether an instant lies in it.
    pub(crate) fn contains(&self, at: Timestamp) -> bool {
        (self.first_ms..=self.last_ms).contains(&at.0)
    }
}

impl BusinessCalendar {
    /// The calendar of a time zone.
    pub fn new(zone: &TimeZone) -> BusinessCalendar {
        let start = jiff::Timestamp::UNIX_EPOCH - SignedDuration::from_hours(48);
        let offset_ms = |at: jiff::Timestamp| i64::from(zone.to_offset(at).seconds()) * 1_000;
        let mut offsets = vec![(i64::MIN, offset_ms(start))];
        // Two clock changes a year up to 2150, and some extra ones.
        for transition in zone.following(start).take(1_000) {
            let at = transition.timestamp();
            if at.as_millisecond() > i64::from(u16::MAX) * DAY_MS {
                break;
            }
            offsets.push((at.as_millisecond(), offset_ms(at)));
        }
        offsets.dedup_by_key(|(_, offset)| *offset);
        BusinessCalendar { offsets }
    }

    /// Local time in milliseconds since 1970-01-01T00:00 local time.
    fn local_ms(&self, at: Timestamp) -> i64 {
        let index = self.offsets.partition_point(|(from, _)| *from <= at.0);
        let (_, offset) = self.offsets[index.saturating_sub(1)];
        at.0.saturating_add(offset)
    }

    /// The day of an instant.
    pub fn day(&self, at: Timestamp) -> Day {
        Day::clamped(self.local_ms(at).div_euclid(DAY_MS) + 1)
    }

    /// The hour of an instant, with the instants around it that lie in the same hour.
    pub(crate) fn hour_span(&self, at: Timestamp) -> HourSpan {
        let index = self.offsets.partition_point(|(from, _)| *from <= at.0);
        let (from, offset) = self.offsets[index.saturating_sub(1)];
        let until = self.offsets.get(index).map_or(i64::MAX, |(from, _)| *from);
        let first = at.0.saturating_add(offset).div_euclid(HOUR_MS).saturating_mul(HOUR_MS).saturating_sub(offset);
        let last = first.saturating_add(HOUR_MS - 1).min(until.saturating_sub(1));
        HourSpan { first_ms: first.max(from), last_ms: last, hour: self.hour(at) }
    }

    /// The hour of an instant.
    pub fn hour(&self, at: Timestamp) -> Hour {
        let last = i64::from(u16::MAX) * 24 - 1;
        let hour = self.local_ms(at).div_euclid(HOUR_MS).clamp(0, last);
        Hour(u32::try_from(hour).unwrap_or_default())
    }
}

impl Day {
    /// The earliest day.
    pub const FIRST: Day = Day(1);

    fn clamped(day: i64) -> Day {
        Day(u16::try_from(day.clamp(1, i64::from(u16::MAX))).unwrap_or(u16::MAX))
    }

    /// The day of a date.
    pub fn of(date: Date) -> Day {
        let days = EPOCH.duration_until(date).as_hours() / 24;
        Day::clamped(days + 1)
    }

    /// Its date.
    pub fn date(self) -> Date {
        EPOCH.saturating_add((i64::from(self.0) - 1).days())
    }

    /// The day this number of days later, or earlier where it is negative.
    pub fn plus(self, days: i64) -> Day {
        Day::clamped(i64::from(self.0) + days)
    }

    /// The number of days since another, negative where that is later.
    pub fn since(self, other: Day) -> i64 {
        i64::from(self.0) - i64::from(other.0)
    }

    /// The Monday of its week.
    pub fn monday(self) -> Day {
        // 1970-01-01, day 1, was a Thursday.
        self.plus(-((i64::from(self.0) + 2) % 7))
    }

    /// Its weekday.
    pub fn weekday(self) -> Weekday {
        self.date().weekday()
    }

    /// Its first hour.
    pub fn first_hour(self) -> Hour {
        Hour((u32::from(self.0) - 1) * 24)
    }
}

impl Hour {
    /// Its day.
    pub fn day(self) -> Day {
        Day::clamped(i64::from(self.0) / 24 + 1)
    }

    /// 0 to 23.
    pub fn of_day(self) -> u8 {
        (self.0 % 24) as u8
    }

    /// The hour this number of hours later, or earlier where it is negative.
    pub fn plus(self, hours: i64) -> Hour {
        Hour(u32::try_from((i64::from(self.0) + hours).max(0)).unwrap_or(u32::MAX))
    }
}

/// `2026-03-02`
impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.date())
    }
}

/// `2026-03-02T13`
impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}T{:02}", self.day(), self.of_day())
    }
}

impl Serialize for Day {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl Serialize for Hour {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZoneDatabase;

    fn calendar(zone: &str) -> (TimeZone, BusinessCalendar) {
        let zone = TimeZoneDatabase::bundled().get(zone).expect("a zone");
        let calendar = BusinessCalendar::new(&zone);
        (zone, calendar)
    }

    #[test]
    fn days_and_hours_are_those_of_the_zone() {
        for name in ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe"] {
            let (zone, calendar) = calendar(name);
            for step in 0..60_000 {
                let ms = step * 79_200_123;
                let local = jiff::Timestamp::from_millisecond(ms).expect("in range").to_zoned(zone.clone());
                let at = Timestamp(ms);
                assert_eq!(calendar.day(at).date(), local.date().max(EPOCH), "{name} {at}");
                if local.date() >= EPOCH {
                    let hour = calendar.hour(at);
                    assert_eq!((hour.day().date(), hour.of_day()), (local.date(), local.hour() as u8), "{name} {at}");
                }
            }
        }
    }

    #[test]
    fn days_out_of_range_count_as_the_nearest() {
        let (_, calendar) = calendar("UTC");
        assert_eq!(calendar.day(Timestamp::MIN), Day::FIRST);
        assert_eq!(calendar.day(Timestamp::NEVER), Day(u16::MAX));
        assert_eq!(calendar.hour(Timestamp::MIN).day(), Day::FIRST);
        assert_eq!(calendar.hour(Timestamp::NEVER).day(), Day(u16::MAX));
        assert_eq!(Day(u16::MAX).date(), jiff::civil::date(2149, 6, 5));
    }

    #[test]
    fn weeks_begin_on_mondays() {
        for day in 10..1_000 {
            let monday = Day(day).monday();
            assert_eq!(monday.weekday(), Weekday::Monday);
            assert!((0..7).contains(&Day(day).since(monday)));
            assert_eq!(Day::of(Day(day).date()), Day(day));
        }
    }
}

//! Calendar days, weeks, months, quarters and years in one time zone (semantics §10).
//!
//! A day begins at the first instant whose local date is that day or a later one: at midnight, at the first of two
//! midnights, or at the end of a gap that skips midnight. So days never overlap and never go back, whatever the clocks
//! do; a day that a zone skipped (30 December 2011 in Samoa) begins and ends at the same instant. The other units are
//! made of days; weeks begin on Monday.
//!
//! This differs from the local date only where a clock goes back over midnight: the second 23:30 belongs to the day that
//! has begun already.

use jiff::civil::Date;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, ToSpan};
use strum::{EnumString, VariantNames};

use crate::time::Timestamp;

const DAY_MS: i64 = 86_400_000;
const EPOCH: Date = jiff::civil::date(1970, 1, 1);
/// Days of the years 0000 to 9999, counted from 1970-01-01; what lies outside counts as the nearest.
const DAY_RANGE: std::ops::RangeInclusive<i64> = -719_528..=2_932_896;
/// Where the table of offsets ends: the beginning of 2150, UTC. Later instants are looked up in the time zone.
const TABLE_END_MS: i64 = 5_680_281_600_000;

/// A unit of the calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, EnumString, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum CalendarUnit {
    /// A calendar day.
    Day,
    /// Monday to Sunday.
    Week,
    /// A calendar month.
    Month,
    /// Three months, from January, April, July or October on.
    Quarter,
    /// A calendar year.
    Year,
}

/// The calendar of a time zone.
#[derive(Clone, Debug)]
pub struct ZoneCalendar {
    zone: TimeZone,
    /// Start and offset from UTC in milliseconds, ascending, from 1969 to 2150; the first begins at `i64::MIN`.
    offsets: Vec<(i64, i64)>,
    /// Where the first offset of the table was looked up; earlier instants are looked up in the time zone.
    table_start_ms: i64,
}

impl ZoneCalendar {
    /// The calendar of this zone.
    pub fn new(zone: TimeZone) -> ZoneCalendar {
        let start = jiff::Timestamp::UNIX_EPOCH - SignedDuration::from_hours(48);
        let mut offsets = vec![(i64::MIN, offset_ms(&zone, start))];
        let transitions = zone.following(start).map(|transition| transition.timestamp());
        for at in transitions.take_while(|at| at.as_millisecond() < TABLE_END_MS) {
            offsets.push((at.as_millisecond(), offset_ms(&zone, at)));
        }
        offsets.dedup_by_key(|(_, offset)| *offset);
        ZoneCalendar { zone, offsets, table_start_ms: start.as_millisecond() }
    }

    /// The number of the unit that an instant lies in: days are counted from 1970-01-01, the others from the one that day
    /// lies in; earlier ones are negative.
    pub fn unit_of(&self, unit: CalendarUnit, at: Timestamp) -> i64 {
        unit.of_day(self.day_of(at))
    }

    /// The first instant of a unit.
    pub fn start_of(&self, unit: CalendarUnit, number: i64) -> Timestamp {
        self.day_start(unit.first_day(number))
    }

    /// The first instant of a date.
    pub fn date_start(&self, date: Date) -> Timestamp {
        self.day_start(day_number(date))
    }

    /// The date of the day that an instant lies in.
    pub fn date_of(&self, at: Timestamp) -> Date {
        date_of_day(self.day_of(at))
    }

    fn day_of(&self, at: Timestamp) -> i64 {
        let mut day = at.0.saturating_add(self.offset_at(at.0)).div_euclid(DAY_MS);
        // Where a clock went back over midnight, the next day has begun already.
        while DAY_RANGE.contains(&day) && self.day_start(day + 1) <= at {
            day += 1;
        }
        day.clamp(*DAY_RANGE.start(), *DAY_RANGE.end())
    }

    fn day_start(&self, day: i64) -> Timestamp {
        let local_ms = day.clamp(*DAY_RANGE.start(), *DAY_RANGE.end()) * DAY_MS;
        let in_table = self.table_start_ms + 2 * DAY_MS..TABLE_END_MS - 2 * DAY_MS;
        if !in_table.contains(&local_ms) {
            return self.day_start_in_zone(day);
        }
        // No offset is larger than a day and some hours, so earlier entries end before that day.
        let first = self.offsets.partition_point(|(from, _)| *from < local_ms - 2 * DAY_MS).saturating_sub(1);
        let entries = &self.offsets[first..];
        for (index, (from, offset)) in entries.iter().enumerate() {
            let start = (local_ms - offset).max(*from);
            if entries.get(index + 1).is_none_or(|(until, _)| start < *until) {
                return Timestamp(start);
            }
        }
        self.day_start_in_zone(day)
    }

    fn day_start_in_zone(&self, day: i64) -> Timestamp {
        let midnight = date_of_day(day).at(0, 0, 0, 0);
        let offset = match self.zone.to_ambiguous_timestamp(midnight).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Fold { before, .. } => before,
            // In a gap the earlier offset leads to an instant after the clock change, at most by the gap's length.
            AmbiguousOffset::Gap { before, .. } => {
                let after_change = before.to_timestamp(midnight).ok();
                let change = after_change.and_then(|at| {
                    let just_after = at.checked_add(SignedDuration::from_millis(1)).ok()?;
                    self.zone.preceding(just_after).next()
                });
                if let Some(change) = change {
                    return Timestamp(change.timestamp().as_millisecond());
                }
                before
            }
        };
        Timestamp(local_ms(date_of_day(day)) - i64::from(offset.seconds()) * 1_000)
    }

    fn offset_at(&self, at_ms: i64) -> i64 {
        if (self.table_start_ms..TABLE_END_MS).contains(&at_ms) {
            let index = self.offsets.partition_point(|(from, _)| *from <= at_ms);
            return self.offsets[index.saturating_sub(1)].1;
        }
        let range = jiff::Timestamp::MIN.as_millisecond()..=jiff::Timestamp::MAX.as_millisecond();
        let nearest = at_ms.clamp(*range.start(), *range.end());
        jiff::Timestamp::from_millisecond(nearest).map_or(0, |at| offset_ms(&self.zone, at))
    }
}

impl CalendarUnit {
    /// In the singular: `month`.
    pub fn name(self) -> &'static str {
        match self {
            CalendarUnit::Day => "day",
            CalendarUnit::Week => "week",
            CalendarUnit::Month => "month",
            CalendarUnit::Quarter => "quarter",
            CalendarUnit::Year => "year",
        }
    }

    /// The unit's number that a day lies in.
    fn of_day(self, day: i64) -> i64 {
        let months = || {
            let date = date_of_day(day);
            (i64::from(date.year()) - 1970) * 12 + i64::from(date.month()) - 1
        };
        match self {
            CalendarUnit::Day => day,
            // 1970-01-01 was a Thursday: its week began three days before.
            CalendarUnit::Week => (day + 3).div_euclid(7),
            CalendarUnit::Month => months(),
            CalendarUnit::Quarter => months().div_euclid(3),
            CalendarUnit::Year => months().div_euclid(12),
        }
    }

    /// The first day of a unit.
    fn first_day(self, number: i64) -> i64 {
        let of_month = |month: i64| {
            let year = i16::try_from((1970 + month.div_euclid(12)).clamp(0, 9_999)).unwrap_or(9_999);
            let month = i8::try_from(month.rem_euclid(12) + 1).unwrap_or(1);
            day_number(Date::new(year, month, 1).unwrap_or(Date::MAX))
        };
        match self {
            CalendarUnit::Day => number,
            CalendarUnit::Week => number.saturating_mul(7).saturating_sub(3),
            CalendarUnit::Month => of_month(number),
            CalendarUnit::Quarter => of_month(number.saturating_mul(3)),
            CalendarUnit::Year => of_month(number.saturating_mul(12)),
        }
    }
}

fn offset_ms(zone: &TimeZone, at: jiff::Timestamp) -> i64 {
    i64::from(zone.to_offset(at).seconds()) * 1_000
}

pub(super) fn date_of_day(day: i64) -> Date {
    EPOCH.saturating_add(day.clamp(*DAY_RANGE.start(), *DAY_RANGE.end()).days())
}

fn day_number(date: Date) -> i64 {
    EPOCH.duration_until(date).as_hours() / 24
}

fn local_ms(date: Date) -> i64 {
    day_number(date) * DAY_MS
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::tz::TimeZoneDatabase;

    const ZONES: [&str; 9] = [
        "UTC",
        "Europe/Berlin",
        "Africa/Cairo",
        "America/Havana",
        "Asia/Beirut",
        "America/Sao_Paulo",
        "America/St_Johns",
        "Pacific/Apia",
        "Asia/Kathmandu",
    ];

    fn zone(name: &str) -> TimeZone {
        TimeZoneDatabase::bundled().get(name).expect("a zone")
    }

    /// The definition, minute by minute.
    fn scanned_start(zone: &TimeZone, day: i64) -> Timestamp {
        let date = date_of_day(day);
        let mut ms = day * DAY_MS - 30 * 3_600_000;
        while jiff::Timestamp::from_millisecond(ms).expect("in range").to_zoned(zone.clone()).date() < date {
            ms += 60_000;
        }
        Timestamp(ms)
    }

    #[test]
    fn a_day_begins_at_the_first_instant_with_its_date_or_a_later_one() {
        for name in ZONES {
            let zone = zone(name);
            let calendar = ZoneCalendar::new(zone.clone());
            let changes: Vec<i64> = zone
                .following(jiff::Timestamp::from_second(60_000_000).expect("in range"))
                .take_while(|change| change.timestamp().as_second() < 2_300_000_000)
                .map(|change| change.timestamp().as_millisecond().div_euclid(DAY_MS))
                .collect();
            let days = changes.iter().step_by(4).flat_map(|day| day - 1..=day + 2);
            for day in days.chain((1_000..40_000).step_by(1_301)) {
                assert_eq!(calendar.day_start(day), scanned_start(&zone, day), "{name} {}", date_of_day(day));
                assert_eq!(calendar.day_start_in_zone(day), calendar.day_start(day), "{name} {}", date_of_day(day));
            }
        }
    }

    #[test]
    fn every_instant_lies_in_one_unit_and_units_never_go_back() {
        let units =
            [CalendarUnit::Day, CalendarUnit::Week, CalendarUnit::Month, CalendarUnit::Quarter, CalendarUnit::Year];
        for name in ZONES {
            let calendar = ZoneCalendar::new(zone(name));
            for unit in units {
                let mut before = i64::MIN;
                for step in 0..4_000 {
                    let at = Timestamp(-900_000_000_000 + step * 1_799_999_123);
                    let number = calendar.unit_of(unit, at);
                    assert!(number >= before, "{name} {unit:?} {at}");
                    before = number;
                    let (start, end) = (calendar.start_of(unit, number), calendar.start_of(unit, number + 1));
                    assert!(start <= at && at < end, "{name} {unit:?} {at}: {start} to {end}");
                    assert_eq!(calendar.unit_of(unit, start), number, "{name} {unit:?}");
                    assert_eq!(calendar.unit_of(unit, Timestamp(end.0 - 1)), number, "{name} {unit:?}");
                }
            }
        }
    }

    #[test]
    fn a_skipped_day_is_empty() {
        let samoa = ZoneCalendar::new(zone("Pacific/Apia"));
        let skipped = samoa.date_start(jiff::civil::date(2011, 12, 30));
        assert_eq!(skipped, samoa.date_start(jiff::civil::date(2011, 12, 31)));
        assert_eq!(samoa.date_of(skipped), jiff::civil::date(2011, 12, 31));
        assert_eq!(samoa.date_of(Timestamp(skipped.0 - 1)), jiff::civil::date(2011, 12, 29));
    }

    #[test]
    fn years_far_away_have_days_too() {
        let berlin = ZoneCalendar::new(zone("Europe/Berlin"));
        for (date, start) in [
            (jiff::civil::date(9999, 7, 1), "9999-06-30T22:00:00Z"),
            (jiff::civil::date(2150, 1, 1), "2149-12-31T23:00:00Z"),
            (jiff::civil::date(1800, 1, 1), "1799-12-31T23:06:32Z"),
        ] {
            assert_eq!(Some(berlin.date_start(date)), Timestamp::parse_rfc3339(start), "{date}");
            assert_eq!(berlin.date_of(berlin.date_start(date)), date);
        }
        assert_eq!(berlin.date_of(Timestamp::MIN), date_of_day(*DAY_RANGE.start()));
        assert_eq!(berlin.date_of(Timestamp::NEVER), date_of_day(*DAY_RANGE.end()));
    }
}

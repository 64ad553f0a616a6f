//! What happened to a user, and what the functions of semantics §10 say of it, by their definitions.

use std::collections::BTreeSet;

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp as Instant, ToSpan};

const STEP_MS: i64 = 1_800_000;
const DAY_MS: i64 = 86_400_000;

/// The days of a zone in some years.
pub(super) struct NaiveCalendar {
    /// The first instant of each day, with its date.
    starts: Vec<(i64, Date)>,
}

impl NaiveCalendar {
    /// Looks at the zone's clock every half hour: in that time no clock went over midnight twice.
    pub(super) fn around(zone: &str, ms: i64) -> NaiveCalendar {
        let zone = TimeZone::get(zone).expect("a zone");
        let mut starts: Vec<(i64, Date)> = Vec::new();
        let mut at = (ms - 800 * DAY_MS).div_euclid(STEP_MS) * STEP_MS;
        while at < ms + 900 * DAY_MS {
            let date = Instant::from_millisecond(at).expect("in range").to_zoned(zone.clone()).date();
            if starts.last().is_none_or(|(_, latest)| date > *latest) {
                starts.push((at, date));
            }
            at += STEP_MS;
        }
        NaiveCalendar { starts }
    }

    fn date(&self, ms: i64) -> Date {
        self.starts[self.starts.partition_point(|(start, _)| *start <= ms) - 1].1
    }

    /// The instants after `from` up to `to` at which a day begins.
    pub(super) fn starts_between(&self, from: i64, to: i64) -> Vec<i64> {
        self.starts.iter().map(|(start, _)| *start).filter(|start| from < *start && *start <= to).collect()
    }
}

/// The name, the value and the time of an event.
#[derive(Clone, Copy, Debug)]
pub(super) struct NaiveEvent {
    pub(super) name: &'static str,
    pub(super) price: i64,
    pub(super) at: i64,
}

/// All events of a user in the order of their arrival, seen at an instant.
pub(super) struct NaiveHistory<'h> {
    pub(super) calendar: &'h NaiveCalendar,
    pub(super) events: &'h [NaiveEvent],
    pub(super) now: i64,
}

impl NaiveHistory<'_> {
    fn all(&self, name: &str) -> impl Iterator<Item = &NaiveEvent> {
        self.events.iter().filter(move |event| event.name == name)
    }

    /// The values in a window of the calendar.
    pub(super) fn prices(&self, name: &str, window: &str) -> Vec<i64> {
        let today = self.calendar.date(self.now);
        let (unit, back) = match window {
            "today" => ("day", 0),
            "yesterday" => ("day", 1),
            window => window.split_once('_').map(|(which, unit)| (unit, i64::from(which == "last"))).expect("a unit"),
        };
        let period = period(today, unit, back);
        let inside = self.all(name).filter(|event| {
            let date = self.calendar.date(event.at);
            (period[0]..period[1]).contains(&date)
        });
        inside.map(|event| event.price).collect()
    }

    fn dates(&self, name: &str) -> BTreeSet<Date> {
        self.all(name).map(|event| self.calendar.date(event.at)).collect()
    }

    pub(super) fn days(&self, name: &str, n: i64) -> i64 {
        let today = self.calendar.date(self.now);
        self.dates(name).into_iter().filter(|date| *date > today.saturating_sub(n.days())).count() as i64
    }

    pub(super) fn streak(&self, name: &str) -> i64 {
        let (dates, today) = (self.dates(name), self.calendar.date(self.now));
        let mut day = if dates.contains(&today) { today } else { today.saturating_sub(1.day()) };
        let mut streak = 0;
        while dates.contains(&day) && streak < 366 {
            streak += 1;
            day = day.saturating_sub(1.day());
        }
        streak
    }

    fn times(&self, name: &str) -> Vec<i64> {
        let mut times: Vec<i64> = self.all(name).map(|event| event.at).collect();
        times.sort_unstable();
        times
    }

    pub(super) fn gap(&self, name: &str) -> Option<i64> {
        match self.times(name).as_slice() {
            [.., before, latest] => Some(latest - before),
            _ => None,
        }
    }

    pub(super) fn usual_gap(&self, name: &str) -> Option<i64> {
        match self.times(name).as_slice() {
            [first, between @ .., latest] => Some((latest - first) / (between.len() as i64 + 1)),
            _ => None,
        }
    }

    pub(super) fn first(&self, name: &str) -> Option<i64> {
        self.all(name).min_by_key(|event| event.at).map(|event| event.price)
    }

    pub(super) fn followed(&self, first: &str, second: &str, within: i64) -> i64 {
        let follows = |(index, event): &(usize, &NaiveEvent)| {
            let known = self.events[..*index].iter().filter(|event| event.name == first).map(|event| event.at).max();
            event.name == second && known.is_some_and(|latest| (0..=within).contains(&(event.at - latest)))
        };
        self.events.iter().enumerate().filter(follows).count() as i64
    }
}

/// The first day of a period, and of the one after it.
fn period(today: Date, unit: &str, back: i64) -> [Date; 2] {
    let first_of = |month: i64| {
        let (year, month) = (month.div_euclid(12) as i16, month.rem_euclid(12) as i8 + 1);
        Date::new(year, month, 1).expect("a month")
    };
    let month = i64::from(today.year()) * 12 + i64::from(today.month()) - 1;
    match unit {
        "day" => [back, back - 1].map(|back| today.saturating_sub(back.days())),
        "week" => {
            let monday = today.saturating_sub(i64::from(today.weekday().since(Weekday::Monday)).days());
            [back, back - 1].map(|back| monday.saturating_sub((back * 7).days()))
        }
        "month" => [back, back - 1].map(|back| first_of(month - back)),
        "quarter" => [back, back - 1].map(|back| first_of(month / 3 * 3 - back * 3)),
        "year" => [back, back - 1].map(|back| first_of(month / 12 * 12 - back * 12)),
        unit => panic!("no unit: {unit}"),
    }
}

//! Counts over time in a bounded number of steps: hours while there are few of them, then days, weeks, and so on.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use rekindle_core::time::{CalendarUnit, Timestamp, ZoneCalendar};

/// The lengths of a step in hours, each a multiple of the one before, and how many of them there are at most.
const LENGTHS: [(i64, i64); 5] = [(1, 240), (24, 1_100), (7 * 24, 1_100), (28 * 24, 1_100), (364 * 24, i64::MAX)];
const HOUR_MS: i64 = 3_600_000;

/// The hours of the days of a time zone: each day has 24, of which the last takes what a longer day has more.
#[derive(Debug)]
struct HourFinder {
    calendar: Arc<ZoneCalendar>,
    day: i64,
    lasts: Range<Timestamp>,
}

impl HourFinder {
    fn new(calendar: Arc<ZoneCalendar>) -> HourFinder {
        HourFinder { calendar, day: 0, lasts: Timestamp(0)..Timestamp(0) }
    }

    /// The number of the hour that an instant lies in.
    fn hour(&mut self, at: Timestamp) -> i64 {
        if !self.lasts.contains(&at) {
            self.day = self.calendar.unit_of(CalendarUnit::Day, at);
            self.lasts = self.calendar.start_of(CalendarUnit::Day, self.day)
                ..self.calendar.start_of(CalendarUnit::Day, self.day + 1);
        }
        self.day * 24 + ((at.0 - self.lasts.start.0) / HOUR_MS).clamp(0, 23)
    }
}

/// The steps that instants lie in. All series share their length.
#[derive(Debug)]
pub(super) struct StepClock {
    hours: HourFinder,
    steps: SeriesSteps,
}

impl StepClock {
    pub(super) fn new(calendar: Arc<ZoneCalendar>) -> StepClock {
        StepClock { hours: HourFinder::new(calendar), steps: SeriesSteps::default() }
    }

    /// The step of an instant. Series that were counted with shorter steps are folded by their next count.
    pub(super) fn step(&mut self, at: Timestamp) -> SeriesStep {
        self.steps.step(self.hours.hour(at))
    }

    pub(super) fn into_steps(self) -> SeriesSteps {
        self.steps
    }
}

/// A step, by its number among those of a length.
#[derive(Clone, Copy, Debug)]
pub(super) struct SeriesStep {
    number: i64,
    length: usize,
}

/// How long the steps of all series are: as long as the time between the first and the last needs.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct SeriesSteps {
    hours: Option<(i64, i64)>,
    /// An index of [`LENGTHS`].
    length: usize,
}

impl SeriesSteps {
    fn step(&mut self, hour: i64) -> SeriesStep {
        let (first, last) = self.hours.map_or((hour, hour), |(first, last)| (first.min(hour), last.max(hour)));
        self.hours = Some((first, last));
        while (last - first) / LENGTHS[self.length].0 >= LENGTHS[self.length].1 {
            self.length += 1;
        }
        SeriesStep { number: hour.div_euclid(LENGTHS[self.length].0), length: self.length }
    }

    /// A step's length in words.
    pub(super) fn name(&self) -> &'static str {
        ["hour", "day", "week", "four weeks", "52 weeks"][self.length]
    }

    /// The numbers of all steps.
    pub(super) fn numbers(&self) -> Range<i64> {
        let length = LENGTHS[self.length].0;
        self.hours.map_or(0..0, |(first, last)| first.div_euclid(length)..last.div_euclid(length) + 1)
    }

    /// When a step begins.
    pub(super) fn start(&self, calendar: &ZoneCalendar, number: i64) -> Timestamp {
        let hour = number * LENGTHS[self.length].0;
        let day = calendar.start_of(CalendarUnit::Day, hour.div_euclid(24));
        Timestamp(day.0 + hour.rem_euclid(24) * HOUR_MS)
    }
}

/// Counts by step.
#[derive(Clone, Debug, Default)]
pub(super) struct StepSeries<T> {
    length: usize,
    steps: BTreeMap<i64, T>,
}

/// What can be counted in steps.
pub(super) trait StepCounts: Default {
    fn add(&mut self, other: Self);
}

impl<T: StepCounts> StepSeries<T> {
    /// What is counted in a step.
    pub(super) fn at(&mut self, SeriesStep { number, length }: SeriesStep) -> &mut T {
        self.fold(length);
        self.steps.entry(number).or_default()
    }

    /// The counts of all steps that have any, by their numbers.
    pub(super) fn finish(mut self, steps: &SeriesSteps) -> BTreeMap<i64, T> {
        self.fold(steps.length);
        self.steps
    }

    fn fold(&mut self, length: usize) {
        if self.length == length {
            return;
        }
        let times = LENGTHS[length].0 / LENGTHS[self.length].0;
        for (step, counts) in std::mem::take(&mut self.steps) {
            self.steps.entry(step.div_euclid(times)).or_default().add(counts);
        }
        self.length = length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_over_any_time_has_few_steps_and_all_counts() {
        for (hours, name) in
            [(1, "hour"), (240, "hour"), (241, "day"), (26_400, "day"), (26_401, "week"), (900_000, "52 weeks")]
        {
            let (mut steps, mut series) = (SeriesSteps::default(), StepSeries::<u64>::default());
            for hour in -hours / 2..hours - hours / 2 {
                *series.at(steps.step(hour)) += 1;
            }
            let found = series.finish(&steps);
            assert!(found.len() <= 1_101, "{hours} hours: {} steps", found.len());
            assert_eq!(found.values().sum::<u64>(), u64::try_from(hours).unwrap());
            assert_eq!(steps.name(), name, "{hours} hours");
            assert_eq!(i64::try_from(found.len()).unwrap(), steps.numbers().end - steps.numbers().start);
        }
    }

    #[test]
    fn order_of_the_instants_changes_nothing() {
        let count = |hours: &[i64]| {
            let (mut steps, mut series) = (SeriesSteps::default(), StepSeries::<u64>::default());
            hours.iter().for_each(|hour| *series.at(steps.step(*hour)) += 1);
            series.finish(&steps)
        };
        assert_eq!(count(&[0, 3, 90_000, 1, 7]), count(&[90_000, 7, 3, 1, 0]));
    }

    #[test]
    fn step_begins_with_its_hour_or_day_in_the_time_zone() {
        let calendar = Arc::new(ZoneCalendar::new(jiff::tz::TimeZone::get("Asia/Kolkata").unwrap()));
        let mut clock = StepClock::new(Arc::clone(&calendar));
        let at = Timestamp::parse_rfc3339("2026-03-05T10:45:00Z").unwrap();
        let step = clock.step(at);
        let start = clock.steps.start(&calendar, step.number);
        assert_eq!(start.to_string(), "2026-03-05T10:30:00.000Z");
        clock.step(Timestamp::parse_rfc3339("2026-09-05T10:45:00Z").unwrap());
        let step = clock.step(at);
        assert_eq!(clock.steps.start(&calendar, step.number).to_string(), "2026-03-04T18:30:00.000Z");
    }
}

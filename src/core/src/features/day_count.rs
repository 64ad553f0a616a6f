//! `days(E, n)`.

use super::clock::FeatureClock;
use super::function::{AggregateFunction, FeatureInput};
use super::state::StoredFeature;
use super::window::Window;
use crate::decimal::Decimal;
use crate::encoding::{StateReader, StateWriter};
use crate::event::FieldId;
use crate::time::{CalendarUnit, DayBits, DaySet, Span, Timestamp};
use crate::value::{Comparison, ConditionResult, TermResult, Value, compare};

/// The greatest number of days that `days` looks back over, and that `streak` counts.
pub(crate) const DAYS_MAX: u16 = 366;

/// The bytes that a set of days takes on the heap.
pub(super) const DAY_SET_BYTES: usize = 16 + DayBits::DAYS / 8;

/// On how many of the last days, today among them, there was an event by its own time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DayCount {
    /// How many days it looks back over; 1 to 366.
    pub days: u16,
}

impl AggregateFunction for DayCount {
    type State = DaySet;
    type Input<'e> = Timestamp;

    const STORED_NAME: &'static str = "days";
    const NAME: &'static str = "days";

    fn looks_back(&self) -> Option<Span> {
        Some(Span(i64::from(self.days) * 86_400_000))
    }

    fn definition(&self, _path: &dyn Fn(FieldId) -> String, zone: &str) -> String {
        format!("{} {} {zone}", Self::STORED_NAME, self.days)
    }

    fn arguments(&self, event: &str, _property: &dyn Fn(FieldId) -> String) -> String {
        format!("{event}, {}", self.days)
    }

    fn change_by_time(&self, notation: &str) -> Option<String> {
        Some(format!("a day of {notation} leaves, every day at most"))
    }

    fn heap_bytes_max(&self) -> usize {
        DAY_SET_BYTES
    }

    fn input<'e>(&self, event: &FeatureInput<'e, '_>) -> Option<Timestamp> {
        Some(event.ts)
    }

    fn add(&self, state: &mut DaySet, ts: Timestamp, event: &FeatureInput<'_, '_>) {
        state.insert_from(self.oldest(event.clock), event.clock.calendar.unit_of(CalendarUnit::Day, ts));
    }

    fn result<'s>(&self, state: Option<&'s DaySet>, clock: FeatureClock<'_>) -> TermResult<'s> {
        let (value, until) = self.outlook(state, clock, |value| value);
        TermResult { value, slope: 0, until }
    }

    fn comparison(
        &self,
        state: Option<&DaySet>,
        clock: FeatureClock<'_>,
        op: Comparison,
        constant: &Value<'_>,
    ) -> Option<ConditionResult> {
        let (holds, until) = self.outlook(state, clock, |value| compare(op, &value, constant));
        Some(ConditionResult { holds, until })
    }

    fn expire(&self, state: &mut DaySet, clock: FeatureClock<'_>) -> bool {
        state.drop_before(self.oldest(clock));
        state.latest().is_some()
    }
}

impl DayCount {
    fn oldest(&self, clock: FeatureClock<'_>) -> i64 {
        clock.calendar.unit_of(CalendarUnit::Day, clock.now) - i64::from(self.days) + 1
    }

    /// What `of` says of the number of days now, and the first instant at which it says something else, as one day after the
    /// other leaves.
    fn outlook<R: PartialEq>(
        &self,
        state: Option<&DaySet>,
        clock: FeatureClock<'_>,
        of: impl Fn(Value<'static>) -> R,
    ) -> (R, Timestamp) {
        let oldest = self.oldest(clock);
        let days = || state.into_iter().flat_map(DaySet::iter).filter(|day| *day >= oldest);
        let count = days().count();
        let of_count = |count: usize| of(Value::Number(Decimal::from(count as u64)));
        let now = of_count(count);
        let mut left = (1..=count).rev();
        let change = days().find(|_| left.next().is_some_and(|left| of_count(left - 1) != now));
        let leaves_at = |day: i64| clock.calendar.start_of(CalendarUnit::Day, day + i64::from(self.days));
        (now, change.map_or(Timestamp::NEVER, leaves_at))
    }
}

impl StoredFeature for DaySet {
    fn empty() -> Self {
        DaySet::EMPTY
    }

    fn merge(&mut self, other: DaySet) {
        other.iter().for_each(|day| self.insert(day));
    }

    fn heap_bytes(&self) -> usize {
        DaySet::heap_bytes(self)
    }

    fn write<W: StateWriter>(&self, writer: &mut W) {
        writer.days("days", self);
    }

    fn read<R: StateReader>(_window: Option<&Window>, reader: &mut R) -> Result<Self, R::Error> {
        let days = reader.days("a set of days")?;
        reader.verify(|| days.latest().is_none_or(Window::has_day_in_range), "a day out of range")?;
        Ok(days)
    }
}

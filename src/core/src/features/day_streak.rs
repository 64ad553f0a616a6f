//! `streak(E)`.

use super::clock::FeatureClock;
use super::day_count::{DAY_SET_BYTES, DAYS_MAX};
use super::function::{AggregateFunction, FeatureInput};
use crate::decimal::Decimal;
use crate::event::FieldId;
use crate::time::{CalendarUnit, DaySet, Span, Timestamp};
use crate::value::{Comparison, ConditionResult, TermResult, Value, compare};

/// On how many days in a row there was an event by its own time, up to today, or up to yesterday where there was none
/// today. At most [`DAYS_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DayStreak;

impl AggregateFunction for DayStreak {
    type State = DaySet;
    type Input<'e> = Timestamp;

    const STORED_NAME: &'static str = "streak";
    const NAME: &'static str = "streak";

    fn looks_back(&self) -> Option<Span> {
        Some(Span(i64::from(DAYS_MAX) * 86_400_000))
    }

    fn definition(&self, _path: &dyn Fn(FieldId) -> String, zone: &str) -> String {
        format!("{} {zone}", Self::STORED_NAME)
    }

    fn change_by_time(&self, notation: &str) -> Option<String> {
        Some(format!("{notation} ends, at the end of a day without a match"))
    }

    fn heap_bytes_max(&self) -> usize {
        DAY_SET_BYTES
    }

    fn input<'e>(&self, event: &FeatureInput<'e, '_>) -> Option<Timestamp> {
        Some(event.ts)
    }

    fn add(&self, state: &mut DaySet, ts: Timestamp, event: &FeatureInput<'_, '_>) {
        state.insert_from(oldest(event.clock), event.clock.calendar.unit_of(CalendarUnit::Day, ts));
    }

    fn result<'s>(&self, state: Option<&'s DaySet>, clock: FeatureClock<'_>) -> TermResult<'s> {
        let (value, until) = outlook(state, clock, |value| value);
        TermResult { value, slope: 0, until }
    }

    fn comparison(
        &self,
        state: Option<&DaySet>,
        clock: FeatureClock<'_>,
        op: Comparison,
        constant: &Value<'_>,
    ) -> Option<ConditionResult> {
        let (holds, until) = outlook(state, clock, |value| compare(op, &value, constant));
        Some(ConditionResult { holds, until })
    }

    fn expire(&self, state: &mut DaySet, clock: FeatureClock<'_>) -> bool {
        state.drop_before(oldest(clock));
        state.latest().is_some()
    }
}

/// The first day of the longest streak up to yesterday.
fn oldest(clock: FeatureClock<'_>) -> i64 {
    clock.calendar.unit_of(CalendarUnit::Day, clock.now) - i64::from(DAYS_MAX)
}

/// What `of` says of the streak now, and the first instant at which it says something else: by time alone a streak only ends,
/// when the day after its last has passed.
fn outlook<R: PartialEq>(
    state: Option<&DaySet>,
    clock: FeatureClock<'_>,
    of: impl Fn(Value<'static>) -> R,
) -> (R, Timestamp) {
    let none = of(Value::Number(Decimal::ZERO));
    let yesterday = clock.calendar.unit_of(CalendarUnit::Day, clock.now) - 1;
    let Some((days, latest)) =
        state.and_then(|days| Some((days, days.latest().filter(|latest| *latest >= yesterday)?)))
    else {
        return (none, Timestamp::NEVER);
    };
    let length = days.latest_run().min(i64::from(DAYS_MAX));
    let now = of(Value::Number(Decimal::from(length.unsigned_abs())));
    let until = if now == none { Timestamp::NEVER } else { clock.calendar.start_of(CalendarUnit::Day, latest + 2) };
    (now, until)
}

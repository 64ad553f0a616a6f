//! What the panes of a window are worth, and when time alone changes that.

use super::aggregates::Aggregate;
use super::clock::FeatureClock;
use super::panes::combine;
use super::window::{CalendarWindow, Window};
use crate::time::Timestamp;
use crate::value::{Comparison, ConditionResult, TermResult, Value, compare};

/// A window at an instant, with the value of an empty one.
#[derive(Clone, Copy)]
pub(super) struct WindowReading<'c> {
    pub(super) window: Window,
    pub(super) clock: FeatureClock<'c>,
    pub(super) empty: Value<'static>,
}

impl WindowReading<'_> {
    /// The value of the panes that are in the window or will be, and until when it stays.
    pub(super) fn result<T: Aggregate>(&self, panes: &[(i64, T)]) -> TermResult<'static> {
        if let Some(window) = self.window.previous_period() {
            let (value, until) = self.periods(window, panes).outlook(|value| value);
            return TermResult { value, slope: 0, until };
        }
        let until = panes.first().map_or(Timestamp::NEVER, |(pane, _)| self.leaves_at(*pane));
        TermResult { value: self.value(combine(panes)), slope: 0, until }
    }

    /// Whether `value op constant`, and until when: it changes when a certain pane leaves.
    pub(super) fn comparison<T: Aggregate>(
        &self,
        panes: &[(i64, T)],
        op: Comparison,
        constant: &Value<'_>,
    ) -> ConditionResult {
        if let Some(window) = self.window.previous_period() {
            let (holds, until) = self.periods(window, panes).outlook(|value| compare(op, &value, constant));
            return ConditionResult { holds, until };
        }
        // From the newest pane to the oldest: what the window holds once those before have left.
        let mut aggregate = None;
        let mut outlook = ConditionResult { holds: self.holds(aggregate, op, constant), until: Timestamp::NEVER };
        for (pane, value) in panes.iter().rev() {
            let mut older = *value;
            if let Some(newer) = aggregate {
                older.add(newer);
            }
            aggregate = Some(older);
            let holds = self.holds(aggregate, op, constant);
            if holds != outlook.holds {
                outlook = ConditionResult { holds, until: self.leaves_at(*pane) };
            }
        }
        outlook
    }

    #[inline(always)]
    fn holds<T: Aggregate>(&self, aggregate: Option<T>, op: Comparison, constant: &Value<'_>) -> bool {
        match (self.value(aggregate), constant) {
            // Nearly always so, and then without a call for each pane.
            (Value::Number(number), Value::Number(constant)) => op.accepts(number.cmp(constant)),
            (value, constant) => compare(op, &value, constant),
        }
    }

    fn value<T: Aggregate>(&self, aggregate: Option<T>) -> Value<'static> {
        aggregate.map_or(self.empty, T::to_value)
    }

    fn leaves_at(&self, pane: i64) -> Timestamp {
        self.window.leaves_at(pane, self.clock.calendar)
    }

    /// What a window of the period before will hold, one period after the other.
    fn periods<T: Aggregate>(&self, window: CalendarWindow, panes: &[(i64, T)]) -> PeriodValues {
        let calendar = self.clock.calendar;
        let current = calendar.unit_of(window.unit(), self.clock.now);
        let of = |period: i64| {
            let pane = panes.iter().find(|(pane, _)| *pane == period);
            self.value(pane.map(|(_, value)| *value))
        };
        let changes_at = [current + 1, current + 2].map(|period| calendar.start_of(window.unit(), period));
        PeriodValues { now: of(current - 1), next: of(current), empty: self.empty, changes_at }
    }
}

/// The value of the previous period, of the current one, and of those in which nothing happened yet.
struct PeriodValues {
    now: Value<'static>,
    next: Value<'static>,
    empty: Value<'static>,
    /// When the second and the third value begin.
    changes_at: [Timestamp; 2],
}

impl PeriodValues {
    /// What `of` says of the value now, and the first instant at which it says something else.
    fn outlook<R: PartialEq>(&self, of: impl Fn(Value<'static>) -> R) -> (R, Timestamp) {
        let now = of(self.now);
        let [next_at, empty_at] = self.changes_at;
        // A day that the zone's clocks skipped ends when it begins.
        let until = if next_at < empty_at && of(self.next) != now {
            next_at
        } else if of(self.empty) != now {
            empty_at
        } else {
            Timestamp::NEVER
        };
        (now, until)
    }
}

//! What the state of one user adds to the counts of its channel.

use super::deltas::RollupDeltas;
use crate::growth::calendar::Day;
use crate::growth::counts::{DayAmount, DayCount};
use crate::growth::plan::{COHORT_DAYS, COHORT_WEEKS, FunnelStep, GrowthPlan};

/// Days of the window in which a funnel's users are counted once.
const FUNNEL_WINDOW_DAYS: i64 = 30;

/// Adds, or takes back, what a user contributes to the counts of one channel.
#[derive(Debug)]
pub(crate) struct UserContribution<'c> {
    pub(crate) plan: &'c GrowthPlan,
    pub(crate) channel: u8,
    /// 1 adds, −1 takes back.
    sign: i64,
    pub(crate) deltas: &'c mut RollupDeltas,
}

impl<'c> UserContribution<'c> {
    /// Adds to the counts of a channel.
    pub(crate) fn adding(plan: &'c GrowthPlan, channel: u8, deltas: &'c mut RollupDeltas) -> UserContribution<'c> {
        UserContribution { plan, channel, sign: 1, deltas }
    }

    /// Takes back from the counts of a channel.
    pub(crate) fn removing(plan: &'c GrowthPlan, channel: u8, deltas: &'c mut RollupDeltas) -> UserContribution<'c> {
        UserContribution { plan, channel, sign: -1, deltas }
    }

    pub(crate) fn count(&mut self, day: Day, count: DayCount, by: u32) {
        if by > 0 {
            self.add(day, self.plan.layout.count(self.channel, count), i64::from(by));
        }
    }

    pub(crate) fn amount(&mut self, day: Day, amount: DayAmount, by: i64) {
        let by = i128::from(self.sign) * i128::from(by);
        self.deltas.add_amount(day, self.plan.layout.amount(self.channel, amount), by);
    }

    /// A day that counts in the windows of 7 and 30 days from it on, after the `previous` such day.
    pub(crate) fn windows(&mut self, [week, month]: [DayCount; 2], day: Day, previous: Option<Day>) {
        for (count, length) in [(week, 7), (month, 30)] {
            debug_assert!(count.is_cumulative());
            self.window(self.plan.layout.count(self.channel, count), length, day, previous);
        }
    }

    /// Where a user enters and leaves the window of `length` days from a day on, after the `previous` such day.
    fn window(&mut self, column: u16, length: i64, day: Day, previous: Option<Day>) {
        let start = previous.map_or(day, |previous| day.max(previous.plus(length)));
        self.add(start, column, 1);
        self.add(day.plus(length), column, -1);
    }

    /// A day of activity of a user whose first day was `first`, in the cohort of that day.
    pub(crate) fn cohort_day(&mut self, first: Day, day: Day) {
        if let Ok(after @ ..=COHORT_DAYS) = usize::try_from(day.since(first)) {
            self.add(first, self.plan.layout.cohort_day(self.channel, after), 1);
        }
    }

    /// The first day of activity in a week of a user whose first day was `first`, in the cohort of that week.
    pub(crate) fn cohort_week(&mut self, first: Day, day: Day) {
        let weeks = day.monday().since(first.monday()) / 7;
        if let Ok(after @ ..=COHORT_WEEKS) = usize::try_from(weeks) {
            self.add(first.monday(), self.plan.layout.cohort_week(self.channel, after), 1);
        }
    }

    /// A day with a start from which a step was reached, after the `previous` such day.
    pub(crate) fn funnel_day(&mut self, at: FunnelStep, day: Day, previous: Option<Day>) {
        self.add(day, self.plan.layout.funnel_users(self.channel, at), 1);
        self.funnel_window(at, day, previous);
    }

    /// The same in the window of 30 days only.
    pub(crate) fn funnel_window(&mut self, at: FunnelStep, day: Day, previous: Option<Day>) {
        self.window(self.plan.layout.funnel_window(self.channel, at), FUNNEL_WINDOW_DAYS, day, previous);
    }

    fn add(&mut self, day: Day, column: u16, by: i64) {
        self.deltas.add(day, column, self.sign * by);
    }
}

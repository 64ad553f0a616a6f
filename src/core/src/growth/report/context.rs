//! What all groups of numbers are computed from.

use super::WINDOW_DAYS;
use super::days::{self, DayNumbers};
use crate::growth::calendar::{Day, Hour};
use crate::growth::plan::GrowthPlan;
use crate::growth::rollup::{Rollup, RollupRow};
use crate::time::Timestamp;

/// The plan, the rollup and the moment of a report, with the numbers of its days.
pub(super) struct ReportContext<'r> {
    pub(super) plan: &'r GrowthPlan,
    pub(super) rollup: &'r Rollup,
    pub(super) today: Day,
    /// The current hour, which is not complete.
    pub(super) hour: Hour,
    /// The numbers of each day, oldest first, without gaps; today is the last.
    pub(super) days: Vec<DayNumbers>,
}

impl ReportContext<'_> {
    pub(super) fn new<'r>(plan: &'r GrowthPlan, rollup: &'r Rollup, as_of: Timestamp) -> ReportContext<'r> {
        let today = plan.calendar.day(as_of);
        let days = days::days(plan, rollup, today);
        ReportContext { plan, rollup, today, hour: plan.calendar.hour(as_of), days }
    }

    /// The first day that may be reported.
    pub(super) fn first_reported(&self) -> Day {
        self.rollup.first_reported(self.today)
    }

    /// The complete days, oldest first.
    pub(super) fn complete(&self) -> &[DayNumbers] {
        self.days.split_last().map_or(&[], |(_, complete)| complete)
    }

    /// The last complete days of the window, oldest first.
    pub(super) fn window(&self) -> &[DayNumbers] {
        let complete = self.complete();
        &complete[complete.len().saturating_sub(WINDOW_DAYS)..]
    }

    /// The row of a day that may be reported, if it has one.
    pub(super) fn row(&self, day: Day) -> Option<&RollupRow> {
        (day >= self.first_reported()).then(|| self.rollup.days.get(&day))?.map(|row| &**row)
    }

    /// The sum of all days up to one.
    pub(super) fn sum_until(&self, last: Day) -> RollupRow {
        let mut sum = RollupRow::clone(&self.rollup.carried);
        self.rollup.days.range(..=last).for_each(|(_, row)| sum.add(row));
        sum
    }
}

//! The counts and amounts of a day or an hour.

use crate::growth::counts::{DayAmount, DayCount, HourAmount, HourCount};
use crate::growth::money::Money;
use crate::growth::plan::{
    FunnelStep, GrowthMigration, GrowthPlan, HOUR_COUNTS, RowLayout, TIME_BUCKETS, hour_amount, hour_count,
};

/// The counts and amounts of a day or an hour, by column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RollupRow {
    pub(crate) counts: Vec<i64>,
    pub(crate) amounts: Vec<i128>,
}

/// A count as it is reported: never below 0.
pub(crate) fn reported(count: i64) -> u64 {
    u64::try_from(count).unwrap_or(0)
}

impl RollupRow {
    /// An empty row of a layout.
    pub(crate) fn of_layout(layout: &RowLayout) -> RollupRow {
        RollupRow { counts: vec![0; layout.counts()], amounts: vec![0; layout.amounts()] }
    }

    /// An empty row of a day.
    pub(crate) fn of_day(plan: &GrowthPlan) -> RollupRow {
        RollupRow::of_layout(&plan.layout)
    }

    /// An empty row of an hour.
    pub(crate) fn of_hour() -> RollupRow {
        RollupRow { counts: vec![0; HOUR_COUNTS], amounts: vec![0; HourAmount::LEN] }
    }

    pub(crate) fn add(&mut self, other: &RollupRow) {
        self.counts.iter_mut().zip(&other.counts).for_each(|(sum, count)| *sum += count);
        self.amounts.iter_mut().zip(&other.amounts).for_each(|(sum, amount)| *sum += amount);
    }

    pub(crate) fn is_zero(&self) -> bool {
        self.counts.iter().all(|count| *count == 0) && self.amounts.iter().all(|amount| *amount == 0)
    }

    /// The count in a column.
    pub(crate) fn at(&self, column: u16) -> i64 {
        self.counts[usize::from(column)]
    }

    /// A channel's count, of a row of a day.
    pub(crate) fn day_count(&self, plan: &GrowthPlan, channel: u8, count: DayCount) -> u64 {
        reported(self.at(plan.layout.count(channel, count)))
    }

    /// A channel's amount, of a row of a day.
    pub(crate) fn day_amount(&self, plan: &GrowthPlan, channel: u8, amount: DayAmount) -> Money {
        Money(self.amounts[usize::from(plan.layout.amount(channel, amount))])
    }

    /// A count, of a row of an hour.
    pub(crate) fn hour_count(&self, count: HourCount) -> u64 {
        reported(self.at(hour_count(count)))
    }

    /// An amount, of a row of an hour.
    pub(crate) fn hour_amount(&self, amount: HourAmount) -> Money {
        Money(self.amounts[usize::from(hour_amount(amount))])
    }

    /// The row of a day under the current rules.
    pub(super) fn migrated(&self, migration: &GrowthMigration) -> RollupRow {
        let (from, to) = (&migration.from, &migration.to);
        let mut next = RollupRow::of_layout(to);
        let mut add = |old: usize, new: usize| next.counts[new] += self.counts[old];
        for (old, new) in migration.channels.iter().enumerate() {
            from.channel_counts(old).zip(to.channel_counts(usize::from(*new))).for_each(|(old, new)| add(old, new));
        }
        let stages = || (0u8..).zip(migration.stages.iter().copied());
        for (old_from, new_from) in stages() {
            add(from.active_in_stage(old_from).into(), to.active_in_stage(new_from).into());
            for (old_to, new_to) in stages().filter(|(_, new_to)| *new_to != new_from) {
                add(from.stage_flow(old_from, old_to).into(), to.stage_flow(new_from, new_to).into());
            }
        }
        for (old, new) in migration.kept_funnels() {
            for step in 0..from.steps[old] {
                let (old_at, new_at) = (FunnelStep { funnel: old, step }, FunnelStep { funnel: new, step });
                for (channel, new_channel) in (0u8..).zip(migration.channels.iter().copied()) {
                    let old_column = usize::from(from.funnel_users(channel, old_at));
                    let new_column = usize::from(to.funnel_users(new_channel, new_at));
                    (0..from.step_columns.min(to.step_columns)).for_each(|at| add(old_column + at, new_column + at));
                }
                if step > 0 {
                    let (old_times, new_times) = (from.funnel_times(old_at), to.funnel_times(new_at));
                    (0..TIME_BUCKETS).for_each(|at| add(usize::from(old_times) + at, usize::from(new_times) + at));
                }
            }
        }
        for (old, new) in migration.channels.iter().enumerate() {
            let columns = from.channel_amounts(old).zip(to.channel_amounts(usize::from(*new)));
            columns.for_each(|(old, new)| next.amounts[new] += self.amounts[old]);
        }
        next
    }
}

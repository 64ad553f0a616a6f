//! Retention: the share of each cohort that was active again later.

use std::ops::Range;

use serde::Serialize;

use super::WINDOW_DAYS;
use super::context::ReportContext;
use crate::growth::calendar::Day;
use crate::growth::money::Ratio;
use crate::growth::plan::{COHORT_DAYS, COHORT_WEEKS};
use crate::growth::rollup::{RollupRow, reported};

/// Retention by cohort. A cohort is the users whose first event was on the same day, or in the same week (Monday to Sunday).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Retention {
    /// Of the cohorts of up to 30 complete days, ending with the last whose day after is complete: users active on the day
    /// after their first, over all of them.
    pub day_1: Ratio,
    /// The same on the 7th day after the first.
    pub day_7: Ratio,
    /// The same on the 30th day after the first.
    pub day_30: Ratio,
    /// The same three by channel.
    pub by_channel: Vec<RetentionRates>,
    /// The triangle of cohorts by day, oldest first.
    pub days: Vec<Cohort>,
    /// The triangle of cohorts by week, oldest first.
    pub weeks: Vec<Cohort>,
}

/// Retention of one channel's users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
pub struct RetentionRates {
    /// On the day after the first.
    pub day_1: Ratio,
    /// On the 7th day after.
    pub day_7: Ratio,
    /// On the 30th day after.
    pub day_30: Ratio,
}

/// A cohort, and how many of it were active later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cohort {
    /// Its day, or its week's Monday.
    pub start: Day,
    /// Its number of users.
    pub users: u64,
    /// Users active on the k-th day (0 to 30), or in the k-th week (0 to 4), after the first; `active[0]` is `users`. Only
    /// complete periods are listed, and the period 0 of a cohort of today or this week.
    pub active: Vec<u64>,
    /// The same by channel: `by_channel[channel][k]`.
    pub by_channel: Vec<Vec<u64>>,
}

/// The length of the periods of cohorts.
#[derive(Clone, Copy)]
enum CohortPeriod {
    Day,
    Week,
}

pub(super) fn retention(context: &ReportContext<'_>) -> Retention {
    let rates = |channels: Range<u8>| RetentionRates {
        day_1: rate(context, channels.clone(), 1),
        day_7: rate(context, channels.clone(), 7),
        day_30: rate(context, channels, 30),
    };
    let all = rates(context.plan.channel_numbers());
    let first = context.days.first().map_or(context.today, |day| day.day);
    let days = (first.0..=context.today.0).map(Day);
    let weeks = (first.monday().0..=context.today.0).step_by(7).map(Day);
    let weeks = weeks.filter(|week| *week >= context.first_reported());
    Retention {
        day_1: all.day_1,
        day_7: all.day_7,
        day_30: all.day_30,
        by_channel: context.plan.channel_numbers().map(|channel| rates(channel..channel + 1)).collect(),
        days: days.filter_map(|day| cohort(context, day, CohortPeriod::Day)).collect(),
        weeks: weeks.filter_map(|week| cohort(context, week, CohortPeriod::Week)).collect(),
    }
}

/// Users active on the day `after` days after their first, over all users, of the cohorts of the last 30 days for which that
/// day is complete.
fn rate(context: &ReportContext<'_>, channels: Range<u8>, after: usize) -> Ratio {
    let last = context.today.plus(-1 - after as i64);
    let users = |after| -> i64 {
        let rows = (0..WINDOW_DAYS as i64)
            .filter_map(|back| context.row(last.plus(-back)).filter(|_| i64::from(last.0) > back));
        let active = |row: &RollupRow| -> i64 {
            channels.clone().map(|channel| row.at(context.plan.layout.cohort_day(channel, after))).sum()
        };
        rows.map(active).sum()
    };
    Ratio::new(users(after), users(0))
}

/// A cohort, as far as its periods are complete; `None`: it has no users.
fn cohort(context: &ReportContext<'_>, start: Day, period: CohortPeriod) -> Option<Cohort> {
    let row = context.row(start)?;
    let layout = &context.plan.layout;
    let (days, followed) = match period {
        CohortPeriod::Day => (1, COHORT_DAYS),
        CohortPeriod::Week => (7, COHORT_WEEKS),
    };
    let complete = usize::try_from(context.today.since(start) / days).unwrap_or(0).saturating_sub(1);
    let periods = 0..=complete.min(followed);
    let active = |channel, after| match period {
        CohortPeriod::Day => reported(row.at(layout.cohort_day(channel, after))),
        CohortPeriod::Week => reported(row.at(layout.cohort_week(channel, after))),
    };
    let of_channel = |channel| periods.clone().map(|after| active(channel, after)).collect();
    let by_channel: Vec<Vec<u64>> = context.plan.channel_numbers().map(of_channel).collect();
    let active: Vec<u64> = periods.map(|after| by_channel.iter().map(|one| one[after]).sum()).collect();
    let users = active[0];
    (users > 0).then_some(Cohort { start, users, active, by_channel })
}

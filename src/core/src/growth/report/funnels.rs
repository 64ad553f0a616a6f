//! Funnels: how many users and sessions reached each step.

use serde::Serialize;

use super::context::ReportContext;
use crate::growth::calendar::Day;
use crate::growth::money::Ratio;
use crate::growth::plan::{FunnelStep, TIME_BUCKETS, time_of_bucket};
use crate::growth::rollup::{RollupRow, reported};

/// A funnel over the last 30 complete days, and by day.
///
/// A step counts for the latest start from which it can be reached: for each event of step k, the user's latest event of
/// step k − 1 at or before it, with the start that one counts for; if it lies at most `within` after that start, step k is
/// reached from there. Users are counted once in a window (the 30 days, or one day) for a step that was reached from a start
/// in it, however many starts there were. Events older than the user's latest step before are ignored.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FunnelNumbers {
    /// Its id.
    pub id: String,
    /// The longest time from the start to the last step, in milliseconds.
    pub within_ms: i64,
    /// The steps over the last 30 complete days.
    pub steps: Vec<StepNumbers>,
    /// By day of the start: how many users reached each step.
    pub days: Vec<FunnelDay>,
}

/// A step of a funnel.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepNumbers {
    /// The event's name in the rules.
    pub name: String,
    /// Users who reached it from a start in those days, each counted once.
    pub users: u64,
    /// Sessions that reached it: those in which the steps so far happened in order.
    pub sessions: u64,
    /// Users over those of the step before; of the first step, over itself.
    pub from_previous: Ratio,
    /// Users over those of the first step.
    pub from_first: Ratio,
    /// The median time from the step before, in milliseconds, within 6.25 % (for times from 1 s; shorter ones count as 0);
    /// null for the first step, and where no user reached it.
    pub median_ms: Option<u64>,
    /// Users by channel.
    pub users_by_channel: Vec<u64>,
    /// Sessions by channel.
    pub sessions_by_channel: Vec<u64>,
}

/// A funnel on one day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FunnelDay {
    /// The day of the starts.
    pub day: Day,
    /// Users who reached each step from a start on it, each counted once.
    pub users: Vec<u64>,
    /// Sessions that reached each step, by the day the session started.
    pub sessions: Vec<u64>,
}

/// The rows that the steps of a funnel are read from.
struct FunnelWindow<'r> {
    context: &'r ReportContext<'r>,
    /// The sum of all days up to the last complete one; `None`: no day is complete.
    all: Option<RollupRow>,
    /// The sum of the days of the window.
    window: RollupRow,
}

pub(super) fn funnels(context: &ReportContext<'_>) -> Vec<FunnelNumbers> {
    let rules = &context.plan.rules.funnels;
    if rules.is_empty() {
        return Vec::new();
    }
    let mut sum = RollupRow::of_day(context.plan);
    context.window().iter().filter_map(|day| context.row(day.day)).for_each(|row| sum.add(row));
    let all = context.window().last().map(|last| context.sum_until(last.day));
    let window = FunnelWindow { context, all, window: sum };
    (0..rules.len()).map(|funnel| window.funnel(funnel)).collect()
}

impl FunnelWindow<'_> {
    fn funnel(&self, funnel: usize) -> FunnelNumbers {
        let rule = &self.context.plan.rules.funnels[funnel];
        let steps = || (0..rule.steps.len()).map(move |step| FunnelStep { funnel, step });
        let empty = RollupRow::of_day(self.context.plan);
        let days = self.context.days.iter().map(|day| {
            let row = self.context.row(day.day).unwrap_or(&empty);
            FunnelDay {
                day: day.day,
                users: steps().map(|at| self.users(row, at).iter().sum()).collect(),
                sessions: steps().map(|at| self.sessions(row, at).iter().sum()).collect(),
            }
        });
        FunnelNumbers {
            id: rule.id.clone(),
            within_ms: rule.within.0,
            steps: steps().map(|at| self.step(at)).collect(),
            days: days.collect(),
        }
    }

    fn step(&self, at: FunnelStep) -> StepNumbers {
        let users = |step| self.window_users(FunnelStep { step, ..at }).iter().sum::<u64>();
        let times = || {
            let first = usize::from(self.context.plan.layout.funnel_times(at));
            median(&self.window.counts[first..first + TIME_BUCKETS])
        };
        let sessions_by_channel = self.sessions(&self.window, at);
        StepNumbers {
            name: self.context.plan.step_names[at.funnel][at.step].clone(),
            users: users(at.step),
            sessions: sessions_by_channel.iter().sum(),
            from_previous: Ratio::new(users(at.step), users(at.step.saturating_sub(1))),
            from_first: Ratio::new(users(at.step), users(0)),
            median_ms: if at.step == 0 { None } else { times() },
            users_by_channel: self.window_users(at),
            sessions_by_channel,
        }
    }

    /// By channel, the users who reached a step from a start on the day of a row.
    fn users(&self, row: &RollupRow, at: FunnelStep) -> Vec<u64> {
        self.by_channel(row, |channel| self.context.plan.layout.funnel_users(channel, at))
    }

    /// By channel, the sessions that reached a step.
    fn sessions(&self, row: &RollupRow, at: FunnelStep) -> Vec<u64> {
        self.by_channel(row, |channel| self.context.plan.layout.funnel_sessions(channel, at))
    }

    /// By channel, the users who reached a step from a start in the window.
    fn window_users(&self, at: FunnelStep) -> Vec<u64> {
        match &self.all {
            Some(all) => self.by_channel(all, |channel| self.context.plan.layout.funnel_window(channel, at)),
            None => vec![0; self.context.plan.layout.channels],
        }
    }

    fn by_channel(&self, row: &RollupRow, column: impl Fn(u8) -> u16) -> Vec<u64> {
        self.context.plan.channel_numbers().map(|channel| reported(row.at(column(channel)))).collect()
    }
}

/// The lower median of the times in a histogram, in milliseconds.
fn median(counts: &[i64]) -> Option<u64> {
    let total: i64 = counts.iter().sum();
    let mut left = (total + 1) / 2;
    let bucket = counts.iter().position(|count| {
        left -= count;
        left <= 0
    })?;
    (total > 0).then(|| time_of_bucket(bucket))
}

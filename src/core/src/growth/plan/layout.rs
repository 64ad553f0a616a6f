//! The column of every count in a row of the rollup.

use super::lifecycle::StageNumber;
use crate::growth::counts::{DayAmount, DayCount, HourAmount, HourCount};

/// Days after its first on which a cohort is followed.
pub(crate) const COHORT_DAYS: usize = 30;
/// Weeks after its first in which a cohort is followed.
pub(crate) const COHORT_WEEKS: usize = 4;
/// Buckets that each doubling of a time between steps is divided into.
const BUCKETS_PER_DOUBLING: usize = 8;
/// Buckets of a histogram of times: one for less than a second, then 31 doublings of a second, which is 68 years.
pub(crate) const TIME_BUCKETS: usize = 1 + 31 * BUCKETS_PER_DOUBLING;

/// The column of an hour's events; its counts follow.
pub(crate) const HOUR_EVENTS: u16 = 0;
/// The counts of an hour, its events included.
pub(crate) const HOUR_COUNTS: usize = 1 + HourCount::LEN;

/// Counts of one channel and day: those of the list, a cohort by day and a cohort by week.
const CHANNEL_COUNTS: usize = DayCount::LEN + (COHORT_DAYS + 1) + (COHORT_WEEKS + 1);

/// A step of a funnel, both by their place in the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FunnelStep {
    pub(crate) funnel: usize,
    pub(crate) step: usize,
}

/// The columns of a day's row, as a function of the numbers of channels, stages and steps.
///
/// ```text
/// channel × (counts, cohort by day, cohort by week) · stage × stage (moves) · stage (active users) ·
/// funnel × (step × channel × (users, sessions, users within 30 days) · later step × histogram of times)
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowLayout {
    /// `direct` and `other` included.
    pub(crate) channels: usize,
    /// `outside` and `none` included.
    pub(crate) stages: usize,
    /// The number of steps of each funnel.
    pub(crate) steps: Vec<usize>,
    /// Columns of a step and channel: 3, and 2 in form 1, which has no users within 30 days.
    pub(crate) step_columns: usize,
    /// The first column of each funnel, and the end of all.
    funnel_columns: Vec<usize>,
    /// Where the later steps of each funnel start in a user's state, and where all end.
    pub(crate) step_slots: Vec<usize>,
}

/// The column of a count of an hour.
pub(crate) fn hour_count(count: HourCount) -> u16 {
    HOUR_EVENTS + 1 + count as u16
}

/// The column of an amount of an hour.
pub(crate) fn hour_amount(amount: HourAmount) -> u16 {
    amount as u16
}

impl RowLayout {
    /// The layout of today.
    pub(crate) fn new(channels: usize, stages: usize, steps: Vec<usize>) -> RowLayout {
        RowLayout::with_step_columns(3, channels, stages, steps)
    }

    /// The layout of form 1.
    pub(crate) fn form_1(channels: usize, stages: usize, steps: Vec<usize>) -> RowLayout {
        RowLayout::with_step_columns(2, channels, stages, steps)
    }

    fn with_step_columns(step_columns: usize, channels: usize, stages: usize, steps: Vec<usize>) -> RowLayout {
        let mut layout =
            RowLayout { channels, stages, steps, step_columns, funnel_columns: Vec::new(), step_slots: Vec::new() };
        let mut column = usize::from(layout.active_in_stage(0)) + stages;
        let mut slot = layout.steps.len();
        for steps in &layout.steps {
            layout.funnel_columns.push(column);
            layout.step_slots.push(slot);
            column += steps * channels * step_columns + (steps - 1) * TIME_BUCKETS;
            slot += steps - 1;
        }
        layout.funnel_columns.push(column);
        layout.step_slots.push(slot);
        layout
    }

    /// All counts of one channel.
    pub(crate) fn channel_counts(&self, channel: usize) -> std::ops::Range<usize> {
        channel * CHANNEL_COUNTS..(channel + 1) * CHANNEL_COUNTS
    }

    /// All amounts of one channel.
    pub(crate) fn channel_amounts(&self, channel: usize) -> std::ops::Range<usize> {
        channel * DayAmount::LEN..(channel + 1) * DayAmount::LEN
    }

    pub(crate) fn count(&self, channel: u8, count: DayCount) -> u16 {
        u16::from(channel) * CHANNEL_COUNTS as u16 + count as u16
    }

    pub(crate) fn amount(&self, channel: u8, amount: DayAmount) -> u16 {
        u16::from(channel) * DayAmount::LEN as u16 + amount as u16
    }

    /// Of the cohort of the day: users active this number of days later, 0 to [`COHORT_DAYS`].
    pub(crate) fn cohort_day(&self, channel: u8, days: usize) -> u16 {
        u16::from(channel) * CHANNEL_COUNTS as u16 + (DayCount::LEN + days) as u16
    }

    /// Of the cohort of the week, in the row of its Monday: users active this number of weeks later, 0 to [`COHORT_WEEKS`].
    pub(crate) fn cohort_week(&self, channel: u8, weeks: usize) -> u16 {
        self.cohort_day(channel, COHORT_DAYS + 1) + weeks as u16
    }

    /// Users who moved from one stage to another.
    pub(crate) fn stage_flow(&self, from: StageNumber, to: StageNumber) -> u16 {
        (self.channels * CHANNEL_COUNTS + usize::from(from) * self.stages + usize::from(to)) as u16
    }

    /// Active users who were in the stage at the start of the day.
    pub(crate) fn active_in_stage(&self, stage: StageNumber) -> u16 {
        (self.channels * CHANNEL_COUNTS + self.stages * self.stages + usize::from(stage)) as u16
    }

    /// Users who reached a step from a start on the day. The other columns of the step and channel follow.
    pub(crate) fn funnel_users(&self, channel: u8, at: FunnelStep) -> u16 {
        let before = (at.step * self.channels + usize::from(channel)) * self.step_columns;
        (self.funnel_columns[at.funnel] + before) as u16
    }

    /// Sessions of the day that reached a step.
    pub(crate) fn funnel_sessions(&self, channel: u8, at: FunnelStep) -> u16 {
        self.funnel_users(channel, at) + 1
    }

    /// Where users enter (1) and leave (−1) the 30 days after a start from which they reached a step; the sum of all days up
    /// to one is the count of that day.
    pub(crate) fn funnel_window(&self, channel: u8, at: FunnelStep) -> u16 {
        self.funnel_users(channel, at) + 2
    }

    /// The histogram of times from the step before, [`TIME_BUCKETS`] columns; of steps after the first.
    pub(crate) fn funnel_times(&self, at: FunnelStep) -> u16 {
        let before = self.steps[at.funnel] * self.channels * self.step_columns + (at.step - 1) * TIME_BUCKETS;
        (self.funnel_columns[at.funnel] + before) as u16
    }

    /// Where a user's state keeps a step: the first steps of all funnels first, since most users get no further.
    pub(crate) fn step_slot(&self, at: FunnelStep) -> usize {
        at.step.checked_sub(1).map_or(at.funnel, |later| self.step_slots[at.funnel] + later)
    }

    /// The number of slots for steps in a user's state.
    pub(crate) fn slots(&self) -> usize {
        *self.step_slots.last().unwrap_or(&0)
    }

    /// All steps of all funnels.
    pub(crate) fn funnel_steps(&self) -> impl Iterator<Item = FunnelStep> + '_ {
        let steps = self.steps.iter().enumerate();
        steps.flat_map(|(funnel, steps)| (0..*steps).map(move |step| FunnelStep { funnel, step }))
    }

    /// The number of counts of a day's row.
    pub(crate) fn counts(&self) -> usize {
        *self.funnel_columns.last().unwrap_or(&0)
    }

    /// The number of amounts of a day's row.
    pub(crate) fn amounts(&self) -> usize {
        self.channels * DayAmount::LEN
    }
}

/// The bucket of a time in a histogram.
pub(crate) fn time_bucket(ms: i64) -> usize {
    let seconds_8 = u64::try_from(ms).unwrap_or(0).saturating_mul(BUCKETS_PER_DOUBLING as u64) / 1_000;
    if seconds_8 < BUCKETS_PER_DOUBLING as u64 {
        return 0;
    }
    let doubling = seconds_8.ilog2() as usize - BUCKETS_PER_DOUBLING.ilog2() as usize;
    let part = (seconds_8 >> doubling) as usize - BUCKETS_PER_DOUBLING;
    (1 + doubling * BUCKETS_PER_DOUBLING + part).min(TIME_BUCKETS - 1)
}

/// The middle of the times in a bucket, in milliseconds.
pub(crate) fn time_of_bucket(bucket: usize) -> u64 {
    let Some(bucket) = bucket.checked_sub(1) else { return 0 };
    let (doubling, part) = (bucket / BUCKETS_PER_DOUBLING, bucket % BUCKETS_PER_DOUBLING);
    let least_16 = ((BUCKETS_PER_DOUBLING + part) * 2 + 1) as u64;
    (least_16 << doubling) * 1_000 / (BUCKETS_PER_DOUBLING as u64 * 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_is_within_a_sixteenth_of_its_times() {
        let mut before = 0;
        for ms in (1_000..100_000).chain((100_000..3_000_000_000).step_by(1_234_567)) {
            let bucket = time_bucket(ms);
            assert!(bucket >= before && bucket < TIME_BUCKETS);
            before = bucket;
            let middle = time_of_bucket(bucket) as f64;
            assert!((middle - ms as f64).abs() <= ms as f64 * 0.0626, "{ms} ms as {middle}");
        }
        assert_eq!((time_bucket(-5), time_bucket(999), time_of_bucket(0)), (0, 0, 0));
        assert!(time_bucket(i64::MAX) < TIME_BUCKETS);
    }

    #[test]
    fn columns_are_those_of_the_checkpoint_format() {
        let layout = RowLayout::new(3, 4, vec![3, 2]);
        let step = |funnel, step| FunnelStep { funnel, step };
        assert_eq!((layout.count(0, DayCount::NewUsers), layout.count(0, DayCount::Refunds)), (0, 16));
        assert_eq!(
            (layout.cohort_day(0, 0), layout.cohort_week(0, 0), layout.count(1, DayCount::NewUsers)),
            (17, 48, 53)
        );
        assert_eq!((layout.stage_flow(0, 0), layout.stage_flow(1, 2), layout.active_in_stage(0)), (159, 165, 175));
        assert_eq!((layout.funnel_users(0, step(0, 0)), layout.funnel_window(2, step(0, 1))), (179, 196));
        assert_eq!((layout.funnel_times(step(0, 1)), layout.funnel_times(step(0, 2))), (206, 455));
        assert_eq!((layout.funnel_users(0, step(1, 0)), layout.counts(), layout.amounts()), (704, 971, 12));
        assert_eq!((hour_count(HourCount::Sessions), hour_amount(HourAmount::Discount)), (1, 2));
        assert_eq!(layout.funnel_steps().map(|at| layout.step_slot(at)).collect::<Vec<_>>(), [0, 2, 3, 1, 4]);
    }
}

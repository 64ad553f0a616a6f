//! The rules of the growth numbers with what is worked out of them once: the calendar, and where each count stands in a
//! row.

use super::calendar::{Calendar, Day};
use super::channel;
use crate::rules::growth::{Channel, Growth};
use crate::rules::program::{EventName, NameId};
use crate::time::Timestamp;

/// Days of a cohort that are followed after its first.
pub(super) const COHORT_DAYS: usize = 30;
/// Weeks of a cohort that are followed after its first.
pub(super) const COHORT_WEEKS: usize = 4;
/// Parts that each doubling of a time between steps is divided into.
pub(super) const PARTS_PER_DOUBLING: usize = 8;
/// Columns of a histogram of times: one for less than a second, then 31 doublings of a second: 68 years.
pub(super) const TIME_COLUMNS: usize = 1 + 31 * PARTS_PER_DOUBLING;

/// The counts of one channel, by their place in its part of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Count {
    NewUsers,
    SignUps,
    Active,
    /// Where a user begins (1) and ends (−1) to be active within 7 days; the sum up to a day is the count of the day.
    Active7d,
    Active30d,
    Sessions,
    CartSessions,
    CheckoutSessions,
    CartOrderSessions,
    Buyers,
    Buyers7d,
    Buyers30d,
    NewBuyers,
    RepeatBuyers,
    Orders,
    CouponOrders,
    Refunds,
    /// Of the day's cohort: active on the k-th day after, at `CohortDay + k`.
    CohortDay,
    /// Of the week's cohort, in the row of its Monday.
    CohortWeek = Count::CohortDay as u16 + COHORT_DAYS as u16 + 1,
    End = Count::CohortWeek as u16 + COHORT_WEEKS as u16 + 1,
}

/// The amounts of one channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum Amount {
    Gmv,
    GmvNew,
    Refunded,
    Discount,
    End,
}

/// The counts of an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum HourCount {
    Events,
    Sessions,
    NewUsers,
    Orders,
    CouponOrders,
    End,
}

/// The amounts of an hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(super) enum HourAmount {
    Gmv,
    Refunded,
    Discount,
    End,
}

/// A stage by its number: [`OUTSIDE`], [`NONE`], then the rules' stages.
pub(super) type StageNumber = u8;
/// Not known yet, or not any more.
pub(super) const OUTSIDE: StageNumber = 0;
/// Known, and in no stage.
pub(super) const NONE: StageNumber = 1;

/// Where each count stands in a row: a function of how many channels, stages and steps there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// `direct` and `other` included.
    pub(super) channels: usize,
    /// [`OUTSIDE`] and [`NONE`] included.
    pub(super) stages: usize,
    /// Of each funnel.
    pub(super) steps: Vec<usize>,
    /// Columns of a step and channel: users by day, sessions, and, but for the first form, users within 30 days.
    pub(super) step_columns: usize,
    /// Where a funnel's counts begin, and where all end.
    funnel_columns: Vec<usize>,
    /// Where a funnel's steps after the first begin in a record, and where all end.
    pub(super) step_places: Vec<usize>,
}

/// The rules of the growth numbers, worked out.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The rules.
    pub rules: Growth,
    pub(super) calendar: Calendar,
    pub(super) sources: channel::Sources,
    pub(super) layout: Layout,
    /// By name of an event: the funnels' steps it is.
    steps_of: Vec<Vec<(u8, u8)>>,
    /// The names of the funnels' steps.
    pub(super) step_names: Vec<Vec<String>>,
    /// What the channels, stages and funnels are, in words.
    pub(super) keys: Vec<String>,
}

impl Layout {
    pub(super) fn new(channels: usize, stages: usize, steps: Vec<usize>) -> Layout {
        Layout::with_step_columns(3, channels, stages, steps)
    }

    /// That of the first form.
    pub(super) fn first_form(channels: usize, stages: usize, steps: Vec<usize>) -> Layout {
        Layout::with_step_columns(2, channels, stages, steps)
    }

    fn with_step_columns(step_columns: usize, channels: usize, stages: usize, steps: Vec<usize>) -> Layout {
        let mut layout =
            Layout { channels, stages, steps, step_columns, funnel_columns: Vec::new(), step_places: Vec::new() };
        let mut column = layout.stay_column(0) as usize + stages;
        let mut place = layout.steps.len();
        for steps in &layout.steps {
            layout.funnel_columns.push(column);
            layout.step_places.push(place);
            column += steps * channels * step_columns + (steps - 1) * TIME_COLUMNS;
            place += steps - 1;
        }
        layout.funnel_columns.push(column);
        layout.step_places.push(place);
        layout
    }

    pub(super) fn count(&self, channel: u8, count: Count, offset: usize) -> u16 {
        u16::from(channel) * Count::End as u16 + count as u16 + offset as u16
    }

    pub(super) fn amount(&self, channel: u8, amount: Amount) -> u16 {
        u16::from(channel) * Amount::End as u16 + amount as u16
    }

    pub(super) fn flow_column(&self, from: StageNumber, to: StageNumber) -> u16 {
        (self.channels * Count::End as usize + usize::from(from) * self.stages + usize::from(to)) as u16
    }

    /// Users whose day began in a stage.
    pub(super) fn stay_column(&self, stage: StageNumber) -> u16 {
        (self.channels * Count::End as usize + self.stages * self.stages + usize::from(stage)) as u16
    }

    pub(super) fn funnel_users(&self, funnel: usize, step: usize, channel: u8) -> u16 {
        (self.funnel_columns[funnel] + (step * self.channels + usize::from(channel)) * self.step_columns) as u16
    }

    /// Where a user begins (1) and ends (−1) to be one who reached a step from a start within 30 days; the sum up to a day is
    /// the count of the day.
    pub(super) fn funnel_window(&self, funnel: usize, step: usize, channel: u8) -> u16 {
        self.funnel_users(funnel, step, channel) + 2
    }

    pub(super) fn funnel_sessions(&self, funnel: usize, step: usize, channel: u8) -> u16 {
        self.funnel_users(funnel, step, channel) + 1
    }

    /// The histogram of times from the step before; of steps after the first.
    pub(super) fn funnel_times(&self, funnel: usize, step: usize) -> u16 {
        let times = self.steps[funnel] * self.channels * self.step_columns + (step - 1) * TIME_COLUMNS;
        (self.funnel_columns[funnel] + times) as u16
    }

    /// How many counts a day's row has.
    pub(super) fn counts(&self) -> usize {
        *self.funnel_columns.last().unwrap_or(&0)
    }

    /// How many amounts a day's row has.
    pub(super) fn amounts(&self) -> usize {
        self.channels * Amount::End as usize
    }
}

impl Plan {
    /// Works out the rules, whose events these are.
    pub fn new(rules: Growth, names: &[EventName]) -> Plan {
        let named = |name: &NameId| names.get(usize::from(name.0));
        let step_name = |name: &NameId| named(name).map(|name| name.id.clone()).unwrap_or_default();
        let most = rules.funnels.iter().flat_map(|funnel| &funnel.steps).map(|name| usize::from(name.0) + 1).max();
        let mut steps_of = vec![Vec::new(); most.unwrap_or(0)];
        for (funnel, number) in rules.funnels.iter().zip(0u8..) {
            for (name, step) in funnel.steps.iter().zip(0u8..) {
                steps_of[usize::from(name.0)].push((number, step));
            }
        }
        let steps = rules.funnels.iter().map(|funnel| funnel.steps.len()).collect();
        Plan {
            calendar: Calendar::new(&rules.timezone),
            sources: channel::Sources::new(&rules.channels),
            layout: Layout::new(rules.channels.len() + 2, rules.stages.len() + 2, steps),
            steps_of,
            step_names: rules.funnels.iter().map(|funnel| funnel.steps.iter().map(step_name).collect()).collect(),
            keys: super::translate::keys(&rules, names),
            rules,
        }
    }

    /// What channels, stages and funnels there are, in words that no other change of the rules alters: what a record and
    /// a book say, they say in terms of these.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// The business day of a moment.
    pub fn today(&self, at: Timestamp) -> Day {
        self.calendar.day(at)
    }

    /// The names of the channels.
    pub fn channel_names(&self) -> Vec<String> {
        let named = self.rules.channels.iter().map(|channel: &Channel| channel.name.clone());
        named.chain(["direct".to_owned(), "other".to_owned()]).collect()
    }

    pub(super) fn direct(&self) -> u8 {
        self.rules.channels.len() as u8
    }

    pub(super) fn other(&self) -> u8 {
        self.direct() + 1
    }

    pub(super) fn stage_name(&self, stage: usize) -> &str {
        match stage {
            0 => "outside",
            1 => "none",
            _ => self.rules.stages[stage - 2].name,
        }
    }

    /// The steps that an event of this name is.
    pub(super) fn steps(&self, name: NameId) -> &[(u8, u8)] {
        self.steps_of.get(usize::from(name.0)).map_or(&[], Vec::as_slice)
    }
}

/// The column of a time in a histogram.
pub(super) fn time_column(ms: i64) -> usize {
    let seconds_8 = u64::try_from(ms).unwrap_or(0).saturating_mul(PARTS_PER_DOUBLING as u64) / 1_000;
    if seconds_8 < PARTS_PER_DOUBLING as u64 {
        return 0;
    }
    let doubling = seconds_8.ilog2() as usize - PARTS_PER_DOUBLING.ilog2() as usize;
    let part = (seconds_8 >> doubling) as usize - PARTS_PER_DOUBLING;
    (1 + doubling * PARTS_PER_DOUBLING + part).min(TIME_COLUMNS - 1)
}

/// The middle of the times in a column, in milliseconds.
pub(super) fn time_of_column(column: usize) -> u64 {
    let Some(column) = column.checked_sub(1) else { return 0 };
    let (doubling, part) = (column / PARTS_PER_DOUBLING, column % PARTS_PER_DOUBLING);
    let least_16 = ((PARTS_PER_DOUBLING + part) * 2 + 1) as u64;
    (least_16 << doubling) * 1_000 / (PARTS_PER_DOUBLING as u64 * 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_told_to_a_sixteenth() {
        let mut before = 0;
        for ms in (1_000..100_000).chain((100_000..3_000_000_000).step_by(1_234_567)) {
            let column = time_column(ms);
            assert!(column >= before && column < TIME_COLUMNS);
            before = column;
            let told = time_of_column(column) as f64;
            assert!((told - ms as f64).abs() <= ms as f64 * 0.0626, "{ms} ms as {told}");
        }
        assert_eq!((time_column(-5), time_column(999), time_of_column(0)), (0, 0, 0));
        assert!(time_column(i64::MAX) < TIME_COLUMNS);
    }
}

//! Active and new users of the last complete day, and their growth.

use serde::Serialize;

use super::context::ReportContext;
use crate::growth::calendar::Day;
use crate::growth::counts::DayTotals;
use crate::growth::money::Ratio;

/// The user figures of the last complete day.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct UserNumbers {
    /// The day; null before the first is complete.
    pub day: Option<Day>,
    /// DAU over MAU.
    pub stickiness: Ratio,
    /// DAU over all known users.
    pub active_share: Ratio,
    /// New users of the day over the day before; of 7 days over the 7 before; of 30 over the 30 before. The growth is the
    /// rate less 1.
    pub new_users: PeriodGrowth,
    /// Active users of the day over the day before, and WAU and MAU over those of 7 and 30 days earlier.
    pub active_users: PeriodGrowth,
}

/// A period over the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default, Serialize)]
pub struct PeriodGrowth {
    /// The last complete day over the day before.
    pub day: Ratio,
    /// The last 7 complete days over the 7 before.
    pub week: Ratio,
    /// The last 30 complete days over the 30 before.
    pub month: Ratio,
}

pub(super) fn users(context: &ReportContext<'_>) -> UserNumbers {
    let complete = context.complete();
    // The day this number of days before the last complete one, if it is reported.
    let back = |days: usize| complete.len().checked_sub(days + 1).map(|at| &complete[at]);
    let new =
        |from: usize, days: usize| -> u64 { (from..from + days).filter_map(back).map(|day| day.all.new_users).sum() };
    let active = |days: usize, of: fn(&DayTotals) -> u64| back(days).map_or(0, |day| of(&day.all));
    let dau = |all: &DayTotals| all.active;
    let wau = |all: &DayTotals| all.active_7d;
    let mau = |all: &DayTotals| all.active_30d;
    UserNumbers {
        day: back(0).map(|day| day.day),
        stickiness: Ratio::new(active(0, dau), active(0, mau)),
        active_share: Ratio::new(active(0, dau), back(0).map_or(0, |day| day.known_users)),
        new_users: PeriodGrowth {
            day: Ratio::new(new(0, 1), new(1, 1)),
            week: Ratio::new(new(0, 7), new(7, 7)),
            month: Ratio::new(new(0, 30), new(30, 30)),
        },
        active_users: PeriodGrowth {
            day: Ratio::new(active(0, dau), active(1, dau)),
            week: Ratio::new(active(0, wau), active(7, wau)),
            month: Ratio::new(active(0, mau), active(30, mau)),
        },
    }
}

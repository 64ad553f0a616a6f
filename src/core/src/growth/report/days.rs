//! The numbers of each day and each hour.

use serde::Serialize;

use super::context::ReportContext;
use crate::growth::calendar::{Day, Hour};
use crate::growth::counts::{DayCount, DayTotals, WindowTotals};
use crate::growth::money::Money;
use crate::growth::plan::{GrowthPlan, HOUR_EVENTS, StageMembership, StageNumber};
use crate::growth::rollup::{CategoryTotal, DayCategories, Rollup, RollupRow, reported};

/// One business day.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DayNumbers {
    /// The day.
    pub day: Day,
    /// Whether the watermark reached its end.
    pub complete: bool,
    /// Users known at the end of it: everyone whose first event was on it or before.
    pub known_users: u64,
    /// Users who signed up on it or before.
    pub known_sign_ups: u64,
    /// Buyers on it or before, ever.
    pub known_buyers: u64,
    /// Of those, the ones with two orders or more by its end.
    pub known_repeat_buyers: u64,
    /// All users.
    pub all: DayTotals,
    /// By first-touch channel; the sum of each count is that of `all`.
    pub by_channel: Vec<DayTotals>,
    /// The categories that sold most by value, highest first; at most 192, and exact if there were no more.
    pub categories: Vec<CategoryNumbers>,
    /// By how much the value of each of `categories` may be too low; 0: they are exact.
    pub category_error: Money,
    /// Users in each stage at the end of it.
    pub stage_sizes: Vec<u64>,
    /// Active users by the stage they were in at the start of their day. A visitor who became a known user later may count
    /// twice.
    pub active_by_stage: Vec<u64>,
    /// Users who moved between stages.
    pub flows: Vec<StageFlow>,
}

/// A category of a day or of a window.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CategoryNumbers {
    /// Its name.
    pub category: String,
    /// Its orders.
    pub orders: u64,
    /// Their value.
    pub gmv: Money,
}

/// Users who moved between stages on a day.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StageFlow {
    /// The stage left; `outside`: the user was not known before; `none`: known, and in no stage.
    pub from: StageMembership,
    /// The stage entered; `outside`: a visitor was merged, or the user was forgotten; `none`: in no stage now.
    pub to: StageMembership,
    /// The number of moves.
    pub users: u64,
}

/// One hour in local time. When clocks are set back, two hours are one here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct HourNumbers {
    /// The hour.
    pub hour: Hour,
    /// Events of any kind.
    pub events: u64,
    /// Everything else.
    #[serde(flatten)]
    pub totals: WindowTotals,
}

impl From<CategoryTotal<'_>> for CategoryNumbers {
    fn from(total: CategoryTotal<'_>) -> CategoryNumbers {
        CategoryNumbers { category: total.category.to_owned(), orders: total.orders, gmv: Money(total.value.into()) }
    }
}

/// All days from the first with events to today.
pub(super) fn days(plan: &GrowthPlan, rollup: &Rollup, today: Day) -> Vec<DayNumbers> {
    let first = rollup.first_reported(today);
    let mut sum = RollupRow::clone(&rollup.carried);
    rollup.days.range(..first).for_each(|(_, row)| sum.add(row));
    let has_active =
        |row: &RollupRow| plan.channel_numbers().any(|channel| row.day_count(plan, channel, DayCount::Active) > 0);
    let first_active = || {
        let active = rollup.days.range(first..=today.max(first)).find(|(_, row)| has_active(row));
        active.map_or(today, |(day, _)| *day)
    };
    let mut day = if sum.is_zero() { first_active() } else { first };
    // Cohorts of weeks are in the rows of Mondays, which may be before the first event.
    rollup.days.range(first..day.max(first)).for_each(|(_, row)| sum.add(row));
    let empty = RollupRow::of_day(plan);
    let mut days = Vec::new();
    while day <= today {
        let row = rollup.days.get(&day).map_or(&empty, |row| &**row);
        sum.add(row);
        let categories = rollup.categories.get(&day).map(|held| &**held);
        days.push(DayNumbers { complete: day < today, ..day_numbers(plan, day, row, &sum, categories) });
        if day.0 == u16::MAX {
            break;
        }
        day = day.plus(1);
    }
    days
}

/// The numbers of a day from its row, and from the `sum` of all rows up to it.
fn day_numbers(
    plan: &GrowthPlan,
    day: Day,
    row: &RollupRow,
    sum: &RollupRow,
    categories: Option<&DayCategories>,
) -> DayNumbers {
    let totals = |channel| {
        let count = |count: DayCount| if count.is_cumulative() { sum } else { row }.day_count(plan, channel, count);
        DayTotals::read(count, |amount| row.day_amount(plan, channel, amount))
    };
    let by_channel: Vec<DayTotals> = plan.channel_numbers().map(totals).collect();
    let known = |count| -> u64 {
        let counts = plan.channel_numbers().map(|channel| sum.at(plan.layout.count(channel, count)));
        reported(counts.sum())
    };
    let (categories, error) = DayCategories::total(categories.into_iter());
    DayNumbers {
        day,
        complete: false,
        known_users: known(DayCount::NewUsers),
        known_sign_ups: known(DayCount::SignUps),
        known_buyers: known(DayCount::NewBuyers),
        known_repeat_buyers: known(DayCount::RepeatBuyers),
        all: by_channel.iter().copied().sum(),
        by_channel,
        categories: categories.into_iter().map(CategoryNumbers::from).collect(),
        category_error: Money(error.into()),
        stage_sizes: plan.stage_numbers().map(|stage| stage_size(plan, stage, sum)).collect(),
        active_by_stage: plan
            .stage_numbers()
            .map(|stage| reported(row.at(plan.layout.active_in_stage(stage))))
            .collect(),
        flows: flows(plan, row),
    }
}

/// The number of users in a stage, from the `sum` of all moves.
pub(super) fn stage_size(plan: &GrowthPlan, stage: StageNumber, sum: &RollupRow) -> u64 {
    let moved = |from, to| sum.at(plan.layout.stage_flow(from, to));
    let others = (0..plan.layout.stages as StageNumber).filter(|other| *other != stage);
    reported(others.map(|other| moved(other, stage) - moved(stage, other)).sum())
}

fn flows(plan: &GrowthPlan, row: &RollupRow) -> Vec<StageFlow> {
    let stages = plan.layout.stages as StageNumber;
    let pairs = (0..stages).flat_map(|from| (0..stages).map(move |to| (from, to)));
    let flow = |(from, to)| StageFlow {
        from: plan.stage_membership(from),
        to: plan.stage_membership(to),
        users: reported(row.at(plan.layout.stage_flow(from, to))),
    };
    pairs.map(flow).filter(|flow| flow.users > 0).collect()
}

/// All hours with events of the reported days.
pub(super) fn hours(context: &ReportContext<'_>) -> Vec<HourNumbers> {
    let Some(first) = context.days.first() else { return Vec::new() };
    let end = context.today.plus(1).first_hour();
    let hours = context.rollup.hours.range(first.day.first_hour()..end).filter(|(_, row)| !row.is_zero());
    let numbers = hours.map(|(hour, row)| HourNumbers {
        hour: *hour,
        events: reported(row.at(HOUR_EVENTS)),
        totals: window_totals(row),
    });
    numbers.collect()
}

/// The totals of an hour.
pub(super) fn window_totals(row: &RollupRow) -> WindowTotals {
    WindowTotals::read(|count| row.hour_count(count), |amount| row.hour_amount(amount))
}

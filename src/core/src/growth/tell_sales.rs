//! What is told of funnels and of commerce.

use super::book::Row;
use super::categories::Categories;
use super::numbers::{CommerceNumbers, FunnelDay, FunnelNumbers, Money, Ratio, Sales, StepNumbers, Tally};
use super::plan::{TIME_COLUMNS, time_of_column};
use super::tell::{Told, category, shown};
use crate::rules::growth::Funnel;

/// Categories that are told of.
const TOP_CATEGORIES: usize = 10;

pub(super) fn funnels(told: &Told<'_>) -> Vec<FunnelNumbers> {
    let funnels = told.plan.rules.funnels.iter().enumerate();
    let people = told.window().last().filter(|_| funnels.len() > 0).map(|last| told.sum_until(last.day));
    funnels.map(|(number, funnel)| tell_funnel(told, people.as_ref(), number, funnel)).collect()
}

/// Of a funnel; `people` is the sum of all up to the last complete day.
fn tell_funnel(told: &Told<'_>, people: Option<&Row>, number: usize, funnel: &Funnel) -> FunnelNumbers {
    let plan = told.plan;
    let mut sum = Row::of_day(plan);
    told.window().iter().filter_map(|day| told.row(day.day)).for_each(|row| sum.add(row));
    let users =
        |row: &Row, step, channel| shown(row.counts[usize::from(plan.layout.funnel_users(number, step, channel))]);
    let sessions =
        |row: &Row, step, channel| shown(row.counts[usize::from(plan.layout.funnel_sessions(number, step, channel))]);
    let channels = || (0..plan.layout.channels).map(|channel| channel as u8);
    let within = |step, channel| {
        let column = usize::from(plan.layout.funnel_window(number, step, channel));
        people.map_or(0, |people| shown(people.counts[column]))
    };
    let all_within = |step| channels().map(|channel| within(step, channel)).sum::<u64>();
    let all_users = |row: &Row, step| channels().map(|channel| users(row, step, channel)).sum::<u64>();
    let all_sessions = |row: &Row, step| channels().map(|channel| sessions(row, step, channel)).sum::<u64>();
    let steps = (0..funnel.steps.len()).map(|step| {
        let reached = all_within(step);
        StepNumbers {
            name: plan.step_names[number][step].clone(),
            users: reached,
            sessions: all_sessions(&sum, step),
            from_previous: Ratio::new(reached, all_within(step.saturating_sub(1))),
            from_first: Ratio::new(reached, all_within(0)),
            median_ms: step.checked_sub(1).and_then(|_| {
                let first = usize::from(plan.layout.funnel_times(number, step));
                median(&sum.counts[first..first + TIME_COLUMNS])
            }),
            users_by_channel: channels().map(|channel| within(step, channel)).collect(),
            sessions_by_channel: channels().map(|channel| sessions(&sum, step, channel)).collect(),
        }
    });
    let empty = Row::of_day(plan);
    let days = told.days.iter().map(|day| {
        let row = told.row(day.day).unwrap_or(&empty);
        FunnelDay {
            day: day.day,
            users: (0..funnel.steps.len()).map(|step| all_users(row, step)).collect(),
            sessions: (0..funnel.steps.len()).map(|step| all_sessions(row, step)).collect(),
        }
    });
    FunnelNumbers { id: funnel.id.clone(), within_ms: funnel.within.0, steps: steps.collect(), days: days.collect() }
}

/// The lower median of the times in a histogram.
fn median(counts: &[i64]) -> Option<u64> {
    let total: i64 = counts.iter().sum();
    let mut left = (total + 1) / 2;
    let column = counts.iter().position(|count| {
        left -= count;
        left <= 0
    })?;
    (total > 0).then(|| time_of_column(column))
}

pub(super) fn commerce(told: &Told<'_>) -> CommerceNumbers {
    let window = told.window();
    let sum = |of: &dyn Fn(usize) -> Tally| (0..window.len()).map(of).fold(Tally::default(), |sum, day| sum.plus(&day));
    let last = |of: &dyn Fn(usize) -> Tally| window.len().checked_sub(1).map(of).unwrap_or_default();
    let has_refunds = told.plan.rules.refunds.is_some();
    let sales = |of: &dyn Fn(usize) -> Tally| sales(&sum(of), &last(of), has_refunds);
    let days = window.iter().filter_map(|day| told.book.categories.get(&day.day)).map(|held| &**held);
    let (categories, error) = Categories::united(days);
    CommerceNumbers {
        all: sales(&|day| window[day].all),
        by_channel: (0..told.plan.layout.channels)
            .map(|channel| sales(&|day| window[day].by_channel[channel]))
            .collect(),
        categories: categories.into_iter().take(TOP_CATEGORIES).map(category).collect(),
        category_error: Money(error.into()),
        repeat_purchase: window
            .last()
            .map_or(Ratio::default(), |day| Ratio::new(day.known_repeat_buyers, day.known_buyers)),
    }
}

/// The sales of a window, whose last day tells how many bought in it.
fn sales(sum: &Tally, last: &Tally, has_refunds: bool) -> Sales {
    Sales {
        orders: sum.orders,
        gmv: sum.gmv,
        revenue: has_refunds.then(|| sum.gmv - sum.refunded),
        aov: nearest(sum.gmv.0, sum.orders).map(Money),
        buyers: last.buyers_30d,
        orders_per_buyer: Ratio::new(sum.orders, last.buyers_30d),
        conversion: Ratio::new(last.buyers_30d, last.active_30d),
        cart_abandonment: Ratio::new(sum.cart_sessions.saturating_sub(sum.cart_order_sessions), sum.cart_sessions),
        gmv_new: sum.gmv_new,
        gmv_returning: sum.gmv - sum.gmv_new,
        coupon_share: Ratio::new(sum.coupon_orders, sum.orders),
        discount: sum.discount,
    }
}

/// The quotient, rounded half up.
fn nearest(part: i128, whole: u64) -> Option<i128> {
    let whole = i128::from(whole);
    (whole > 0).then(|| (part * 2 + whole).div_euclid(whole * 2))
}

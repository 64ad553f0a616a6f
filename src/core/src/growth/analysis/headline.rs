//! The sentence at the top of a report: how the last seven complete days compare with the seven before, and by what.
//!
//! **Reasoned from the figures.** GMV is buyers × orders per buyer × average order value, and its change is divided among these
//! by the [decomposition](super::decomposition); buyers are counted once a week each. Where the rules define no order, the
//! sentence is about active users: those who were new, and those who returned.
//!
//! **Honest.** Weeks are compared once both are complete. With few orders no reason is given, since their change is as likely
//! chance. Where more weeks are known, the sentence says by how much a week usually differs from the one before it.
//!
//! What it does not do: say why buyers were fewer. `rekindle growth explain` divides the change by channel and category.

use serde::Serialize;

use super::day_window::DayWindow;
use super::decomposition::{ChainFactor, Decomposition, WindowPair, factors, groups};
use super::headline_words::{HeadlineWording, NeighbourWeeks};
use super::robust::trimmed_mean;
use crate::growth::report::{DayNumbers, GrowthNumbers};

/// Days of a window.
pub(super) const DAYS: usize = 7;
/// Pairs of earlier weeks that say by how much weeks usually differ, at most and at least.
const USUAL_MAX: usize = 12;
const USUAL_MIN: usize = 4;
/// Orders of both windows, or users, from which on a reason is given.
pub const REASONED_FROM: i128 = 30;

/// The sentence, and what it was made of.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct GrowthHeadline {
    /// The sentence.
    pub text: String,
    /// How it was reasoned.
    pub source: String,
    /// What was compared.
    pub metric: HeadlineMetric,
    /// Complete days.
    pub complete_days: usize,
    /// Complete days that a comparison needs.
    pub needed_days: usize,
    /// The comparison; null: there are too few days.
    pub comparison: Option<WeekComparison>,
}

/// What a headline is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HeadlineMetric {
    /// GMV.
    Gmv,
    /// Users with an event in the seven days.
    #[default]
    ActiveUsers,
}

/// The last seven complete days, and the seven before.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WeekComparison {
    /// The seven before.
    pub from: DayWindow,
    /// The last seven.
    pub to: DayWindow,
    /// The change, and what contributed to it.
    #[serde(flatten)]
    pub split: Decomposition,
    /// The change over what was before; null where that was 0.
    pub rate: Option<f64>,
    /// Whether there are too few orders, or users, to give a reason.
    pub is_few: bool,
    /// By how much a week usually differs from the one before it, up or down: the median of earlier weeks; null: fewer than four
    /// are known.
    pub usual_rate: Option<f64>,
    /// The earlier pairs of weeks that it is the median of.
    pub usual_pairs: usize,
}

impl GrowthHeadline {
    /// The headline of numbers.
    pub fn new(numbers: &GrowthNumbers) -> GrowthHeadline {
        let days: Vec<&DayNumbers> = numbers.days.iter().filter(|day| day.complete).collect();
        let metric = if numbers.commerce.is_some() { HeadlineMetric::Gmv } else { HeadlineMetric::ActiveUsers };
        GrowthHeadline::of_days(
            HeadlineWording { currency: numbers.currency, metric, timezone: &numbers.timezone },
            &days,
        )
    }

    /// The headline of complete days, oldest first and without gaps.
    fn of_days(wording: HeadlineWording<'_>, days: &[&DayNumbers]) -> GrowthHeadline {
        let metric = wording.metric;
        let comparison = compare(metric, days);
        let text = match &comparison {
            Some(comparison) => wording.of_weeks(comparison, neighbours(days)),
            None => wording.of_few_days(days),
        };
        GrowthHeadline {
            text,
            source: wording.source(comparison.as_ref()),
            metric,
            complete_days: days.len(),
            needed_days: 2 * DAYS,
            comparison,
        }
    }
}

/// The orders of both windows; 0 where there are none.
fn neighbours(days: &[&DayNumbers]) -> NeighbourWeeks {
    let orders = |back: usize| window(days, back).map_or(0, |days| sum(days, |day| day.all.orders.into()));
    NeighbourWeeks { orders_before: orders(1), orders_after: orders(0) }
}

/// The seven complete days this number of weeks back; `None`: they are not all known.
fn window<'d>(days: &'d [&'d DayNumbers], back: usize) -> Option<&'d [&'d DayNumbers]> {
    let end = days.len().checked_sub(back * DAYS)?;
    Some(&days[end.checked_sub(DAYS)?..end])
}

fn sum(days: &[&DayNumbers], of: impl Fn(&DayNumbers) -> i128) -> i128 {
    days.iter().map(|day| of(day)).sum()
}

/// The metric in a week: millionths of the currency, or users.
fn total(metric: HeadlineMetric, week: &[&DayNumbers]) -> i128 {
    match metric {
        HeadlineMetric::Gmv => sum(week, |day| day.all.gmv.0),
        HeadlineMetric::ActiveUsers => week.last().map_or(0, |day| day.all.active_7d.into()),
    }
}

fn compare(metric: HeadlineMetric, days: &[&DayNumbers]) -> Option<WeekComparison> {
    let (before, after) = (window(days, 1)?, window(days, 0)?);
    let span = |week: &[&DayNumbers]| Some(DayWindow { first: week.first()?.day, last: week.last()?.day });
    let pair = |of: &dyn Fn(&[&DayNumbers]) -> i128| WindowPair { before: of(before), after: of(after) };
    let last = |week: &[&DayNumbers], of: fn(&DayNumbers) -> u64| i128::from(week.last().map_or(0, |day| of(day)));
    let (split, size) = match metric {
        HeadlineMetric::Gmv => {
            let orders = pair(&|week| sum(week, |day| day.all.orders.into()));
            let links = [
                ChainFactor { name: "buyers", up_to: pair(&|week| last(week, |day| day.all.buyers_7d)) },
                ChainFactor { name: "orders_per_buyer", up_to: orders },
                ChainFactor { name: "aov", up_to: pair(&|week| total(metric, week)) },
            ];
            (factors(&links, 1), orders)
        }
        HeadlineMetric::ActiveUsers => {
            let all = pair(&|week| total(metric, week));
            let new = pair(&|week| sum(week, |day| day.all.new_users.into()));
            let returning = WindowPair { before: all.before - new.before, after: all.after - new.after };
            let parts = [("new".to_owned(), new), ("returning".to_owned(), returning)];
            (groups(parts, 1_000_000), all)
        }
    };
    let rate = |before: i128, after: i128| (before > 0).then(|| (after - before) as f64 / before as f64);
    let earlier = (1..=USUAL_MAX).map_while(|back| {
        let (before, after) = (window(days, back + 1)?, window(days, back)?);
        Some(rate(total(metric, before), total(metric, after)))
    });
    let earlier: Vec<f64> = earlier.flatten().map(f64::abs).collect();
    let usual_pairs = earlier.len();
    Some(WeekComparison {
        from: span(before)?,
        to: span(after)?,
        rate: rate(split.before.0, split.after.0),
        is_few: size.before + size.after < REASONED_FROM,
        usual_rate: (usual_pairs >= USUAL_MIN).then(|| trimmed_mean(earlier, usize::MAX)).flatten(),
        usual_pairs,
        split,
    })
}

#[cfg(test)]
mod tests;

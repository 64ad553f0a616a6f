//! Why a metric changed between two windows: its change, decomposed by factors and by groups. The method and its literature
//! are described at [`decomposition`](super::decomposition).

mod sales;

use serde::Serialize;

use super::day_window::DayWindow;
use super::decomposition::{Contribution, Decomposition, WindowPair, groups};
use super::sales_log::AttributedSale;
use crate::growth::money::Money;
use crate::growth::report::{GrowthNumbers, daily_figure};
use crate::rules::growth::Metric;

/// The method in short.
pub const METHOD: &str = "Factors: Shapley value of the product (Shapley 1953; Sun 1998; Ang, Liu & Chew 2003); a factor \
     unknown in one window counts as unchanged. Groups: each group's own change. Contributions are rounded to the \
     millionth, and what is missing is added to the largest.";

/// Whether a metric is computed from the sales themselves, however old they are, and not from the numbers by day.
pub fn is_of_sales(metric: Metric) -> bool {
    matches!(metric, Metric::Gmv | Metric::Revenue | Metric::Orders)
}

/// The change of a metric, decomposed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The metric.
    pub metric: Metric,
    /// The time zone of the days.
    pub timezone: String,
    /// The first window.
    pub from: DayWindow,
    /// The second.
    pub to: DayWindow,
    /// The metric in the first.
    pub before: Money,
    /// In the second.
    pub after: Money,
    /// The change.
    pub change: Money,
    /// The method.
    pub method: &'static str,
    /// By factors; null for a metric that is a plain count.
    pub factors: Option<Decomposition>,
    /// By first-touch channel.
    pub by_channel: GroupDecomposition,
    /// By category; null for a metric that has none.
    pub by_category: Option<GroupDecomposition>,
    /// By new buyers (their first order ever) and returning ones; null for a metric that has none.
    pub by_buyer: Option<GroupDecomposition>,
}

/// A change by groups, and each group's own change by factors.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupDecomposition {
    /// The change by groups.
    #[serde(flatten)]
    pub split: Decomposition,
    /// The change of each group by factors; empty for a metric without factors.
    pub factors: Vec<Vec<Contribution>>,
}

/// The decompositions of a change.
struct Breakdown {
    factors: Option<Decomposition>,
    by_channel: GroupDecomposition,
    by_category: Option<GroupDecomposition>,
    by_buyer: Option<GroupDecomposition>,
}

/// Explains the change of a metric from one window to another. `sales` are all sales of the log of `numbers`.
pub fn explain(
    metric: Metric,
    numbers: &GrowthNumbers,
    sales: &[AttributedSale],
    from: DayWindow,
    to: DayWindow,
) -> Explanation {
    let breakdown = match is_of_sales(metric) {
        true => sales::breakdown(metric, &numbers.channels, sales, [from, to]),
        false => count_breakdown(metric, numbers, [from, to]),
    };
    let Breakdown { factors, by_channel, by_category, by_buyer } = breakdown;
    let Decomposition { before, after, change, .. } = by_channel.split;
    Explanation {
        metric,
        timezone: numbers.timezone.clone(),
        from,
        to,
        before,
        after,
        change,
        method: METHOD,
        factors,
        by_channel,
        by_category,
        by_buyer,
    }
}

/// The breakdown of a metric that is a plain count by day and channel.
fn count_breakdown(metric: Metric, numbers: &GrowthNumbers, [from, to]: [DayWindow; 2]) -> Breakdown {
    let sum = |window: DayWindow, channel: usize| -> i128 {
        let days = numbers.days.iter().filter(|day| window.contains(day.day));
        days.filter_map(|day| day.by_channel.get(channel)).map(|totals| daily_figure(metric, totals)).sum()
    };
    let pair = |channel| WindowPair { before: sum(from, channel), after: sum(to, channel) };
    let channels = numbers.channels.iter().enumerate().map(|(channel, name)| (name.clone(), pair(channel)));
    let by_channel = GroupDecomposition { split: groups(channels, 1_000_000), factors: Vec::new() };
    Breakdown { factors: None, by_channel, by_category: None, by_buyer: None }
}

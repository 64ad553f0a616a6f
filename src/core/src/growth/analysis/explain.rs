//! Why a metric changed between two windows: its change, decomposed by factors and by groups. The method and its literature
//! are described at [`decomposition`](super::decomposition).

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::day_window::DayWindow;
use super::decomposition::{ChainFactor, Contribution, Decomposition, WindowPair, factors, groups};
use super::sales_log::AttributedSale;
use crate::growth::money::Money;
use crate::growth::report::{GrowthNumbers, daily_figure};
use crate::growth::rollup::Sale;
use crate::rules::growth::Metric;

/// Categories that are listed, those that changed the metric most; the rest are one.
const CATEGORIES_MAX: usize = 20;
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

/// The sum of a group of sales.
#[derive(Clone, Debug, Default)]
struct SalesSum {
    buyers: BTreeSet<u32>,
    /// Their number; in millionths if orders are the metric.
    orders: i128,
    gmv: i128,
    refunded: i128,
}

/// The sums of both windows.
type GroupSums = [SalesSum; 2];

impl SalesSum {
    fn add(&mut self, sale: &AttributedSale, orders: i128) {
        match sale.sale {
            Sale::Order { value, .. } => self.add_order(sale.buyer, orders, value),
            Sale::Refund { value } => self.refunded += i128::from(value),
        }
    }

    fn add_order(&mut self, buyer: u32, orders: i128, value: i64) {
        self.buyers.insert(buyer);
        self.orders += orders;
        self.gmv += i128::from(value);
    }
}

/// Explains the change of a metric from one window to another. `sales` are all sales of the log of `numbers`.
pub fn explain(
    metric: Metric,
    numbers: &GrowthNumbers,
    sales: &[AttributedSale],
    from: DayWindow,
    to: DayWindow,
) -> Explanation {
    let of_sales = is_of_sales(metric);
    // Orders are counted in parts, in millionths, as money is.
    let scale = if of_sales { 1 } else { 1_000_000 };
    let one = if metric == Metric::Orders { 1_000_000 } else { 1 };
    let mut all = GroupSums::default();
    let mut channels: Vec<GroupSums> = vec![GroupSums::default(); numbers.channels.len()];
    let mut categories: BTreeMap<&str, GroupSums> = BTreeMap::new();
    let mut buyers: [GroupSums; 2] = Default::default();
    for sale in sales.iter().filter(|_| of_sales) {
        for (side, window) in [from, to].into_iter().enumerate().filter(|(_, window)| window.contains(sale.day)) {
            debug_assert!(window.days() > 0);
            all[side].add(sale, one);
            if let Some(sums) = channels.get_mut(usize::from(sale.channel)) {
                sums[side].add(sale, one);
            }
            match &sale.sale {
                Sale::Order { parts, .. } => {
                    for part in parts {
                        let category = part.category.as_deref().unwrap_or("(none)");
                        // Parts of orders add up to orders; for money the number of orders with the category is of interest.
                        let orders = if metric == Metric::Orders { part.share.into() } else { one };
                        categories.entry(category).or_default()[side].add_order(sale.buyer, orders, part.value);
                    }
                    buyers[usize::from(!sale.is_first)][side].add(sale, one);
                }
                // A refund does not say which order it belongs to.
                Sale::Refund { .. } => {
                    categories.entry("(refunds)").or_default()[side].add(sale, one);
                    buyers[1][side].add(sale, one);
                }
            }
        }
    }
    let by_channel = if of_sales {
        by_groups(metric, numbers.channels.iter().cloned().zip(channels), scale)
    } else {
        let days = |window: DayWindow, channel: usize| -> i128 {
            let days = numbers.days.iter().filter(|day| window.contains(day.day));
            days.filter_map(|day| day.by_channel.get(channel)).map(|totals| daily_figure(metric, totals)).sum()
        };
        let pair = |channel| WindowPair { before: days(from, channel), after: days(to, channel) };
        let by = numbers.channels.iter().enumerate().map(|(channel, name)| (name.clone(), pair(channel)));
        GroupDecomposition { split: groups(by, scale), factors: Vec::new() }
    };
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
        factors: of_sales.then(|| by_factors(metric, &all, scale)),
        by_channel,
        by_category: of_sales.then(|| {
            let most = most_changed(metric, categories);
            by_groups(metric, most.into_iter(), scale)
        }),
        by_buyer: of_sales.then(|| {
            let [new, returning] = buyers;
            let named = [("new".to_owned(), new), ("returning".to_owned(), returning)];
            by_groups(metric, named.into_iter(), scale)
        }),
    }
}

fn value(metric: Metric, sum: &SalesSum) -> i128 {
    match metric {
        Metric::Gmv => sum.gmv,
        Metric::Revenue => sum.gmv - sum.refunded,
        _ => sum.orders,
    }
}

fn pair(sums: &GroupSums, of: impl Fn(&SalesSum) -> i128) -> WindowPair {
    WindowPair { before: of(&sums[0]), after: of(&sums[1]) }
}

/// The change of a group by factors. Refunds are a contribution of their own beside the factors of orders.
fn by_factors(metric: Metric, sums: &GroupSums, scale: i128) -> Decomposition {
    let mut links = vec![
        ChainFactor { name: "buyers", up_to: pair(sums, |sum| sum.buyers.len() as i128) },
        ChainFactor { name: "orders_per_buyer", up_to: pair(sums, |sum| sum.orders) },
    ];
    if metric != Metric::Orders {
        links.push(ChainFactor { name: "aov", up_to: pair(sums, |sum| sum.gmv) });
    }
    let mut change = factors(&links, scale);
    if metric == Metric::Revenue {
        let refunded = pair(sums, |sum| -sum.refunded);
        let WindowPair { before, after } = pair(sums, |sum| value(metric, sum));
        change = Decomposition { before: Money(before), after: Money(after), change: Money(after - before), ..change };
        change.parts.push(Contribution {
            name: "refunds".to_owned(),
            before: Some(Money(refunded.before).to_number()),
            after: Some(Money(refunded.after).to_number()),
            contribution: Money(refunded.change()),
        });
    }
    change
}

fn by_groups(metric: Metric, sums: impl Iterator<Item = (String, GroupSums)>, scale: i128) -> GroupDecomposition {
    let sums: Vec<(String, GroupSums)> = sums.collect();
    let by = sums.iter().map(|(name, sums)| (name.clone(), pair(sums, |sum| value(metric, sum))));
    GroupDecomposition {
        split: groups(by, scale),
        factors: sums.iter().map(|(_, sums)| by_factors(metric, sums, scale).parts).collect(),
    }
}

/// The categories that changed the metric most, most first, and all others as one.
fn most_changed(metric: Metric, categories: BTreeMap<&str, GroupSums>) -> Vec<(String, GroupSums)> {
    let mut named: Vec<(String, GroupSums)> =
        categories.into_iter().map(|(name, sums)| (name.to_owned(), sums)).collect();
    let change = |sums: &GroupSums| pair(sums, |sum| value(metric, sum)).change().unsigned_abs();
    named.sort_by(|(a_name, a), (b_name, b)| change(b).cmp(&change(a)).then_with(|| a_name.cmp(b_name)));
    if named.len() > CATEGORIES_MAX {
        let mut others = GroupSums::default();
        for (_, sums) in named.drain(CATEGORIES_MAX..) {
            for (other, sum) in others.iter_mut().zip(sums) {
                other.buyers.extend(sum.buyers);
                other.orders += sum.orders;
                other.gmv += sum.gmv;
                other.refunded += sum.refunded;
            }
        }
        named.push(("(all others)".to_owned(), others));
    }
    named
}

//! The change of a metric of sales: by factors, channels, categories and buyers.

use std::collections::{BTreeMap, BTreeSet};

use super::super::day_window::DayWindow;
use super::super::decomposition::{ChainFactor, Contribution, Decomposition, WindowPair, factors, groups};
use super::super::sales_log::AttributedSale;
use super::{Breakdown, GroupDecomposition};
use crate::growth::money::Money;
use crate::growth::rollup::Sale;
use crate::rules::growth::Metric;

/// Categories that are listed, those that changed the metric most; the rest are one.
const CATEGORIES_MAX: usize = 20;
/// Sums of sales are in millionths already.
const SCALE: i128 = 1;

/// The sum of a group of sales.
#[derive(Clone, Debug, Default)]
struct SalesSum {
    buyers: BTreeSet<u32>,
    /// Their number; in millionths if orders are the metric, so that parts of orders add up.
    orders: i128,
    gmv: i128,
    refunded: i128,
}

/// The sums of both windows.
type GroupSums = [SalesSum; 2];

/// The sums of both windows, in total and by group.
struct SalesSums<'s> {
    all: GroupSums,
    channels: Vec<GroupSums>,
    categories: BTreeMap<&'s str, GroupSums>,
    new_buyers: GroupSums,
    returning_buyers: GroupSums,
}

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

    fn merge(&mut self, other: SalesSum) {
        self.buyers.extend(other.buyers);
        self.orders += other.orders;
        self.gmv += other.gmv;
        self.refunded += other.refunded;
    }
}

impl<'s> SalesSums<'s> {
    fn new(channels: usize) -> SalesSums<'s> {
        SalesSums {
            all: GroupSums::default(),
            channels: vec![GroupSums::default(); channels],
            categories: BTreeMap::new(),
            new_buyers: GroupSums::default(),
            returning_buyers: GroupSums::default(),
        }
    }

    /// Adds a sale of the first (0) or the second (1) window.
    fn add(&mut self, metric: Metric, sale: &'s AttributedSale, side: usize) {
        let one = if metric == Metric::Orders { 1_000_000 } else { 1 };
        self.all[side].add(sale, one);
        if let Some(sums) = self.channels.get_mut(usize::from(sale.channel)) {
            sums[side].add(sale, one);
        }
        match &sale.sale {
            Sale::Order { parts, .. } => {
                for part in parts {
                    let category = part.category.as_deref().unwrap_or("(none)");
                    // Parts of orders add up to orders; for money the number of orders with the category is of interest.
                    let orders = if metric == Metric::Orders { part.share.into() } else { one };
                    self.categories.entry(category).or_default()[side].add_order(sale.buyer, orders, part.value);
                }
            }
            Sale::Refund { .. } => self.categories.entry("(refunds)").or_default()[side].add(sale, one),
        }
        // A refund does not say which order it belongs to, and is never a first one.
        let buyers = if sale.is_first { &mut self.new_buyers } else { &mut self.returning_buyers };
        buyers[side].add(sale, one);
    }
}

/// The breakdown of the change of a metric of sales between two windows.
pub(super) fn breakdown(
    metric: Metric,
    channels: &[String],
    sales: &[AttributedSale],
    windows: [DayWindow; 2],
) -> Breakdown {
    let mut sums = SalesSums::new(channels.len());
    for sale in sales {
        let sides = windows.into_iter().enumerate().filter(|(_, window)| window.contains(sale.day));
        sides.for_each(|(side, _)| sums.add(metric, sale, side));
    }
    let buyers = [("new".to_owned(), sums.new_buyers), ("returning".to_owned(), sums.returning_buyers)];
    Breakdown {
        factors: Some(by_factors(metric, &sums.all)),
        by_channel: by_groups(metric, channels.iter().cloned().zip(sums.channels)),
        by_category: Some(by_groups(metric, most_changed(metric, sums.categories).into_iter())),
        by_buyer: Some(by_groups(metric, buyers.into_iter())),
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
fn by_factors(metric: Metric, sums: &GroupSums) -> Decomposition {
    let mut links = vec![
        ChainFactor { name: "buyers", up_to: pair(sums, |sum| sum.buyers.len() as i128) },
        ChainFactor { name: "orders_per_buyer", up_to: pair(sums, |sum| sum.orders) },
    ];
    if metric != Metric::Orders {
        links.push(ChainFactor { name: "aov", up_to: pair(sums, |sum| sum.gmv) });
    }
    let mut change = factors(&links, SCALE);
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

fn by_groups(metric: Metric, sums: impl Iterator<Item = (String, GroupSums)>) -> GroupDecomposition {
    let sums: Vec<(String, GroupSums)> = sums.collect();
    let by = sums.iter().map(|(name, sums)| (name.clone(), pair(sums, |sum| value(metric, sum))));
    GroupDecomposition {
        split: groups(by, SCALE),
        factors: sums.iter().map(|(_, sums)| by_factors(metric, sums).parts).collect(),
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
            others.iter_mut().zip(sums).for_each(|(other, sum)| other.merge(sum));
        }
        named.push(("(all others)".to_owned(), others));
    }
    named
}

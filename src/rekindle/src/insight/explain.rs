//! Why a metric moved between two windows: its change, split by factors and by groups. How, and by which literature,
//! stands at [`split`](rekindle_core::growth::models::split).

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::sales::Settled;
use super::window::Window;
use rekindle_core::growth::models::split::{Link, Pair, Part, Split, factors, groups};
use rekindle_core::growth::numbers::{Money, Numbers};
use rekindle_core::growth::{Sale, metric};

/// What can be explained.
pub const METRICS: [&str; 7] = ["gmv", "revenue", "orders", "new_users", "sign_ups", "new_buyers", "sessions"];
/// Categories that are told of, those that moved the metric most; the rest are one.
const CATEGORIES_MAX: usize = 20;
/// The method, in a sentence.
pub const METHOD: &str = "Factors: Shapley value of the product (Shapley 1953; Sun 1998; Ang, Liu & Chew 2003); a factor \
     unknown in one window counts as unchanged. Groups: each group's own change. Contributions are rounded to the \
     millionth, and what is missing is added to the largest.";

/// Whether a metric is one of sales: what is told of those is told by the events themselves, however old they are.
pub fn is_of_sales(metric: &str) -> bool {
    matches!(metric, "gmv" | "revenue" | "orders")
}

/// A change, explained.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The metric.
    pub metric: &'static str,
    /// The zone of the days.
    pub timezone: String,
    /// The first window.
    pub from: Window,
    /// The second.
    pub to: Window,
    /// The metric in the first.
    pub before: Money,
    /// In the second.
    pub after: Money,
    /// How much it changed.
    pub change: Money,
    /// How the change was split.
    pub method: &'static str,
    /// By factors; null for a metric that is a plain count.
    pub factors: Option<Split>,
    /// By first-touch channel.
    pub by_channel: Grouped,
    /// By category; null for a metric that has none.
    pub by_category: Option<Grouped>,
    /// By new buyers (their first order ever) and returning ones; null for a metric that has none.
    pub by_buyer: Option<Grouped>,
}

/// A change split by groups, and each group's own change by factors.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Grouped {
    /// By group.
    #[serde(flatten)]
    pub split: Split,
    /// Of each group, its change by factors; empty for a metric without factors.
    pub factors: Vec<Vec<Part>>,
}

/// What a group of sales came to.
#[derive(Clone, Debug, Default)]
struct Sum {
    buyers: BTreeSet<u32>,
    /// So many; where orders are the metric, in millionths.
    orders: i128,
    gmv: i128,
    refunded: i128,
}

type Sums = [Sum; 2];

impl Sum {
    fn add(&mut self, sale: &Settled, orders: i128) {
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

/// Explains the change of one of [`METRICS`] from one window to another. `sales` are all of the log that `numbers` are of.
pub fn explain(
    metric: &'static str,
    numbers: &Numbers,
    sales: &[Settled],
    (from, to): (Window, Window),
) -> Explanation {
    let of_sales = is_of_sales(metric);
    // Of orders parts are counted, in millionths, as money is.
    let scale = if of_sales { 1 } else { 1_000_000 };
    let one = if metric == "orders" { 1_000_000 } else { 1 };
    let mut all = Sums::default();
    let mut channels: Vec<Sums> = vec![Sums::default(); numbers.channels.len()];
    let mut categories: BTreeMap<&str, Sums> = BTreeMap::new();
    let mut buyers: [Sums; 2] = Default::default();
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
                        // Parts of orders add up to orders; but who asks for money wants to know in how many orders it was.
                        let orders = if metric == "orders" { part.share.into() } else { one };
                        categories.entry(category).or_default()[side].add_order(sale.buyer, orders, part.value);
                    }
                    buyers[usize::from(!sale.is_first)][side].add(sale, one);
                }
                // Which of their orders it gives back, a refund does not say.
                Sale::Refund { .. } => {
                    categories.entry("(refunds)").or_default()[side].add(sale, one);
                    buyers[1][side].add(sale, one);
                }
            }
        }
    }
    let by_channel = if of_sales {
        grouped(metric, numbers.channels.iter().cloned().zip(channels), scale)
    } else {
        let days = |window: Window, channel: usize| -> i128 {
            let days = numbers.days.iter().filter(|day| window.contains(day.day));
            days.map(|day| count(metric, day, channel)).sum()
        };
        let pair = |channel| Pair { before: days(from, channel), after: days(to, channel) };
        let by = numbers.channels.iter().enumerate().map(|(channel, name)| (name.clone(), pair(channel)));
        Grouped { split: groups(by, scale), factors: Vec::new() }
    };
    let Split { before, after, change, .. } = by_channel.split;
    Explanation {
        metric,
        timezone: numbers.timezone.clone(),
        from,
        to,
        before,
        after,
        change,
        method: METHOD,
        factors: of_sales.then(|| split(metric, &all, scale)),
        by_channel,
        by_category: of_sales.then(|| {
            let most = most_moved(metric, categories);
            grouped(metric, most.into_iter(), scale)
        }),
        by_buyer: of_sales.then(|| {
            let [new, returning] = buyers;
            let named = [("new".to_owned(), new), ("returning".to_owned(), returning)];
            grouped(metric, named.into_iter(), scale)
        }),
    }
}

/// A day's count of one channel.
fn count(name: &str, day: &rekindle_core::growth::numbers::DayNumbers, channel: usize) -> i128 {
    let Some(tally) = day.by_channel.get(channel) else { return 0 };
    match name {
        "new_users" => tally.new_users.into(),
        "sign_ups" => tally.sign_ups.into(),
        "new_buyers" => tally.new_buyers.into(),
        "sessions" => tally.sessions.into(),
        _ => metric(name, day),
    }
}

fn value(metric: &str, sum: &Sum) -> i128 {
    match metric {
        "gmv" => sum.gmv,
        "revenue" => sum.gmv - sum.refunded,
        _ => sum.orders,
    }
}

fn pair(sums: &Sums, of: impl Fn(&Sum) -> i128) -> Pair {
    Pair { before: of(&sums[0]), after: of(&sums[1]) }
}

/// The change of a group by factors. Refunds come on top of the factors of what was ordered.
fn split(metric: &str, sums: &Sums, scale: i128) -> Split {
    let mut links = vec![
        Link { name: "buyers", up_to: pair(sums, |sum| sum.buyers.len() as i128) },
        Link { name: "orders_per_buyer", up_to: pair(sums, |sum| sum.orders) },
    ];
    if metric != "orders" {
        links.push(Link { name: "aov", up_to: pair(sums, |sum| sum.gmv) });
    }
    let mut split = factors(&links, scale);
    if metric == "revenue" {
        let refunded = pair(sums, |sum| -sum.refunded);
        let Pair { before, after } = pair(sums, |sum| value(metric, sum));
        split = Split { before: Money(before), after: Money(after), change: Money(after - before), ..split };
        split.parts.push(Part {
            name: "refunds".to_owned(),
            before: Some(Money(refunded.before).to_number()),
            after: Some(Money(refunded.after).to_number()),
            contribution: Money(refunded.change()),
        });
    }
    split
}

fn grouped(metric: &str, sums: impl Iterator<Item = (String, Sums)>, scale: i128) -> Grouped {
    let sums: Vec<(String, Sums)> = sums.collect();
    let by = sums.iter().map(|(name, sums)| (name.clone(), pair(sums, |sum| value(metric, sum))));
    Grouped {
        split: groups(by, scale),
        factors: sums.iter().map(|(_, sums)| split(metric, sums, scale).parts).collect(),
    }
}

/// The categories that moved the metric most, in their order, and all others as one.
fn most_moved(metric: &str, categories: BTreeMap<&str, Sums>) -> Vec<(String, Sums)> {
    let mut named: Vec<(String, Sums)> = categories.into_iter().map(|(name, sums)| (name.to_owned(), sums)).collect();
    let moved = |sums: &Sums| pair(sums, |sum| value(metric, sum)).change().unsigned_abs();
    named.sort_by(|(a_name, a), (b_name, b)| moved(b).cmp(&moved(a)).then_with(|| a_name.cmp(b_name)));
    if named.len() > CATEGORIES_MAX {
        let mut others = Sums::default();
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

//! What is bought together: pairs of items in baskets, with support, confidence and lift (Agrawal, Imieliński & Swami 1993;
//! lift: Brin et al. 1997), and the probability that chance alone combines them so often.
//!
//! **Significance.** Of N baskets, a contain one item and b the other. If the items were independent, the number k of baskets
//! with both would be hypergeometric; p = Σ C(a, j) C(N − a, b − j) / C(N, b) over all j ≥ k: the one-sided exact test of
//! Fisher (1935). Many pairs are tested at once, and the best of many look good by chance, so p must be no more than the level
//! over the number of pairs that the items could make, m (m − 1) / 2 (Bonferroni; Webb 2007, "Discovering Significant
//! Patterns", Machine Learning 68): then the probability that any pair is listed by chance alone is at most the level. BoundedCounts
//! that may be too low (see `bounded_counts`) are taken at their upper bound for the items, and as they are for the pair.

use std::cmp::Ordering;

use serde::Serialize;

use super::bounded_counts::BoundedCounts;

/// Most different items of a basket that are counted, the first ones.
pub const BASKET_ITEMS_MAX: usize = 1_000;

/// The items and pairs of items of many baskets, counted. The caller numbers the items.
#[derive(Clone, Debug)]
pub struct BasketIndex {
    baskets: u64,
    truncated: u64,
    items: BoundedCounts<u32>,
    pairs: BoundedCounts<(u32, u32)>,
}

/// "Baskets with `item` also have `with`", in the direction with the higher confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AssociationRule {
    /// The item in fewer baskets, of equals the lower number.
    pub item: u32,
    /// The item it occurs with.
    pub with: u32,
    /// How often they occur together, and how significant that is.
    pub measures: AssociationMeasures,
}

/// How often two items occur together, and how significant that is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct AssociationMeasures {
    /// Baskets with both; too low by at most the error of pairs.
    pub both: u64,
    /// Baskets with `item`; too low by at most the error of items.
    pub item_baskets: u64,
    /// Baskets with `with`; the same.
    pub with_baskets: u64,
    /// Baskets with both over all baskets.
    pub support: f64,
    /// Baskets with both over those with `item`.
    pub confidence: f64,
    /// Baskets with both over those with `with`. Never larger than `confidence`.
    pub reverse_confidence: f64,
    /// `confidence` over the share of all baskets with `with`: how many times likelier than by chance.
    pub lift: f64,
    /// The probability that chance alone combines them in this number of baskets or more, by Fisher's exact test.
    pub p_value: f64,
}

impl BasketIndex {
    /// An empty index with a capacity of different items and pairs.
    pub fn with_capacity(items: usize, pairs: usize) -> BasketIndex {
        BasketIndex {
            baskets: 0,
            truncated: 0,
            items: BoundedCounts::with_capacity(items),
            pairs: BoundedCounts::with_capacity(pairs),
        }
    }

    /// Counts a basket; repeated items count once. An empty basket does not count.
    pub fn add(&mut self, items: &[u32]) {
        let mut distinct: Vec<u32> = Vec::with_capacity(items.len().min(BASKET_ITEMS_MAX));
        let mut sorted = items.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.len() > BASKET_ITEMS_MAX {
            self.truncated += 1;
            let mut seen: hashbrown::HashSet<u32, foldhash::fast::FixedState> = hashbrown::HashSet::default();
            distinct.extend(items.iter().copied().filter(|item| seen.insert(*item)).take(BASKET_ITEMS_MAX));
            distinct.sort_unstable();
        } else {
            distinct = sorted;
        }
        if distinct.is_empty() {
            return;
        }
        self.baskets += 1;
        for (at, item) in distinct.iter().enumerate() {
            self.items.add(*item);
            distinct[at + 1..].iter().for_each(|other| self.pairs.add((*item, *other)));
        }
    }

    /// The number of baskets.
    pub fn baskets(&self) -> u64 {
        self.baskets
    }

    /// The number of baskets with more than [`BASKET_ITEMS_MAX`] different items.
    pub fn truncated(&self) -> u64 {
        self.truncated
    }

    /// By how much the counts of items may be too low; 0: they are exact.
    pub fn items_error(&self) -> u64 {
        self.items.error()
    }

    /// By how much the counts of pairs may be too low; 0: they are exact.
    pub fn pairs_error(&self) -> u64 {
        self.pairs.error()
    }

    /// The number of different items with a count.
    pub fn items(&self) -> usize {
        self.items.len()
    }

    /// The number of pairs that the items could make, which is the number of tests.
    pub fn possible_pairs(&self) -> u64 {
        let items = self.items.len() as u64;
        (items * items.saturating_sub(1) / 2).max(1)
    }

    /// Every pair that is in at least `least` baskets (and in one), once: by lift, then by the number of baskets, highest first,
    /// then by the items' numbers.
    pub fn rules(&self, least: u64) -> Vec<AssociationRule> {
        let factorials = LogFactorials::up_to(self.baskets);
        let pairs = self.pairs.at_least(least.max(1));
        let mut rules: Vec<AssociationRule> =
            pairs.iter().map(|((a, b), both)| self.rule(*a, *b, *both, &factorials)).collect();
        rules.sort_by(|a, b| a.measures.compare(&b.measures).then((a.item, a.with).cmp(&(b.item, b.with))));
        rules
    }

    fn rule(&self, a: u32, b: u32, both: u64, factorials: &LogFactorials) -> AssociationRule {
        // A dropped item was in at least as many baskets as its pair.
        let count = |item: u32| self.items.of(item).max(both);
        let (item, with) = if count(b) < count(a) { (b, a) } else { (a, b) };
        let (item_baskets, with_baskets) = (count(item), count(with));
        let all = self.baskets as f64;
        let most = |count: u64| (count + self.items.error()).min(self.baskets);
        let measures = AssociationMeasures {
            both,
            item_baskets,
            with_baskets,
            support: both as f64 / all,
            confidence: both as f64 / item_baskets as f64,
            reverse_confidence: both as f64 / with_baskets as f64,
            lift: (both as f64 * all) / (item_baskets as f64 * with_baskets as f64),
            p_value: factorials.by_chance(self.baskets, (most(item_baskets), most(with_baskets)), both),
        };
        AssociationRule { item, with, measures }
    }
}

/// ln n! for all n.
struct LogFactorials {
    /// By n, for small n.
    table: Vec<f64>,
}

impl LogFactorials {
    /// Larger ones are computed by Stirling's series, which is exact to a double there.
    const TABLE_MAX: u64 = 1 << 10;

    fn up_to(most: u64) -> LogFactorials {
        let mut sum = 0.0;
        let logs = (1..=most.min(LogFactorials::TABLE_MAX)).map(|n| {
            sum += (n as f64).ln();
            sum
        });
        LogFactorials { table: std::iter::once(0.0).chain(logs).collect() }
    }

    fn of(&self, n: u64) -> f64 {
        let stirling = || {
            let n = n as f64;
            (n + 0.5) * n.ln() - n + 0.5 * std::f64::consts::TAU.ln() + 1.0 / (12.0 * n) - 1.0 / (360.0 * n.powi(3))
        };
        usize::try_from(n).ok().and_then(|n| self.table.get(n)).copied().unwrap_or_else(stirling)
    }

    /// The probability that of `all` baskets, `a` with one item and `b` with another, at least `both` have both by chance.
    fn by_chance(&self, all: u64, (a, b): (u64, u64), both: u64) -> f64 {
        let (few, most) = ((a + b).saturating_sub(all), a.min(b));
        if both <= few {
            return 1.0;
        }
        let choose = |n: u64, k: u64| self.of(n) - self.of(k) - self.of(n - k);
        let first = choose(a, both) + choose(all - a, b - both) - choose(all, b);
        // Each term is the one before it times a decreasing ratio; they are summed relative to the first.
        let (mut sum, mut term) = (1.0, 1.0);
        for j in both..most {
            let (j, a, b, all) = (j as f64, a as f64, b as f64, all as f64);
            term *= (a - j) * (b - j) / ((j + 1.0) * (all - a - b + j + 1.0));
            sum += term;
            if term < sum * 1e-17 {
                break;
            }
        }
        (first.exp() * sum).min(1.0)
    }
}

impl AssociationMeasures {
    /// By lift, then by the number of baskets, then by confidence, highest first.
    fn compare(&self, other: &AssociationMeasures) -> Ordering {
        let by_lift = other.lift.total_cmp(&self.lift);
        by_lift.then(other.both.cmp(&self.both)).then(other.confidence.total_cmp(&self.confidence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bread 0, butter 1, jam 2.
    fn kitchen() -> BasketIndex {
        let mut baskets = BasketIndex::with_capacity(100, 100);
        for items in [&[0, 1][..], &[1, 0, 1, 2], &[0], &[2], &[]] {
            baskets.add(items);
        }
        baskets
    }

    #[test]
    fn support_confidence_and_lift_are_as_defined() {
        let baskets = kitchen();
        assert_eq!((baskets.baskets(), baskets.pairs_error()), (4, 0));
        let rules = baskets.rules(2);
        assert_eq!(rules.len(), 1, "only bread and butter are in two baskets, and they are one pair: {rules:?}");
        let AssociationRule { item, with, measures } = rules[0];
        assert_eq!((item, with, measures.confidence), (1, 0, 1.0), "baskets with butter also have bread");
        assert_eq!((measures.support, measures.reverse_confidence), (0.5, 2.0 / 3.0));
        assert_eq!(measures.lift, 2.0 * 4.0 / (3.0 * 2.0));
        // Of the six ways to choose two baskets of four for the butter, three are among the three with bread.
        assert!((measures.p_value - 0.5).abs() < 1e-12, "{measures:?}");
    }

    /// Against sums of exact whole numbers, and against R 4.3: `phyper(k - 1, a, N - a, b, lower.tail = FALSE)`.
    #[test]
    fn probability_is_that_of_fishers_exact_test() {
        fn choose(n: u128, k: u128) -> u128 {
            if k > n { 0 } else { (0..k).fold(1, |product, at| product * (n - at) / (at + 1)) }
        }
        let factorials = LogFactorials::up_to(u64::MAX);
        for all in 1..=16u64 {
            for (a, b) in (0..=all).flat_map(|a| (0..=all).map(move |b| (a, b))) {
                for both in 0..=a.min(b) {
                    let ways = (both..=a.min(b))
                        .map(|j| choose(a.into(), j.into()) * choose((all - a).into(), (b - j).into()));
                    let exact = ways.sum::<u128>() as f64 / choose(all.into(), b.into()) as f64;
                    let found = factorials.by_chance(all, (a, b), both);
                    assert!((found - exact).abs() <= 1e-12, "{all} {a} {b} {both}: {found}, not {exact}");
                }
            }
        }
        // Three baskets with two rare items: 12 · 11 · 10 / 6 · (12 / 20,000)^3, about.
        let rare = factorials.by_chance(20_000, (12, 12), 3);
        assert!((3e-8..6e-8).contains(&rare), "{rare}");
        // If 2,500 of a million are expected by chance, 2,500 or more have a probability of about one half.
        let usual = factorials.by_chance(1_000_000, (50_000, 50_000), 2_500);
        assert!((0.49..0.52).contains(&usual), "{usual}");
        assert!(factorials.by_chance(1_000_000, (50_000, 50_000), 20_000) < 1e-300);
    }

    #[test]
    fn large_basket_is_truncated() {
        let mut baskets = BasketIndex::with_capacity(10_000, 1_000_000);
        baskets.add(&(0..1_500).collect::<Vec<_>>());
        assert_eq!((baskets.truncated(), baskets.items()), (1, BASKET_ITEMS_MAX));
    }
}

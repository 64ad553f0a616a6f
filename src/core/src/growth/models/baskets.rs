//! What is bought together: pairs of items in baskets, with support, confidence and lift (Agrawal, Imieliński & Swami
//! 1993; lift: Brin et al. 1997), and how likely it is that chance alone put them together so often.
//!
//! **Significance.** Of N baskets, a have one item and b the other. If they had nothing to do with one another, the number k
//! of baskets with both would be hypergeometric; p = Σ C(a, j) C(N − a, b − j) / C(N, b) over all j ≥ k: the one-sided exact
//! test of Fisher (1935). Many pairs are tested at once, and the best of many looks good by chance, so p must be no more than
//! the level over the number of pairs that the items could make, m (m − 1) / 2 (Bonferroni; Webb 2007, "Discovering
//! Significant Patterns", Machine Learning 68): then the odds that any pair is listed by chance alone are at most the level.
//! Counts that may be too low (see [`Counts`]) are taken as high as they may be for the items, and as they are for the pair.

use std::cmp::Ordering;

use serde::Serialize;

use super::counts::Counts;

/// Of a basket with more different items, only so many are looked at, the first ones.
pub const BASKET_ITEMS_MAX: usize = 1_000;

/// Baskets, counted. An item is a number that the caller gives it.
#[derive(Clone, Debug)]
pub struct Baskets {
    baskets: u64,
    cut: u64,
    items: Counts<u32>,
    pairs: Counts<(u32, u32)>,
}

/// "Who has `item` also has `with`", of two items the way that holds more often.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairRule {
    /// What is there: the item that is in fewer baskets, of equals the lower number.
    pub item: u32,
    /// What is there with it.
    pub with: u32,
    /// How often, and what of it is more than chance.
    pub figures: PairFigures,
}

/// How often two items are in one basket, and what of it is more than chance.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct PairFigures {
    /// Baskets that have both; too low by at most the error of pairs.
    pub both: u64,
    /// Baskets that have `item`; too low by at most the error of items.
    pub item_baskets: u64,
    /// Baskets that have `with`; the same.
    pub with_baskets: u64,
    /// Baskets with both over all baskets.
    pub support: f64,
    /// Baskets with both over those with `item`.
    pub confidence: f64,
    /// Baskets with both over those with `with`: of those who have that, how many also have `item`. Never the larger.
    pub reverse_confidence: f64,
    /// `confidence` over the share of all baskets that have `with`: how many times likelier than by chance.
    pub lift: f64,
    /// How likely it is that chance alone brings the two together in so many baskets, by Fisher's exact test.
    pub p_value: f64,
}

impl Baskets {
    /// Room for so many different items and pairs.
    pub fn with_room(items: usize, pairs: usize) -> Baskets {
        Baskets { baskets: 0, cut: 0, items: Counts::with_room(items), pairs: Counts::with_room(pairs) }
    }

    /// Takes in a basket; an item that is in it more than once counts once. An empty basket is none.
    pub fn add(&mut self, items: &[u32]) {
        let mut distinct: Vec<u32> = Vec::with_capacity(items.len().min(BASKET_ITEMS_MAX));
        let mut sorted = items.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        if sorted.len() > BASKET_ITEMS_MAX {
            self.cut += 1;
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

    /// How many there were.
    pub fn baskets(&self) -> u64 {
        self.baskets
    }

    /// How many had more than [`BASKET_ITEMS_MAX`] different items.
    pub fn cut(&self) -> u64 {
        self.cut
    }

    /// By how much the counts of items may be too low; 0: they are exact.
    pub fn items_error(&self) -> u64 {
        self.items.error()
    }

    /// By how much the counts of pairs may be too low; 0: they are exact.
    pub fn pairs_error(&self) -> u64 {
        self.pairs.error()
    }

    /// How many different items were seen and are known.
    pub fn items(&self) -> usize {
        self.items.len()
    }

    /// How many pairs the items could make: so many tests there are.
    pub fn possible_pairs(&self) -> u64 {
        let items = self.items.len() as u64;
        (items * items.saturating_sub(1) / 2).max(1)
    }

    /// Every pair that is in at least `least` baskets (never 0), once: by lift, then by the number of baskets, highest first,
    /// then by the items' numbers.
    pub fn rules(&self, least: u64) -> Vec<PairRule> {
        let factorials = LogFactorials::up_to(self.baskets);
        let pairs = self.pairs.at_least(least.max(1));
        let mut rules: Vec<PairRule> =
            pairs.iter().map(|((a, b), both)| self.rule(*a, *b, *both, &factorials)).collect();
        rules.sort_by(|a, b| a.figures.likelier(&b.figures).then((a.item, a.with).cmp(&(b.item, b.with))));
        rules
    }

    fn rule(&self, a: u32, b: u32, both: u64, factorials: &LogFactorials) -> PairRule {
        // An item that was let go was in as many baskets as its pair at least.
        let count = |item: u32| self.items.of(item).max(both);
        let (item, with) = if count(b) < count(a) { (b, a) } else { (a, b) };
        let (item_baskets, with_baskets) = (count(item), count(with));
        let all = self.baskets as f64;
        let most = |count: u64| (count + self.items.error()).min(self.baskets);
        let figures = PairFigures {
            both,
            item_baskets,
            with_baskets,
            support: both as f64 / all,
            confidence: both as f64 / item_baskets as f64,
            reverse_confidence: both as f64 / with_baskets as f64,
            lift: (both as f64 * all) / (item_baskets as f64 * with_baskets as f64),
            p_value: factorials.by_chance(self.baskets, (most(item_baskets), most(with_baskets)), both),
        };
        PairRule { item, with, figures }
    }
}

/// ln n! for all n that are asked for.
struct LogFactorials {
    /// By n, for small n.
    table: Vec<f64>,
}

impl LogFactorials {
    /// Larger ones are worked out by Stirling's series, which is as exact as a double there.
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

    /// The odds that of `all` baskets, `a` with one item and `b` with another, at least `both` have both by chance.
    fn by_chance(&self, all: u64, (a, b): (u64, u64), both: u64) -> f64 {
        let (few, most) = ((a + b).saturating_sub(all), a.min(b));
        if both <= few {
            return 1.0;
        }
        let choose = |n: u64, k: u64| self.of(n) - self.of(k) - self.of(n - k);
        let first = choose(a, both) + choose(all - a, b - both) - choose(all, b);
        // Each term is the one before it times a ratio that falls; they are summed relative to the first.
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

impl PairFigures {
    /// By lift, then by the number of baskets, then by confidence, highest first.
    fn likelier(&self, other: &PairFigures) -> Ordering {
        let by_lift = other.lift.total_cmp(&self.lift);
        by_lift.then(other.both.cmp(&self.both)).then(other.confidence.total_cmp(&self.confidence))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bread 0, butter 1, jam 2.
    fn kitchen() -> Baskets {
        let mut baskets = Baskets::with_room(100, 100);
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
        assert_eq!(rules.len(), 1, "only bread and butter is in two, and it is one pair: {rules:?}");
        let PairRule { item, with, figures } = rules[0];
        assert_eq!((item, with, figures.confidence), (1, 0, 1.0), "who has butter also has bread");
        assert_eq!((figures.support, figures.reverse_confidence), (0.5, 2.0 / 3.0));
        assert_eq!(figures.lift, 2.0 * 4.0 / (3.0 * 2.0));
        // Of the six ways to choose two baskets of four for the butter, three are among the three with bread.
        assert!((figures.p_value - 0.5).abs() < 1e-12, "{figures:?}");
    }

    /// Against sums of exact whole numbers, and against R 4.3: `phyper(k - 1, a, N - a, b, lower.tail = FALSE)`.
    #[test]
    fn odds_are_those_of_fishers_exact_test() {
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
        // Three baskets in which two rare things met: 12 · 11 · 10 / 6 · (12 / 20,000)^3, about.
        let rare = factorials.by_chance(20_000, (12, 12), 3);
        assert!((3e-8..6e-8).contains(&rare), "{rare}");
        // Where chance would bring together 2,500 of a million, 2,500 are as likely as not.
        let usual = factorials.by_chance(1_000_000, (50_000, 50_000), 2_500);
        assert!((0.49..0.52).contains(&usual), "{usual}");
        assert!(factorials.by_chance(1_000_000, (50_000, 50_000), 20_000) < 1e-300);
    }

    #[test]
    fn a_basket_without_bound_is_cut() {
        let mut baskets = Baskets::with_room(10_000, 1_000_000);
        baskets.add(&(0..1_500).collect::<Vec<_>>());
        assert_eq!((baskets.cut(), baskets.items()), (1, BASKET_ITEMS_MAX));
    }
}

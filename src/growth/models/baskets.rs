//! What is bought together: pairs of items in baskets, with support, confidence and lift (Agrawal, Imieliński & Swami
//! 1993; lift: Brin et al. 1997).

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

/// "Who has `item` also has `with`".
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PairRule {
    /// What is there.
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
    /// `confidence` over the share of all baskets that have `with`: how many times likelier than by chance.
    pub lift: f64,
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

    /// Both rules of every pair that is in at least `least` baskets (never 0): by lift, then by the number of baskets,
    /// highest first, then by the items' numbers.
    pub fn rules(&self, least: u64) -> Vec<PairRule> {
        let pairs = self.pairs.at_least(least.max(1));
        let mut rules: Vec<PairRule> =
            pairs.iter().flat_map(|((a, b), both)| [self.rule(*a, *b, *both), self.rule(*b, *a, *both)]).collect();
        rules.sort_by(|a, b| a.figures.likelier(&b.figures).then((a.item, a.with).cmp(&(b.item, b.with))));
        rules
    }

    fn rule(&self, item: u32, with: u32, both: u64) -> PairRule {
        // An item that was let go was in as many baskets as its pair at least.
        let (item_baskets, with_baskets) = (self.items.of(item).max(both), self.items.of(with).max(both));
        let all = self.baskets as f64;
        let figures = PairFigures {
            both,
            item_baskets,
            with_baskets,
            support: both as f64 / all,
            confidence: both as f64 / item_baskets as f64,
            // One division of whole numbers, so that both rules of a pair have the same lift.
            lift: (both as f64 * all) / (item_baskets as f64 * with_baskets as f64),
        };
        PairRule { item, with, figures }
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
        assert_eq!(rules.len(), 2, "only bread and butter is in two: {rules:?}");
        let [butter_bread, bread_butter] = [rules[0], rules[1]];
        assert_eq!((butter_bread.item, butter_bread.with, butter_bread.figures.confidence), (1, 0, 1.0));
        assert_eq!((bread_butter.figures.support, bread_butter.figures.confidence), (0.5, 2.0 / 3.0));
        assert_eq!(bread_butter.figures.lift, 2.0 * 4.0 / (3.0 * 2.0));
    }

    #[test]
    fn a_basket_without_bound_is_cut() {
        let mut baskets = Baskets::with_room(10_000, 1_000_000);
        baskets.add(&(0..1_500).collect::<Vec<_>>());
        assert_eq!((baskets.cut(), baskets.items()), (1, BASKET_ITEMS_MAX));
    }
}

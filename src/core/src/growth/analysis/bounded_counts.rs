//! How often each item occurred, in bounded memory.
//!
//! Exact as long as there are no more different items than the capacity. Beyond it, the summary of Misra & Gries (1982), in
//! the form that subtracts for a whole batch at once (Anderson et al. 2017, "A High-Performance Algorithm for Identifying
//! Frequent Items in Data Streams"): when the capacity is exceeded, the median of all counts is subtracted from each, and
//! items with nothing left are dropped. So a count is never too high, and too low by at most [`BoundedCounts::error`]. What is
//! subtracted is a function of the counts alone, so the same sequence always gives the same summary.

use std::hash::Hash;

use hashbrown::HashMap;

use crate::growth::FixedHashBuilder;

/// The counts of items.
#[derive(Clone, Debug)]
pub(super) struct BoundedCounts<K> {
    counts: HashMap<K, u64, FixedHashBuilder>,
    capacity: usize,
    error: u64,
}

impl<K: Copy + Eq + Hash + Ord> BoundedCounts<K> {
    /// Counts with a capacity of different items, at least 1.
    pub(super) fn with_capacity(capacity: usize) -> BoundedCounts<K> {
        BoundedCounts { counts: HashMap::default(), capacity: capacity.max(1), error: 0 }
    }

    /// Counts an item.
    pub(super) fn add(&mut self, item: K) {
        *self.counts.entry(item).or_insert(0) += 1;
        if self.counts.len() > self.capacity {
            self.purge();
        }
    }

    fn purge(&mut self) {
        let mut counts: Vec<u64> = self.counts.values().copied().collect();
        let middle = counts.len() / 2;
        let (_, median, _) = counts.select_nth_unstable(middle);
        let median = *median;
        self.error += median;
        self.counts.retain(|_, count| {
            *count = count.saturating_sub(median);
            *count > 0
        });
    }

    /// The count of an item, which may be too low by [`error`](BoundedCounts::error).
    pub(super) fn of(&self, item: K) -> u64 {
        self.counts.get(&item).copied().unwrap_or(0)
    }

    /// By how much a count may be too low; 0: all are exact.
    pub(super) fn error(&self) -> u64 {
        self.error
    }

    /// The number of different items with a count.
    pub(super) fn len(&self) -> usize {
        self.counts.len()
    }

    /// All items with at least this count, in the order of items.
    pub(super) fn at_least(&self, least: u64) -> Vec<(K, u64)> {
        let found = self.counts.iter().filter(|(_, count)| **count >= least);
        let mut found: Vec<(K, u64)> = found.map(|(item, count)| (*item, *count)).collect();
        found.sort_unstable();
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn counts_within_the_capacity_are_exact() {
        let mut counts = BoundedCounts::with_capacity(3);
        [1, 2, 1, 3, 1, 2].into_iter().for_each(|item| counts.add(item));
        assert_eq!((counts.at_least(2), counts.error()), (vec![(1, 3), (2, 2)], 0));
    }

    proptest! {
        #[test]
        fn count_is_too_low_by_at_most_the_error(
            items in prop::collection::vec(0u8..40, 0..600), capacity in 1usize..60,
        ) {
            let mut counts = BoundedCounts::with_capacity(capacity);
            items.iter().for_each(|item| counts.add(*item));
            prop_assert!(counts.len() <= capacity);
            // Every purge subtracts from at least half of the capacity.
            prop_assert!(counts.error() * (capacity as u64 + 1) / 2 <= items.len() as u64);
            for item in 0..40 {
                let truth = items.iter().filter(|other| **other == item).count() as u64;
                prop_assert!(counts.of(item) <= truth && truth <= counts.of(item) + counts.error());
            }
        }
    }
}

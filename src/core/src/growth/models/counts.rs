//! How often each thing was seen, in bounded memory.
//!
//! Exact as long as there are no more different things than there is room for. Then the summary of Misra & Gries (1982),
//! in the form that takes off a whole batch at once (Anderson et al. 2017, "A High-Performance Algorithm for Identifying
//! Frequent Items in Data Streams"): when the room is full, the median of all counts is taken off each, and what has
//! nothing left is let go. So a count is never too high, and too low by at most [`Counts::error`], which is told.
//! What is taken off is a function of the counts alone, so the same sequence always gives the same summary.

use std::hash::Hash;

use hashbrown::HashMap;

type Hasher = foldhash::fast::FixedState;

/// Counts of things.
#[derive(Clone, Debug)]
pub struct Counts<K> {
    counts: HashMap<K, u64, Hasher>,
    room: usize,
    error: u64,
}

impl<K: Copy + Eq + Hash + Ord> Counts<K> {
    /// Room for so many different things, at least 1.
    pub fn with_room(room: usize) -> Counts<K> {
        Counts { counts: HashMap::default(), room: room.max(1), error: 0 }
    }

    /// Saw one.
    pub fn add(&mut self, thing: K) {
        *self.counts.entry(thing).or_insert(0) += 1;
        if self.counts.len() > self.room {
            self.let_go();
        }
    }

    fn let_go(&mut self) {
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

    /// How often it was seen, at least; at most [`error`](Counts::error) more.
    pub fn of(&self, thing: K) -> u64 {
        self.counts.get(&thing).copied().unwrap_or(0)
    }

    /// How much too low a count may be; 0: all of them are exact.
    pub fn error(&self) -> u64 {
        self.error
    }

    /// How many different things there are counts of.
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.counts.is_empty()
    }

    /// Everything seen at least so often, in the things' order.
    pub fn at_least(&self, least: u64) -> Vec<(K, u64)> {
        let seen = self.counts.iter().filter(|(_, count)| **count >= least);
        let mut seen: Vec<(K, u64)> = seen.map(|(thing, count)| (*thing, *count)).collect();
        seen.sort_unstable();
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn within_its_room_it_is_exact() {
        let mut counts = Counts::with_room(3);
        [1, 2, 1, 3, 1, 2].into_iter().for_each(|thing| counts.add(thing));
        assert_eq!((counts.at_least(2), counts.error()), (vec![(1, 3), (2, 2)], 0));
    }

    proptest! {
        #[test]
        fn a_count_is_too_low_by_no_more_than_the_error(
            things in prop::collection::vec(0u8..40, 0..600), room in 1usize..60,
        ) {
            let mut counts = Counts::with_room(room);
            things.iter().for_each(|thing| counts.add(*thing));
            prop_assert!(counts.len() <= room);
            // Each time that something is taken off, it is taken off at least half of the room.
            prop_assert!(counts.error() * (room as u64 + 1) / 2 <= things.len() as u64);
            for thing in 0..40 {
                let truth = things.iter().filter(|other| **other == thing).count() as u64;
                prop_assert!(counts.of(thing) <= truth && truth <= counts.of(thing) + counts.error());
            }
        }
    }
}

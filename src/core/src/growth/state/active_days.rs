//! The days on which a user was active, as bits, the latest day first.
//!
//! Exact for the 512 days up to the latest; older days are dropped. Reports cover 400 days, the first of which needs 29 more,
//! so dropping days changes no report.

use thin_vec::ThinVec;

use super::heap_bytes::thin_vec_bytes;
use crate::growth::calendar::Day;

/// Days that are kept, the latest included.
const DAYS: usize = 512;
const WORD: usize = u64::BITS as usize;

/// A set of days, relative to the latest, which the owner keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ActiveDays {
    /// Bit i: the day i days before the latest.
    pub(super) recent: u64,
    /// The 64 days before those, and so on; empty for most users.
    pub(super) older: ThinVec<u64>,
}

impl ActiveDays {
    /// The latest day alone.
    pub(super) fn new() -> ActiveDays {
        ActiveDays { recent: 1, older: ThinVec::new() }
    }

    /// Whether it contains a day.
    pub(super) fn contains(&self, latest: Day, day: Day) -> bool {
        let back = latest.since(day);
        match usize::try_from(back) {
            Err(_) => false,
            Ok(back) if back < WORD => self.recent >> back & 1 == 1,
            Ok(back) => self.older.get(back / WORD - 1).is_some_and(|word| word >> (back % WORD) & 1 == 1),
        }
    }

    /// Adds a day, and moves `latest` to it where it is later. Returns whether it is new.
    pub(super) fn insert(&mut self, latest: &mut Day, day: Day) -> bool {
        if day > *latest {
            self.shift(day.since(*latest) as usize);
            *latest = day;
            self.recent |= 1;
            return true;
        }
        let back = latest.since(day) as usize;
        if back >= DAYS {
            return false;
        }
        if back < WORD {
            let is_new = self.recent >> back & 1 == 0;
            self.recent |= 1 << back;
            return is_new;
        }
        let (word, bit) = (back / WORD - 1, back % WORD);
        if self.older.len() <= word {
            self.older.resize(word + 1, 0);
        }
        let is_new = self.older[word] >> bit & 1 == 0;
        self.older[word] |= 1 << bit;
        is_new
    }

    /// Moves all days back by a number of days.
    fn shift(&mut self, by: usize) {
        if self.older.is_empty() && (self.recent.leading_zeros() as usize) >= by {
            self.recent <<= by;
            return;
        }
        let at = |words: &[u64], index: Option<usize>| index.and_then(|index| words.get(index)).copied().unwrap_or(0);
        let mut words = vec![self.recent];
        words.extend(&self.older);
        let (skip, bits) = (by / WORD, by % WORD);
        let length = (words.len() + skip + 1).min(DAYS / WORD);
        let shifted = |index: usize| {
            let low = at(&words, index.checked_sub(skip)) << bits;
            let carry = if bits == 0 { 0 } else { at(&words, index.checked_sub(skip + 1)) >> (WORD - bits) };
            low | carry
        };
        let mut shifted = (0..length).map(shifted);
        self.recent = shifted.next().unwrap_or(0);
        self.older = shifted.collect();
        while self.older.last() == Some(&0) {
            self.older.pop();
        }
    }

    /// All days, ascending.
    pub(super) fn iter(&self, latest: Day) -> impl Iterator<Item = Day> + '_ {
        let older = self.older.iter().copied().enumerate().rev().map(|(index, word)| (index + 1, word));
        older.chain([(0, self.recent)]).flat_map(move |(index, mut word)| {
            std::iter::from_fn(move || {
                let bit = word.checked_ilog2()? as usize;
                word &= !(1 << bit);
                Some(latest.plus(-((index * WORD + bit) as i64)))
            })
        })
    }

    /// The words, for the checkpoint codec.
    pub(super) fn words(&self) -> impl Iterator<Item = u64> + '_ {
        std::iter::once(self.recent).chain(self.older.iter().copied())
    }

    /// From [words](ActiveDays::words); `None`: they are not valid.
    pub(super) fn from_words(words: &[u64]) -> Option<ActiveDays> {
        let (recent, older) = words.split_first()?;
        let sound = recent & 1 == 1 && words.len() <= DAYS / WORD && older.last() != Some(&0);
        sound.then(|| ActiveDays { recent: *recent, older: older.iter().copied().collect() })
    }

    pub(super) fn heap_bytes(&self) -> usize {
        thin_vec_bytes(&self.older)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn it_is_the_set_of_the_last_512_days(days in prop::collection::vec(1u16..2_000, 1..60)) {
            let (mut set, mut latest, mut naive) = (ActiveDays::new(), Day(days[0]), BTreeSet::from([days[0]]));
            for day in days {
                if latest.0 < day + 512 {
                    prop_assert_eq!(set.contains(latest, Day(day)), naive.contains(&day));
                    prop_assert_eq!(set.insert(&mut latest, Day(day)), naive.insert(day));
                } else {
                    prop_assert!(!set.insert(&mut latest, Day(day)));
                }
                prop_assert_eq!(Some(&latest.0), naive.last());
                naive.retain(|day| latest.0 < day + 512);
                let there: Vec<u16> = set.iter(latest).map(|day| day.0).collect();
                prop_assert_eq!(there, naive.iter().copied().collect::<Vec<_>>());
                let words: Vec<u64> = set.words().collect();
                prop_assert_eq!(ActiveDays::from_words(&words), Some(set.clone()));
            }
        }
    }
}

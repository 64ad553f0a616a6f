//! A set of days as bits, the latest day first.

use thin_vec::ThinVec;

const WORD: usize = u64::BITS as usize;

/// A set of days, each by how far it lies back of the latest of them, which the owner keeps: the latest, and of the 511
/// days before it any. At most 8 words, of which all but the first are on the heap; most users need one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DayBits {
    /// Bit i: the day i days before the latest.
    pub(crate) recent: u64,
    /// The 64 days before those, and so on; the last is not 0.
    pub(crate) older: ThinVec<u64>,
}

impl DayBits {
    /// The days that are kept, the latest included.
    pub(crate) const DAYS: usize = 512;

    /// The latest day alone.
    pub(crate) fn new() -> DayBits {
        DayBits { recent: 1, older: ThinVec::new() }
    }

    /// Whether the day that lies so far back is in it.
    pub(crate) fn contains(&self, back: i64) -> bool {
        match usize::try_from(back) {
            Err(_) => false,
            Ok(back) if back < WORD => self.recent >> back & 1 == 1,
            Ok(back) => self.older.get(back / WORD - 1).is_some_and(|word| word >> (back % WORD) & 1 == 1),
        }
    }

    /// Adds the day that lies so far back, if it is kept. Returns whether it is new.
    pub(crate) fn insert(&mut self, back: i64) -> bool {
        let Some(back) = usize::try_from(back).ok().filter(|back| *back < DayBits::DAYS) else { return false };
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

    /// Adds a day so far after the latest, which then is the latest: all others lie that much further back.
    pub(crate) fn insert_later(&mut self, after: i64) {
        self.shift(usize::try_from(after).unwrap_or(0));
        self.recent |= 1;
    }

    fn shift(&mut self, by: usize) {
        if self.older.is_empty() && (self.recent.leading_zeros() as usize) >= by {
            self.recent <<= by;
            return;
        }
        let at = |words: &[u64], index: Option<usize>| index.and_then(|index| words.get(index)).copied().unwrap_or(0);
        let mut words = vec![self.recent];
        words.extend(&self.older);
        let (skip, bits) = (by / WORD, by % WORD);
        let length = words.len().saturating_add(skip).saturating_add(1).min(DayBits::DAYS / WORD);
        let shifted = |index: usize| {
            let low = at(&words, index.checked_sub(skip)) << bits;
            let carry = if bits == 0 { 0 } else { at(&words, index.checked_sub(skip + 1)) >> (WORD - bits) };
            low | carry
        };
        let mut shifted = (0..length).map(shifted);
        self.recent = shifted.next().unwrap_or(0);
        self.older = shifted.collect();
        self.drop_empty_words();
    }

    /// Drops the days that lie so far back, or further.
    pub(crate) fn drop_from(&mut self, back: i64) {
        let back = usize::try_from(back).unwrap_or(0);
        let kept = |word: usize| match back.saturating_sub(word * WORD) {
            bits @ 0..WORD => (1 << bits) - 1,
            _ => u64::MAX,
        };
        self.recent &= kept(0);
        if !self.older.is_empty() {
            self.older.iter_mut().zip(1..).for_each(|(word, at)| *word &= kept(at));
            self.drop_empty_words();
        }
    }

    fn drop_empty_words(&mut self) {
        while self.older.last() == Some(&0) {
            self.older.pop();
        }
    }

    /// How far back each day lies, from the first day to the latest.
    pub(crate) fn iter(&self) -> impl Iterator<Item = i64> + '_ {
        let older = self.older.iter().copied().enumerate().rev().map(|(index, word)| (index + 1, word));
        older.chain([(0, self.recent)]).flat_map(move |(index, mut word)| {
            std::iter::from_fn(move || {
                let bit = word.checked_ilog2()? as usize;
                word &= !(1 << bit);
                Some((index * WORD + bit) as i64)
            })
        })
    }

    /// On how many days in a row, up to the one that lies so far back.
    pub(crate) fn run_up_to(&self, back: i64) -> i64 {
        (back..).take_while(|back| self.contains(*back)).count() as i64
    }

    /// The words, those of the latest days first.
    pub(crate) fn words(&self) -> impl Iterator<Item = u64> + '_ {
        std::iter::once(self.recent).chain(self.older.iter().copied())
    }

    /// From [words](DayBits::words); `None`: they are not valid.
    pub(crate) fn from_words(words: &[u64]) -> Option<DayBits> {
        let (recent, older) = words.split_first()?;
        let sound = recent & 1 == 1 && words.len() <= DayBits::DAYS / WORD && older.last() != Some(&0);
        sound.then(|| DayBits { recent: *recent, older: older.iter().copied().collect() })
    }

    /// The bytes it takes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        if self.older.capacity() == 0 { 0 } else { 16 + self.older.capacity() * size_of::<u64>() }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn it_is_the_set_of_the_last_512_days(
            days in prop::collection::vec(1i64..2_000, 1..60),
            kept in 1i64..600,
        ) {
            let (mut set, mut latest, mut naive) = (DayBits::new(), days[0], BTreeSet::from([days[0]]));
            for day in days {
                if day > latest {
                    set.insert_later(day - latest);
                    latest = day;
                    naive.insert(day);
                } else {
                    prop_assert_eq!(set.contains(latest - day), naive.contains(&day));
                    prop_assert_eq!(set.insert(latest - day), latest < day + 512 && naive.insert(day));
                }
                naive.retain(|day| latest < day + 512);
                prop_assert_eq!(set.iter().map(|back| latest - back).collect::<BTreeSet<_>>(), naive.clone());
                prop_assert!(set.iter().is_sorted_by(|a, b| a > b));
                let words: Vec<u64> = set.words().collect();
                prop_assert_eq!(DayBits::from_words(&words), Some(set.clone()));
                let run = (0..).take_while(|back| naive.contains(&(latest - back))).count() as i64;
                prop_assert_eq!(set.run_up_to(0), run);
            }
            set.drop_from(kept);
            naive.retain(|day| latest - day < kept);
            prop_assert_eq!(set.iter().map(|back| latest - back).collect::<BTreeSet<_>>(), naive);
        }
    }
}

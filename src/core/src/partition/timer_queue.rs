//! Timers of a partition's users, earliest first, those of one instant by their users' turns: a monotone radix heap.
//!
//! Time only moves forward, so a key never lies before the last one popped. That allows one bucket per highest bit in
//! which a key differs from it: pushing is constant work, and a key moves to a lower bucket at most 96 times in its
//! life. (Ahuja, Mehlhorn, Orlin, Tarjan: *Faster algorithms for the shortest path problem*, 1990.)
//!
//! Where all timers of an instant are due, their order does not matter, and they are taken from several buckets as they are.
//!
//! Buckets are made of blocks of one size, which go from one bucket to another: buckets grow and shrink all the time.

use super::timer_mark::{TimerKey, TimerMark};
use crate::time::Timestamp;

/// How many timers a block holds.
const BLOCK: usize = 64;
/// The number of empty blocks that are kept.
const SPARE: usize = 16;
/// The buckets up to this one hold the timers due at the same instant as the floor.
const LAST_OF_INSTANT: usize = TimerKey::TURN_BITS;

/// Due times with the user (an index) each belongs to. The same user may occur more than once.
#[derive(Clone, Debug)]
pub(super) struct TimerQueue {
    /// No key lies before it.
    floor: TimerKey,
    buckets: Vec<TimerBucket>,
    /// The buckets that are not empty, a bit for each.
    occupied: u128,
    /// Empty blocks.
    spare: Vec<TimerBlock>,
    len: usize,
}

/// A key, and below it the user's index: 16 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Wakeup(u128);

impl Wakeup {
    fn new(key: TimerKey, user: u32) -> Wakeup {
        Wakeup(key.bits() << 32 | u128::from(user))
    }

    fn key(self) -> TimerKey {
        TimerKey::from_bits(self.0 >> 32)
    }

    fn user(self) -> u32 {
        self.0 as u32
    }
}

type TimerBlock = Vec<Wakeup>;

/// Timers in no order: full blocks, and a last one that is not empty.
#[derive(Clone, Debug, Default)]
struct TimerBucket {
    blocks: Vec<TimerBlock>,
}

impl TimerBucket {
    fn len(&self) -> usize {
        self.blocks.last().map_or(0, |last| (self.blocks.len() - 1) * BLOCK + last.len())
    }

    fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    fn push(&mut self, wakeup: Wakeup, spare: &mut Vec<TimerBlock>) {
        if self.blocks.last().is_none_or(|last| last.len() == BLOCK) {
            self.blocks.push(spare.pop().unwrap_or_else(|| Vec::with_capacity(BLOCK)));
        }
        if let Some(last) = self.blocks.last_mut() {
            last.push(wakeup);
        }
    }

    fn pop(&mut self, spare: &mut Vec<TimerBlock>) -> Option<Wakeup> {
        let last = self.blocks.last_mut()?;
        let wakeup = last.pop();
        if last.is_empty() {
            self.blocks.pop().into_iter().for_each(|block| keep(block, spare));
        }
        wakeup
    }
}

/// Keeps an empty block to be used again, unless there are enough of them.
fn keep(block: TimerBlock, spare: &mut Vec<TimerBlock>) {
    if spare.len() < SPARE {
        spare.push(block);
    }
}

impl Default for TimerQueue {
    fn default() -> TimerQueue {
        TimerQueue {
            floor: TimerKey::from_bits(0),
            buckets: vec![TimerBucket::default(); TimerKey::BITS + 1],
            occupied: 0,
            spare: Vec::new(),
            len: 0,
        }
    }
}

impl TimerQueue {
    /// Adds a timer of a user with this turn. One before the last one popped counts as due when that was.
    pub(super) fn push(&mut self, due: Timestamp, turn: u32, user: u32) {
        self.put(Wakeup::new(TimerKey::new(due, turn).max(self.floor), user));
        self.len += 1;
    }

    fn put(&mut self, wakeup: Wakeup) {
        // The floor never lies above a key, so the highest differing bit orders them.
        let differing = wakeup.key().bits() ^ self.floor.bits();
        let bucket = 128 - differing.leading_zeros() as usize;
        self.buckets[bucket].push(wakeup, &mut self.spare);
        self.occupied |= 1 << bucket;
    }

    /// The first bucket that is not empty.
    fn first(&self) -> Option<usize> {
        (self.occupied != 0).then_some(self.occupied.trailing_zeros() as usize)
    }

    /// Removes one of the timers before the mark, none of which is due earlier; unless all timers of its instant are before
    /// the mark, none of them has an earlier turn.
    pub(super) fn pop_due(&mut self, mark: TimerMark) -> Option<u32> {
        let end = mark.end();
        let mut bucket = self.first()?;
        let usable = if self.floor.last_of_instant() < end { LAST_OF_INSTANT } else { 0 };
        if bucket > usable {
            if !self.refill(end) {
                return None;
            }
            bucket = 0;
        }
        if self.floor >= end {
            return None;
        }
        let wakeup = self.buckets[bucket].pop(&mut self.spare)?;
        if self.buckets[bucket].is_empty() {
            self.occupied &= !(1 << bucket);
        }
        self.len -= 1;
        Some(wakeup.user())
    }

    /// A mark no later than `until` (and later than the earliest timer) before which lie no more than `most` timers, or those
    /// of one instant and turn.
    pub(super) fn next_stop(&mut self, until: TimerMark, most: usize) -> TimerMark {
        let end = until.end();
        loop {
            // Bucket 0 holds the keys at the floor; bucket b those whose highest bit unlike the floor's is b - 1, which
            // are later than all in lower buckets, and no earlier than the floor with that bit set and those below it not.
            let mut due = self.buckets[0].len();
            let floor = self.floor.bits();
            let soonest_of = |bucket: usize| {
                let bit = 1u128 << (bucket - 1);
                TimerKey::from_bits(floor & !(bit - 1) | bit)
            };
            let full = (1..self.buckets.len()).filter(|bucket| self.occupied >> bucket & 1 == 1).find(|bucket| {
                due += self.buckets[*bucket].len();
                due > most || soonest_of(*bucket) >= end
            });
            let Some(full) = full else { return until };
            let (before, soonest) = (due - self.buckets[full].len(), soonest_of(full));
            if soonest >= end {
                return until;
            }
            if before > 0 {
                return soonest.mark();
            }
            // The soonest of a full bucket become bucket 0, and the rest of it is divided.
            if !self.refill(end) {
                return until;
            }
            if self.buckets[0].len() > most {
                return TimerKey::from_bits(self.floor.bits() + 1).mark();
            }
        }
    }

    /// Makes the soonest key the floor, and so moves all keys equal to it to bucket 0, unless it is not before `end`.
    fn refill(&mut self, end: TimerKey) -> bool {
        let Some(bucket) = self.first() else { return false };
        let Some(soonest) = self.buckets[bucket].blocks.iter().flatten().min().map(|wakeup| wakeup.key()) else {
            return false;
        };
        if soonest >= end {
            return false;
        }
        self.floor = soonest;
        self.occupied &= !(1 << bucket);
        let mut blocks = std::mem::take(&mut self.buckets[bucket]).blocks;
        for mut block in blocks.drain(..) {
            block.drain(..).for_each(|wakeup| self.put(wakeup));
            keep(block, &mut self.spare);
        }
        // All keys went to lower buckets. The list is soon filled again, and kept if it is small.
        if self.buckets[bucket].is_empty() && blocks.capacity() <= SPARE {
            self.buckets[bucket] = TimerBucket { blocks };
        }
        true
    }

    /// The bytes it takes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let blocks = self.spare.len() + self.buckets.iter().map(|bucket| bucket.blocks.len()).sum::<usize>();
        let lists = self.spare.capacity() + self.buckets.iter().map(|bucket| bucket.blocks.capacity()).sum::<usize>();
        blocks * BLOCK * size_of::<Wakeup>()
            + lists * size_of::<TimerBlock>()
            + self.buckets.capacity() * size_of::<TimerBucket>()
    }

    /// How many timers there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_timer_takes_16_bytes() {
        assert_eq!(size_of::<Wakeup>(), 16);
    }

    proptest! {
        /// Whatever the marks are: next stops, or any others.
        #[test]
        fn what_lies_before_a_mark_is_popped_and_between_two_stops_lies_little(
            keys in prop::collection::vec((-3i64..30, prop_oneof![0u32..4, any::<u32>()]), 1..200),
            most in 1usize..20,
            until in (-5i64..40, prop_oneof![Just(0u32), any::<u32>()]),
            others in prop::collection::vec((-5i64..40, any::<u32>()), 0..4),
        ) {
            let mark = |(instant, turns): (i64, u32)| TimerMark { instant: Timestamp(instant), turns };
            let mut timers = TimerQueue::default();
            for (at, (due, turn)) in keys.iter().enumerate() {
                timers.push(Timestamp(*due), *turn, u32::try_from(at).expect("few"));
            }
            let key = |user: u32| TimerKey::new(Timestamp(keys[user as usize].0), keys[user as usize].1);
            let (mut left, mut last, until) = ((0..keys.len()).collect::<Vec<usize>>(), TimerMark::MIN, mark(until));
            let mut others: Vec<TimerMark> = others.into_iter().map(mark).filter(|other| *other < until).collect();
            others.sort();
            while last < until {
                let mut stop = timers.next_stop(until, most);
                prop_assert!(stop > last && stop <= until, "{last:?} to {stop:?} of {until:?}");
                let mut is_other = false;
                if let Some(other) = others.pop_if(|other| *other > last) {
                    (stop, is_other) = (other, true);
                }
                let (due, rest): (Vec<usize>, Vec<usize>) = left.iter().partition(|user| key(**user as u32) < stop.end());
                let is_one = due.iter().all(|user| key(*user as u32) == key(due[0] as u32));
                prop_assert!(is_other || due.len() <= most || is_one, "{due:?} at {stop:?}");
                let mut popped: Vec<usize> = std::iter::from_fn(|| timers.pop_due(stop)).map(|user| user as usize).collect();
                prop_assert!(popped.is_sorted_by_key(|user| keys[*user].0));
                popped.sort_unstable();
                prop_assert_eq!(popped, due);
                (left, last) = (rest, stop);
            }
            prop_assert_eq!(timers.len(), left.len());
        }
    }
}

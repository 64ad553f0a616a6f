//! Timers of a partition's users, earliest first, those of one instant by their users' turns: a monotone radix heap.
//!
//! Time only moves forward, so a key never lies before the last one popped. That allows one bucket per highest bit in
//! which a key differs from it: pushing is constant work, and a key moves to a lower bucket at most 96 times in its
//! life. (Ahuja, Mehlhorn, Orlin, Tarjan: *Faster algorithms for the shortest path problem*, 1990.)
//!
//! Most do not move that often: once the first bucket is as small as a block, it is sorted and becomes the front, from which
//! timers are popped, instead of being divided further.
//!
//! Where all timers of an instant are due, their order does not matter, and they are taken from several buckets as they are.
//!
//! Buckets are made of blocks of one size, which go from one bucket to another: buckets grow and shrink all the time.

use super::timer_mark::{TimerKey, TimerMark};
use crate::time::Timestamp;

/// How many timers a block holds.
const BLOCK: usize = 64;
/// The front is divided into buckets when it has more timers than this.
const FRONT_MOST: usize = 2 * BLOCK;
/// The number of empty blocks that are kept.
const SPARE: usize = 16;
/// The buckets up to this one hold the timers due at the same instant as the floor.
const LAST_OF_INSTANT: usize = TimerKey::TURN_BITS;

/// Due times with the user (an index) each belongs to. The same user may occur more than once.
#[derive(Clone, Debug)]
pub(super) struct TimerQueue {
    /// No key lies before it.
    floor: TimerKey,
    /// The timers that are due before those in the buckets, the latest first.
    front: Vec<Wakeup>,
    /// The last bucket whose timers are in the front; bucket 0, of keys equal to the floor, always is.
    front_to: usize,
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
            front: Vec::new(),
            front_to: 0,
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
        if bucket > self.front_to {
            self.buckets[bucket].push(wakeup, &mut self.spare);
            self.occupied |= 1 << bucket;
        } else if self.front_to == 0 {
            // All of them have the floor's key.
            self.front.push(wakeup);
        } else {
            let at = self.front.partition_point(|later| *later > wakeup);
            self.front.insert(at, wakeup);
            if self.front.len() > FRONT_MOST {
                self.divide_front();
            }
        }
    }

    /// The first bucket that is not empty.
    fn first(&self) -> Option<usize> {
        (self.occupied != 0).then_some(self.occupied.trailing_zeros() as usize)
    }

    /// Removes one of the timers before the mark, none of which is due earlier; unless all timers of its instant are before
    /// the mark, none of them has an earlier turn.
    pub(super) fn pop_due(&mut self, mark: TimerMark) -> Option<u32> {
        let end = mark.end();
        if self.front.is_empty() {
            let bucket = self.first()?;
            if bucket <= LAST_OF_INSTANT && self.floor.last_of_instant() < end {
                let wakeup = self.buckets[bucket].pop(&mut self.spare)?;
                if self.buckets[bucket].is_empty() {
                    self.occupied &= !(1 << bucket);
                }
                self.len -= 1;
                return Some(wakeup.user());
            }
            if !self.refill(end) {
                return None;
            }
        }
        let wakeup = self.front.pop_if(|soonest| soonest.key() < end)?;
        self.len -= 1;
        Some(wakeup.user())
    }

    /// A mark no later than `until` (and later than the earliest timer) before which lie no more than `most` timers, or those
    /// of one instant and turn.
    pub(super) fn next_stop(&mut self, until: TimerMark, most: usize) -> TimerMark {
        let end = until.end();
        loop {
            if self.front.len() > most {
                let last = self.front.len() - 1;
                let (soonest, beyond) = (self.front[last].key(), self.front[last - most].key());
                // The stop is at the first one too many; all before it may be due at once.
                let stop = beyond.max(TimerKey::from_bits(soonest.bits() + 1));
                return if stop < end { stop.mark() } else { until };
            }
            // Bucket b holds the keys whose highest bit unlike the floor's is b - 1, which are later than all in lower
            // buckets, and no earlier than the floor with that bit set and those below it not.
            let mut due = self.front.len();
            let floor = self.floor.bits();
            let soonest_of = |bucket: usize| {
                let bit = 1u128 << (bucket - 1);
                TimerKey::from_bits(floor & !(bit - 1) | bit)
            };
            let mut occupied = self.occupied;
            let full = std::iter::from_fn(|| {
                let bucket = (occupied != 0).then_some(occupied.trailing_zeros() as usize);
                occupied &= occupied.wrapping_sub(1);
                bucket
            })
            .find(|bucket| {
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
            if !self.refill(end) {
                return until;
            }
        }
    }

    /// Makes the soonest key the floor, unless it is not before `end`: the first bucket becomes the front, or, if it is
    /// large, is divided and only its soonest do. The front must be empty.
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
        // With this floor all its keys belong to lower buckets.
        self.front_to = if blocks.len() == 1 { bucket - 1 } else { 0 };
        for mut block in blocks.drain(..) {
            if self.front_to > 0 {
                self.front.append(&mut block);
                self.front.sort_unstable_by(|a, b| b.cmp(a));
            } else {
                block.drain(..).for_each(|wakeup| self.put(wakeup));
            }
            keep(block, &mut self.spare);
        }
        // The list is soon filled again, and kept if it is small.
        if self.buckets[bucket].is_empty() && blocks.capacity() <= SPARE {
            self.buckets[bucket] = TimerBucket { blocks };
        }
        true
    }

    /// Puts the timers of the front into buckets. The floor stays: timers due before the soonest of them may yet come.
    fn divide_front(&mut self) {
        let front = std::mem::take(&mut self.front);
        self.front_to = 0;
        front.into_iter().for_each(|wakeup| self.put(wakeup));
    }

    /// The bytes it takes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let blocks = self.spare.len() + self.buckets.iter().map(|bucket| bucket.blocks.len()).sum::<usize>();
        let lists = self.spare.capacity() + self.buckets.iter().map(|bucket| bucket.blocks.capacity()).sum::<usize>();
        (blocks * BLOCK + self.front.capacity()) * size_of::<Wakeup>()
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
    use std::collections::BTreeSet;

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

        /// Some due at one instant, some spread over a day; enough for the front to be divided.
        #[test]
        fn timers_that_are_added_while_others_are_popped_are_popped_in_order_too(
            steps in prop::collection::vec(
                (prop::collection::vec((prop_oneof![0i64..3, 0i64..5_000, 0i64..86_400_000], any::<u32>()), 0..150), 0i64..4_000),
                1..30,
            ),
            most in 1usize..200,
        ) {
            let (mut timers, mut left, mut now) = (TimerQueue::default(), BTreeSet::new(), 0);
            let mut user = 0;
            for (added, passed) in steps {
                for (after, turn) in added {
                    timers.push(Timestamp(now + after), turn, user);
                    left.insert((TimerKey::new(Timestamp(now + after), turn), user));
                    user += 1;
                }
                let until = TimerMark::through(Timestamp(now + passed));
                loop {
                    let stop = timers.next_stop(until, most);
                    let later = left.split_off(&(stop.end(), 0));
                    let due = std::mem::replace(&mut left, later);
                    prop_assert!(due.len() <= most || due.first().map(|timer| timer.0) == due.last().map(|timer| timer.0));
                    let popped: BTreeSet<u32> = std::iter::from_fn(|| timers.pop_due(stop)).collect();
                    prop_assert_eq!(popped, due.into_iter().map(|(_, user)| user).collect());
                    if stop == until {
                        break;
                    }
                }
                prop_assert_eq!(timers.len(), left.len());
                now += passed + 1;
            }
        }
    }
}

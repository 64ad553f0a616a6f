//! Timers of a partition's users, earliest first: a monotone radix heap.
//!
//! Time only moves forward, so a key never lies before the last one popped. That allows one bucket per highest bit in
//! which a key differs from it: pushing is constant work, and a key moves to a lower bucket at most 64 times in its
//! life. (Ahuja, Mehlhorn, Orlin, Tarjan: *Faster algorithms for the shortest path problem*, 1990.)
//!
//! Buckets are made of blocks of one size, which go from one bucket to another: buckets grow and shrink all the time.

use crate::time::Timestamp;

/// How many timers a block holds.
const BLOCK: usize = 64;
/// The number of empty blocks that are kept.
const SPARE: usize = 16;

/// Due times with the user (an index) each belongs to. The same user may occur more than once.
#[derive(Clone, Debug)]
pub(super) struct TimerQueue {
    /// No key lies before it.
    floor: i64,
    buckets: Vec<TimerBucket>,
    /// Empty blocks.
    spare: Vec<TimerBlock>,
    len: usize,
}

type TimerBlock = Vec<(i64, u32)>;

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

    fn push(&mut self, wake_up: (i64, u32), spare: &mut Vec<TimerBlock>) {
        if self.blocks.last().is_none_or(|last| last.len() == BLOCK) {
            self.blocks.push(spare.pop().unwrap_or_else(|| Vec::with_capacity(BLOCK)));
        }
        if let Some(last) = self.blocks.last_mut() {
            last.push(wake_up);
        }
    }

    fn pop(&mut self, spare: &mut Vec<TimerBlock>) -> Option<(i64, u32)> {
        let last = self.blocks.last_mut()?;
        let wake_up = last.pop();
        if last.is_empty() {
            self.blocks.pop().into_iter().for_each(|block| keep(block, spare));
        }
        wake_up
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
        TimerQueue { floor: i64::MIN, buckets: vec![TimerBucket::default(); 65], spare: Vec::new(), len: 0 }
    }
}

impl TimerQueue {
    /// Adds a timer. One before the last one popped counts as due at that instant.
    pub(super) fn push(&mut self, due: Timestamp, user: u32) {
        let key = due.0.max(self.floor);
        let bucket = self.bucket(key);
        self.buckets[bucket].push((key, user), &mut self.spare);
        self.len += 1;
    }

    /// Removes one of the earliest timers, if it is due at or before `now`.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<u32> {
        if self.buckets[0].is_empty() && !self.refill(now) {
            return None;
        }
        if self.floor > now.0 {
            return None;
        }
        let (_, user) = self.buckets[0].pop(&mut self.spare)?;
        self.len -= 1;
        Some(user)
    }

    /// An instant no later than `until` (and no earlier than the earliest timer) up to which no more than `most` timers
    /// are due, or those of one instant.
    pub(super) fn next_stop(&mut self, until: Timestamp, most: usize) -> Timestamp {
        loop {
            // Bucket 0 holds the keys at the floor; bucket b those whose highest bit unlike the floor's is b - 1, which
            // are later than all in lower buckets, and no earlier than the floor with that bit set and those below it not.
            let mut due = self.buckets[0].len();
            let floor = self.floor as u64;
            let soonest_of = |bucket: usize| {
                let bit = 1u64 << (bucket - 1);
                (floor & !(bit | (bit - 1)) | (!floor & bit)) as i64
            };
            let full = (1..self.buckets.len()).filter(|bucket| !self.buckets[*bucket].is_empty()).find(|bucket| {
                due += self.buckets[*bucket].len();
                due > most || soonest_of(*bucket) > until.0
            });
            let Some(full) = full else { return until };
            let (before, soonest) = (due - self.buckets[full].len(), soonest_of(full));
            if soonest > until.0 {
                return until;
            }
            if before > 0 {
                return Timestamp(soonest - 1).max(Timestamp(self.floor)).min(until);
            }
            // The soonest of a full bucket become bucket 0, and the rest of it is divided.
            if !self.refill(until) {
                return until;
            }
            if self.buckets[0].len() > most {
                return Timestamp(self.floor);
            }
        }
    }

    /// Makes the soonest key the floor, and so moves all keys equal to it to bucket 0, unless it lies after `now`.
    fn refill(&mut self, now: Timestamp) -> bool {
        let Some(bucket) = self.buckets.iter().position(|bucket| !bucket.is_empty()) else { return false };
        let keys = self.buckets[bucket].blocks.iter().flatten().map(|(key, _)| *key);
        let Some(soonest) = keys.min() else { return false };
        if soonest > now.0 {
            return false;
        }
        self.floor = soonest;
        let mut blocks = std::mem::take(&mut self.buckets[bucket]).blocks;
        for mut block in blocks.drain(..) {
            for (key, user) in block.drain(..) {
                let lower = self.bucket(key);
                self.buckets[lower].push((key, user), &mut self.spare);
            }
            keep(block, &mut self.spare);
        }
        // All keys went to lower buckets. The list is soon filled again, and kept if it is small.
        if self.buckets[bucket].is_empty() && blocks.capacity() <= SPARE {
            self.buckets[bucket] = TimerBucket { blocks };
        }
        true
    }

    fn bucket(&self, key: i64) -> usize {
        // The floor never lies above a key, so the highest differing bit orders them, the sign bit included.
        let differing = (key ^ self.floor) as u64;
        64 - differing.leading_zeros() as usize
    }

    /// The bytes it takes on the heap.
    pub(super) fn heap_bytes(&self) -> usize {
        let blocks = self.spare.len() + self.buckets.iter().map(|bucket| bucket.blocks.len()).sum::<usize>();
        let lists = self.spare.capacity() + self.buckets.iter().map(|bucket| bucket.blocks.capacity()).sum::<usize>();
        blocks * BLOCK * size_of::<(i64, u32)>()
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

    proptest! {
        #[test]
        fn between_two_stops_lie_few_wake_ups_or_those_of_one_instant(
            keys in prop::collection::vec(-50i64..5_000, 1..200),
            most in 1usize..20,
            until in -10i64..6_000,
        ) {
            let mut timers = TimerQueue::default();
            keys.iter().for_each(|key| timers.push(Timestamp(*key), 0));
            let (mut left, mut last) = (keys, i64::MIN);
            while last < until {
                let stop = timers.next_stop(Timestamp(until), most).0;
                prop_assert!(stop > last && stop <= until, "{last} to {stop} of {until}");
                let due: Vec<i64> = left.iter().copied().filter(|key| *key <= stop).collect();
                prop_assert!(due.len() <= most || due.iter().all(|key| *key == stop), "{due:?} at {stop}");
                for _ in 0..due.len() {
                    prop_assert!(timers.pop_due(Timestamp(stop)).is_some());
                }
                prop_assert!(timers.pop_due(Timestamp(stop)).is_none());
                left.retain(|key| *key > stop);
                last = stop;
            }
        }
    }
}

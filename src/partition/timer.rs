//! Wake-ups of a partition's users, soonest first: a monotone radix heap.
//!
//! Time only moves forward, so a key never lies before the last one popped. That allows one bucket per highest bit in
//! which a key differs from it: pushing is constant work, and a key moves to a lower bucket at most 64 times in its
//! life. (Ahuja, Mehlhorn, Orlin, Tarjan: *Faster algorithms for the shortest path problem*, 1990.)

use crate::time::Timestamp;

/// Due times with the user (an index) each belongs to. The same user may stand here more than once.
#[derive(Clone, Debug)]
pub(super) struct Timers {
    /// No key lies before it.
    floor: i64,
    buckets: Vec<Vec<(i64, u32)>>,
    len: usize,
}

impl Default for Timers {
    fn default() -> Timers {
        Timers { floor: i64::MIN, buckets: vec![Vec::new(); 65], len: 0 }
    }
}

impl Timers {
    /// Adds a wake-up. One that lies before the last one popped counts as due at that instant.
    pub(super) fn push(&mut self, due: Timestamp, user: u32) {
        let key = due.0.max(self.floor);
        let bucket = self.bucket(key);
        self.buckets[bucket].push((key, user));
        self.len += 1;
    }

    /// Takes out one of the soonest wake-ups, if it is due at or before `now`.
    pub(super) fn pop_due(&mut self, now: Timestamp) -> Option<u32> {
        if self.buckets[0].is_empty() && !self.refill(now) {
            return None;
        }
        if self.floor > now.0 {
            return None;
        }
        let (_, user) = self.buckets[0].pop()?;
        self.len -= 1;
        Some(user)
    }

    /// Makes the soonest key the floor, and so moves all keys equal to it to bucket 0, unless it lies after `now`.
    fn refill(&mut self, now: Timestamp) -> bool {
        let Some(bucket) = self.buckets.iter().position(|bucket| !bucket.is_empty()) else { return false };
        let Some(soonest) = self.buckets[bucket].iter().map(|(key, _)| *key).min() else { return false };
        if soonest > now.0 {
            return false;
        }
        self.floor = soonest;
        for (key, user) in std::mem::take(&mut self.buckets[bucket]) {
            let lower = self.bucket(key);
            self.buckets[lower].push((key, user));
        }
        true
    }

    fn bucket(&self, key: i64) -> usize {
        // The floor never lies above a key, so the highest differing bit orders them, the sign bit included.
        let differing = (key ^ self.floor) as u64;
        64 - differing.leading_zeros() as usize
    }

    /// The bytes it takes beside its own place.
    pub(super) fn heap_bytes(&self) -> usize {
        let keys = self.buckets.iter().map(Vec::capacity).sum::<usize>() * size_of::<(i64, u32)>();
        keys + self.buckets.capacity() * size_of::<Vec<(i64, u32)>>()
    }

    /// How many wake-ups stand here.
    pub(super) fn len(&self) -> usize {
        self.len
    }
}

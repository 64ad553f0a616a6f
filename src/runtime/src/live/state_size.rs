//! The bytes of the users' state, of the links, of rows and of the indexes of picks, counted for some users at a time, so that no action waits
//! for it.
//!
//! The partitions are counted in turn, and the total is that of the latest count of each: it is exact when the state has not
//! changed for one round.

use crate::pipeline::Pipeline;

/// The users counted per step.
const USERS_PER_STEP: usize = 10_000;

/// A count in progress.
#[derive(Debug, Default)]
pub(crate) struct StateSizeCount {
    /// The latest complete count of each partition.
    counted: Vec<u64>,
    /// Of the links, the rows and the indexes of picks.
    shared: u64,
    partition: usize,
    slot: usize,
    bytes: u64,
}

impl StateSizeCount {
    /// The bytes of all partitions, of the links, of rows and of the indexes of picks, as last counted.
    pub(crate) fn total(&self) -> u64 {
        self.counted.iter().sum::<u64>() + self.shared
    }

    /// Counts some more users, each at most once.
    pub(crate) fn count_on(&mut self, pipeline: &Pipeline) {
        let partitions = pipeline.partitions();
        self.shared = pipeline.links_bytes() + pipeline.rows_bytes() + pipeline.picks_bytes();
        self.counted.resize(partitions.len(), 0);
        let (mut left, mut finished) = (USERS_PER_STEP, 0);
        while left > 0 && finished < partitions.len() {
            let partition = &partitions[self.partition];
            let (bytes, slots) = partition.heap_bytes_of(self.slot, left);
            self.bytes += bytes;
            self.slot += slots;
            left -= slots;
            if self.slot >= partition.slots() {
                self.counted[self.partition] = self.bytes + partition.heap_bytes_beside_users();
                (self.partition, self.slot, self.bytes) = ((self.partition + 1) % partitions.len(), 0, 0);
                finished += 1;
            }
        }
    }
}

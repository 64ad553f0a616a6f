//! The sequences that were settled last: a message among them that comes again is acknowledged, not sent.

use std::collections::{BTreeSet, VecDeque};

/// How many are remembered: more than can be unacknowledged at a time.
const REMEMBERED: usize = 20_000;

/// The sequences that were settled last.
#[derive(Debug, Default)]
pub(crate) struct SettledSequences {
    known: BTreeSet<u64>,
    order: VecDeque<u64>,
}

impl SettledSequences {
    pub(crate) fn insert(&mut self, sequence: u64) {
        if self.known.insert(sequence) {
            self.order.push_back(sequence);
        }
        if self.order.len() > REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
    }

    pub(crate) fn contains(&self, sequence: u64) -> bool {
        self.known.contains(&sequence)
    }
}

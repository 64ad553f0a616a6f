//! The counters of checkpoints, which the checkpointer keeps and a scrape reads.

use std::sync::atomic::{AtomicI64, AtomicU64};

/// What is known of checkpoints, for metrics. Reading it never blocks.
#[derive(Debug, Default)]
pub struct CheckpointStatus {
    /// Valid checkpoints: bases, and deltas.
    pub written: [AtomicU64; 2],
    /// Attempts that failed.
    pub failures: AtomicU64,
    /// When the last one became valid, in milliseconds since 1970; 0: none has.
    pub last_ms: AtomicI64,
    /// How long the last one took, from the start of its snapshot, in microseconds.
    pub took_us: AtomicU64,
    /// Its bytes.
    pub bytes: AtomicU64,
    /// The users in it.
    pub users: AtomicU64,
}

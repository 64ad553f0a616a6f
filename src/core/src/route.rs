//! Which partition a user belongs to, and in which order users get their turn.

use xxhash_rust::xxh3::xxh3_64;

/// `xxh3_64(user id) mod partitions`. Fixed for good: checkpoints and other processes rely on it.
pub fn partition_of(user: &str, partitions: usize) -> usize {
    (xxh3_64(user.as_bytes()) % partitions.max(1) as u64) as usize
}

/// The user's turn among those whose timers are due at the same instant: the upper half of `xxh3_64(user id)`, so that the users
/// of a partition have all kinds of turns. Fixed for good: committed positions rely on it.
pub fn turn_of(user: &str) -> u32 {
    (xxh3_64(user.as_bytes()) >> 32) as u32
}

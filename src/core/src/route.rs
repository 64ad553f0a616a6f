//! Which partition a user belongs to.

use xxhash_rust::xxh3::xxh3_64;

/// `xxh3_64(user id) mod partitions`. Fixed for good: checkpoints and other processes rely on it.
pub fn partition_of(user: &str, partitions: usize) -> usize {
    (xxh3_64(user.as_bytes()) % partitions.max(1) as u64) as usize
}

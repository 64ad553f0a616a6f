//! An entry of the index, and how it is written.

use rekindle_core::time::Timestamp;
use xxhash_rust::xxh3::xxh3_64;

/// The bytes of a written entry.
pub(super) const ENTRY_BYTES: usize = 24;

/// In the written place: the record has the id beside another.
const LINKS: u64 = 1 << 63;
/// In the written place: the record requests to forget the id.
const FORGETS: u64 = 1 << 62;
/// The bits of the place itself.
const PLACE: u64 = FORGETS - 1;

/// A record that has an id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct IndexEntry {
    /// The xxh3 of the id.
    pub(super) id: u64,
    /// Where the record is: its offset in a file, or its sequence in a stream.
    pub(super) place: u64,
    /// A call of the record has a `userId` and an `anonymousId`, and the id is one of them.
    pub(super) links: bool,
    /// The record requests to forget the id.
    pub(super) forgets: bool,
    /// The greatest time read before the record; the watermark is `max_disorder` before it.
    pub(super) latest_read: Timestamp,
}

/// The number by which an id is found.
pub(super) fn number_of(id: &str) -> u64 {
    xxh3_64(id.as_bytes())
}

impl IndexEntry {
    pub(super) fn encoded(&self) -> [u8; ENTRY_BYTES] {
        let flag = |is_set: bool, flag: u64| if is_set { flag } else { 0 };
        let place = (self.place & PLACE) | flag(self.links, LINKS) | flag(self.forgets, FORGETS);
        let mut bytes = [0; ENTRY_BYTES];
        bytes[..8].copy_from_slice(&self.id.to_le_bytes());
        bytes[8..16].copy_from_slice(&place.to_le_bytes());
        bytes[16..].copy_from_slice(&self.latest_read.0.to_le_bytes());
        bytes
    }

    pub(super) fn decoded(bytes: &[u8]) -> IndexEntry {
        let number = |at: usize| bytes[at..at + 8].try_into().map(u64::from_le_bytes).unwrap_or_default();
        let place = number(8);
        IndexEntry {
            id: number(0),
            place: place & PLACE,
            links: place & LINKS != 0,
            forgets: place & FORGETS != 0,
            latest_read: Timestamp(i64::from_le_bytes(number(16).to_le_bytes())),
        }
    }
}

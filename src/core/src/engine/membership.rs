//! Which segments a user is in.

use crate::rules::program::SegmentId;

/// The segments a user is in, as a set of bits.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct MembershipSet {
    low: u64,
    /// Segments 64 and up; empty while the user is in none of them.
    high: Vec<u64>,
}

impl MembershipSet {
    /// Whether the user is in the segment.
    pub fn contains(&self, segment: SegmentId) -> bool {
        let (word, bit) = (usize::from(segment.0) / 64, segment.0 % 64);
        let bits = if word == 0 { self.low } else { self.high.get(word - 1).copied().unwrap_or(0) };
        bits >> bit & 1 == 1
    }

    /// Puts the user in (or out).
    pub fn set(&mut self, segment: SegmentId, member: bool) {
        let (word, bit) = (usize::from(segment.0) / 64, segment.0 % 64);
        if word > self.high.len() {
            self.high.resize(word, 0);
        }
        let bits = if word == 0 { &mut self.low } else { &mut self.high[word - 1] };
        *bits = *bits & !(1 << bit) | u64::from(member) << bit;
    }

    /// The bytes it takes beside its own place.
    pub fn heap_bytes(&self) -> usize {
        self.high.capacity() * size_of::<u64>()
    }

    /// The segments, in file order.
    pub fn iter(&self) -> impl Iterator<Item = SegmentId> + '_ {
        std::iter::once(&self.low).chain(&self.high).zip(0u16..).flat_map(|(bits, word)| {
            (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| SegmentId(word * 64 + bit))
        })
    }
}

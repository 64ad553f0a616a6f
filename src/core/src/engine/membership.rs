//! Which segments a user is in.

use thin_vec::ThinVec;

use crate::encoding::{KeySpace, ListShape, StateReader, StateWriter};
use crate::rules::ruleset::SegmentId;

/// The segments a user is in, as a set of bits.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct MembershipSet {
    low: u64,
    /// Segments 64 and up; empty while the user is in none of them.
    high: ThinVec<u64>,
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

    /// Takes the user out of all other segments.
    pub(crate) fn retain(&mut self, stays: impl Fn(SegmentId) -> bool) {
        let left: Vec<SegmentId> = self.iter().filter(|segment| !stays(*segment)).collect();
        left.into_iter().for_each(|segment| self.set(segment, false));
    }

    /// The bytes it takes on the heap.
    pub fn heap_bytes(&self) -> usize {
        if self.high.capacity() == 0 { 0 } else { self.high.capacity() * size_of::<u64>() + 2 * size_of::<usize>() }
    }

    /// How many segments the user is in.
    pub fn len(&self) -> usize {
        std::iter::once(&self.low).chain(&self.high).map(|bits| bits.count_ones() as usize).sum()
    }

    /// Whether the user is in no segment.
    pub fn is_empty(&self) -> bool {
        self.low == 0 && self.high.iter().all(|bits| *bits == 0)
    }

    /// Writes the segments, in any format.
    pub(crate) fn write<W: StateWriter>(&self, writer: &mut W) {
        let segments = SizedIter { items: self.iter(), left: self.len() };
        writer.list("segments", ListShape::Values, segments, |writer, segment| {
            writer.id("", KeySpace::Segments, segment.0);
        });
    }

    /// Reads the segments that the current rules have.
    pub(crate) fn read<R: StateReader>(reader: &mut R) -> Result<MembershipSet, R::Error> {
        let mut members = MembershipSet::default();
        reader.list(ListShape::Values, "a user's segments", |reader| {
            if let Some(segment) = reader.id(KeySpace::Segments, "a segment")? {
                members.set(SegmentId(segment), true);
            }
            Ok(())
        })?;
        Ok(members)
    }

    /// The segments, in file order.
    pub fn iter(&self) -> impl Iterator<Item = SegmentId> + '_ {
        std::iter::once(&self.low).chain(&self.high).zip(0u16..).flat_map(|(bits, word)| {
            (0..64).filter(move |bit| bits >> bit & 1 == 1).map(move |bit| SegmentId(word * 64 + bit))
        })
    }
}

/// Items of which it is known how many there are.
struct SizedIter<I> {
    items: I,
    left: usize,
}

impl<I: Iterator> Iterator for SizedIter<I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        let item = self.items.next()?;
        self.left -= 1;
        Some(item)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left, Some(self.left))
    }
}

impl<I: Iterator> ExactSizeIterator for SizedIter<I> {}

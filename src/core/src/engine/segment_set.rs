//! A set of segments: which of them an event can change, and which are left to be evaluated.

use crate::rules::ruleset::SegmentId;

/// A set of segments, one bit each.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct SegmentSet {
    words: Vec<u64>,
}

impl SegmentSet {
    /// Adds one.
    pub fn insert(&mut self, segment: SegmentId) {
        let word = usize::from(segment.0) / 64;
        if word >= self.words.len() {
            self.words.resize(word + 1, 0);
        }
        self.words[word] |= 1 << (segment.0 % 64);
    }

    /// Adds all of `other`.
    pub fn extend(&mut self, other: &SegmentSet) {
        if other.words.len() > self.words.len() {
            self.words.resize(other.words.len(), 0);
        }
        for (word, more) in self.words.iter_mut().zip(&other.words) {
            *word |= more;
        }
    }

    /// Removes all.
    pub fn clear(&mut self) {
        self.words.fill(0);
    }

    /// Whether all of `other` is in here.
    pub fn contains_all(&self, other: &SegmentSet) -> bool {
        other.words.iter().enumerate().all(|(at, more)| more & !self.words.get(at).copied().unwrap_or(0) == 0)
    }

    /// Whether a segment is in here.
    pub fn contains(&self, segment: SegmentId) -> bool {
        self.words.get(usize::from(segment.0) / 64).is_some_and(|word| word >> (segment.0 % 64) & 1 == 1)
    }

    /// Takes the first segment, in file order, at or after `from`.
    pub fn next_from(&self, from: u16) -> Option<SegmentId> {
        let mut word = usize::from(from) / 64;
        let mut bits = self.words.get(word)? & (u64::MAX << (from % 64));
        while bits == 0 {
            word += 1;
            bits = *self.words.get(word)?;
        }
        u16::try_from(word * 64 + bits.trailing_zeros() as usize).ok().map(SegmentId)
    }
}

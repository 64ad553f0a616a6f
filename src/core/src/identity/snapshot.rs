//! Links as they were when a snapshot was taken.

use std::sync::Arc;

use super::{CHUNK, IdentityLinks, VisitorLink};

/// Links as they were at a snapshot. Keeping it costs little; changing the links meanwhile copies at most one chunk.
#[derive(Clone, Debug, Default)]
pub struct LinksSnapshot {
    chunks: Vec<Arc<Vec<Option<VisitorLink>>>>,
    /// Places of the first chunk that do not belong to it.
    skip: usize,
    /// Visitors whose links were removed since the snapshot before; they may be linked again.
    pub unlinked: Vec<Arc<str>>,
}

impl LinksSnapshot {
    /// Every visitor with the user it was linked to at the snapshot.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let places = self.chunks.iter().flat_map(|chunk| chunk.iter());
        places.skip(self.skip).flatten().map(|(visitor, user)| (&**visitor, &**user))
    }
}

impl IdentityLinks {
    /// All links as they are now. The next snapshot is as if this had not been asked.
    pub fn all(&self) -> LinksSnapshot {
        let chunks = self.chunks.iter().map(|chunk| Arc::clone(&chunk.links)).collect();
        LinksSnapshot { chunks, skip: 0, unlinked: Vec::new() }
    }

    /// Everything that was linked and unlinked since the last snapshot; `whole`: all links.
    pub fn snapshot(&mut self, whole: bool) -> LinksSnapshot {
        let from = if whole { 0 } else { self.snapshot_end };
        let unlinked = std::mem::take(&mut self.unlinked);
        self.snapshot_end = self.places();
        let (first, skip) = ((from / CHUNK).max(self.chunks_gone) - self.chunks_gone, from % CHUNK);
        let chunks: Vec<_> = match from == self.snapshot_end {
            true => Vec::new(),
            false => self.chunks.range(first..).map(|chunk| Arc::clone(&chunk.links)).collect(),
        };
        // The entries of an abandoned chunk have moved to the end.
        let is_there = from / CHUNK >= self.chunks_gone && chunks.first().is_some_and(|links| !links.is_empty());
        let skip = if is_there { skip } else { 0 };
        LinksSnapshot { chunks, skip, unlinked: if whole { Vec::new() } else { unlinked } }
    }
}

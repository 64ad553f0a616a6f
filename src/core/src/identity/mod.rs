//! Who an event is about: `userId`, or the user its anonymous visitor is known to be (semantics §2, *Who*, *Linking*).
//!
//! The first event with both ids links the visitor to the user for good. Links are looked up once, so a `userId` is
//! never redirected, even one that is also some visitor's id. Sees every event of the log, in order.
//!
//! Links are also kept in the order in which they were made, in chunks that a snapshot shares instead of copying: a snapshot of
//! a million links costs one step per chunk. The rest of a mostly empty chunk moves to the end, so that the memory is at most
//! a small multiple of the links.
//!
//! Links are removed with their user. Both directions are looked up by hash, and removing one link is constant work, however
//! many lead to the same user.

mod snapshot;
#[cfg(test)]
mod tests;

use std::collections::VecDeque;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::event::Event;
use crate::time::Timestamp;
pub use snapshot::LinksSnapshot;

/// Links per chunk.
const CHUNK: usize = 4_096;

/// The links of a full chunk that has no more than this left move to the last one.
const CHUNK_LEFT: usize = CHUNK / 4;

/// All links there are.
#[derive(Clone, Debug, Default)]
pub struct IdentityLinks {
    /// By visitor.
    users: HashMap<Arc<str>, LinkTarget, FixedState>,
    /// The other way: every user whom visitors are linked to.
    owners: HashMap<Arc<str>, LinkedUser, FixedState>,
    /// Every link in the order it was made (or moved).
    chunks: VecDeque<LinkChunk>,
    /// How many chunks before those were removed, as they were empty.
    chunks_gone: usize,
    /// How many entries of the chunks the last snapshot had.
    snapshot_end: usize,
    /// The visitors whose links were removed since the last snapshot.
    unlinked: Vec<Arc<str>>,
    /// The bytes of all ids, each counted once.
    id_bytes: usize,
    /// How many links were written to a place.
    #[cfg(test)]
    written: usize,
}

/// A visitor and the user it is linked to.
type VisitorLink = (Arc<str>, Arc<str>);

/// Some links; `None` where one was removed.
#[derive(Clone, Debug, Default)]
struct LinkChunk {
    links: Arc<Vec<Option<VisitorLink>>>,
    /// How many are left.
    left: usize,
}

/// The user that a visitor is linked to, and where the link is stored.
#[derive(Clone, Debug)]
struct LinkTarget {
    user: Arc<str>,
    /// Its place, counted over all chunks, removed ones included.
    place: usize,
    /// Its index among the visitors of its user.
    index: u32,
    /// It was in a snapshot before it moved to its place.
    was_in_snapshot: bool,
}

/// A user whom visitors are linked to.
#[derive(Clone, Debug)]
struct LinkedUser {
    /// At least one.
    visitors: Vec<Arc<str>>,
    note: LinkedUserNote,
}

/// What the pipeline notes of a user whom visitors are linked to. It decides only which users are examined for expiry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkedUserNote {
    /// The user's latest event is no earlier.
    pub latest: Timestamp,
    /// The round in which an event of the user was last queued.
    pub round: u64,
    /// The user had no state when this was last looked at: it was itself merged into another.
    pub is_stateless: bool,
}

/// The user of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResolvedIdentity {
    /// The user; `None`: the event's own `userId`, or its own `anonymousId` where there is no `userId`.
    pub linked_user: Option<Arc<str>>,
    /// The event has just linked its anonymous visitor to its user.
    pub links_visitor: bool,
}

impl Default for LinkedUserNote {
    fn default() -> LinkedUserNote {
        LinkedUserNote { latest: Timestamp::MIN, round: 0, is_stateless: false }
    }
}

impl IdentityLinks {
    /// Resolves an event that has at least one id, and links its two if it is the first to hold both.
    pub fn resolve(&mut self, event: &Event<'_>) -> ResolvedIdentity {
        match (event.user_id.as_deref(), event.anonymous_id.as_deref()) {
            (Some(user), Some(visitor)) => {
                let is_new = self.insert(visitor, user);
                // Linked to itself, a visitor has no past to hand over.
                ResolvedIdentity { linked_user: None, links_visitor: is_new && visitor != user }
            }
            (None, Some(visitor)) => {
                ResolvedIdentity { linked_user: self.user_of(visitor).cloned(), links_visitor: false }
            }
            _ => ResolvedIdentity { linked_user: None, links_visitor: false },
        }
    }

    /// The user that a visitor is linked to.
    pub fn user_of(&self, visitor: &str) -> Option<&Arc<str>> {
        self.users.get(visitor).map(|linked| &linked.user)
    }

    /// Every visitor with the user it is linked to, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let places = self.chunks.iter().flat_map(|chunk| chunk.links.iter().flatten());
        places.map(|(visitor, user)| (&**visitor, &**user))
    }

    /// Links a visitor, unless it is linked already; whether it was not.
    pub fn insert(&mut self, visitor: &str, user: &str) -> bool {
        if self.users.contains_key(visitor) {
            return false;
        }
        let visitor: Arc<str> = visitor.into();
        let user = self.owners.get_key_value(user).map_or_else(|| user.into(), |(known, _)| Arc::clone(known));
        let owner = self.owners.entry(Arc::clone(&user)).or_insert_with(|| {
            self.id_bytes += id_bytes(&user);
            LinkedUser { visitors: Vec::with_capacity(1), note: LinkedUserNote::default() }
        });
        owner.visitors.push(Arc::clone(&visitor));
        let index = u32::try_from(owner.visitors.len() - 1).expect("fewer visitors are linked than there are ids");
        self.id_bytes += id_bytes(&visitor);
        let place = self.put((Arc::clone(&visitor), Arc::clone(&user)));
        self.users.insert(visitor, LinkTarget { user, place, index, was_in_snapshot: false });
        true
    }

    /// Removes a visitor's link; whether there was one.
    pub fn remove(&mut self, visitor: &str) -> bool {
        let Some((visitor, linked)) = self.users.remove_entry(visitor) else { return false };
        if let Some(owner) = self.owners.get_mut(&linked.user) {
            owner.visitors.swap_remove(linked.index as usize);
            match owner.visitors.get(linked.index as usize) {
                Some(moved) => {
                    if let Some(moved) = self.users.get_mut(moved) {
                        moved.index = linked.index;
                    }
                }
                None if owner.visitors.is_empty() => self.remove_owner(&linked.user),
                None => {}
            }
        }
        self.take_from_place(visitor, &linked);
        true
    }

    /// Removes every link to a user. Returns the visitors, in no particular order.
    pub fn remove_visitors(&mut self, user: &str) -> Vec<Arc<str>> {
        let Some(owner) = self.owners.get_mut(user) else { return Vec::new() };
        let visitors = std::mem::take(&mut owner.visitors);
        self.remove_owner(user);
        for visitor in &visitors {
            if let Some((visitor, linked)) = self.users.remove_entry(&**visitor) {
                self.take_from_place(visitor, &linked);
            }
        }
        visitors
    }

    fn remove_owner(&mut self, user: &str) {
        if let Some((user, _)) = self.owners.remove_entry(user) {
            self.id_bytes -= id_bytes(&user);
        }
    }

    /// Writes a link to the next place.
    fn put(&mut self, link: VisitorLink) -> usize {
        if self.places().is_multiple_of(CHUNK) {
            self.chunks.push_back(LinkChunk::default());
            // The one before may have become empty while it was filled.
            let before = self.chunks.len().checked_sub(2);
            if let Some(before) = before.filter(|at| self.chunks[*at].left <= CHUNK_LEFT) {
                self.compact_chunk(before);
            }
        }
        let place = self.places();
        if let Some(last) = self.chunks.back_mut() {
            Arc::make_mut(&mut last.links).push(Some(link));
            last.left += 1;
        }
        #[cfg(test)]
        {
            self.written += 1;
        }
        place
    }

    /// Empties the place of a removed link.
    fn take_from_place(&mut self, visitor: Arc<str>, linked: &LinkTarget) {
        self.id_bytes -= id_bytes(&visitor);
        if linked.place < self.snapshot_end || linked.was_in_snapshot {
            self.unlinked.push(visitor);
        }
        let at = linked.place / CHUNK - self.chunks_gone;
        let chunk = &mut self.chunks[at];
        Arc::make_mut(&mut chunk.links)[linked.place % CHUNK] = None;
        chunk.left -= 1;
        if chunk.left <= CHUNK_LEFT && at + 1 < self.chunks.len() {
            self.compact_chunk(at);
        }
    }

    /// Moves the remaining links of a full chunk to the end.
    fn compact_chunk(&mut self, at: usize) {
        let first_place = (at + self.chunks_gone) * CHUNK;
        let chunk = std::mem::take(&mut self.chunks[at]);
        for (visitor, user) in chunk.links.iter().flatten() {
            let place = self.put((Arc::clone(visitor), Arc::clone(user)));
            if let Some(linked) = self.users.get_mut(visitor) {
                linked.was_in_snapshot |= linked.place < self.snapshot_end;
                linked.place = place;
            }
        }
        debug_assert!(first_place < self.places(), "only full chunks are compacted");
        while self.chunks.len() > 1 && self.chunks.front().is_some_and(|chunk| chunk.links.is_empty()) {
            self.chunks.pop_front();
            self.chunks_gone += 1;
        }
    }

    /// The visitors linked to a user, in no particular order.
    pub fn visitors_of(&self, user: &str) -> &[Arc<str>] {
        self.owners.get(user).map_or(&[], |owner| &owner.visitors)
    }

    /// The note of a user; `None`: no visitor is linked to it.
    pub fn note_of(&mut self, user: &str) -> Option<&mut LinkedUserNote> {
        self.owners.get_mut(user).map(|owner| &mut owner.note)
    }

    /// The number of places, those of removed chunks included.
    fn places(&self) -> usize {
        let full = self.chunks_gone + self.chunks.len();
        self.chunks.back().map_or(full * CHUNK, |last| (full - 1) * CHUNK + last.links.len())
    }

    /// How many visitors are linked.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// The bytes they take.
    pub fn heap_bytes(&self) -> usize {
        let places: usize = self.chunks.iter().map(|chunk| chunk.links.capacity()).sum();
        self.users.allocation_size()
            + self.owners.allocation_size()
            + self.id_bytes
            // Each visitor is also in the list of its user.
            + self.users.len() * size_of::<Arc<str>>()
            + self.chunks.capacity() * size_of::<LinkChunk>()
            + places * size_of::<Option<VisitorLink>>()
            + self.unlinked.capacity() * size_of::<Arc<str>>()
    }
}

/// An `Arc` has two counters before its text.
fn id_bytes(id: &Arc<str>) -> usize {
    id.len() + 2 * size_of::<usize>()
}

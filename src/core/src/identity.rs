//! Who an event is about: `userId`, or the user its anonymous visitor is known to be (semantics §2, *Who*, *Linking*).
//!
//! The first event with both ids links the visitor to the user for good. Links are looked up once, so a `userId` is
//! never redirected, even one that is also some visitor's id. Sees every event of the log, in order.
//!
//! Links are also kept in the order they were made, in chunks that a snapshot shares instead of copying: taking all of a
//! million links down costs no more than counting the chunks. Of a chunk that has become mostly empty the rest moves to
//! the end, so what is kept is never more than a small multiple of what there is.
//!
//! Links go with the user they lead to. Both ways are looked up without searching, and one link is taken back in constant
//! work, whatever else leads to the same user.

use std::collections::VecDeque;
use std::sync::Arc;

use foldhash::fast::FixedState;
use hashbrown::HashMap;

use crate::event::Event;
use crate::time::Timestamp;

/// Links per chunk.
const CHUNK: usize = 4_096;

/// A full chunk that has no more links than this left gives them to the last one.
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
    /// How many chunks before those were left behind without a link.
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

/// Some links; `None` where one was taken back.
#[derive(Clone, Debug, Default)]
struct LinkChunk {
    links: Arc<Vec<Option<VisitorLink>>>,
    /// How many are left.
    left: usize,
}

/// Whom a visitor is linked to, and where that stands.
#[derive(Clone, Debug)]
struct LinkTarget {
    user: Arc<str>,
    /// Its place in all chunks that ever were.
    place: usize,
    /// Its index among the visitors of its user.
    index: u32,
    /// A snapshot had it, before it moved to its place.
    was_cut: bool,
}

/// A user whom visitors are linked to.
#[derive(Clone, Debug)]
struct LinkedUser {
    /// At least one.
    visitors: Vec<Arc<str>>,
    note: LinkedUserNote,
}

/// What its owner notes of a user whom visitors are linked to. Nothing is decided by it but what need not be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkedUserNote {
    /// The user's latest event is no earlier.
    pub latest: Timestamp,
    /// In which round an event of the user was last put in line.
    pub round: u64,
    /// The user had no state when this was last looked at: it was itself merged into another.
    pub is_stateless: bool,
}

/// Links as they were at a snapshot. Keeping it costs little; changing the links meanwhile copies at most one chunk.
#[derive(Clone, Debug, Default)]
pub struct LinksSnapshot {
    chunks: Vec<Arc<Vec<Option<VisitorLink>>>>,
    /// Places of the first chunk that do not belong to it.
    skip: usize,
    /// Visitors whose links were removed since the snapshot before; they may be linked again.
    pub unlinked: Vec<Arc<str>>,
}

/// Whose an event is.
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

    /// Every visitor with the user it is linked to, in no order that means anything.
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
        self.users.insert(visitor, LinkTarget { user, place, index, was_cut: false });
        true
    }

    /// Takes a visitor's link back, as if there had never been one; whether there was one.
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

    /// Takes back every link to a user; the visitors they were of, in no order that means anything.
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
                self.leave_behind(before);
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

    /// Empties the place of a link that is no more.
    fn take_from_place(&mut self, visitor: Arc<str>, linked: &LinkTarget) {
        self.id_bytes -= id_bytes(&visitor);
        if linked.place < self.snapshot_end || linked.was_cut {
            self.unlinked.push(visitor);
        }
        let at = linked.place / CHUNK - self.chunks_gone;
        let chunk = &mut self.chunks[at];
        Arc::make_mut(&mut chunk.links)[linked.place % CHUNK] = None;
        chunk.left -= 1;
        if chunk.left <= CHUNK_LEFT && at + 1 < self.chunks.len() {
            self.leave_behind(at);
        }
    }

    /// Moves what is left of a full chunk to the end.
    fn leave_behind(&mut self, at: usize) {
        let first_place = (at + self.chunks_gone) * CHUNK;
        let chunk = std::mem::take(&mut self.chunks[at]);
        for (visitor, user) in chunk.links.iter().flatten() {
            let place = self.put((Arc::clone(visitor), Arc::clone(user)));
            if let Some(linked) = self.users.get_mut(visitor) {
                linked.was_cut |= linked.place < self.snapshot_end;
                linked.place = place;
            }
        }
        debug_assert!(first_place < self.places(), "only full chunks are left behind");
        while self.chunks.len() > 1 && self.chunks.front().is_some_and(|chunk| chunk.links.is_empty()) {
            self.chunks.pop_front();
            self.chunks_gone += 1;
        }
    }

    /// The visitors linked to a user, in no particular order.
    pub fn visitors_of(&self, user: &str) -> &[Arc<str>] {
        self.owners.get(user).map_or(&[], |owner| &owner.visitors)
    }

    /// What is noted of a user whom visitors are linked to; `None`: none is.
    pub fn note_of(&mut self, user: &str) -> Option<&mut LinkedUserNote> {
        self.owners.get_mut(user).map(|owner| &mut owner.note)
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

    /// How many places there ever were.
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

impl LinksSnapshot {
    /// Every visitor with the user it was linked to at the snapshot.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let places = self.chunks.iter().flat_map(|chunk| chunk.iter());
        places.skip(self.skip).flatten().map(|(visitor, user)| (&**visitor, &**user))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(snapshot: &LinksSnapshot) -> Vec<(String, String)> {
        snapshot.iter().map(|(visitor, user)| (visitor.to_owned(), user.to_owned())).collect()
    }

    #[test]
    fn a_cut_has_what_was_linked_since_the_last_whatever_is_linked_meanwhile() {
        let mut links = IdentityLinks::default();
        let name = |index: usize| format!("v{index}");
        for index in 0..CHUNK + 3 {
            links.insert(&name(index), "u");
        }
        let first = links.snapshot(false);
        for index in CHUNK + 3..2 * CHUNK + 5 {
            links.insert(&name(index), "w");
        }
        assert_eq!(pairs(&first).len(), CHUNK + 3);
        let second = links.snapshot(false);
        assert!(links.remove(&name(1)) && links.remove(&name(CHUNK + 3)) && !links.remove(&name(1)));
        assert!(links.insert(&name(1), "x"));
        let expected: Vec<_> = (CHUNK + 3..2 * CHUNK + 5).map(|index| (name(index), "w".to_owned())).collect();
        assert_eq!(pairs(&second), expected);
        assert!(second.unlinked.is_empty());
        let third = links.snapshot(false);
        assert_eq!(pairs(&third), [(name(1), "x".to_owned())]);
        assert_eq!(third.unlinked.iter().map(|id| &**id).collect::<Vec<_>>(), [name(1), name(CHUNK + 3)]);
        assert_eq!(pairs(&links.snapshot(false)), []);
        let whole = links.snapshot(true);
        assert_eq!((pairs(&whole).len(), links.len(), whole.unlinked.len()), (2 * CHUNK + 4, 2 * CHUNK + 4, 0));
    }

    #[test]
    fn a_visitor_is_linked_once() {
        let mut links = IdentityLinks::default();
        assert!(links.insert("v", "u") && !links.insert("v", "w"));
        assert_eq!(links.user_of("v").map(|user| &**user), Some("u"));
    }

    fn links(pairs: &[(&str, &str)]) -> IdentityLinks {
        let mut links = IdentityLinks::default();
        for (visitor, user) in pairs {
            links.insert(visitor, user);
        }
        links
    }

    fn sorted(links: &IdentityLinks) -> Vec<(&str, &str)> {
        let mut pairs: Vec<_> = links.iter().collect();
        pairs.sort_unstable();
        pairs
    }

    #[test]
    fn a_user_who_goes_takes_its_visitors_links_and_no_other() {
        let mut links = links(&[("a", "u"), ("b", "v"), ("c", "u")]);
        let mut gone = links.remove_visitors("u");
        gone.sort_unstable();
        assert_eq!(gone, ["a".into(), "c".into()]);
        assert_eq!((sorted(&links), links.visitors_of("u").len(), links.user_of("a")), (vec![("b", "v")], 0, None));
        assert!(links.remove_visitors("u").is_empty());
        links.insert("b", "u");
        assert_eq!(links.snapshot(false).iter().collect::<Vec<_>>(), [("b", "v")]);
        assert_eq!(links.remove_visitors("v"), ["b".into()]);
        assert_eq!(links.snapshot(false).unlinked, ["b".into()]);
    }

    #[test]
    fn a_visitors_link_that_is_taken_back_leaves_the_users_others() {
        let mut links = links(&[("a", "u"), ("b", "u"), ("c", "u")]);
        assert!(links.remove("a"));
        assert_eq!(sorted(&links), [("b", "u"), ("c", "u")]);
        assert!(links.remove("c") && links.remove("b"));
        assert!(links.is_empty() && links.owners.is_empty());
    }

    #[test]
    fn an_id_may_be_visitor_and_user_and_its_own() {
        let mut links = links(&[("x", "x"), ("a", "x"), ("b", "u"), ("u", "x")]);
        assert_eq!(links.remove_visitors("x").len(), 3);
        assert_eq!(sorted(&links), [("b", "u")]);
    }

    /// Taking back the links of one user one by one costs one write each at most, and what is kept follows what there is.
    #[test]
    fn what_is_taken_back_costs_and_leaves_no_more_than_there_was() {
        let (mut links, name) = (IdentityLinks::default(), |index: usize| format!("visitor {index:06}"));
        let count = 25 * CHUNK;
        (0..count).for_each(|index| assert!(links.insert(&name(index), "one and the same")));
        let full = links.heap_bytes();
        // One of 64 stays.
        (0..count).filter(|index| index % 64 != 0).for_each(|index| assert!(links.remove(&name(index))));
        assert_eq!((links.len(), links.visitors_of("one and the same").len()), (count / 64, count / 64));
        assert!(links.written <= 2 * count, "{} places were written to for {count} links", links.written);
        let chunks: usize = links.chunks.iter().map(|chunk| chunk.links.len()).sum();
        assert!(chunks <= 4 * count / 64 + 2 * CHUNK, "{chunks} places are kept for {} links", count / 64);
        (0..count)
            .step_by(64)
            .for_each(|index| assert_eq!(links.user_of(&name(index)).map(|u| &**u), Some("one and the same")));
        assert_eq!(links.iter().count(), count / 64);
        links.remove_visitors("one and the same");
        assert_eq!((links.len(), links.id_bytes), (0, 0));
        assert!(links.chunks.len() <= 2 && links.heap_bytes() < full, "{} chunks", links.chunks.len());
    }

    /// Whatever is linked and unlinked between snapshots, a base and the deltas after it give the current links.
    #[test]
    fn deltas_lead_from_a_base_to_the_links_there_are() {
        let mut random = 88_172_645_463_325_252_u64;
        let mut next = |below: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random as usize % below
        };
        let mut links = IdentityLinks::default();
        let mut stored: std::collections::BTreeMap<String, String> = std::collections::BTreeMap::new();
        for round in 0..60 {
            let (most, fewer) = (if round % 3 == 0 { 9_000 } else { 500 }, round % 4 == 3);
            for _ in 0..next(most) {
                let visitor = format!("v{}", next(20_000));
                if fewer || next(3) == 0 {
                    links.remove(&visitor);
                } else {
                    links.insert(&visitor, &format!("u{}", next(50)));
                }
            }
            if fewer {
                for user in 0..40 {
                    links.remove_visitors(&format!("u{user}"));
                }
            }
            let whole = round % 20 == 0;
            let snapshot = links.snapshot(whole);
            if whole {
                stored.clear();
            }
            snapshot.unlinked.iter().for_each(|visitor| drop(stored.remove(&**visitor)));
            for (visitor, user) in snapshot.iter() {
                stored.entry(visitor.to_owned()).or_insert_with(|| user.to_owned());
            }
            let now: std::collections::BTreeMap<_, _> =
                links.iter().map(|(visitor, user)| (visitor.to_owned(), user.to_owned())).collect();
            assert_eq!(stored, now, "after round {round}");
            assert_eq!(now.len(), links.len());
        }
        assert!(links.chunks_gone > 0, "chunks were left behind");
    }
}

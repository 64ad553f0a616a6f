//! Who an event is about: `userId`, or the user its anonymous visitor is known to be (semantics §2, *Who*, *Linking*).
//!
//! The first event with both ids links the visitor to the user for good. Links are looked up once, so a `userId` is
//! never redirected, even one that is also some visitor's id. Sees every event of the log, in order.
//!
//! Links are also kept in the order they were made, in chunks that a cut shares instead of copying: taking all of a
//! million links down costs no more than counting the chunks.
//! Where one of its ends is forgotten a link goes, so both ways are looked up without searching.

use std::collections::HashMap;
use std::sync::Arc;

use crate::event::Event;

/// Links per chunk.
const CHUNK: usize = 4_096;

/// All links there are.
#[derive(Clone, Debug, Default)]
pub struct Links {
    users: HashMap<Arc<str>, Linked, foldhash::fast::FixedState>,
    /// The other way: every user with the visitors linked to it, at least one.
    visitors: HashMap<Arc<str>, Vec<Arc<str>>, foldhash::fast::FixedState>,
    /// Every link in the order it was made; `None` where one was taken back.
    chunks: Vec<Arc<Vec<Option<Link>>>>,
    /// How many places of the chunks the last cut had.
    cut_at: usize,
    /// The visitors whose links were taken back since the last cut.
    unlinked: Vec<Arc<str>>,
}

/// A visitor and the user it is linked to.
type Link = (Arc<str>, Arc<str>);

/// Whom a visitor is linked to, and at which place of the chunks that stands.
#[derive(Clone, Debug)]
struct Linked {
    user: Arc<str>,
    place: usize,
}

/// Links as they were at a cut. Holding it costs little; changing the links meanwhile copies no more than a chunk.
#[derive(Clone, Debug, Default)]
pub struct LinksCut {
    chunks: Vec<Arc<Vec<Option<Link>>>>,
    /// Places of the first chunk that do not belong to it.
    skip: usize,
    /// Visitors whose links were taken back since the cut before; they may be linked again by now.
    pub unlinked: Vec<Arc<str>>,
}

/// Whose an event is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// The user; `None`: the event's own `userId`, or its own `anonymousId` where there is no `userId`.
    pub linked_user: Option<Arc<str>>,
    /// The event has just linked its anonymous visitor to its user.
    pub links_visitor: bool,
}

impl Links {
    /// Resolves an event that has at least one id, and links its two if it is the first to hold both.
    pub fn resolve(&mut self, event: &Event<'_>) -> Resolved {
        match (event.user_id.as_deref(), event.anonymous_id.as_deref()) {
            (Some(user), Some(visitor)) => {
                let is_new = self.insert(visitor, user);
                // Linked to itself, a visitor has no past to hand over.
                Resolved { linked_user: None, links_visitor: is_new && visitor != user }
            }
            (None, Some(visitor)) => Resolved { linked_user: self.user_of(visitor).cloned(), links_visitor: false },
            _ => Resolved { linked_user: None, links_visitor: false },
        }
    }

    /// The user that a visitor is linked to.
    pub fn user_of(&self, visitor: &str) -> Option<&Arc<str>> {
        self.users.get(visitor).map(|linked| &linked.user)
    }

    /// Every visitor with the user it is linked to, in the order they were linked.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.chunks.iter().flat_map(|chunk| chunk.iter().flatten()).map(|(visitor, user)| (&**visitor, &**user))
    }

    /// Links a visitor, unless it is linked already; whether it was not.
    pub fn insert(&mut self, visitor: &str, user: &str) -> bool {
        if self.users.contains_key(visitor) {
            return false;
        }
        let visitor: Arc<str> = visitor.into();
        let user = self.visitors.get_key_value(user).map_or_else(|| user.into(), |(known, _)| Arc::clone(known));
        let visitors = self.visitors.entry(Arc::clone(&user)).or_insert_with(|| Vec::with_capacity(1));
        visitors.push(Arc::clone(&visitor));
        let place = self.places();
        if place.is_multiple_of(CHUNK) {
            self.chunks.push(Arc::new(Vec::new()));
        }
        if let Some(last) = self.chunks.last_mut() {
            Arc::make_mut(last).push(Some((Arc::clone(&visitor), Arc::clone(&user))));
        }
        self.users.insert(visitor, Linked { user, place });
        true
    }

    /// Takes a visitor's link back, as if there had never been one; whether there was one.
    pub fn remove(&mut self, visitor: &str) -> bool {
        let Some((visitor, linked)) = self.users.remove_entry(visitor) else { return false };
        if let Some(visitors) = self.visitors.get_mut(&linked.user) {
            visitors.retain(|other| *other != visitor);
            if visitors.is_empty() {
                self.visitors.remove(&linked.user);
            }
        }
        Arc::make_mut(&mut self.chunks[linked.place / CHUNK])[linked.place % CHUNK] = None;
        if linked.place < self.cut_at {
            self.unlinked.push(visitor);
        }
        true
    }

    /// The visitors linked to a user, in no particular order.
    pub fn visitors_of(&self, user: &str) -> &[Arc<str>] {
        self.visitors.get(user).map_or(&[], Vec::as_slice)
    }

    /// Takes back every link from and to this id; whether there was one.
    pub fn forget(&mut self, id: &str) -> bool {
        let was_linked = self.remove(id);
        let visitors = self.visitors_of(id).to_vec();
        for visitor in &visitors {
            self.remove(visitor);
        }
        was_linked || !visitors.is_empty()
    }

    /// Everything that was linked and unlinked since the last cut; `whole`: all links.
    pub fn cut(&mut self, whole: bool) -> LinksCut {
        let from = if whole { 0 } else { self.cut_at };
        let unlinked = std::mem::take(&mut self.unlinked);
        self.cut_at = self.places();
        let chunks = if from == self.cut_at { Vec::new() } else { self.chunks[from / CHUNK..].to_vec() };
        LinksCut { chunks, skip: from % CHUNK, unlinked: if whole { Vec::new() } else { unlinked } }
    }

    fn places(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK + last.len())
    }

    /// How many visitors are linked.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }
}

impl LinksCut {
    /// Every visitor with the user it was linked to at the cut.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        let places = self.chunks.iter().flat_map(|chunk| chunk.iter());
        places.skip(self.skip).flatten().map(|(visitor, user)| (&**visitor, &**user))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(cut: &LinksCut) -> Vec<(String, String)> {
        cut.iter().map(|(visitor, user)| (visitor.to_owned(), user.to_owned())).collect()
    }

    #[test]
    fn a_cut_has_what_was_linked_since_the_last_whatever_is_linked_meanwhile() {
        let mut links = Links::default();
        let name = |index: usize| format!("v{index}");
        for index in 0..CHUNK + 3 {
            links.insert(&name(index), "u");
        }
        let first = links.cut(false);
        for index in CHUNK + 3..2 * CHUNK + 5 {
            links.insert(&name(index), "w");
        }
        assert_eq!(pairs(&first).len(), CHUNK + 3);
        let second = links.cut(false);
        assert!(links.remove(&name(1)) && links.remove(&name(CHUNK + 3)) && !links.remove(&name(1)));
        assert!(links.insert(&name(1), "x"));
        let expected: Vec<_> = (CHUNK + 3..2 * CHUNK + 5).map(|index| (name(index), "w".to_owned())).collect();
        assert_eq!(pairs(&second), expected);
        assert!(second.unlinked.is_empty());
        let third = links.cut(false);
        assert_eq!(pairs(&third), [(name(1), "x".to_owned())]);
        assert_eq!(third.unlinked.iter().map(|id| &**id).collect::<Vec<_>>(), [name(1), name(CHUNK + 3)]);
        assert_eq!(pairs(&links.cut(false)), []);
        let whole = links.cut(true);
        assert_eq!((pairs(&whole).len(), links.len(), whole.unlinked.len()), (2 * CHUNK + 4, 2 * CHUNK + 4, 0));
    }

    #[test]
    fn a_visitor_is_linked_once() {
        let mut links = Links::default();
        assert!(links.insert("v", "u") && !links.insert("v", "w"));
        assert_eq!(links.user_of("v").map(|user| &**user), Some("u"));
    }

    fn links(pairs: &[(&str, &str)]) -> Links {
        let mut links = Links::default();
        for (visitor, user) in pairs {
            links.insert(visitor, user);
        }
        links
    }

    fn sorted(links: &Links) -> Vec<(&str, &str)> {
        let mut pairs: Vec<_> = links.iter().collect();
        pairs.sort_unstable();
        pairs
    }

    #[test]
    fn forgetting_a_user_unlinks_its_visitors_and_no_other() {
        let mut links = links(&[("a", "u"), ("b", "v"), ("c", "u")]);
        assert!(links.forget("u"));
        assert_eq!((sorted(&links), links.visitors_of("u").len(), links.user_of("a")), (vec![("b", "v")], 0, None));
        assert!(!links.forget("u"));
        links.insert("b", "u");
        assert_eq!(links.cut(false).iter().collect::<Vec<_>>(), [("b", "v")]);
        assert!(links.forget("v"));
        assert_eq!(links.cut(false).unlinked, ["b".into()]);
    }

    #[test]
    fn forgetting_a_visitor_leaves_the_users_other_links() {
        let mut links = links(&[("a", "u"), ("b", "u")]);
        assert!(links.forget("a"));
        assert_eq!(sorted(&links), [("b", "u")]);
        assert!(links.forget("b"));
        assert!(links.is_empty() && links.visitors.is_empty());
    }

    #[test]
    fn an_id_that_is_visitor_and_user_and_its_own_is_unlinked_every_way() {
        let mut links = links(&[("x", "x"), ("a", "x"), ("b", "u")]);
        assert!(links.forget("x"));
        assert_eq!(sorted(&links), [("b", "u")]);
        links.insert("x", "u");
        links.insert("c", "x");
        assert!(links.forget("x"));
        assert_eq!((sorted(&links), links.visitors_of("u")), (vec![("b", "u")], &["b".into()][..]));
    }
}

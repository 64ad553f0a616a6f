//! The messageIds that a user's events were accepted with, for as long as a duplicate of them would be ignored.

use std::collections::{HashMap, VecDeque};

use crate::time::{Span, Timestamp};

/// From this many on they are indexed: a bot that sends a hundred thousand events in ten minutes must not slow down
/// with each of them. Fewer are found faster by looking through them.
const INDEXED_FROM: usize = 64;

/// Hashes of messageIds with the user's clock at their acceptance.
#[derive(Clone, Debug, Default)]
pub struct SeenMessages {
    /// Oldest first.
    queue: VecDeque<(u64, Timestamp)>,
    /// The latest acceptance of each, where there are many.
    #[expect(clippy::box_collection, reason = "few users have one: a box takes 8 bytes of the others, a map 32")]
    index: Option<Box<HashMap<u64, Timestamp, foldhash::fast::FixedState>>>,
}

/// The index says nothing that the queue does not.
impl PartialEq for SeenMessages {
    fn eq(&self, other: &SeenMessages) -> bool {
        self.queue == other.queue
    }
}

impl SeenMessages {
    /// Whether the message was accepted within `window` before `now`.
    pub fn contains(&self, hash: u64, now: Timestamp, window: Span) -> bool {
        let is_recent = |accepted: Timestamp| accepted > now - window;
        match &self.index {
            Some(index) => index.get(&hash).is_some_and(|accepted| is_recent(*accepted)),
            None => self.queue.iter().any(|(other, accepted)| *other == hash && is_recent(*accepted)),
        }
    }

    /// Remembers a message accepted at `now`, which is no earlier than any before.
    pub fn push(&mut self, hash: u64, now: Timestamp) {
        self.queue.push_back((hash, now));
        match &mut self.index {
            Some(index) => {
                index.insert(hash, now);
            }
            None if self.queue.len() >= INDEXED_FROM => self.rebuild_index(),
            None => {}
        }
    }

    /// Forgets what was accepted `window` or longer before `now`.
    pub fn forget(&mut self, now: Timestamp, window: Span) {
        while let Some((hash, accepted)) = self.queue.front().copied().filter(|(_, at)| *at <= now - window) {
            self.queue.pop_front();
            if let Some(index) = &mut self.index
                && index.get(&hash) == Some(&accepted)
            {
                index.remove(&hash);
            }
        }
        if self.queue.len() < INDEXED_FROM / 2 {
            self.index = None;
        }
        if self.queue.is_empty() {
            self.queue = VecDeque::new();
        }
    }

    /// Takes in what another user's events were accepted with.
    pub fn absorb(&mut self, other: SeenMessages) {
        self.queue.extend(other.queue);
        self.queue.make_contiguous().sort_by_key(|(_, accepted)| *accepted);
        self.rebuild_index();
    }

    fn rebuild_index(&mut self) {
        // Of equal hashes the later one is inserted last.
        self.index = (self.queue.len() >= INDEXED_FROM)
            .then(|| Box::new(self.queue.iter().copied().collect::<HashMap<_, _, _>>()));
    }

    /// How many are remembered.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// The bytes it takes beside its own place.
    pub fn heap_bytes(&self) -> usize {
        // A map's entry has its key, its value and a byte of control; 8 places hold 7 entries.
        let index = self.index.as_ref().map_or(0, |index| size_of_val(&**index) + index.capacity() * 8 / 7 * 17);
        self.queue.capacity() * size_of::<(u64, Timestamp)>() + index
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// All of them, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = (u64, Timestamp)> + '_ {
        self.queue.iter().copied()
    }
}

/// Messages, oldest first.
impl FromIterator<(u64, Timestamp)> for SeenMessages {
    fn from_iter<I: IntoIterator<Item = (u64, Timestamp)>>(messages: I) -> SeenMessages {
        let mut seen = SeenMessages { queue: messages.into_iter().collect(), index: None };
        seen.rebuild_index();
        seen
    }
}

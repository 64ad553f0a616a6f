//! Who an event is about: `userId`, or the user its anonymous visitor is known to be (semantics §2, *Who*, *Linking*).
//!
//! The first event with both ids links the visitor to the user for good. Links are looked up once, so a `userId` is
//! never redirected, even one that is also some visitor's id. Sees every event of the log, in order.

use std::collections::HashMap;
use std::sync::Arc;

use crate::event::Event;

/// All links there are.
#[derive(Clone, Debug, Default)]
pub struct Links {
    users: HashMap<Box<str>, Arc<str>, foldhash::fast::FixedState>,
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
                let is_new = !self.users.contains_key(visitor);
                if is_new {
                    self.users.insert(visitor.into(), user.into());
                }
                // Linked to itself, a visitor has no past to hand over.
                Resolved { linked_user: None, links_visitor: is_new && visitor != user }
            }
            (None, Some(visitor)) => Resolved { linked_user: self.users.get(visitor).cloned(), links_visitor: false },
            _ => Resolved { linked_user: None, links_visitor: false },
        }
    }

    /// Every visitor with the user it is linked to, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.users.iter().map(|(visitor, user)| (&**visitor, &**user))
    }

    /// Puts a link back, as it was read from a checkpoint.
    pub fn insert(&mut self, visitor: &str, user: &str) {
        self.users.insert(visitor.into(), user.into());
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

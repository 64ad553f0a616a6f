//! One list, followed through a whole log: touches, merges and forgetting as they come, and the index of the last taking.

use std::collections::HashMap;
use std::sync::Arc;

use super::index::PickIndex;
use super::sessions::{SessionChain, SessionStore};
use super::touches::{Touch, UserTouches};
use crate::rules::ruleset::PickList;
use crate::time::Timestamp;

/// What is known for one list.
#[derive(Clone, Debug, Default)]
pub struct PickBook {
    users: HashMap<Arc<str>, KnownUser>,
    store: SessionStore,
    index: PickIndex,
}

/// A user with its sessions.
#[derive(Clone, Debug, Default)]
struct KnownUser {
    touches: UserTouches,
    sessions: SessionChain,
}

impl PickBook {
    /// A match of a name of `on`.
    pub fn touch(&mut self, list: &PickList, user: &Arc<str>, touch: Touch<'_>) {
        let PickBook { users, store, .. } = self;
        let known = users.entry(Arc::clone(user)).or_default();
        let number = known.touches.touch(list, touch, || store.begin(&mut known.sessions, touch.ts));
        store.add(number, touch.item);
    }

    /// A match of a name of `without`.
    pub fn leave_out(&mut self, list: &PickList, user: &Arc<str>, touch: Touch<'_>) {
        self.users.entry(Arc::clone(user)).or_default().touches.leave_out(list, touch);
    }

    /// A visitor is merged into a user.
    pub fn merge(&mut self, list: &PickList, visitor: &str, user: &Arc<str>) {
        let Some(visitor) = self.users.remove(visitor) else { return };
        let known = self.users.entry(Arc::clone(user)).or_default();
        known.touches.merge(list, visitor.touches);
        self.store.merge(&mut known.sessions, visitor.sessions);
    }

    /// A user is forgotten, or expires.
    pub fn forget(&mut self, user: &str) {
        if let Some(known) = self.users.remove(user) {
            self.store.forget(known.sessions);
        }
    }

    /// Makes the index that stands until the next taking.
    pub fn take(&mut self, list: &PickList, at: Timestamp) {
        self.store.tidy(list.window, at);
        let users = self.users.values().map(|known| &known.touches);
        self.index = PickIndex::new(list, &self.store, users, at);
    }

    /// The index that stands.
    pub fn index(&self) -> &PickIndex {
        &self.index
    }

    /// What a user touched.
    pub fn user(&self, user: &str) -> Option<&UserTouches> {
        self.users.get(user).map(|known| &known.touches)
    }
}

//! One list, followed through a whole log: touches, merges and forgetting as they come, and the index of the last taking.

use std::collections::HashMap;
use std::sync::Arc;

use crate::picks::{PickIndex, Touch, TouchScan, UserTouches};
use crate::rules::ruleset::PickList;
use crate::time::Timestamp;

/// What is known for one list.
#[derive(Clone, Debug, Default)]
pub(super) struct PickBook {
    users: HashMap<Arc<str>, UserTouches>,
    index: PickIndex,
}

impl PickBook {
    /// A match of a name of `on`.
    pub(super) fn touch(&mut self, list: &PickList, user: &Arc<str>, touch: Touch<'_>) {
        self.users.entry(Arc::clone(user)).or_default().touch(list, touch);
    }

    /// A match of a name of `without`.
    pub(super) fn leave_out(&mut self, list: &PickList, user: &Arc<str>, touch: Touch<'_>) {
        self.users.entry(Arc::clone(user)).or_default().leave_out(list, touch);
    }

    /// A visitor is merged into a user.
    pub(super) fn merge(&mut self, list: &PickList, visitor: &str, user: &Arc<str>) {
        let Some(visitor) = self.users.remove(visitor) else { return };
        self.users.entry(Arc::clone(user)).or_default().merge(list, visitor);
    }

    /// A user is forgotten, or expires.
    pub(super) fn forget(&mut self, user: &str) {
        self.users.remove(user);
    }

    /// Makes the index that stands until the next taking.
    pub(super) fn take(&mut self, list: &PickList, at: Timestamp) {
        let mut scan = TouchScan::new(list, at);
        self.users.values().for_each(|touches| scan.add(touches));
        self.index = PickIndex::new(list, vec![scan]);
    }

    /// The index that stands.
    pub(super) fn index(&self) -> &PickIndex {
        &self.index
    }

    /// What a user touched.
    pub(super) fn user(&self, user: &str) -> Option<&UserTouches> {
        self.users.get(user)
    }
}

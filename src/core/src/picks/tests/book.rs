//! One list, followed through a whole log: touches, merges and forgetting as they come, and the index of the last taking.

use std::collections::HashMap;
use std::sync::Arc;

use super::ColumnValues;
use crate::picks::begun::BegunSessions;
use crate::picks::{PickIndex, SessionNumber, Touch, TouchTable, UserTouches};
use crate::rules::ruleset::PickList;
use crate::time::Timestamp;

/// What is known for one list.
#[derive(Clone, Debug)]
pub(super) struct PickBook {
    users: HashMap<Arc<str>, UserTouches>,
    table: TouchTable,
    begun: BegunSessions,
    index: PickIndex,
    /// What rows have.
    rows: ColumnValues,
}

impl PickBook {
    pub(super) fn new(list: &PickList) -> PickBook {
        let (table, begun) = (TouchTable::new(list), BegunSessions::default());
        PickBook { users: HashMap::new(), table, begun, index: PickIndex::default(), rows: Vec::new() }
    }

    /// The same, with fewer sessions that an index looks at.
    pub(super) fn with_room(list: &PickList, sessions: usize) -> PickBook {
        PickBook { begun: BegunSessions::with_room(sessions), ..PickBook::new(list) }
    }

    /// The same, with what rows have.
    pub(super) fn with_rows(list: &PickList, rows: &ColumnValues) -> PickBook {
        PickBook { rows: rows.clone(), ..PickBook::new(list) }
    }

    /// A match of a name of `on`.
    pub(super) fn touch(&mut self, list: &PickList, user: &Arc<str>, touch: Touch<'_>) {
        self.users.entry(Arc::clone(user)).or_default().touch(list, touch, &mut self.table);
    }

    /// A match of a name of `without`.
    pub(super) fn leave_out(&mut self, list: &PickList, user: &Arc<str>, touch: Touch<'_>) {
        self.users.entry(Arc::clone(user)).or_default().leave_out(list, touch);
    }

    /// A visitor is merged into a user.
    pub(super) fn merge(&mut self, list: &PickList, visitor: &str, user: &Arc<str>) {
        let Some(visitor) = self.users.remove(visitor) else { return };
        self.table.leave(&visitor);
        let user = self.users.entry(Arc::clone(user)).or_default();
        self.table.leave(user);
        user.merge(list, visitor);
        self.table.enter(user);
    }

    /// A user is forgotten, or expires.
    pub(super) fn forget(&mut self, user: &str) {
        if let Some(user) = self.users.remove(user) {
            self.table.leave(&user);
        }
    }

    /// Makes the index that stands until the next taking.
    pub(super) fn take(&mut self, list: &PickList, at: Timestamp) {
        self.begun.extend(self.table.take_begun());
        let index = PickIndex::new(list, &[self.table.take(at, self.begun.first())]);
        self.index = self.valued(list, index);
    }

    /// The index of a taking by a table that knows nothing but the users as they are.
    pub(super) fn taken_anew(&self, list: &PickList, at: Timestamp) -> PickIndex {
        let mut table = TouchTable::new(list);
        self.users.values().for_each(|user| table.enter(user));
        self.valued(list, PickIndex::new(list, &[table.take(at, SessionNumber(0))]))
    }

    fn valued(&self, list: &PickList, index: PickIndex) -> PickIndex {
        let columns = list.by.iter().map(|by| by.name.as_str().into()).collect();
        index.with_values(list, columns, self.rows.iter().map(|(item, column, value)| (item, *column, value)))
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

//! What one user touched, its sessions, and the one it is in.

use std::collections::BTreeSet;
use std::sync::Arc;

use thin_vec::ThinVec;

use super::sessions::{SessionNumber, UserSessions};
use super::touch_table::TouchTable;
use crate::rules::ruleset::PickList;
use crate::time::Timestamp;

/// How many distinct times of an item are kept: the latest.
pub(super) const TIMES_MAX: usize = 20;

/// The most seeds that a list asks about.
pub(super) const SEEDS_MAX: usize = 9;

/// A match of a name that bears an item.
#[derive(Clone, Copy, Debug)]
pub struct Touch<'t> {
    /// The item.
    pub item: &'t Arc<str>,
    /// The time of its event.
    pub ts: Timestamp,
    /// Its place among all touches of the log: those of a user have each another, and later ones a higher one.
    pub place: u64,
    /// The log's watermark: every taking to come is at this instant or later.
    pub watermark: Timestamp,
}

/// What a user touched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserTouches {
    pub(super) own: TouchedItems,
    pub(super) had: TouchedItems,
    pub(super) sessions: UserSessions,
    pub(super) current: Option<CurrentSession>,
}

/// The current session of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CurrentSession {
    pub(super) number: SessionNumber,
    /// The latest time of its touches.
    pub(super) latest: Timestamp,
    /// Its distinct items, the one touched latest first.
    pub(super) recent: ThinVec<Arc<str>>,
}

/// The distinct items touched last, in the order of their latest touches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct TouchedItems(pub(super) ThinVec<TouchedItem>);

/// An item that a user touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TouchedItem {
    pub(super) item: Arc<str>,
    /// The place of its latest touch.
    pub(super) place: u64,
    /// The latest distinct times, ascending; never none.
    pub(super) times: ThinVec<Timestamp>,
}

impl UserTouches {
    /// Whether nothing was touched.
    pub(super) fn is_empty(&self) -> bool {
        *self == UserTouches::default()
    }

    /// Whether a touch at that time joins the current session.
    pub fn joins(&self, list: &PickList, ts: Timestamp) -> bool {
        let near = |session: &CurrentSession| (ts.0 - session.latest.0).abs() <= list.gap.0;
        self.current.as_ref().is_some_and(near)
    }

    /// Adds a touch to the session that it joins; where it joins none, to one that it begins. The table of the user's partition gets it
    /// too.
    pub fn touch(&mut self, list: &PickList, touch: Touch<'_>, table: &mut TouchTable) {
        let item = self.own.keep(touch, list.own, Some(table));
        let joins = self.joins(list, touch.ts);
        let session = match &mut self.current {
            Some(session) if joins => {
                session.latest = session.latest.max(touch.ts);
                session
            }
            current => {
                let number = SessionNumber(touch.place);
                if list.has_sessions() {
                    self.sessions.begin(list.window, touch.ts, number, touch.watermark);
                    table.begin_session(number);
                }
                current.insert(CurrentSession { number, latest: touch.ts, recent: ThinVec::new() })
            }
        };
        session.recent.retain(|other| *other != item);
        session.recent.truncate(SEEDS_MAX - 1);
        session.recent.insert(0, Arc::clone(&item));
        if let Some(session) = self.sessions.with_room(session.number, &item) {
            table.leave_session(session);
            session.items.push(item);
            table.enter_session(session);
        }
    }

    /// Adds an item that is not to be offered any more.
    pub fn leave_out(&mut self, list: &PickList, touch: Touch<'_>) {
        self.had.keep(touch, list.own, None);
    }

    /// Merges a visitor's. Of the two current sessions the one with the later touch stays current; of equals, the user's.
    pub fn merge(&mut self, list: &PickList, visitor: UserTouches) {
        self.own.unite(visitor.own, list.own);
        self.had.unite(visitor.had, list.own);
        self.sessions.unite(visitor.sessions);
        let latest = |session: &Option<CurrentSession>| session.as_ref().map(|session| session.latest);
        if latest(&visitor.current) > latest(&self.current) {
            self.current = visitor.current;
        }
    }

    /// The distinct items of the current session, the one touched latest first: at most 9 of them.
    pub fn recent(&self) -> &[Arc<str>] {
        self.current.as_ref().map_or(&[], |session| &session.recent)
    }

    /// The current session.
    pub(super) fn session(&self) -> Option<SessionNumber> {
        self.current.as_ref().map(|session| session.number)
    }

    /// The items that it keeps.
    pub(super) fn own(&self) -> &[TouchedItem] {
        &self.own.0
    }

    /// Whether an item is not to be offered.
    pub(super) fn has_had(&self, item: &str) -> bool {
        self.had.0.iter().any(|had| *had.item == *item)
    }

    /// The bytes it takes on the heap, if no item's text is shared.
    pub(super) fn heap_bytes(&self) -> usize {
        let text = |item: &Arc<str>| item.len() + 2 * size_of::<usize>();
        let items = self.own.0.iter().chain(&self.had.0);
        let items = items.map(|it| size_of::<TouchedItem>() + text(&it.item) + 8 * it.times.len());
        let sessions = self.sessions.0.iter().map(|it| 32 + it.items.len() * size_of::<Arc<str>>());
        items.sum::<usize>() + sessions.sum::<usize>()
    }
}

impl TouchedItems {
    /// Adds a touch, and returns the item.
    fn keep(&mut self, touch: Touch<'_>, most: usize, mut table: Option<&mut TouchTable>) -> Arc<str> {
        let known = self.0.iter().rposition(|known| known.item == *touch.item);
        let mut touched = match known {
            Some(at) => self.0.remove(at),
            None => TouchedItem { item: Arc::clone(touch.item), place: 0, times: ThinVec::new() },
        };
        if let Some(table) = &mut table {
            table.leave_item(&touched);
        }
        touched.place = touch.place;
        if let Err(at) = touched.times.binary_search(&touch.ts) {
            touched.times.insert(at, touch.ts);
            if touched.times.len() > TIMES_MAX {
                touched.times.remove(0);
            }
        }
        if let Some(table) = &mut table {
            table.enter_item(&touched);
        }
        let item = Arc::clone(&touched.item);
        self.0.push(touched);
        if self.0.len() > most {
            let surplus = self.0.remove(0);
            if let Some(table) = &mut table {
                table.leave_item(&surplus);
            }
        }
        item
    }

    fn unite(&mut self, visitor: TouchedItems, most: usize) {
        for theirs in visitor.0 {
            match self.0.iter_mut().find(|known| known.item == theirs.item) {
                None => self.0.push(theirs),
                Some(known) => {
                    known.place = known.place.max(theirs.place);
                    let times: BTreeSet<Timestamp> = known.times.iter().chain(&theirs.times).copied().collect();
                    known.times = times.into_iter().collect();
                    let surplus = known.times.len().saturating_sub(TIMES_MAX);
                    known.times.drain(..surplus);
                }
            }
        }
        self.0.sort_by_key(|known| known.place);
        let surplus = self.0.len().saturating_sub(most);
        self.0.drain(..surplus);
    }
}

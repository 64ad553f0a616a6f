//! What one user touched, and the session it is in.

use std::collections::BTreeSet;
use std::sync::Arc;

use thin_vec::ThinVec;

use super::sessions::SessionNumber;
use crate::rules::ruleset::PickList;
use crate::time::Timestamp;

/// How many distinct times of an item are kept: the latest.
const TIMES_MAX: usize = 20;

/// The most seeds that a list asks about.
const SEEDS_MAX: usize = 9;

/// A match of a name that bears an item.
#[derive(Clone, Copy, Debug)]
pub struct Touch<'t> {
    /// The item.
    pub item: &'t Arc<str>,
    /// The time of its event.
    pub ts: Timestamp,
    /// Its place among all touches of the log: each has another, and later ones a higher one.
    pub order: u64,
}

/// What a user touched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserTouches {
    own: TouchedItems,
    had: TouchedItems,
    session: Option<CurrentSession>,
}

/// The current session of a user.
#[derive(Clone, Debug, PartialEq, Eq)]
struct CurrentSession {
    number: SessionNumber,
    latest: Timestamp,
    /// Its distinct items, the one touched latest first.
    recent: ThinVec<Arc<str>>,
}

/// The distinct items touched last, in the order of their latest touches.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct TouchedItems(ThinVec<TouchedItem>);

/// An item that a user touched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TouchedItem {
    pub(super) item: Arc<str>,
    /// The place of its latest touch.
    order: u64,
    /// The latest distinct times, ascending; never none.
    pub(super) times: ThinVec<Timestamp>,
}

impl UserTouches {
    /// Whether a touch at that time joins the current session.
    pub fn joins(&self, list: &PickList, ts: Timestamp) -> bool {
        let near = |session: &CurrentSession| (ts.0 - session.latest.0).abs() <= list.gap.0;
        self.session.as_ref().is_some_and(near)
    }

    /// Adds a touch, and returns the session that it joins; where it joins none, `begin` gives the one that it begins.
    pub fn touch(&mut self, list: &PickList, touch: Touch<'_>, begin: impl FnOnce() -> SessionNumber) -> SessionNumber {
        self.own.keep(touch, list.own);
        let joins = self.joins(list, touch.ts);
        let session = match &mut self.session {
            Some(session) if joins => {
                session.latest = session.latest.max(touch.ts);
                session
            }
            session => session.insert(CurrentSession { number: begin(), latest: touch.ts, recent: ThinVec::new() }),
        };
        session.recent.retain(|item| item != touch.item);
        session.recent.truncate(SEEDS_MAX - 1);
        session.recent.insert(0, Arc::clone(touch.item));
        session.number
    }

    /// Adds an item that is not to be offered any more.
    pub fn leave_out(&mut self, list: &PickList, touch: Touch<'_>) {
        self.had.keep(touch, list.own);
    }

    /// Merges a visitor's. Of the two current sessions the one with the later touch stays current; of equals, the user's.
    pub fn merge(&mut self, list: &PickList, visitor: UserTouches) {
        self.own.unite(visitor.own, list.own);
        self.had.unite(visitor.had, list.own);
        let latest = |session: &Option<CurrentSession>| session.as_ref().map(|session| session.latest);
        if latest(&visitor.session) > latest(&self.session) {
            self.session = visitor.session;
        }
    }

    /// The distinct items of the current session, the one touched latest first: at most 9 of them.
    pub(super) fn recent(&self) -> &[Arc<str>] {
        self.session.as_ref().map_or(&[], |session| &session.recent)
    }

    /// The current session.
    pub(super) fn session(&self) -> Option<SessionNumber> {
        self.session.as_ref().map(|session| session.number)
    }

    /// The items that it keeps.
    pub(super) fn own(&self) -> &[TouchedItem] {
        &self.own.0
    }

    /// Whether an item is not to be offered.
    pub(super) fn has_had(&self, item: &str) -> bool {
        self.had.0.iter().any(|had| *had.item == *item)
    }
}

impl TouchedItems {
    fn keep(&mut self, touch: Touch<'_>, most: usize) {
        let known = self.0.iter().rposition(|known| known.item == *touch.item);
        let mut touched = match known {
            Some(at) => self.0.remove(at),
            None => TouchedItem { item: Arc::clone(touch.item), order: 0, times: ThinVec::new() },
        };
        touched.order = touch.order;
        if let Err(at) = touched.times.binary_search(&touch.ts) {
            touched.times.insert(at, touch.ts);
            if touched.times.len() > TIMES_MAX {
                touched.times.remove(0);
            }
        }
        self.0.push(touched);
        if self.0.len() > most {
            self.0.remove(0);
        }
    }

    fn unite(&mut self, visitor: TouchedItems, most: usize) {
        for theirs in visitor.0 {
            match self.0.iter_mut().find(|known| known.item == theirs.item) {
                None => self.0.push(theirs),
                Some(known) => {
                    known.order = known.order.max(theirs.order);
                    let times: BTreeSet<Timestamp> = known.times.iter().chain(&theirs.times).copied().collect();
                    known.times = times.into_iter().collect();
                    let surplus = known.times.len().saturating_sub(TIMES_MAX);
                    known.times.drain(..surplus);
                }
            }
        }
        self.0.sort_by_key(|known| known.order);
        let surplus = self.0.len().saturating_sub(most);
        self.0.drain(..surplus);
    }
}

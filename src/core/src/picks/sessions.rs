//! Sessions of all users, in the order in which they began.

use std::collections::VecDeque;
use std::sync::Arc;

use thin_vec::ThinVec;

use super::item_table::ItemTable;
use crate::features::SlidingWindow;
use crate::time::Timestamp;

/// How many sessions are kept: those that began last.
pub(super) const SESSIONS_MAX: usize = 10_000_000;

/// How many distinct items of a session are kept: its first.
const ITEMS_MAX: usize = 50;

/// Stands for no session.
const NONE: u64 = u64::MAX;

/// Which session, of all of the log: later ones have higher numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionNumber(pub u64);

/// The sessions that began last, anyone's.
#[derive(Clone, Debug)]
pub struct SessionStore {
    /// The number of the first that is kept.
    first: u64,
    sessions: VecDeque<StoredSession>,
    items: ItemTable,
    most: usize,
}

/// A session.
#[derive(Clone, Debug)]
struct StoredSession {
    /// The time of its first touch.
    began: Timestamp,
    /// The user's session before it; [`NONE`]: there is none.
    previous: u64,
    /// Its first distinct items; none: its user is forgotten, or it began before every window to come.
    items: ThinVec<u32>,
}

/// The sessions of one user: the one that began last. The others follow from it, in descending order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SessionChain(u64);

impl Default for SessionChain {
    fn default() -> SessionChain {
        SessionChain(NONE)
    }
}

impl Default for SessionStore {
    fn default() -> SessionStore {
        SessionStore::of_at_most(SESSIONS_MAX)
    }
}

impl SessionStore {
    /// One that keeps no more sessions than this.
    pub(super) fn of_at_most(most: usize) -> SessionStore {
        SessionStore { first: 0, sessions: VecDeque::new(), items: ItemTable::default(), most }
    }

    /// Begins a session of a user.
    pub(super) fn begin(&mut self, chain: &mut SessionChain, began: Timestamp) -> SessionNumber {
        let number = self.first + self.sessions.len() as u64;
        self.sessions.push_back(StoredSession { began, previous: chain.0, items: ThinVec::new() });
        chain.0 = number;
        if self.sessions.len() > self.most {
            self.sessions.pop_front();
            self.first += 1;
        }
        SessionNumber(number)
    }

    /// Adds an item to a session, if it is still kept and has room.
    pub(super) fn add(&mut self, number: SessionNumber, item: &Arc<str>) {
        let item = self.items.number(item);
        if let Some(session) = self.get_mut(number.0)
            && session.items.len() < ITEMS_MAX
            && !session.items.contains(&item)
        {
            session.items.push(item);
        }
    }

    /// The sessions of a visitor are the user's from here on.
    pub(super) fn merge(&mut self, user: &mut SessionChain, visitor: SessionChain) {
        let (mut left, mut right) = (user.0, visitor.0);
        let mut last = NONE;
        loop {
            // The larger number comes next; what is not kept any more is at the end of both.
            let (left_number, right_number) = (self.known(left), self.known(right));
            let Some(next) = left_number.max(right_number) else { break };
            if last == NONE {
                user.0 = next;
            } else if let Some(session) = self.get_mut(last) {
                session.previous = next;
            }
            let previous = self.get_mut(next).map_or(NONE, |session| session.previous);
            if left_number == Some(next) {
                left = previous
            } else {
                right = previous
            }
            last = next;
        }
        if last == NONE {
            user.0 = NONE;
        } else if let Some(session) = self.get_mut(last) {
            session.previous = NONE;
        }
    }

    /// A user is forgotten: its sessions are nobody's, and count among the last ones as before.
    pub(super) fn forget(&mut self, chain: SessionChain) {
        let mut at = chain.0;
        while let Some(session) = self.get_mut(at) {
            session.items = ThinVec::new();
            at = session.previous;
        }
    }

    /// The sessions whose first touch is in a window, in the order in which they began, each with its items.
    pub(super) fn within(
        &self,
        window: SlidingWindow,
        at: Timestamp,
    ) -> impl Iterator<Item = (SessionNumber, &[u32])> + Clone {
        let numbered = (self.first..).map(SessionNumber).zip(&self.sessions);
        let is_within = move |session: &StoredSession| is_in(window, at, session.began);
        let held = numbered.filter(move |(_, session)| !session.items.is_empty() && is_within(session));
        held.map(|(number, session)| (number, &session.items[..]))
    }

    /// Frees what no taking at or after an instant looks at.
    pub(super) fn tidy(&mut self, window: SlidingWindow, at: Timestamp) {
        let mut items = ItemTable::default();
        for session in &mut self.sessions {
            if is_past(window, at, session.began) {
                session.items = ThinVec::new();
            }
            for item in &mut session.items {
                *item = items.number(self.items.item(*item));
            }
        }
        self.items = items;
    }

    /// The items by their numbers in sessions.
    pub(super) fn items(&self) -> &ItemTable {
        &self.items
    }

    fn known(&self, number: u64) -> Option<u64> {
        (number != NONE && number >= self.first).then_some(number)
    }

    fn get_mut(&mut self, number: u64) -> Option<&mut StoredSession> {
        let place = self.known(number)?.checked_sub(self.first)?;
        self.sessions.get_mut(usize::try_from(place).ok()?)
    }
}

/// Whether a window at an instant holds a time (semantics §4).
pub(super) fn is_in(window: SlidingWindow, at: Timestamp, ts: Timestamp) -> bool {
    !is_past(window, at, ts) && ts.0.div_euclid(window.pane_ms) <= at.0.div_euclid(window.pane_ms)
}

/// Whether a window has left a time behind.
fn is_past(window: SlidingWindow, at: Timestamp, ts: Timestamp) -> bool {
    ts.0.div_euclid(window.pane_ms) <= at.0.div_euclid(window.pane_ms) - window.panes
}

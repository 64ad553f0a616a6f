//! The sessions of one user, in the order in which they began.

use std::sync::Arc;

use thin_vec::ThinVec;

use crate::features::SlidingWindow;
use crate::time::Timestamp;

/// How many distinct items of a session are kept: its first.
pub(super) const ITEMS_MAX: usize = 50;

/// Which session, of all of the log: the place of its first touch, so that later ones have higher numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionNumber(pub u64);

/// A session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TouchedSession {
    pub(super) number: SessionNumber,
    /// The time of its first touch.
    pub(super) began: Timestamp,
    /// Its first distinct items.
    pub(super) items: ThinVec<Arc<str>>,
}

/// Those that a taking may still look at, ascending.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct UserSessions(pub(super) ThinVec<TouchedSession>);

impl UserSessions {
    /// Begins a session. Those that no taking from `now` on looks at are forgotten.
    pub(super) fn begin(&mut self, window: SlidingWindow, began: Timestamp, number: SessionNumber, now: Timestamp) {
        self.0.retain(|session| !is_past(window, now, session.began));
        self.0.push(TouchedSession { number, began, items: ThinVec::new() });
    }

    /// The session with a number, if it is still kept and has room for another item.
    pub(super) fn with_room(&mut self, number: SessionNumber, item: &Arc<str>) -> Option<&mut TouchedSession> {
        let session = self.0.iter_mut().rev().find(|session| session.number == number)?;
        (session.items.len() < ITEMS_MAX && !session.items.contains(item)).then_some(session)
    }

    /// The sessions of a visitor are the user's from here on.
    pub(super) fn unite(&mut self, visitor: UserSessions) {
        self.0.extend(visitor.0);
        self.0.sort_by_key(|session| session.number);
    }
}

/// Whether a window has left a time behind (semantics §4).
fn is_past(window: SlidingWindow, at: Timestamp, ts: Timestamp) -> bool {
    ts.0.div_euclid(window.pane_ms) <= at.0.div_euclid(window.pane_ms) - window.panes
}

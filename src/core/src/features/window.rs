//! Paned windows: which pane an instant lies in, and when a pane leaves.

use crate::time::{Span, Timestamp};

/// A paned window (semantics §4): an event at `ts` lies in pane `floor(ts / pane_ms)`; at `now` the window holds the
/// panes `p` with `floor(now / pane_ms) - panes < p <= floor(now / pane_ms)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Window {
    /// The window as the rules wrote it.
    pub length: Span,
    /// Width of a pane in milliseconds, `max(1, ceil(length / 60))`.
    pub pane_ms: i64,
    /// How many panes the window holds, `ceil(length / pane_ms)`; 1 to 60.
    pub panes: i64,
}

impl Window {
    /// The panes of a window of this length; at least 1 ms.
    pub fn new(length: Span) -> Window {
        let pane_ms = (length.0 + 59).div_euclid(60).max(1);
        Window { length, pane_ms, panes: (length.0 + pane_ms - 1).div_euclid(pane_ms) }
    }

    /// The pane an event at `ms` lies in.
    pub fn pane_of(&self, ms: i64) -> i64 {
        ms.div_euclid(self.pane_ms)
    }

    /// The oldest pane the window still holds at `now`.
    pub fn oldest_pane(&self, now: Timestamp) -> i64 {
        self.pane_of(now.0) - self.panes + 1
    }

    /// When what lies in `pane` leaves the window.
    pub fn leaves_at(&self, pane: i64) -> Timestamp {
        Timestamp((pane + self.panes) * self.pane_ms)
    }
}

/// Whether the pane's instants are in range, so that arithmetic on it cannot overflow.
pub(super) fn is_in_range(window: Option<&Window>, pane: i64) -> bool {
    let begins = window.and_then(|window| pane.checked_mul(window.pane_ms)).map(Timestamp);
    begins.is_some_and(|at| (Timestamp::MIN..=Timestamp::NEVER).contains(&at))
}

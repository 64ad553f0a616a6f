//! When to publish a tick, and whether ticks come back.
//!
//! A tick is due when nothing at all was received for the interval. It goes into the log, so several daemons on one log
//! hear each other's, and the first to publish spares the rest: each waits a little longer by chance.

use std::time::{Duration, Instant};

use rekindle_core::time::Span;

/// After this many intervals without a tick coming back, it is reported …
const PATIENCE: u32 = 10;
/// … but not sooner than this: a server may be slow for a moment.
const PATIENCE_MIN: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Ticker {
    interval: Duration,
    due: Instant,
    /// Since when a tick is under way that was not read back.
    unanswered: Option<Instant>,
}

impl Ticker {
    pub(super) fn new(interval: Span, now: Instant) -> Ticker {
        let interval = Duration::from_millis(u64::try_from(interval.0).unwrap_or(0));
        Ticker { interval, due: now + interval, unanswered: None }
    }

    /// When the next tick is due, if nothing is received before.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// Something was received, or waiting for it restarts. `chance` is from 0 to 1.
    pub(super) fn heard(&mut self, now: Instant, chance: f64) {
        self.due = now + self.interval + self.interval.mul_f64(chance / 5.0);
    }

    /// A tick was published.
    pub(super) fn sent(&mut self, now: Instant) {
        self.due = now + self.interval;
        self.unanswered.get_or_insert(now);
    }

    /// A tick was read.
    pub(super) fn came_back(&mut self) {
        self.unanswered = None;
    }

    /// The connection or the consumer is another: what was under way may be lost.
    pub(super) fn forget(&mut self) {
        self.unanswered = None;
    }

    /// Whether ticks should have come back by now.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        let patience = (self.interval * PATIENCE).max(PATIENCE_MIN);
        self.unanswered.is_some_and(|since| now.duration_since(since) > patience)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INTERVAL: Duration = Duration::from_millis(500);

    fn at(start: Instant, ms: u64) -> Instant {
        start + Duration::from_millis(ms)
    }

    #[test]
    fn a_tick_is_due_an_interval_after_the_last_message() {
        let start = Instant::now();
        let mut ticker = Ticker::new(Span(500), start);
        assert_eq!(ticker.due(), start + INTERVAL);
        ticker.heard(at(start, 300), 0.0);
        assert_eq!(ticker.due(), at(start, 800));
        ticker.heard(at(start, 300), 1.0);
        assert_eq!(ticker.due(), at(start, 900));
        ticker.sent(at(start, 900));
        assert_eq!(ticker.due(), at(start, 1_400));
    }

    #[test]
    fn ticks_are_overdue_after_ten_intervals_without_any_coming_back() {
        let start = Instant::now();
        let mut ticker = Ticker::new(Span(500), start);
        assert!(!ticker.is_overdue(at(start, 60_000)), "none was sent");
        ticker.sent(start);
        ticker.sent(at(start, 4_000));
        ticker.heard(at(start, 4_500), 0.5);
        assert!(!ticker.is_overdue(at(start, 5_000)));
        assert!(ticker.is_overdue(at(start, 5_001)), "the first counts, and other messages don't");
        ticker.came_back();
        assert!(!ticker.is_overdue(at(start, 60_000)));
    }
}

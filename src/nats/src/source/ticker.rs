//! When to publish a tick, and whether ticks come back.
//!
//! A tick is due when nothing at all was received for the interval. It is a message of the log, so several daemons on one log
//! receive each other's ticks, and the first to publish saves the others theirs: each waits a little longer at random.

use std::time::{Duration, Instant};

use rekindle_core::time::Span;

/// Ticks that have not come back after this number of intervals are overdue …
const OVERDUE_INTERVALS: u32 = 10;
/// … but not before this: a server may be slow for a moment.
const OVERDUE_MIN: Duration = Duration::from_secs(2);

#[derive(Debug)]
pub(super) struct Ticker {
    interval: Duration,
    due: Instant,
    /// Since when a tick is in flight.
    in_flight_since: Option<Instant>,
}

impl Ticker {
    pub(super) fn new(interval: Span, now: Instant) -> Ticker {
        let interval = Duration::from_millis(u64::try_from(interval.0).unwrap_or(0));
        Ticker { interval, due: now + interval, in_flight_since: None }
    }

    /// When the next tick is due, if nothing is received before.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    /// Something was received, or waiting for it restarts. `spread`, from 0 to 1, delays the next tick.
    pub(super) fn received(&mut self, now: Instant, spread: f64) {
        self.due = now + self.interval + self.interval.mul_f64(spread / 5.0);
    }

    /// A tick was published.
    pub(super) fn sent(&mut self, now: Instant) {
        self.due = now + self.interval;
        self.in_flight_since.get_or_insert(now);
    }

    /// A tick was read.
    pub(super) fn came_back(&mut self) {
        self.in_flight_since = None;
    }

    /// The connection or the consumer is a new one: what was in flight may be lost.
    pub(super) fn forget(&mut self) {
        self.in_flight_since = None;
    }

    /// Whether ticks should have come back by now.
    pub(super) fn is_overdue(&self, now: Instant) -> bool {
        let overdue = (self.interval * OVERDUE_INTERVALS).max(OVERDUE_MIN);
        self.in_flight_since.is_some_and(|since| now.duration_since(since) > overdue)
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
        ticker.received(at(start, 300), 0.0);
        assert_eq!(ticker.due(), at(start, 800));
        ticker.received(at(start, 300), 1.0);
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
        ticker.received(at(start, 4_500), 0.5);
        assert!(!ticker.is_overdue(at(start, 5_000)));
        assert!(ticker.is_overdue(at(start, 5_001)), "the first counts, and other messages don't");
        ticker.came_back();
        assert!(!ticker.is_overdue(at(start, 60_000)));
    }
}

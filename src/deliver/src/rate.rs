//! How many requests a second a destination gets, and pauses that it asks for.

use std::time::{Duration, Instant};

/// Spaces requests evenly, and pauses them.
#[derive(Debug)]
pub struct RequestRate {
    /// Between two requests.
    interval: Duration,
    next: Instant,
}

impl RequestRate {
    /// At most this number a second; 0: no limit.
    pub fn new(per_second: u32, now: Instant) -> RequestRate {
        let interval = Duration::from_secs(1).checked_div(per_second).unwrap_or_default();
        RequestRate { interval, next: now }
    }

    /// From when on the next request may be sent.
    pub fn ready_at(&self) -> Instant {
        self.next
    }

    /// A request is sent.
    pub fn sent(&mut self, now: Instant) {
        self.next = self.next.max(now.checked_sub(self.interval).unwrap_or(now)) + self.interval;
    }

    /// No request before that.
    pub fn pause(&mut self, until: Instant) {
        self.next = self.next.max(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_keep_their_distance_and_none_is_saved_up() {
        let start = Instant::now();
        let mut rate = RequestRate::new(10, start);
        for turn in 1..=20 {
            rate.sent(start);
            assert_eq!(rate.ready_at(), start + turn * Duration::from_millis(100));
        }
        let later = start + Duration::from_secs(60);
        rate.sent(later);
        assert_eq!(rate.ready_at(), later);
        rate.sent(later);
        assert_eq!(rate.ready_at(), later + Duration::from_millis(100));
        rate.pause(later + Duration::from_secs(9));
        assert_eq!(rate.ready_at(), later + Duration::from_secs(9));
    }

    #[test]
    fn without_a_limit_they_never_wait() {
        let start = Instant::now();
        let mut rate = RequestRate::new(0, start);
        (0..1_000).for_each(|_| rate.sent(start));
        assert_eq!(rate.ready_at(), start);
    }
}

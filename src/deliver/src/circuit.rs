//! The circuit breaker of a destination: after failures in a row nothing is sent for a while, then one request as a probe.

use std::time::{Duration, Instant};

/// This number of failures in a row opens the circuit.
const FAILURES: u32 = 10;
const PAUSE_INITIAL: Duration = Duration::from_secs(5);
const PAUSE_MAX: Duration = Duration::from_secs(300);

/// Whether requests may be sent. Failures are those of the destination: no connection, no answer, 5xx.
#[derive(Debug, Default)]
pub struct CircuitBreaker {
    failures: u32,
    state: CircuitState,
}

#[derive(Clone, Copy, Debug, Default)]
enum CircuitState {
    #[default]
    Closed,
    Open {
        until: Instant,
        pause: Duration,
        is_probing: bool,
    },
}

impl CircuitBreaker {
    /// From when on a request may be sent; `None`: not before the probe that is on its way is answered.
    pub fn ready_at(&self, now: Instant) -> Option<Instant> {
        match self.state {
            CircuitState::Closed => Some(now),
            CircuitState::Open { is_probing: true, .. } => None,
            CircuitState::Open { until, .. } => Some(until.max(now)),
        }
    }

    /// A request is sent.
    pub fn sent(&mut self) {
        if let CircuitState::Open { is_probing, .. } = &mut self.state {
            *is_probing = true;
        }
    }

    /// The destination answered. Returns whether the circuit was open.
    pub fn succeeded(&mut self) -> bool {
        let was_open = self.is_open();
        *self = CircuitBreaker::default();
        was_open
    }

    /// The destination failed. Returns whether that opened the circuit, for how long.
    pub fn failed(&mut self, now: Instant) -> Option<Duration> {
        self.failures = self.failures.saturating_add(1);
        match self.state {
            CircuitState::Closed if self.failures >= FAILURES => Some(self.open(now, PAUSE_INITIAL)),
            // Requests that were on their way when it opened say nothing new.
            CircuitState::Open { is_probing: true, pause, .. } => {
                self.open(now, (pause * 2).min(PAUSE_MAX));
                None
            }
            _ => None,
        }
    }

    /// Whether it is open.
    pub fn is_open(&self) -> bool {
        matches!(self.state, CircuitState::Open { .. })
    }

    fn open(&mut self, now: Instant, pause: Duration) -> Duration {
        self.state = CircuitState::Open { until: now + pause, pause, is_probing: false };
        pause
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_failures_open_it_and_one_probe_goes_after_each_pause() {
        let (mut circuit, start) = (CircuitBreaker::default(), Instant::now());
        for _ in 1..FAILURES {
            assert_eq!(circuit.failed(start), None);
            assert_eq!(circuit.ready_at(start), Some(start));
        }
        assert_eq!(circuit.failed(start), Some(PAUSE_INITIAL));
        assert_eq!(circuit.failed(start), None, "one more that was on its way");
        let mut at = start + PAUSE_INITIAL;
        assert_eq!(circuit.ready_at(start), Some(at));
        for pause in [10, 20, 40, 80, 160, 300, 300] {
            circuit.sent();
            assert_eq!(circuit.ready_at(at), None, "one probe at a time");
            assert_eq!(circuit.failed(at), None);
            let next = at + Duration::from_secs(pause);
            assert_eq!(circuit.ready_at(at), Some(next));
            at = next;
        }
        circuit.sent();
        assert!(circuit.succeeded() && !circuit.is_open());
        assert_eq!(circuit.ready_at(at), Some(at));
    }

    #[test]
    fn a_success_in_between_starts_the_count_anew() {
        let (mut circuit, now) = (CircuitBreaker::default(), Instant::now());
        for turn in 0..100 {
            circuit.failed(now);
            if turn % 9 == 8 {
                assert!(!circuit.succeeded());
            }
        }
        assert!(!circuit.is_open());
    }
}

//! Logs repeatedly why the daemon is not ready: a line that was logged once is hard to find an hour later.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use rekindle_runtime::health::Health;

/// When a failure is logged for the second time. The interval then doubles each time …
const INTERVAL_MIN: Duration = Duration::from_secs(5);
/// … up to this.
const INTERVAL_MAX: Duration = Duration::from_secs(300);
/// How often health is checked.
const CHECK_INTERVAL: Duration = Duration::from_millis(500);

/// Decides when to log again.
#[derive(Debug, Default, PartialEq, Eq)]
struct RepeatedWarning {
    /// For how long something has failed, the interval now, and how much of it has passed.
    waiting: Option<(Duration, Duration, Duration)>,
}

impl RepeatedWarning {
    /// Advances by `passed`. For how long something has failed, if that is to be logged now.
    fn pass(&mut self, passed: Duration, is_failing: bool) -> Option<Duration> {
        if !is_failing {
            self.waiting = None;
            return None;
        }
        let (since, wait, over) = self.waiting.get_or_insert((Duration::ZERO, INTERVAL_MIN, Duration::ZERO));
        *since += passed;
        *over += passed;
        if *over < *wait {
            return None;
        }
        (*wait, *over) = ((*wait * 2).min(INTERVAL_MAX), Duration::ZERO);
        Some(*since)
    }
}

/// Logs, as long as any part fails, which ones fail, why, and for how long.
pub(crate) async fn warn_repeatedly(health: Health) {
    let mut warning = RepeatedWarning::default();
    let (mut last, mut has_warned) = (Instant::now(), false);
    loop {
        sleep(CHECK_INTERVAL).await;
        let failing = health.failing();
        let passed = last.elapsed();
        last = Instant::now();
        if failing.is_empty() && std::mem::take(&mut has_warned) {
            info!("ready: every part works");
        }
        if let Some(since) = warning.pass(passed, !failing.is_empty()) {
            has_warned = true;
            let why: Vec<String> = failing.iter().map(|(part, why)| format!("{part}: {why}")).collect();
            warn!(seconds = since.as_secs(), "still not ready after {} s: {}", since.as_secs(), why.join("; "));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lasting_failure_is_logged_at_growing_intervals() {
        let (mut warning, mut said) = (RepeatedWarning::default(), Vec::new());
        for _ in 0..3_600 {
            said.extend(warning.pass(Duration::from_secs(1), true).map(|since| since.as_secs()));
        }
        assert_eq!(said[..8], [5, 15, 35, 75, 155, 315, 615, 915]);
        assert!(said.windows(2).all(|pair| pair[1] - pair[0] <= 300) && said.last() > Some(&3_300), "{said:?}");
    }

    #[test]
    fn a_failure_that_ends_resets_the_interval() {
        let mut warning = RepeatedWarning::default();
        for _ in 0..10 {
            assert_eq!(warning.pass(Duration::from_secs(4), true), None);
            assert_eq!(warning.pass(Duration::from_secs(4), false), None);
        }
        assert_eq!(warning.pass(Duration::from_secs(6), true), Some(Duration::from_secs(6)));
    }
}

//! What stands in the way for long is said again and again: a line that was logged once is not found an hour later.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tracing::{info, warn};

use rekindle_runtime::health::Health;

/// What has been in the way for so long is said once more …
const FIRST: Duration = Duration::from_secs(5);
/// … and then after twice as long each time, up to this.
const LAST: Duration = Duration::from_secs(300);
/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// When to say it again.
#[derive(Debug, Default, PartialEq, Eq)]
struct RepeatedWarning {
    /// Since when something has been in the way, how long the wait is now, and how much of it is over.
    waiting: Option<(Duration, Duration, Duration)>,
}

impl RepeatedWarning {
    /// So much time has passed, with something in the way, or nothing. How long it has been if it is to be said now.
    fn pass(&mut self, passed: Duration, is_in_the_way: bool) -> Option<Duration> {
        if !is_in_the_way {
            self.waiting = None;
            return None;
        }
        let (since, wait, over) = self.waiting.get_or_insert((Duration::ZERO, FIRST, Duration::ZERO));
        *since += passed;
        *over += passed;
        if *over < *wait {
            return None;
        }
        (*wait, *over) = ((*wait * 2).min(LAST), Duration::ZERO);
        Some(*since)
    }
}

/// Says, for as long as anything is in the way, what that is and for how long it has been so.
pub(super) async fn remind(health: Health) {
    let mut reminder = RepeatedWarning::default();
    let (mut last, mut reminded) = (Instant::now(), false);
    loop {
        sleep(LOOK).await;
        let failing = health.failing();
        let passed = last.elapsed();
        last = Instant::now();
        if failing.is_empty() && std::mem::take(&mut reminded) {
            info!("ready: nothing is in the way any more");
        }
        if let Some(since) = reminder.pass(passed, !failing.is_empty()) {
            reminded = true;
            let why: Vec<String> = failing.iter().map(|(part, why)| format!("{part}: {why}")).collect();
            warn!(seconds = since.as_secs(), "still not ready after {} s: {}", since.as_secs(), why.join("; "));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stays_in_the_way_is_said_ever_less_often_and_never_not_at_all() {
        let (mut reminder, mut said) = (RepeatedWarning::default(), Vec::new());
        for _ in 0..3_600 {
            said.extend(reminder.pass(Duration::from_secs(1), true).map(|since| since.as_secs()));
        }
        assert_eq!(said[..8], [5, 15, 35, 75, 155, 315, 615, 915]);
        assert!(said.windows(2).all(|pair| pair[1] - pair[0] <= 300) && said.last() > Some(&3_300), "{said:?}");
    }

    #[test]
    fn what_comes_and_goes_begins_anew() {
        let mut reminder = RepeatedWarning::default();
        for _ in 0..10 {
            assert_eq!(reminder.pass(Duration::from_secs(4), true), None);
            assert_eq!(reminder.pass(Duration::from_secs(4), false), None);
        }
        assert_eq!(reminder.pass(Duration::from_secs(6), true), Some(Duration::from_secs(6)));
    }
}

//! The retry policies of this crate: every wait between two attempts is one of these.
//!
//! | policy | what is retried | wait |
//! |---|---|---|
//! | [`RECONNECT`] | connecting to a server, at first and after a loss | 25 ms doubling to 1 s, plus up to as much again at random |
//! | [`CONSUMER`] | creating the consumer of the log | 100 ms doubling to 5 s |
//! | [`PUBLISH`] | publishing into a stream | 200 ms doubling to 5 s |
//! | [`LOSS_CHECK`] | asking a stream that seems to have lost messages | 500 ms, 20 times |
//!
//! All but the last retry until they succeed: nothing is ever dropped because a server is away.

use std::time::Duration;

use backon::{BackoffBuilder, ConstantBuilder, ExponentialBackoff, ExponentialBuilder};

const RECONNECT_BACKOFF_INITIAL: Duration = Duration::from_millis(25);
const RECONNECT_BACKOFF_MAX: Duration = Duration::from_secs(1);
const CONSUMER_BACKOFF_INITIAL: Duration = Duration::from_millis(100);
const CONSUMER_BACKOFF_MAX: Duration = Duration::from_secs(5);
const PUBLISH_BACKOFF_INITIAL: Duration = Duration::from_millis(200);
const PUBLISH_BACKOFF_MAX: Duration = Duration::from_secs(5);
const LOSS_CHECK_INTERVAL: Duration = Duration::from_millis(500);
const LOSS_CHECK_RETRIES_MAX: usize = 20;
/// The longest wait after another writer's message came between: a moment later there may be none.
pub(crate) const CONTENTION_BACKOFF_MAX: Duration = Duration::from_millis(50);
/// How often the state of the client's connection is looked at by a task that waits for it to change.
pub(crate) const CONNECTION_POLL_INTERVAL: Duration = Duration::from_millis(50);

/// Connecting. Random, so that many clients of a server that restarts do not connect at the same moment.
pub(crate) const RECONNECT: ExponentialBuilder =
    endless(RECONNECT_BACKOFF_INITIAL, RECONNECT_BACKOFF_MAX).with_jitter();
/// Creating a consumer of the log.
pub(crate) const CONSUMER: ExponentialBuilder = endless(CONSUMER_BACKOFF_INITIAL, CONSUMER_BACKOFF_MAX);
/// Publishing into a stream.
pub(crate) const PUBLISH: ExponentialBuilder = endless(PUBLISH_BACKOFF_INITIAL, PUBLISH_BACKOFF_MAX);
/// Asking a stream that seems to have lost messages: a new leader may lag behind for some seconds.
pub(crate) const LOSS_CHECK: ConstantBuilder =
    ConstantBuilder::new().with_delay(LOSS_CHECK_INTERVAL).with_max_times(LOSS_CHECK_RETRIES_MAX);

/// Enough doublings for every policy to be at its maximum.
const DOUBLINGS_MAX: u32 = 16;

const fn endless(initial: Duration, max: Duration) -> ExponentialBuilder {
    ExponentialBuilder::new().with_factor(2.0).with_min_delay(initial).with_max_delay(max).without_max_times()
}

/// Failures in a row of one operation, and how long to wait before the next attempt.
#[derive(Debug)]
pub(crate) struct RetryState {
    policy: ExponentialBuilder,
    delays: ExponentialBackoff,
    failures: u32,
    delay: Duration,
}

impl RetryState {
    pub(crate) fn new(policy: ExponentialBuilder) -> RetryState {
        RetryState { delays: policy.build(), policy, failures: 0, delay: Duration::ZERO }
    }

    /// As after this number of failures in a row.
    pub(crate) fn after_failures(policy: ExponentialBuilder, failures: u32) -> RetryState {
        let mut state = RetryState::new(policy);
        for _ in 0..failures.min(DOUBLINGS_MAX) {
            state.record_failure();
        }
        state
    }

    /// Counts a failure.
    pub(crate) fn record_failure(&mut self) {
        self.failures = self.failures.saturating_add(1);
        // It always has a next one: no policy that this is made from ends.
        self.delay = self.delays.next().unwrap_or(self.delay);
    }

    /// An attempt succeeded: the next failure is the first again.
    pub(crate) fn reset(&mut self) {
        *self = RetryState::new(self.policy);
    }

    /// Failures since the last success.
    pub(crate) fn failures(&self) -> u32 {
        self.failures
    }

    /// How long to wait before the next attempt; zero where the last one succeeded.
    pub(crate) fn delay(&self) -> Duration {
        self.delay
    }
}

/// How long a client waits before the `attempt`th attempt in a row to connect, from 1: the first is made at once.
pub(crate) fn reconnect_delay(attempt: usize) -> Duration {
    let failures = u32::try_from(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
    RetryState::after_failures(RECONNECT, failures).delay()
}

/// A random number from 0 to 1, for spreading what several daemons would otherwise do at the same moment.
pub fn random_fraction() -> f64 {
    fastrand::f64()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reconnect_delays_grow_to_two_seconds_and_no_further() {
        assert_eq!(reconnect_delay(0), Duration::ZERO);
        assert_eq!(reconnect_delay(1), Duration::ZERO);
        for attempt in 2..200 {
            let least = (RECONNECT_BACKOFF_INITIAL * 2_u32.pow(10.min(attempt - 2))).min(RECONNECT_BACKOFF_MAX);
            let delay = reconnect_delay(attempt as usize);
            assert!(delay >= least && delay <= 2 * least, "{attempt}: {delay:?}");
        }
    }

    #[test]
    fn a_success_resets_the_delay() {
        let mut state = RetryState::new(PUBLISH);
        assert_eq!(state.delay(), Duration::ZERO);
        let delays: Vec<_> = (0..7).map(|_| (state.record_failure(), state.delay()).1.as_millis()).collect();
        assert_eq!(delays, [200, 400, 800, 1_600, 3_200, 5_000, 5_000]);
        state.reset();
        assert_eq!((state.failures(), state.delay()), (0, Duration::ZERO));
        state.record_failure();
        assert_eq!((state.failures(), state.delay()), (1, PUBLISH_BACKOFF_INITIAL));
    }
}

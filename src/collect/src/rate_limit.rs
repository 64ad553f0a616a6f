//! How many calls a key may send: a bucket that holds ten seconds' worth.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// How many seconds' worth of calls the bucket holds.
const BURST_SECONDS: f64 = 10.0;

/// A token bucket. A batch is taken whole as long as there is anything in it, and then waited for: a limit would otherwise refuse
/// a large batch for ever.
#[derive(Debug)]
pub(crate) struct RateLimit {
    per_second: f64,
    level: Mutex<BucketLevel>,
}

#[derive(Debug)]
struct BucketLevel {
    /// Below zero after a large batch.
    tokens: f64,
    since: Instant,
}

impl RateLimit {
    /// This number of calls a second on the average.
    pub(crate) fn new(per_second: u32) -> RateLimit {
        let per_second = f64::from(per_second.max(1));
        RateLimit {
            per_second,
            level: Mutex::new(BucketLevel { tokens: per_second * BURST_SECONDS, since: Instant::now() }),
        }
    }

    /// Takes this number of calls.
    ///
    /// # Errors
    /// How long to wait, if none may be taken now.
    pub(crate) fn take(&self, calls: usize) -> Result<(), Duration> {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let gained = now.duration_since(level.since).as_secs_f64() * self.per_second;
        level.tokens = (level.tokens + gained).min(self.per_second * BURST_SECONDS);
        level.since = now;
        if level.tokens < 1.0 {
            return Err(Duration::from_secs_f64((1.0 - level.tokens) / self.per_second));
        }
        level.tokens -= calls as f64;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn calls_are_taken_at_the_rate_on_the_average() {
        let limit = RateLimit::new(10);
        assert!((0..100).all(|_| limit.take(1).is_ok()));
        assert_eq!(limit.take(1), Err(Duration::from_millis(100)));
        tokio::time::advance(Duration::from_millis(100)).await;
        assert!(limit.take(1).is_ok() && limit.take(1).is_err());
        tokio::time::advance(Duration::from_secs(3_600)).await;
        assert!((0..100).all(|_| limit.take(1).is_ok()) && limit.take(1).is_err(), "no more than the bucket holds");
    }

    #[tokio::test(start_paused = true)]
    async fn a_batch_larger_than_the_bucket_is_taken_and_then_waited_for() {
        let limit = RateLimit::new(10);
        assert_eq!(limit.take(500), Ok(()));
        assert_eq!(limit.take(1), Err(Duration::from_millis(40_100)));
        tokio::time::advance(Duration::from_millis(40_100)).await;
        assert_eq!(limit.take(1), Ok(()));
    }
}

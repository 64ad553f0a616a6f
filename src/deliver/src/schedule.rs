//! When a message that could not be delivered is sent again.

use std::time::Duration;

use rekindle_core::time::Timestamp;

/// The delay before each attempt, from the one before it.
const DELAYS_S: [u64; 10] = [0, 5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];
/// How many attempts there are.
pub const ATTEMPTS_MAX: u32 = DELAYS_S.len() as u32;
/// Delays are longer by up to this share at random, so that what failed together does not come back together.
const JITTER: f64 = 0.2;
/// Longer waits than this are not believed: a receiver that asks for more is asked again after it.
const WAIT_MAX: Duration = Duration::from_secs(86_400);

/// What comes after an attempt that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NextAttempt {
    /// Another one then.
    At(Timestamp),
    /// None, because the message expires before.
    Expired,
    /// None: there were enough.
    Exhausted,
}

/// An attempt that failed.
#[derive(Clone, Copy, Debug)]
pub struct FailedAttempt {
    /// When.
    pub at: Timestamp,
    /// How many attempts there were, with it.
    pub attempts: u32,
    /// How long the receiver wants to be left alone.
    pub retry_after: Option<Duration>,
    /// When the message expires.
    pub expires: Option<Timestamp>,
}

impl FailedAttempt {
    /// What comes next. `spread`, from 0 to 1, is the random part of the delay.
    pub fn next(&self, spread: f64) -> NextAttempt {
        let Some(delay) = DELAYS_S.get(usize::try_from(self.attempts).unwrap_or(usize::MAX)) else {
            return NextAttempt::Exhausted;
        };
        let delay = Duration::from_secs(*delay).mul_f64(1.0 + JITTER * spread.clamp(0.0, 1.0));
        let delay = delay.max(self.retry_after.unwrap_or_default().min(WAIT_MAX));
        let due = Timestamp(self.at.0.saturating_add(milliseconds(delay)));
        match self.expires {
            Some(expires) if expires <= due => NextAttempt::Expired,
            _ => NextAttempt::At(due),
        }
    }
}

/// How many attempts a message of this age may have had. It is all that is known after a restart of one that was delivered
/// to an earlier process; at least one attempt is left.
pub fn attempts_by_age(age: Duration) -> u32 {
    let mut elapsed = Duration::ZERO;
    let due = DELAYS_S.iter().take_while(|delay| {
        elapsed += Duration::from_secs(**delay);
        elapsed <= age
    });
    u32::try_from(due.count()).unwrap_or(ATTEMPTS_MAX).min(ATTEMPTS_MAX - 1)
}

pub(crate) fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(attempts: u32) -> FailedAttempt {
        FailedAttempt { at: Timestamp(0), attempts, retry_after: None, expires: None }
    }

    #[test]
    fn attempts_follow_the_schedule_and_end_after_the_tenth() {
        let mut at = 0;
        let mut delays = Vec::new();
        for attempts in 1.. {
            let NextAttempt::At(next) = (FailedAttempt { at: Timestamp(at), ..failed(attempts) }).next(0.0) else {
                break;
            };
            delays.push((next.0 - at) / 1_000);
            at = next.0;
        }
        assert_eq!(delays, [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400]);
        assert_eq!(failed(10).next(0.0), NextAttempt::Exhausted);
        assert_eq!(failed(2).next(1.0), NextAttempt::At(Timestamp(360_000)));
    }

    #[test]
    fn nothing_is_scheduled_for_when_it_has_expired() {
        let expires = |at| FailedAttempt { expires: Some(Timestamp(at)), ..failed(1) }.next(0.0);
        assert_eq!(expires(5_001), NextAttempt::At(Timestamp(5_000)));
        assert_eq!(expires(5_000), NextAttempt::Expired);
    }

    #[test]
    fn a_receiver_that_asks_for_a_longer_wait_gets_it_up_to_a_day() {
        let after = |s| FailedAttempt { retry_after: Some(Duration::from_secs(s)), ..failed(1) }.next(0.0);
        assert_eq!(after(60), NextAttempt::At(Timestamp(60_000)));
        assert_eq!(after(1), NextAttempt::At(Timestamp(5_000)));
        assert_eq!(after(u64::MAX), NextAttempt::At(Timestamp(86_400_000)));
    }

    #[test]
    fn after_a_restart_attempts_are_known_by_age() {
        for (seconds, attempts) in [(0, 1), (4, 1), (5, 2), (304, 2), (305, 3), (2_105, 4), (1 << 40, 9)] {
            assert_eq!(attempts_by_age(Duration::from_secs(seconds)), attempts, "{seconds}");
        }
    }
}

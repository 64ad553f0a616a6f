//! When a start may take over the output stream.
//!
//! A takeover is always safe: the former owner publishes nothing more. But two daemons that are kept running by two
//! supervisors would take the stream from each other for ever, and one that is about to be replaced would lose it too early.
//! So an owner writes at least every [`HEARTBEAT_INTERVAL`], and a start waits until the owner has written nothing for
//! [`OWNER_TIMEOUT`], or has announced its end. With [`TakeoverPolicy::Now`] a start replaces a working owner at once; but an
//! owner that has just taken over keeps the stream for [`OWNERSHIP_MIN`] in any case.

use std::time::Duration;

use thiserror::Error;

use super::committer::StreamInspection;
use super::publish_error::PublishError;
use super::{NatsSink, OutputRecovery};
use rekindle_core::time::Timestamp;
use rekindle_settings::TakeoverPolicy;

/// The owner of an output stream writes at least this often.
pub const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(2);
/// An owner that has written nothing for this long may be replaced.
pub const OWNER_TIMEOUT: Duration = Duration::from_secs(6);
/// An owner that has announced its end may be replaced this long after: it may still be writing its last checkpoint.
pub const RELEASE_DELAY: Duration = Duration::from_secs(1);
/// An owner keeps the stream at least this long.
pub const OWNERSHIP_MIN: Duration = Duration::from_secs(10);

/// The owner of the output stream, as a start finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentOwner {
    /// What a takeover starts from.
    pub recovery: OutputRecovery,
    /// The owner's last heartbeat; `None`: there never was an owner.
    pub heartbeat: Option<OwnerHeartbeat>,
}

/// The last record that an owner wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerHeartbeat {
    /// The owner's instance.
    pub instance: String,
    /// Its epoch.
    pub epoch: u64,
    /// The sequence of the record.
    pub sequence: u64,
    /// It announces the owner's end.
    pub is_release: bool,
    /// The time since the server stored it, by the server's clock; `None`: the server did not report it.
    pub age: Option<Duration>,
    /// How long the owner had owned the stream then.
    pub owned_for: Duration,
}

/// Whether a start may take over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakeoverDecision {
    /// It may.
    Free,
    /// Not yet: inspect the stream again after this.
    Wait(Duration),
}

/// The output stream can't be inspected or written.
#[derive(Debug, Error)]
#[error("cannot publish into stream {stream}: {source}")]
pub struct SinkError {
    stream: String,
    source: PublishError,
}

impl NatsSink {
    /// Finds out who owns the output stream. Nothing is written.
    ///
    /// # Errors
    /// The stream can't be inspected.
    pub async fn current_owner(&self) -> Result<CurrentOwner, SinkError> {
        let StreamInspection { recovery, newest, server_time } =
            self.committer().inspect().await.map_err(|source| self.error(source))?;
        let heartbeat = newest.map(|record| {
            let since = record.progress.since_ms.map(Timestamp).or(record.time);
            OwnerHeartbeat {
                age: between(record.time, server_time),
                owned_for: between(since, server_time).unwrap_or_default(),
                is_release: record.progress.released,
                sequence: record.sequence,
                epoch: record.progress.epoch,
                instance: record.progress.instance,
            }
        });
        Ok(CurrentOwner { recovery, heartbeat })
    }

    /// Checks that this user may write progress records, without writing one: with an expectation that cannot hold.
    ///
    /// # Errors
    /// It may not, or the stream does not accept them.
    pub async fn check_permission(&self) -> Result<(), SinkError> {
        self.committer().check_permission().await.map_err(|source| self.error(source))
    }

    fn error(&self, source: PublishError) -> SinkError {
        SinkError { stream: self.settings.stream.clone(), source }
    }
}

fn between(from: Option<Timestamp>, to: Option<Timestamp>) -> Option<Duration> {
    let ms = u64::try_from(to?.0.saturating_sub(from?.0)).unwrap_or(0);
    Some(Duration::from_millis(ms))
}

/// Whether a start may take the stream over from the owner that wrote this last heartbeat, which has been the last one for
/// the time `watched`.
pub fn takeover_decision(
    takeover: TakeoverPolicy,
    heartbeat: Option<&OwnerHeartbeat>,
    watched: Duration,
) -> TakeoverDecision {
    let Some(heartbeat) = heartbeat else { return TakeoverDecision::Free };
    let silent = heartbeat.age.unwrap_or_default().max(watched);
    let timeout = if heartbeat.is_release { RELEASE_DELAY } else { OWNER_TIMEOUT };
    let until_timeout = timeout.saturating_sub(silent);
    let wait = match takeover {
        TakeoverPolicy::Wait => until_timeout,
        TakeoverPolicy::Now => until_timeout.min(OWNERSHIP_MIN.saturating_sub(heartbeat.owned_for)),
    };
    if wait.is_zero() { TakeoverDecision::Free } else { TakeoverDecision::Wait(wait) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heartbeat(age_ms: u64, owned_ms: u64, is_release: bool) -> OwnerHeartbeat {
        let ms = Duration::from_millis;
        OwnerHeartbeat {
            instance: "a".to_owned(),
            epoch: 1,
            sequence: 9,
            is_release,
            age: Some(ms(age_ms)),
            owned_for: ms(owned_ms),
        }
    }

    #[test]
    fn a_waiting_start_takes_over_from_an_owner_that_is_silent_or_ends() {
        let decision = |age_ms, is_release| {
            takeover_decision(TakeoverPolicy::Wait, Some(&heartbeat(age_ms, 1_000_000, is_release)), Duration::ZERO)
        };
        assert_eq!(decision(0, false), TakeoverDecision::Wait(OWNER_TIMEOUT));
        assert_eq!(decision(2_500, false), TakeoverDecision::Wait(Duration::from_millis(3_500)));
        assert_eq!(decision(6_000, false), TakeoverDecision::Free);
        assert_eq!(decision(400, true), TakeoverDecision::Wait(Duration::from_millis(600)));
        assert_eq!(decision(1_000, true), TakeoverDecision::Free);
        assert_eq!(super::takeover_decision(TakeoverPolicy::Wait, None, Duration::ZERO), TakeoverDecision::Free);
    }

    #[test]
    fn without_the_servers_clock_the_owner_is_watched_for_the_timeout() {
        let unknown = OwnerHeartbeat { age: None, ..heartbeat(0, 0, false) };
        assert_eq!(
            takeover_decision(TakeoverPolicy::Wait, Some(&unknown), Duration::from_secs(2)),
            TakeoverDecision::Wait(Duration::from_secs(4))
        );
        assert_eq!(takeover_decision(TakeoverPolicy::Wait, Some(&unknown), OWNER_TIMEOUT), TakeoverDecision::Free);
    }

    #[test]
    fn a_takeover_at_once_leaves_an_owner_its_first_seconds() {
        let decision = |age_ms, owned_ms| {
            takeover_decision(TakeoverPolicy::Now, Some(&heartbeat(age_ms, owned_ms, false)), Duration::ZERO)
        };
        assert_eq!(decision(0, 10_000), TakeoverDecision::Free);
        assert_eq!(decision(0, 3_000), TakeoverDecision::Wait(OWNER_TIMEOUT), "sooner if it falls silent");
        assert_eq!(decision(0, 7_000), TakeoverDecision::Wait(Duration::from_secs(3)));
        assert_eq!(decision(6_000, 6_000), TakeoverDecision::Free);
    }

    /// Two daemons, each started again two seconds after the other took over.
    #[test]
    fn two_daemons_that_take_over_at_once_do_so_every_ten_seconds_at_most() {
        let (mut now_ms, mut taken_ms, mut takeovers) = (0, 0, 0);
        while now_ms < 60_000 {
            match takeover_decision(TakeoverPolicy::Now, Some(&heartbeat(0, now_ms - taken_ms, false)), Duration::ZERO)
            {
                TakeoverDecision::Free => {
                    (takeovers, taken_ms) = (takeovers + 1, now_ms);
                    now_ms += 2_000;
                }
                TakeoverDecision::Wait(wait) => now_ms += u64::try_from(wait.as_millis()).expect("short"),
            }
        }
        assert_eq!(takeovers, 5);
    }
}

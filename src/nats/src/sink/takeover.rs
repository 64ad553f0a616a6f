//! When a start may take the stream of outputs over.
//!
//! Taking over is always safe: the previous owner publishes nothing more. But two daemons that are kept running by two
//! supervisors would take it from each other for ever, and one that is about to be replaced would lose it before its time.
//! So an owner writes at least every [`HEARTBEAT`], and a start waits until it has written nothing for [`SILENCE`], or has
//! said that it ends. Who means to replace one that works may do so at once ([`TakeoverPolicy::Now`]); but an owner that has just
//! taken over keeps the stream for [`HOLD`] in any case.

use std::time::Duration;

use super::publish_error::PublishError;
use super::{NatsSink, OutputRecovery};
use crate::sink::commit::Committer;
use rekindle_core::time::Timestamp;
use rekindle_settings::TakeoverPolicy;

/// An owner of a stream of outputs writes at least this often.
pub const HEARTBEAT: Duration = Duration::from_secs(2);
/// An owner that has written nothing for this long may be replaced.
pub const SILENCE: Duration = Duration::from_secs(6);
/// An owner that has said that it ends may be replaced this long after: it may still be writing its last checkpoint.
pub const LEAVING: Duration = Duration::from_secs(1);
/// An owner keeps the stream at least this long.
pub const HOLD: Duration = Duration::from_secs(10);

/// Who has the stream of outputs, as a start finds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurrentOwner {
    /// What there is to know before taking over.
    pub known: OutputRecovery,
    /// The owner's last sign of life; `None`: there never was one.
    pub sign: Option<OwnerHeartbeat>,
}

/// An owner's last sign of life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerHeartbeat {
    /// Who.
    pub instance: String,
    /// Its epoch.
    pub epoch: u64,
    /// The message that it is.
    pub sequence: u64,
    /// It was the last.
    pub is_last: bool,
    /// How long ago the server took it in, by the server's clock; `None`: the server does not say.
    pub age: Option<Duration>,
    /// How long the owner had the stream then.
    pub held: Duration,
}

/// Whether a start may take over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TakeoverDecision {
    /// It may.
    Free,
    /// Not yet: look again after this.
    Wait(Duration),
}

impl NatsSink {
    /// Looks who has the stream of outputs. Nothing is written.
    ///
    /// # Errors
    /// It can't be looked at; a sentence for operators.
    pub async fn present(&self) -> Result<CurrentOwner, String> {
        let mut committer = Committer::of_nobody(self.line(&self.settings.stream), &self.settings.prefix);
        let (known, record, now) = committer.look_around().await.map_err(|refusal| self.sentence(&refusal))?;
        let sign = record.map(|record| {
            let since = record.progress.since_ms.map(Timestamp).or(record.time);
            let between = |from: Option<Timestamp>, to: Option<Timestamp>| {
                let ms = u64::try_from(to?.0.saturating_sub(from?.0)).unwrap_or(0);
                Some(Duration::from_millis(ms))
            };
            OwnerHeartbeat {
                age: between(record.time, now),
                held: between(since, now).unwrap_or_default(),
                is_last: record.progress.released,
                sequence: record.sequence,
                epoch: record.progress.epoch,
                instance: record.progress.instance,
            }
        });
        Ok(CurrentOwner { known, sign })
    }

    /// Sees that this user may write records of progress, without writing one: with an expectation that cannot hold.
    ///
    /// # Errors
    /// It may not, or the stream takes none; a sentence for operators.
    pub async fn rehearse(&self) -> Result<(), String> {
        let mut committer = Committer::of_nobody(self.line(&self.settings.stream), &self.settings.prefix);
        committer.rehearse().await.map_err(|refusal| self.sentence(&refusal))
    }

    fn sentence(&self, refusal: &PublishError) -> String {
        format!("cannot publish into stream {}: {refusal}", self.settings.stream)
    }
}

/// Whether a start may take the stream over whose owner gave this last sign of life, which has been looked at for so long
/// without another coming.
pub fn takeover_decision(
    takeover: TakeoverPolicy,
    sign: Option<&OwnerHeartbeat>,
    watched: Duration,
) -> TakeoverDecision {
    let Some(sign) = sign else { return TakeoverDecision::Free };
    let silent = sign.age.unwrap_or_default().max(watched);
    let enough = if sign.is_last { LEAVING } else { SILENCE };
    let until_silent = enough.saturating_sub(silent);
    let wait = match takeover {
        TakeoverPolicy::Wait => until_silent,
        TakeoverPolicy::Now => until_silent.min(HOLD.saturating_sub(sign.held)),
    };
    if wait.is_zero() { TakeoverDecision::Free } else { TakeoverDecision::Wait(wait) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign(age_ms: u64, held_ms: u64, is_last: bool) -> OwnerHeartbeat {
        let ms = Duration::from_millis;
        OwnerHeartbeat {
            instance: "a".to_owned(),
            epoch: 1,
            sequence: 9,
            is_last,
            age: Some(ms(age_ms)),
            held: ms(held_ms),
        }
    }

    #[test]
    fn who_waits_takes_over_from_an_owner_that_is_silent_or_ends() {
        let decision = |age_ms, is_last| {
            takeover_decision(TakeoverPolicy::Wait, Some(&sign(age_ms, 1_000_000, is_last)), Duration::ZERO)
        };
        assert_eq!(decision(0, false), TakeoverDecision::Wait(SILENCE));
        assert_eq!(decision(2_500, false), TakeoverDecision::Wait(Duration::from_millis(3_500)));
        assert_eq!(decision(6_000, false), TakeoverDecision::Free);
        assert_eq!(decision(400, true), TakeoverDecision::Wait(Duration::from_millis(600)));
        assert_eq!(decision(1_000, true), TakeoverDecision::Free);
        assert_eq!(super::takeover_decision(TakeoverPolicy::Wait, None, Duration::ZERO), TakeoverDecision::Free);
    }

    #[test]
    fn a_server_that_does_not_say_the_time_is_watched_for_as_long() {
        let unknown = OwnerHeartbeat { age: None, ..sign(0, 0, false) };
        assert_eq!(
            takeover_decision(TakeoverPolicy::Wait, Some(&unknown), Duration::from_secs(2)),
            TakeoverDecision::Wait(Duration::from_secs(4))
        );
        assert_eq!(takeover_decision(TakeoverPolicy::Wait, Some(&unknown), SILENCE), TakeoverDecision::Free);
    }

    #[test]
    fn who_takes_over_at_once_leaves_an_owner_its_first_seconds() {
        let decision = |age_ms, held_ms| {
            takeover_decision(TakeoverPolicy::Now, Some(&sign(age_ms, held_ms, false)), Duration::ZERO)
        };
        assert_eq!(decision(0, 10_000), TakeoverDecision::Free);
        assert_eq!(decision(0, 3_000), TakeoverDecision::Wait(SILENCE), "sooner if it falls silent");
        assert_eq!(decision(0, 7_000), TakeoverDecision::Wait(Duration::from_secs(3)));
        assert_eq!(decision(6_000, 6_000), TakeoverDecision::Free);
    }

    /// Two daemons, each started again two seconds after the other took over.
    #[test]
    fn two_that_mean_it_take_the_stream_from_each_other_no_more_than_every_ten_seconds() {
        let (mut now_ms, mut taken_ms, mut takeovers) = (0, 0, 0);
        while now_ms < 60_000 {
            match takeover_decision(TakeoverPolicy::Now, Some(&sign(0, now_ms - taken_ms, false)), Duration::ZERO) {
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

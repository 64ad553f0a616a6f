//! When a start may take the stream of outputs over.
//!
//! Taking over is always safe: whoever had the stream publishes nothing more. But two daemons that are kept running by two
//! supervisors would take it from each other for ever, and one that is about to be replaced would lose it before its time.
//! So an owner writes at least every [`HEARTBEAT`], and a start waits until it has written nothing for [`SILENCE`], or has
//! said that it ends. Who means to replace one that works may do so at once ([`TakeoverPolicy::Now`]); but an owner that has just
//! taken over keeps the stream for [`HOLD`], whoever means what.

use std::time::Duration;

use super::refusal::Refusal;
use super::{Known, Sink};
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
pub struct Present {
    /// What there is to know before taking over.
    pub known: Known,
    /// The owner's last sign of life; `None`: there never was one.
    pub sign: Option<Sign>,
}

/// An owner's last sign of life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
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
pub enum Turn {
    /// It may.
    Free,
    /// Not yet: look again after this.
    Wait(Duration),
}

impl Sink {
    /// Looks who has the stream of outputs. Nothing is written.
    ///
    /// # Errors
    /// It can't be looked at; a sentence for operators.
    pub async fn present(&self) -> Result<Present, String> {
        let mut committer = Committer::of_nobody(self.line(&self.settings.stream), &self.settings.prefix);
        let (known, record, now) = committer.look_around().await.map_err(|refusal| self.sentence(&refusal))?;
        let sign = record.map(|record| {
            let since = record.progress.since_ms.map(Timestamp).or(record.time);
            let between = |from: Option<Timestamp>, to: Option<Timestamp>| {
                let ms = u64::try_from(to?.0.saturating_sub(from?.0)).unwrap_or(0);
                Some(Duration::from_millis(ms))
            };
            Sign {
                age: between(record.time, now),
                held: between(since, now).unwrap_or_default(),
                is_last: record.progress.released,
                sequence: record.sequence,
                epoch: record.progress.epoch,
                instance: record.progress.instance,
            }
        });
        Ok(Present { known, sign })
    }

    /// Sees that this user may write records of progress, without writing one: with an expectation that cannot hold.
    ///
    /// # Errors
    /// It may not, or the stream takes none; a sentence for operators.
    pub async fn rehearse(&self) -> Result<(), String> {
        let mut committer = Committer::of_nobody(self.line(&self.settings.stream), &self.settings.prefix);
        committer.rehearse().await.map_err(|refusal| self.sentence(&refusal))
    }

    fn sentence(&self, refusal: &Refusal) -> String {
        format!("can't publish into the stream {}: {refusal}", self.settings.stream)
    }
}

/// Whether a start may take the stream over whose owner gave this last sign of life, which has been looked at for so long
/// without another coming.
pub fn turn(takeover: TakeoverPolicy, sign: Option<&Sign>, watched: Duration) -> Turn {
    let Some(sign) = sign else { return Turn::Free };
    let silent = sign.age.unwrap_or_default().max(watched);
    let enough = if sign.is_last { LEAVING } else { SILENCE };
    let until_silent = enough.saturating_sub(silent);
    let wait = match takeover {
        TakeoverPolicy::Wait => until_silent,
        TakeoverPolicy::Now => until_silent.min(HOLD.saturating_sub(sign.held)),
    };
    if wait.is_zero() { Turn::Free } else { Turn::Wait(wait) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sign(age_ms: u64, held_ms: u64, is_last: bool) -> Sign {
        let ms = Duration::from_millis;
        Sign { instance: "a".to_owned(), epoch: 1, sequence: 9, is_last, age: Some(ms(age_ms)), held: ms(held_ms) }
    }

    #[test]
    fn who_waits_takes_over_from_an_owner_that_is_silent_or_ends() {
        let turn =
            |age_ms, is_last| turn(TakeoverPolicy::Wait, Some(&sign(age_ms, 1_000_000, is_last)), Duration::ZERO);
        assert_eq!(turn(0, false), Turn::Wait(SILENCE));
        assert_eq!(turn(2_500, false), Turn::Wait(Duration::from_millis(3_500)));
        assert_eq!(turn(6_000, false), Turn::Free);
        assert_eq!(turn(400, true), Turn::Wait(Duration::from_millis(600)));
        assert_eq!(turn(1_000, true), Turn::Free);
        assert_eq!(super::turn(TakeoverPolicy::Wait, None, Duration::ZERO), Turn::Free);
    }

    #[test]
    fn a_server_that_does_not_say_the_time_is_watched_for_as_long() {
        let unknown = Sign { age: None, ..sign(0, 0, false) };
        assert_eq!(
            turn(TakeoverPolicy::Wait, Some(&unknown), Duration::from_secs(2)),
            Turn::Wait(Duration::from_secs(4))
        );
        assert_eq!(turn(TakeoverPolicy::Wait, Some(&unknown), SILENCE), Turn::Free);
    }

    #[test]
    fn who_takes_over_at_once_leaves_an_owner_its_first_seconds() {
        let turn = |age_ms, held_ms| turn(TakeoverPolicy::Now, Some(&sign(age_ms, held_ms, false)), Duration::ZERO);
        assert_eq!(turn(0, 10_000), Turn::Free);
        assert_eq!(turn(0, 3_000), Turn::Wait(SILENCE), "sooner if it falls silent");
        assert_eq!(turn(0, 7_000), Turn::Wait(Duration::from_secs(3)));
        assert_eq!(turn(6_000, 6_000), Turn::Free);
    }

    /// Two daemons, each started again two seconds after the other took over.
    #[test]
    fn two_that_mean_it_take_the_stream_from_each_other_no_more_than_every_ten_seconds() {
        let (mut now_ms, mut taken_ms, mut takeovers) = (0, 0, 0);
        while now_ms < 60_000 {
            match turn(TakeoverPolicy::Now, Some(&sign(0, now_ms - taken_ms, false)), Duration::ZERO) {
                Turn::Free => {
                    (takeovers, taken_ms) = (takeovers + 1, now_ms);
                    now_ms += 2_000;
                }
                Turn::Wait(wait) => now_ms += u64::try_from(wait.as_millis()).expect("short"),
            }
        }
        assert_eq!(takeovers, 5);
    }
}

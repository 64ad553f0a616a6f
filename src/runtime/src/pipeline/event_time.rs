//! When an event happened (semantics §2), once it is known when the broker received it, and when the log ends.

use super::PipelineOptions;
use rekindle_core::decode::RejectionReason;
use rekindle_core::event::{Event, EventTime};
use rekindle_core::time::{Clock, Timestamp};

/// An event's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ResolvedTime {
    /// The time.
    pub(crate) at: Timestamp,
    /// By the event it would be later: it is the broker's.
    pub(crate) is_bounded: bool,
}

/// The event's time, where the broker received it at `received`; `None`: the log is a file.
///
/// # Errors
/// It has no time that can be used, or one after the end of the log.
pub(crate) fn timed(
    options: &PipelineOptions,
    event: &Event<'_>,
    received: Option<Timestamp>,
) -> Result<ResolvedTime, RejectionReason> {
    let received = received.or(event.received_at);
    let Some(own) = event.time.resolve(received) else {
        return Err(match &event.time {
            EventTime::Missing { unusable: Some((field, found)) } => {
                RejectionReason::BadTime { field, found: found.clone().into_owned() }
            }
            _ => RejectionReason::NoTime,
        });
    };
    let bound = received.filter(|_| options.clock == Clock::Log).unwrap_or(Timestamp::NEVER);
    let at = own.min(bound);
    match options.until {
        Some(until) if at > until => Err(RejectionReason::AfterUntil { time: at }),
        _ => Ok(ResolvedTime { at, is_bounded: at < own }),
    }
}

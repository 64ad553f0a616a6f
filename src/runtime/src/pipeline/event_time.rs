//! The time of an event (semantics §2): its own, corrected by the broker's and bounded by it, and not after the end of the
//! log. This is the only place that decides it; what the event itself says of its time is in `rekindle_core::event`.

use super::PipelineOptions;
use rekindle_core::decode::RejectionReason;
use rekindle_core::event::{Event, EventTime};
use rekindle_core::time::{Clock, Timestamp};

/// An event's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ResolvedTime {
    /// The time.
    pub(crate) at: Timestamp,
    /// It is the broker's, since the event's own would be later.
    pub(crate) is_bounded: bool,
}

/// The time of an event that the broker received at `received`; `None`: the log is a file.
///
/// # Errors
/// It has no usable time, or one after the end of the log.
pub(crate) fn resolve(
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

//! What the engine hands to the sink: all that came of a batch of the log.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::progress::Reached;
use crate::decode::Reason;
use crate::partition::{Output, Plan};
use crate::time::Timestamp;

/// Something to publish, in the log's order.
#[expect(clippy::large_enum_variant, reason = "marks are rare")]
#[derive(Debug)]
pub enum Emission {
    /// What a batch, a while that passed, or a change of the rules, came to.
    Batch(Emitted),
    /// Nothing: a place among the others. Who waits there is told once everything before it is published.
    Mark(Mark),
}

/// A place between two emissions.
#[derive(Debug)]
pub struct Mark {
    /// Where to say that everything before it is published.
    pub passed: oneshot::Sender<Passed>,
}

/// What holds where a mark stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passed {
    /// How many outputs are in the stream.
    pub ordinal: u64,
    /// The sequence of the stream's last message.
    pub stream_last: u64,
}

/// What a batch came to.
#[derive(Debug)]
pub struct Emitted {
    /// The rules it was decided by.
    pub plan: Arc<Plan>,
    /// These rules took effect just now: they stand before the outputs.
    pub reloaded: Option<Reloaded>,
    /// It is no batch, but what became due up to then by time alone.
    pub fires_to: Option<Timestamp>,
    /// Outputs, in order per user; what of them is known to be out is left out.
    pub outputs: Vec<Output>,
    /// What was out before it, when it began.
    pub before: Reached,
    /// What is out with the last of it.
    pub reached: Reached,
    /// How many messages at its front are out already, beside the outputs left out.
    pub messages_out: u64,
    /// Events that were rejected, in the log's order.
    pub letters: Vec<Letter>,
    /// The position of the batch's first event in the log of accepted events.
    pub first_position: u64,
    /// When the broker received each accepted event of the batch, from `first_position` on.
    pub received: Vec<Timestamp>,
}

/// A rejected event.
#[derive(Debug)]
pub struct Letter {
    /// The message it came in.
    pub sequence: u64,
    /// Its line in the message, from 1.
    pub line: u64,
    /// Why.
    pub reason: Reason,
    /// What stood there.
    pub original: Vec<u8>,
}

/// Other rules took effect, between two events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reloaded {
    /// The watermark then.
    pub at: Timestamp,
    /// The fingerprint of the rules since.
    pub rules: String,
    /// The fingerprint of those before.
    pub previous: String,
}

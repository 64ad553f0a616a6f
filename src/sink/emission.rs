//! What the engine hands to the sink: all that came of a batch of the log.

use std::sync::Arc;

use crate::decode::Reason;
use crate::partition::{Output, Plan};
use crate::time::Timestamp;

/// Something to publish, in the log's order.
#[derive(Debug)]
pub enum Emission {
    /// What a batch came to.
    Batch(Emitted),
    /// Other rules took effect.
    Reloaded(Reloaded),
}

/// What a batch came to.
#[derive(Debug)]
pub struct Emitted {
    /// The rules it was decided by.
    pub plan: Arc<Plan>,
    /// Outputs, in order per user.
    pub outputs: Vec<Output>,
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

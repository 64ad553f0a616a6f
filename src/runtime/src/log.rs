//! What a source hands on: messages of the log, in its order.

use bytes::Bytes;

use rekindle_core::time::Timestamp;

/// One message of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// Its number in the log, from 1. Plain NATS has none: there it is counted from 1 since the start.
    pub sequence: u64,
    /// When the broker received it; for plain NATS, when it came in here.
    pub received: Timestamp,
    /// What it is.
    pub kind: RecordKind,
    /// Whole lines, or one document, unpacked. Empty for a tick.
    pub lines: Bytes,
}

/// What a message is, as its subject says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// Events: one of them or a batch envelope in each line.
    Events,
    /// Nothing but the passing of time.
    Tick,
    /// Who is to be forgotten: an object `{"user": "…"}` in each line.
    Forget,
}

/// Messages in the log's order, as they came in together.
pub type RecordBatch = Vec<LogRecord>;

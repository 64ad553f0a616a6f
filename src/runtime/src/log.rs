//! The log's records, as a source delivers them, in order.

use bytes::Bytes;

use rekindle_core::time::Timestamp;

/// One record of the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogRecord {
    /// Its sequence in the log, from 1. Plain NATS has none: there records are numbered from the start of the process.
    pub sequence: u64,
    /// The broker time: when the broker received it; for plain NATS, when this process did.
    pub received: Timestamp,
    /// Its kind.
    pub kind: RecordKind,
    /// Complete lines, or one document, uncompressed. Empty for a tick and for a record of a change.
    pub lines: Bytes,
}

/// A record's kind, which its subject decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecordKind {
    /// Events: a call or a batch envelope in each line.
    Events,
    /// Calls that a mapping made of a message that is none, one in each line. A line that begins with [`NOT_MAPPED`] is an event of
    /// which it made none; a record that begins with two of them is a message that it could not read.
    Mapped,
    /// No events: only its time advances the watermark.
    Tick,
    /// Requests to forget users: an object `{"user": "…"}` in each line.
    Forget,
    /// A record of a change that was made over the API. It has its sequence, and nothing is computed of it: not even its time counts.
    Audit,
}

/// Records in the log's order that arrived together.
pub type RecordBatch = Vec<LogRecord>;

/// See [`RecordKind::Mapped`]. No JSON begins with it.
pub const NOT_MAPPED: u8 = b'!';

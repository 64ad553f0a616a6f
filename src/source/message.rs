//! What a source hands on: messages of the log, in its order.

use bytes::Bytes;

use crate::time::Timestamp;

/// One message of the log: some lines of events, or a tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its number in the log, from 1. Plain NATS has none: there it is counted from 1 since the start.
    pub sequence: u64,
    /// When the broker received it; for plain NATS, when it came in here.
    pub received: Timestamp,
    /// Whole lines, one event or batch envelope each. Empty for a tick.
    pub lines: Bytes,
}

/// Messages in the log's order, as they came in together.
pub type Batch = Vec<Message>;

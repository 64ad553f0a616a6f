//! What is fed to a pipeline, and how it reports what it rejects.

use crate::log::RecordKind;
use rekindle_core::decode::RejectedCall;
use rekindle_core::time::Timestamp;

/// A message of the log, or some of its lines.
#[derive(Clone, Copy, Debug)]
pub struct InputEntry<'a> {
    /// Events, a tick, requests to forget users, or a record of a change.
    pub kind: RecordKind,
    /// Complete lines; none in a tick.
    pub lines: &'a [u8],
    /// When the broker received them; `None`: the log has no broker.
    pub received: Option<Timestamp>,
    /// It is a complete message, or a complete document of a file: its lines may be one JSON document together, if they are
    /// not JSON each.
    pub is_whole: bool,
}

impl InputEntry<'_> {
    /// The broker's time, as far as it counts: that of a record of a change does not.
    pub(super) fn time(&self) -> Option<Timestamp> {
        self.received.filter(|_| self.kind != RecordKind::Audit)
    }
}

/// A rejected line, or a rejected call of a batch envelope, with its place in the batch.
#[derive(Debug)]
pub struct Rejection<'a> {
    /// The index of the entry in its batch.
    pub entry: usize,
    /// The index of the line in its entry, from 0.
    pub line: u64,
    /// The reason, and the original bytes.
    pub rejected: RejectedCall<'a>,
}

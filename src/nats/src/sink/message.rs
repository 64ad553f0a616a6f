//! A message to publish, independent of the transport.

use async_nats::header::{HeaderMap, HeaderName, HeaderValue};
use async_nats::subject::Subject;
use bytes::Bytes;

use rekindle_core::time::Timestamp;

/// Reserved for the headers that publishing adds: ids, place in the batch, expectations, the progress record.
const RESERVED_HEADER_BYTES: usize = 2_048;

/// What a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// A user entered or left a segment.
    Transition,
    /// An action.
    Action,
    /// A campaign's decision.
    Decision,
    /// The points of a ledger changed.
    Points,
    /// A budget changed.
    Budget,
    /// A visitor's state was merged into a user's.
    Merged,
    /// What became of an exposure to a goal.
    GoalOutcome,
    /// A user is shared with a partner, or not any more.
    Shared,
    /// Other weights of variants stand.
    Weights,
    /// Other rules took effect.
    Rules,
    /// A dead letter.
    DeadLetter,
    /// A progress record.
    Progress,
}

impl MessageKind {
    /// Every kind's name, in the order of the enum.
    pub const NAMES: [&'static str; 12] = [
        "transition",
        "action",
        "decision",
        "points",
        "budget",
        "merged",
        "outcome",
        "shared",
        "weights",
        "rules",
        "letter",
        "progress",
    ];
}

/// A message to publish.
#[derive(Clone, Debug)]
pub(super) struct OutputMessage {
    pub(super) kind: MessageKind,
    pub(super) subject: Subject,
    /// Unique, and the same whenever the same log is read.
    pub(super) id: String,
    /// The headers that describe the payload.
    pub(super) content_headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) payload: Bytes,
    /// When the broker received the event that caused it, where one did.
    pub(super) received: Option<Timestamp>,
    /// Of a dead letter.
    pub(super) truncation: DeadLetterTruncation,
}

/// What a dead letter leaves out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct DeadLetterTruncation {
    /// It has only the beginning of its original.
    pub(super) is_truncated: bool,
    /// The number of rejections it stands for, of which it quotes one; 0: it stands for one.
    pub(super) rejections: u64,
}

impl OutputMessage {
    /// An upper limit of its size as the server counts it.
    pub(super) fn size(&self) -> usize {
        self.payload.len() + self.content_headers_size() + RESERVED_HEADER_BYTES
    }

    fn content_headers_size(&self) -> usize {
        let header = |(name, value): &(HeaderName, HeaderValue)| name.to_string().len() + value.as_str().len() + 4;
        self.content_headers.iter().map(header).sum()
    }

    /// The largest payload with which the message stays within `max_payload`.
    pub(super) fn payload_bytes_max(&self, max_payload: usize) -> usize {
        max_payload.saturating_sub(RESERVED_HEADER_BYTES + self.content_headers_size())
    }

    /// The headers that do not depend on the transport.
    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.content_headers {
            headers.insert(name.clone(), value.clone());
        }
        headers
    }
}

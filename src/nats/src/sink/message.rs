//! A message to publish, before it is known how.

use async_nats::header::{HeaderMap, HeaderName, HeaderValue};
use async_nats::subject::Subject;
use bytes::Bytes;

use rekindle_core::time::Timestamp;

/// Room for the headers that publishing adds: ids, place in the batch, what is expected, the record of progress.
const HEADER_ROOM: usize = 2_048;

/// What a message is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// A user entered or left a segment.
    Transition,
    /// An action goes out.
    Action,
    /// A campaign was decided.
    Decision,
    /// A visitor's past became a user's.
    Merged,
    /// Other rules took effect.
    Rules,
    /// A dead letter.
    Letter,
    /// How far the outputs have got.
    Progress,
}

impl MessageKind {
    /// Every kind's name, in the order of the enum.
    pub const NAMES: [&'static str; 7] = ["transition", "action", "decision", "merged", "rules", "letter", "progress"];
}

/// A message to publish.
#[derive(Clone, Debug)]
pub(super) struct OutputMessage {
    pub(super) kind: MessageKind,
    pub(super) subject: Subject,
    /// Tells it from every other; the same whenever the same log is read again.
    pub(super) id: String,
    /// Headers that say what the payload is.
    pub(super) content: Vec<(HeaderName, HeaderValue)>,
    pub(super) payload: Bytes,
    /// When the broker received the event that brought it about, where one did.
    pub(super) received: Option<Timestamp>,
    /// Of a dead letter.
    pub(super) shortened: DeadLetterTruncation,
}

/// What a dead letter has not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct DeadLetterTruncation {
    /// It has only the beginning of its original.
    pub(super) is_cut: bool,
    /// The number of rejections it stands for, of which it quotes one; 0: for one.
    pub(super) rejects: u64,
}

impl OutputMessage {
    /// Its size as the server counts it, at most.
    pub(super) fn size(&self) -> usize {
        self.payload.len() + self.content_size() + HEADER_ROOM
    }

    fn content_size(&self) -> usize {
        let header = |(name, value): &(HeaderName, HeaderValue)| name.to_string().len() + value.as_str().len() + 4;
        self.content.iter().map(header).sum()
    }

    /// How long its payload may be for the message to stay within `max_payload`.
    pub(super) fn payload_room(&self, max_payload: usize) -> usize {
        max_payload.saturating_sub(HEADER_ROOM + self.content_size())
    }

    /// The headers that do not depend on how it is published.
    pub(super) fn headers(&self) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in &self.content {
            headers.insert(name.clone(), value.clone());
        }
        headers
    }
}

//! Why an event was not accepted.

use thiserror::Error;

/// A call that was not accepted, with its original bytes for the dead-letter sink.
#[derive(Clone, Debug, PartialEq)]
pub struct RejectedCall<'a> {
    /// Why.
    pub reason: RejectionReason,
    /// The line as it came, or the call's part of a batch envelope.
    pub original: &'a [u8],
}

/// The reasons for which an event is rejected. A rejected event changes nothing, the watermark included.
#[derive(Clone, Debug, PartialEq, Error)]
pub enum RejectionReason {
    /// Not valid JSON (or not UTF-8).
    #[error("not valid JSON: {detail}")]
    NotJson {
        /// What the parser found.
        detail: String,
    },
    /// Valid JSON, but not an object.
    #[error("valid JSON, but not an object")]
    NotAnObject,
    /// `type` is missing or names no call that is known.
    #[error("`type` is {}; it must be track, identify, alias, page, screen or group", found.as_deref().unwrap_or("missing"))]
    UnknownType {
        /// What stood there.
        found: Option<String>,
    },
    /// A field that is read has a value of another type than it must have.
    #[error("`{field}` has a value of the wrong type")]
    WrongType {
        /// Which field.
        field: &'static str,
    },
    /// Neither `userId` nor `anonymousId`.
    #[error("neither `userId` nor `anonymousId` (nor, for alias, `previousId`) is there{}", or_nobodys(*placeholders))]
    NoId {
        /// How many are there that nobody means.
        placeholders: u8,
    },
    /// An id longer than 256 bytes.
    #[error("`{field}` has {bytes} bytes; an id may have 256 at most")]
    IdTooLong {
        /// Which field.
        field: &'static str,
        /// How long it is.
        bytes: usize,
    },
    /// The only time there is cannot be read, or lies before 1990 or after 2100.
    #[error("`{field}` is {found:?}, which is no time from 1990 to 2100 such as 2026-03-05T09:00:00.000Z")]
    BadTime {
        /// Which field.
        field: &'static str,
        /// What stood there.
        found: String,
    },
    /// No time, and no broker's time to fall back on.
    #[error(
        "there is no `timestamp`, `originalTimestamp` or `receivedAt`, and a file has no broker's time to use instead"
    )]
    NoTime,
    /// Longer than `max_event_bytes`.
    #[error("the event has {bytes} bytes; `max_event_bytes` is {limit}")]
    TooLarge {
        /// Its length in bytes.
        bytes: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A message, or a line, longer than `max_event_bytes` allows.
    #[error("the message has {bytes} bytes; with this `max_event_bytes` it may have {limit}")]
    MessageTooLarge {
        /// Its length in bytes, unpacked.
        bytes: u64,
        /// The limit in bytes.
        limit: u64,
    },
    /// A batch of too many calls, or a message of too many lines.
    #[error("there are {calls} calls in one message; {limit} is the most")]
    TooManyCalls {
        /// How many there are.
        calls: u64,
        /// The limit.
        limit: u64,
    },
    /// A batch whose calls would take more of its envelope's context than is sensible.
    #[error("the envelope's context has {bytes} bytes, and with it the calls before have more than {limit}")]
    TooMuchLent {
        /// The context's length in bytes.
        bytes: u64,
        /// The limit in bytes, for all calls together.
        limit: u64,
    },
    /// In a replay: later than its end.
    #[error("the event's time {time} is after the end of the replay")]
    AfterUntil {
        /// The event's time.
        time: crate::time::Timestamp,
    },
    /// A message about whom to forget names nobody.
    #[error("`user` is missing or empty: it must name who is to be forgotten, as in {{\"user\": \"u42\"}}")]
    NoUser,
    /// A row of a table without a usable key.
    #[error("the row has no `{key}` that can be its key: a text of 1 to 256 bytes, or a whole number")]
    NoKey {
        /// The property that should have the key.
        key: String,
    },
    /// A mapping says how such messages become calls, and none of its calls fits this one.
    #[error("none of the mapping's `calls` fits it, or it is not JSON")]
    NotMapped,
}

fn or_nobodys(placeholders: u8) -> &'static str {
    if placeholders > 0 { ", but for such as nobody means (`placeholder_ids`)" } else { "" }
}

impl RejectionReason {
    /// Every code, for metrics and summaries.
    pub const CODES: [&'static str; 13] = [
        "not_json",
        "not_an_object",
        "unknown_type",
        "wrong_type",
        "no_id",
        "id_too_long",
        "bad_time",
        "no_time",
        "too_large",
        "after_until",
        "no_user",
        "not_mapped",
        "no_key",
    ];

    /// How many ids such as nobody means were taken for missing, if that is why.
    pub fn placeholder_ids(&self) -> u8 {
        if let RejectionReason::NoId { placeholders } = self { *placeholders } else { 0 }
    }

    /// Whether it is for its size.
    pub fn is_too_large(&self) -> bool {
        self.code() == "too_large"
    }

    /// The reason as one word: a metric's label, and `reason` in the dead letters.
    pub fn code(&self) -> &'static str {
        RejectionReason::CODES[self.index()]
    }

    /// Its index in [`CODES`](RejectionReason::CODES).
    pub fn index(&self) -> usize {
        match self {
            RejectionReason::NotJson { .. } => 0,
            RejectionReason::NotAnObject => 1,
            RejectionReason::UnknownType { .. } => 2,
            RejectionReason::WrongType { .. } => 3,
            RejectionReason::NoId { .. } => 4,
            RejectionReason::IdTooLong { .. } => 5,
            RejectionReason::BadTime { .. } => 6,
            RejectionReason::NoTime => 7,
            RejectionReason::TooLarge { .. }
            | RejectionReason::MessageTooLarge { .. }
            | RejectionReason::TooManyCalls { .. }
            | RejectionReason::TooMuchLent { .. } => 8,
            RejectionReason::AfterUntil { .. } => 9,
            RejectionReason::NoUser => 10,
            RejectionReason::NotMapped => 11,
            RejectionReason::NoKey { .. } => 12,
        }
    }
}

//! `[source]`: where events come from.

use crate::time::{Span, Timestamp};

/// `[source]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// What kind of source it is.
    pub kind: SourceKind,
    /// The JetStream stream that holds the log.
    pub stream: String,
    /// The subjects that events come on; wildcards are allowed.
    pub subjects: Vec<String>,
    /// Where in the stream to begin.
    pub start: Start,
    /// Create the stream where it is missing. One that is there is never changed, only checked.
    pub create: bool,
    /// A stream created: how long it keeps events; 0: for good.
    pub max_age: Span,
    /// A stream created: how many servers hold a copy; 1 to 5.
    pub replicas: u8,
    /// The subject of ticks, the messages that tell time in a silent shop. No wildcard. The stream must take it in.
    pub tick_subject: String,
    /// A tick is sent when nothing has come for this long; 50 ms to 10 s.
    pub tick_interval: Span,
    /// The most messages asked for at a time; 1 to 50,000.
    pub batch: usize,
}

/// Kinds of sources.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SourceKind {
    /// A stream of JetStream: kept, ordered, numbered.
    JetStream,
    /// Plain subjects: at most once, nothing kept.
    Nats,
}

/// Where in the stream to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// With the first message the stream still has.
    First,
    /// With what comes from now on.
    New,
    /// With this sequence number.
    Sequence(u64),
    /// With the first message that the broker received at or after this time.
    Time(Timestamp),
}

impl Default for Source {
    fn default() -> Self {
        Source {
            kind: SourceKind::JetStream,
            stream: "EVENTS".to_owned(),
            subjects: vec!["events.>".to_owned()],
            start: Start::First,
            create: false,
            max_age: Span(0),
            replicas: 1,
            tick_subject: "rekindle.tick".to_owned(),
            tick_interval: Span(500),
            batch: 5_000,
        }
    }
}

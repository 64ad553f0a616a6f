//! `[output]`: where what was decided goes.

use crate::time::Span;

/// `[output]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// What every subject begins with: `<prefix>.segments.…`, `<prefix>.actions.…`, `<prefix>.dead`.
    pub prefix: String,
    /// Outputs are kept in streams, and acknowledged. Without, they are published at most once.
    pub jetstream: bool,
    /// The stream that keeps segment changes, actions and the rest of the journal.
    pub stream: String,
    /// The stream that keeps dead letters.
    pub dead_stream: String,
    /// Create the streams where they are missing. Those that are there are never changed, only checked.
    pub create: bool,
    /// Streams created: how long they keep messages; 0: for good.
    pub max_age: Span,
    /// Streams created: how many bytes each keeps before the oldest go; 0: no bound.
    pub max_bytes: u64,
    /// Streams created: how many servers hold a copy; 1 to 5.
    pub replicas: u8,
    /// How an action is written.
    pub cloudevents: ContentMode,
    /// Publish every decision of a campaign too, not only the actions: `<prefix>.decisions.<campaign>.<outcome>`.
    pub decisions: bool,
    /// How long a lone output may wait for others to share a batch with; 0 to 1 s.
    pub linger: Span,
}

/// The two ways of CloudEvents to travel in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentMode {
    /// One JSON object that holds all.
    Structured,
    /// The data as body, the rest as `ce-` headers.
    Binary,
}

impl Default for Output {
    fn default() -> Self {
        Output {
            prefix: "rekindle".to_owned(),
            jetstream: true,
            stream: "REKINDLE".to_owned(),
            dead_stream: "REKINDLE_DEAD".to_owned(),
            create: false,
            max_age: Span(7 * 86_400_000),
            max_bytes: 0,
            replicas: 1,
            cloudevents: ContentMode::Structured,
            decisions: false,
            linger: Span(0),
        }
    }
}

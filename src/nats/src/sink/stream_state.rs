//! What the publisher needs to know of its stream.

use async_nats::jetstream::stream::Info;

use crate::jetstream_api::StreamInfo;
use rekindle_core::time::Timestamp;

/// The stream at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct StreamState {
    /// The sequence of its last message, even if that has been deleted since; 0: it never had any.
    pub(super) last_sequence: u64,
    /// It accepts atomic batches.
    pub(super) is_atomic: bool,
    /// When it was created, in nanoseconds since 1970: another stream of the same name was created at another time.
    pub(super) created_ns: i128,
    /// What it takes in.
    pub(super) subjects: Vec<String>,
    /// The largest message it accepts; `None`: it has no limit of its own.
    pub(super) max_message_bytes: Option<usize>,
    /// The server's clock then; `None`: the server did not report it.
    pub(super) server_time: Option<Timestamp>,
}

impl From<StreamInfo> for StreamState {
    fn from(found: StreamInfo) -> StreamState {
        let StreamInfo { info: Info { config, state, created, .. }, server_time } = found;
        StreamState {
            last_sequence: state.last_sequence,
            is_atomic: config.allow_atomic_publish,
            created_ns: created.unix_timestamp_nanos(),
            subjects: config.subjects,
            max_message_bytes: usize::try_from(config.max_message_size).ok().filter(|bytes| *bytes > 0),
            server_time,
        }
    }
}

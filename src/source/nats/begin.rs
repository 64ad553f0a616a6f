//! Where in the stream to begin, and with which subjects.

use thiserror::Error;

use super::consumer::Begin;
use crate::config::{Source, Start};
use crate::nats::api::ApiError;
use crate::nats::streams::{StreamError, StreamState, Wanted};
use crate::nats::subjects::{covers, without_covered};

/// Why the stream can't be read now.
#[derive(Debug, Error)]
pub(super) enum ReadError {
    /// The stream is not there or won't do.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// The stream was there, and is not any more.
    #[error(
        "stream {stream} is gone, of which messages were read up to {last}: the log has lost data; restore it. It is not \
         created anew while this daemon runs"
    )]
    Gone {
        /// Its name.
        stream: String,
        /// The last message read.
        last: u64,
    },
    /// The stream ends before where we are.
    #[error(
        "stream {stream} ends with message {last}, and message {position} was read already or was to come next: the log \
         has lost data; restore it, or begin anew with `rekindle run --from-start`"
    )]
    LogLostData {
        /// Its name.
        stream: String,
        /// Its last message.
        last: u64,
        /// Our position.
        position: u64,
    },
    /// No consumer.
    #[error("could not create a consumer of stream {stream}: {cause}")]
    Consumer {
        /// The stream.
        stream: String,
        /// Why.
        cause: ApiError,
    },
}

/// Where to begin: where we were before, or what `start` means. The latter is decided once, so that nothing is passed over
/// when the first consumer fails. The stream must have had the message `needed`.
pub(super) fn resolve(
    source: &Source,
    before: Option<Begin>,
    needed: u64,
    stream: &StreamState,
) -> Result<Begin, ReadError> {
    let state = &stream.info.state;
    if needed > state.last_sequence {
        let (stream, last) = (source.stream.clone(), state.last_sequence);
        return Err(ReadError::LogLostData { stream, last, position: needed });
    }
    let begin = before.unwrap_or(match source.start {
        Start::First => Begin::At(state.first_sequence.max(1)),
        Start::New => Begin::At(state.last_sequence + 1),
        Start::Sequence(sequence) => Begin::At(sequence.max(1)),
        Start::Time(time) => Begin::Time(time),
    });
    match begin {
        Begin::At(next) if next > state.last_sequence + 1 => {
            Err(ReadError::LogLostData { stream: source.stream.clone(), last: state.last_sequence, position: next - 1 })
        }
        begin => Ok(begin),
    }
}

/// The subjects to ask for; none where the stream holds nothing else.
pub(super) fn filters(wanted: &Wanted, stream: &StreamState) -> Vec<String> {
    let config = &stream.info.config;
    let is_ours = |taken: &String| wanted.subjects.iter().any(|wanted| covers(wanted, taken));
    let is_copy = config.mirror.is_some() || config.sources.is_some();
    let is_whole = !is_copy && config.subjects.iter().all(is_ours);
    if is_whole { Vec::new() } else { without_covered(&wanted.subjects) }
}

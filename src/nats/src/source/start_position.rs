//! Where in the stream to begin, and with which subjects.

use thiserror::Error;

use super::consumer::{ConsumerStart, PullConsumer};
use crate::NatsConnection;
use crate::api::JetStreamError;
use crate::streams::{StreamError, StreamRequirements, VerifiedStream, ensure_stream};
use crate::subjects::{covers, without_covered};
use rekindle_core::time::Timestamp;
use rekindle_settings::{SourceSettings, StartPosition};

/// Why the stream can't be read now.
#[derive(Debug, Error)]
pub(super) enum StartPositionError {
    /// The stream is not there or won't do.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// The stream was there, and is not any more.
    #[error(
        "stream {stream} is gone, of which messages were read up to {last}: the log has lost data; restore it. It is not \
         created again while this daemon runs"
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
         has lost data; restore it, or start over with `rekindle run --from-start`"
    )]
    LogLostData {
        /// Its name.
        stream: String,
        /// Its last message.
        last: u64,
        /// Our position.
        position: u64,
    },
    /// Another stream has the name.
    #[error(
        "stream {stream} was created {found}, and the one that was read up to message {last} was created {expected}: it is \
         another one, and its numbers mean something else; restore that stream, or start over with `rekindle run --from-start`"
    )]
    OtherStream {
        /// Its name.
        stream: String,
        /// The last message read.
        last: u64,
        /// When the one was created that was read.
        expected: Timestamp,
        /// When this one was created.
        found: Timestamp,
    },
    /// No consumer.
    #[error("could not create a consumer of stream {stream}: {cause}")]
    Consumer {
        /// The stream.
        stream: String,
        /// Why.
        cause: JetStreamError,
    },
}

/// Where to begin: where we were before, or what `start` means. The latter is decided once, so that nothing is passed over
/// when the first consumer fails. The stream must have had the message `needed`.
pub(super) fn resolve(
    source: &SourceSettings,
    before: Option<ConsumerStart>,
    needed: u64,
    stream: &VerifiedStream,
) -> Result<ConsumerStart, StartPositionError> {
    let state = &stream.info.state;
    if needed > state.last_sequence {
        let (stream, last) = (source.stream.clone(), state.last_sequence);
        return Err(StartPositionError::LogLostData { stream, last, position: needed });
    }
    let begin = before.unwrap_or(match source.start {
        StartPosition::First => ConsumerStart::At(state.first_sequence.max(1)),
        StartPosition::New => ConsumerStart::At(state.last_sequence + 1),
        StartPosition::Sequence(sequence) => ConsumerStart::At(sequence.max(1)),
        StartPosition::Time(time) => ConsumerStart::Time(time),
    });
    match begin {
        ConsumerStart::At(next) if next > state.last_sequence + 1 => Err(StartPositionError::LogLostData {
            stream: source.stream.clone(),
            last: state.last_sequence,
            position: next - 1,
        }),
        begin => Ok(begin),
    }
}

/// Sees that this user may read the stream, which must be there, without reading anything: makes a consumer that has nothing
/// to deliver, and asks it for that.
///
/// # Errors
/// It may not; a sentence for operators.
pub async fn rehearse(connection: &NatsConnection, source: &SourceSettings) -> Result<(), String> {
    let mut wanted = StreamRequirements::events(source);
    wanted.create = false;
    let stream = ensure_stream(connection, &wanted).await.map_err(|error| error.to_string())?;
    let end = ConsumerStart::At(stream.info.state.last_sequence + 1);
    let created = PullConsumer::create(connection, &source.stream, end, &filters(&wanted, &stream), source.batch).await;
    let no_consumer = |cause| StartPositionError::Consumer { stream: source.stream.clone(), cause }.to_string();
    let (mut consumer, _) = created.map_err(no_consumer)?;
    consumer.answers(connection).await.map_err(|why| format!("could not read stream {}: {why}", source.stream))
}

/// The subjects to ask for; none where the stream holds nothing else.
pub(super) fn filters(wanted: &StreamRequirements, stream: &VerifiedStream) -> Vec<String> {
    let config = &stream.info.config;
    let is_ours = |taken: &String| wanted.subjects.iter().any(|wanted| covers(wanted, taken));
    let is_copy = config.mirror.is_some() || config.sources.is_some();
    let is_whole = !is_copy && config.subjects.iter().all(is_ours);
    if is_whole { Vec::new() } else { without_covered(&wanted.subjects) }
}

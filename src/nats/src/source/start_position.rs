//! Where in the stream to start, and with which subjects.

use thiserror::Error;

use super::consumer::{ConsumerError, ConsumerRequest, ConsumerStart, PullConsumer};
use crate::NatsConnection;
use crate::jetstream_api::JetStreamError;
use crate::streams::{StreamError, StreamRequirements, VerifiedStream, ensure_stream};
use crate::subjects::{covers, without_covered};
use rekindle_core::time::Timestamp;
use rekindle_settings::{SourceSettings, StartPosition};

/// Why the stream can't be read now.
#[derive(Debug, Error)]
pub enum StartPositionError {
    /// The stream does not exist or does not meet the requirements.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// The stream existed, and does not any more.
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
    /// The stream ends before the position.
    #[error(
        "stream {stream} ends with message {last}, and message {position} was read already or was to come next: the log \
         has lost data; restore it, or start over with `rekindle run --from-start`"
    )]
    LogLostData {
        /// Its name.
        stream: String,
        /// Its last message.
        last: u64,
        /// The position.
        position: u64,
    },
    /// Another stream of the same name.
    #[error(
        "stream {stream} was created {found}, and the one that was read up to message {last} was created {expected}: it is \
         another one, and its sequences mean something else; restore that stream, or start over with `rekindle run --from-start`"
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
    /// No consumer could be created.
    #[error("could not create a consumer of stream {stream}: {source}")]
    Consumer {
        /// The stream.
        stream: String,
        /// Why.
        source: JetStreamError,
    },
    /// The consumer does not deliver.
    #[error("could not read stream {stream}: {source}")]
    Read {
        /// The stream.
        stream: String,
        /// Why.
        source: ConsumerError,
    },
}

/// Where to start: at the position `before`, or as `[source] start` says. The latter is decided once, so that nothing is skipped
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
    let start = before.unwrap_or(match source.start {
        StartPosition::First => ConsumerStart::At(state.first_sequence.max(1)),
        StartPosition::New => ConsumerStart::At(state.last_sequence + 1),
        StartPosition::Sequence(sequence) => ConsumerStart::At(sequence.max(1)),
        StartPosition::Time(time) => ConsumerStart::Time(time),
    });
    match start {
        ConsumerStart::At(next) if next > state.last_sequence + 1 => Err(StartPositionError::LogLostData {
            stream: source.stream.clone(),
            last: state.last_sequence,
            position: next - 1,
        }),
        start => Ok(start),
    }
}

/// Checks that this user may read the stream, which must exist, without reading anything: creates a consumer that has nothing
/// to deliver, and requests a message.
///
/// # Errors
/// It may not, or the stream can't be read.
pub async fn check_permission(
    connection: &NatsConnection,
    settings: &SourceSettings,
) -> Result<(), StartPositionError> {
    let mut wanted = StreamRequirements::events(settings);
    wanted.create = false;
    let stream = ensure_stream(connection, &wanted).await?;
    let name = || settings.stream.clone();
    let request = ConsumerRequest {
        stream: &settings.stream,
        start: ConsumerStart::At(stream.info.state.last_sequence + 1),
        filters: &filters(&wanted, &stream),
        batch: settings.batch,
    };
    let created = PullConsumer::create(connection, request).await;
    let (mut consumer, _) = created.map_err(|source| StartPositionError::Consumer { stream: name(), source })?;
    let checked = consumer.check_permission(connection).await;
    checked.map_err(|source| StartPositionError::Read { stream: name(), source })
}

/// The subjects to deliver; none where the stream holds nothing else.
pub(super) fn filters(wanted: &StreamRequirements, stream: &VerifiedStream) -> Vec<String> {
    let config = &stream.info.config;
    let is_wanted = |taken: &String| wanted.all_subjects().any(|wanted| covers(wanted, taken));
    let is_copy = config.mirror.is_some() || config.sources.is_some();
    let is_unfiltered = !is_copy && config.subjects.iter().all(is_wanted);
    if is_unfiltered { Vec::new() } else { without_covered(&wanted.subjects) }
}

//! The streams the daemon needs: created where the settings say so, else checked, never changed.
//!
//! A check names every mismatch at once. A mismatch is only what would lose messages or refuse them; age, size and replicas
//! are the operators' choice.

mod requirements;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::stream::Info;
use thiserror::Error;

use super::NatsConnection;
use super::jetstream_api::JetStreamError;
use super::subjects::overlap;
pub use requirements::{StreamMismatch, StreamRequirements};

/// A stream that meets its requirements.
#[derive(Debug)]
pub struct VerifiedStream {
    /// Its settings and state, as of now.
    pub info: Info,
    /// Whether it was created just now.
    pub created: bool,
    /// Harmless differences from the settings.
    pub notes: Vec<String>,
}

/// A stream that does not meet its requirements.
#[derive(Debug, Error)]
pub enum StreamError {
    /// It does not exist.
    #[error("{}", missing(.0))]
    Missing(Box<StreamRequirements>),
    /// It exists and can't be used as it is.
    #[error("stream {stream} can't be used as it is: {}; edit it, or configure another", sentences(mismatches))]
    Mismatch {
        /// Its name.
        stream: String,
        /// All mismatches.
        mismatches: Vec<StreamMismatch>,
    },
    /// Another stream takes in one of its subjects.
    #[error("could not create stream {stream}: {other} takes in some of its subjects ({subjects}) already")]
    Overlap {
        /// Its name.
        stream: String,
        /// The other's.
        other: String,
        /// Its subjects.
        subjects: String,
    },
    /// JetStream did not do as asked.
    #[error("could not {attempt} stream {stream}: {source}")]
    Api {
        /// Its name.
        stream: String,
        /// What was attempted.
        attempt: &'static str,
        /// Why it failed.
        source: JetStreamError,
    },
}

fn sentences(mismatches: &[StreamMismatch]) -> String {
    mismatches.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

fn missing(wanted: &StreamRequirements) -> String {
    let StreamRequirements { name, section, .. } = wanted;
    let subjects: Vec<&str> = wanted.all_subjects().map(String::as_str).collect();
    format!(
        "there is no stream {name}: create it (nats stream add {name} --subjects '{}' --defaults), or set create = true \
         in [{section}]",
        subjects.join(",")
    )
}

/// Creates the stream if it is missing and the settings say so; else checks it.
///
/// # Errors
/// It does not meet the requirements: all mismatches, or why it could not be checked or created.
pub async fn ensure_stream(
    connection: &NatsConnection,
    wanted: &StreamRequirements,
) -> Result<VerifiedStream, StreamError> {
    let api = |attempt| move |source| StreamError::Api { stream: wanted.name.clone(), attempt, source };
    let found = match connection.stream_info(&wanted.name).await {
        Ok(found) => Some(found.info),
        Err(error) if error.code() == Some(ErrorCode::STREAM_NOT_FOUND) => None,
        Err(error) => return Err(api("look up")(error)),
    };
    let Some(info) = found else {
        if !wanted.create {
            return Err(StreamError::Missing(Box::new(wanted.clone())));
        }
        return match connection.create_stream(&wanted.config(connection)).await {
            Ok(info) => Ok(VerifiedStream { info, created: true, notes: Vec::new() }),
            Err(error) if error.code() == Some(ErrorCode::STREAM_SUBJECT_OVERLAP) => {
                Err(overlapping(connection, wanted).await)
            }
            Err(error) => Err(api("create")(error)),
        };
    };
    let mismatches = wanted.mismatches(&info.config, connection.server_is_at_least(2, 12));
    if !mismatches.is_empty() {
        return Err(StreamError::Mismatch { stream: wanted.name.clone(), mismatches });
    }
    let mut notes = wanted.not_taken(&info.config);
    if info.config.num_replicas != usize::from(wanted.replicas) {
        let (has, configured) = (info.config.num_replicas, wanted.replicas);
        notes.push(format!("stream {} has {has} copies; configured are {configured}", wanted.name));
    }
    Ok(VerifiedStream { info, created: false, notes })
}

/// What a stream has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamContents {
    /// When it was created, in milliseconds since 1970.
    pub created_ms: i64,
    /// Its first sequence.
    pub first: u64,
    /// Its last sequence.
    pub last: u64,
}

/// What a stream has now.
///
/// # Errors
/// JetStream does not say.
pub async fn stream_contents(connection: &NatsConnection, stream: &str) -> Result<StreamContents, JetStreamError> {
    let info = connection.stream_info(stream).await?.info;
    let (first, last) = (info.state.first_sequence, info.state.last_sequence);
    Ok(StreamContents { created_ms: created_ms(&info), first, last })
}

/// A message on one subject of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectMessage {
    /// Its sequence in the stream.
    pub sequence: u64,
    /// Its payload.
    pub payload: Vec<u8>,
}

/// The stream's first message on a subject with this sequence or a higher one; `None`: there is none.
///
/// # Errors
/// JetStream does not say.
pub async fn first_message_on(
    connection: &NatsConnection,
    stream: &str,
    subject: &str,
    from_sequence: u64,
) -> Result<Option<SubjectMessage>, JetStreamError> {
    let found = connection.first_message(stream, subject, from_sequence).await?;
    Ok(found.map(|message| SubjectMessage { sequence: message.sequence, payload: message.payload }))
}

/// When the stream was created, in milliseconds since 1970.
pub fn created_ms(info: &Info) -> i64 {
    i64::try_from(info.created.unix_timestamp_nanos() / 1_000_000).unwrap_or(0)
}

/// The error that names the stream which has the subjects, as far as the permissions of this user allow.
async fn overlapping(connection: &NatsConnection, wanted: &StreamRequirements) -> StreamError {
    let mut other = None;
    for subject in wanted.all_subjects() {
        let Ok(names) = connection.stream_names(subject).await else { break };
        other = other.or(names.into_iter().next());
    }
    let mut subjects: Vec<String> = wanted.all_subjects().cloned().collect();
    if let Some(name) = &other
        && let Ok(found) = connection.stream_info(name).await
    {
        subjects.retain(|subject| found.info.config.subjects.iter().any(|taken| overlap(taken, subject)));
    }
    StreamError::Overlap {
        stream: wanted.name.clone(),
        other: other.map_or_else(|| "another stream".to_owned(), |name| format!("stream {name}")),
        subjects: subjects.join(", "),
    }
}

//! Why an attempt to publish did not succeed.

use std::error::Error as _;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{PublishError as ContextPublishError, PublishErrorKind};
use thiserror::Error;

use crate::PermissionDenial;
use crate::jetstream_api::JetStreamError;

/// Why an attempt failed. All of them are retried: at once, by another transport, or later.
#[derive(Debug, Error)]
pub(crate) enum PublishError {
    #[error("the connection to NATS is down")]
    Disconnected,
    #[error(
        "there is no stream {stream} on this server: create it (or set create = true under [output] and start again), \
         or name another under [output]"
    )]
    StreamNotFound { stream: String },
    #[error(
        "no stream takes the subject {subject}: add it to the subjects of {stream}, or correct prefix and stream under \
         [output]"
    )]
    SubjectNotTaken { subject: String, stream: String },
    #[error("another stream takes the subject {subject}, not {stream}: correct the subjects of one of them")]
    OtherStream { subject: String, stream: String },
    #[error(
        "no answer to a message on {subject}: the user may lack the permission for it{}, or the server is overloaded",
        reported(denial.as_ref())
    )]
    NotAcknowledged { subject: String, denial: Option<PermissionDenial> },
    #[error("the stream is full or out of storage ({0}): make room in it, or raise its limits")]
    StreamFull(#[source] async_nats::jetstream::Error),
    #[error("a message did not reach the stream with the rest of its batch{}", reported(denial.as_ref()))]
    IncompleteBatch { denial: Option<PermissionDenial> },
    #[error("the stream has a message that was not expected")]
    UnexpectedSequence,
    #[error("the stream takes no atomic batches any more")]
    BatchesNotSupported,
    #[error("the message is larger than the server takes")]
    TooLarge,
    #[error(transparent)]
    Api(JetStreamError),
    #[error("the server refused it: {0}")]
    Refused(#[source] async_nats::jetstream::Error),
    #[error("the message could not be sent: {0}")]
    NotSent(#[source] ContextPublishError),
    #[error("a message of the batch could not be sent: {0}")]
    BatchMessageNotSent(#[source] async_nats::client::PublishError),
}

fn reported(denial: Option<&PermissionDenial>) -> String {
    denial.map(|denial| format!(" (the server reported: {denial})")).unwrap_or_default()
}

impl PublishError {
    /// The error of a publish under `subject`, of which `stream` is to acknowledge the message.
    pub(super) fn of_publish(error: ContextPublishError, subject: &str, stream: &str) -> PublishError {
        let (subject, stream) = (subject.to_owned(), stream.to_owned());
        match error.kind() {
            PublishErrorKind::StreamNotFound => PublishError::SubjectNotTaken { subject, stream },
            PublishErrorKind::WrongLastSequence | PublishErrorKind::WrongLastMessageId => {
                PublishError::UnexpectedSequence
            }
            PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe => {
                PublishError::NotAcknowledged { subject, denial: None }
            }
            PublishErrorKind::MaxPayloadExceeded => PublishError::TooLarge,
            _ => match error.source().and_then(|source| source.downcast_ref::<async_nats::jetstream::Error>()) {
                Some(error) => PublishError::of_server(error.clone()),
                None => PublishError::NotSent(error),
            },
        }
    }

    /// The error of a message of a batch, for which no acknowledgement is requested.
    pub(super) fn of_batch_message(error: async_nats::client::PublishError) -> PublishError {
        match error.kind() {
            async_nats::client::PublishErrorKind::MaxPayloadExceeded => PublishError::TooLarge,
            _ => PublishError::BatchMessageNotSent(error),
        }
    }

    /// The error of a request to the API about `stream`.
    pub(super) fn of_api(error: JetStreamError, stream: &str) -> PublishError {
        match error.code() {
            Some(ErrorCode::STREAM_NOT_FOUND) => PublishError::StreamNotFound { stream: stream.to_owned() },
            _ => PublishError::Api(error),
        }
    }

    fn of_server(error: async_nats::jetstream::Error) -> PublishError {
        match error.error_code() {
            ErrorCode::STREAM_WRONG_LAST_SEQUENCE | ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT => {
                PublishError::UnexpectedSequence
            }
            ErrorCode::STREAM_STORE_FAILED
            | ErrorCode::ACCOUNT_RESOURCES_EXCEEDED
            | ErrorCode::STORAGE_RESOURCES_EXCEEDED
            | ErrorCode::MEMORY_RESOURCES_EXCEEDED => PublishError::StreamFull(error),
            ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM => PublishError::TooLarge,
            ErrorCode::ATOMIC_PUBLISH_INCOMPLETE_BATCH => PublishError::IncompleteBatch { denial: None },
            ErrorCode::ATOMIC_PUBLISH_DISABLED => PublishError::BatchesNotSupported,
            _ => PublishError::Refused(error),
        }
    }

    /// The same error, with the permission denial that explains it.
    pub(super) fn with_denial(self, denial: impl FnOnce() -> Option<PermissionDenial>) -> PublishError {
        match self {
            PublishError::NotAcknowledged { subject, .. } => {
                PublishError::NotAcknowledged { subject, denial: denial() }
            }
            PublishError::IncompleteBatch { .. } => PublishError::IncompleteBatch { denial: denial() },
            error => error,
        }
    }

    pub(super) fn is_unexpected_sequence(&self) -> bool {
        matches!(self, PublishError::UnexpectedSequence)
    }

    /// Whether the same may be published again at once, without waiting and without a warning: the next attempt differs
    /// from this one.
    pub(super) fn is_resolved_by_next_attempt(&self) -> bool {
        matches!(
            self,
            PublishError::IncompleteBatch { .. }
                | PublishError::UnexpectedSequence
                | PublishError::BatchesNotSupported
                | PublishError::TooLarge
        )
    }
}

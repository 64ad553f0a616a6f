//! Why an attempt to publish did not succeed.

use std::error::Error as _;

use async_nats::jetstream::ErrorCode;
use async_nats::jetstream::context::{
    PublishError as JetStreamPublishError, PublishErrorKind, RequestError, RequestErrorKind,
};
use thiserror::Error;

/// Why an attempt failed. None of them is final: the caller tries again, in another way or later.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub(super) enum PublishError {
    #[error("the connection to NATS is down")]
    Disconnected,
    #[error(
        "there is no stream {stream} on this server: create it (or set create = true under [output] and start again), \
         or name another under [output]"
    )]
    NoStream { stream: String },
    #[error("JetStream does not answer: it is not enabled on this server, or not for this account")]
    NoJetStream,
    #[error(
        "no stream takes the subject {subject}: add it to the subjects of {stream}, or correct prefix and stream under \
         [output]"
    )]
    NoSubject { subject: String, stream: String },
    #[error("another stream takes the subject {subject}, not {stream}: correct the subjects of one of them")]
    OtherStream { subject: String, stream: String },
    #[error(
        "no answer to {what}: the user may lack the permission for it{}, or the server is overloaded",
        said.as_ref().map(|said| format!(" (the server said: {said})")).unwrap_or_default()
    )]
    Unanswered { what: String, said: Option<String> },
    #[error("the stream is full or out of storage ({why}): make room in it, or raise its limits")]
    Full { why: String },
    #[error(
        "a message did not reach the stream with the rest of its batch{}",
        said.as_ref().map(|said| format!(" (the server said: {said})")).unwrap_or_default()
    )]
    Incomplete { said: Option<String> },
    #[error("the stream has a message that was not expected")]
    Unexpected,
    #[error("the stream takes no atomic batches any more")]
    NoBatches,
    #[error("the message is larger than the server takes")]
    TooLarge,
    #[error("the server refused it: {why}")]
    Other { why: String },
}

impl PublishError {
    /// What the server said to a publish under `subject`.
    pub(super) fn of_publish(error: &JetStreamPublishError, subject: &str, stream: &str) -> PublishError {
        let (subject, stream) = (subject.to_owned(), stream.to_owned());
        match error.kind() {
            PublishErrorKind::StreamNotFound => PublishError::NoSubject { subject, stream },
            PublishErrorKind::WrongLastSequence | PublishErrorKind::WrongLastMessageId => PublishError::Unexpected,
            PublishErrorKind::TimedOut | PublishErrorKind::BrokenPipe => {
                PublishError::Unanswered { what: format!("a message on {subject}"), said: None }
            }
            PublishErrorKind::MaxPayloadExceeded => PublishError::TooLarge,
            _ => match error.source().and_then(|source| source.downcast_ref::<async_nats::jetstream::Error>()) {
                Some(said) => PublishError::of_server(said),
                None => PublishError::Other { why: error.to_string() },
            },
        }
    }

    /// What became of a request to JetStream's API.
    pub(super) fn of_request(error: &RequestError, what: &str) -> PublishError {
        match error.kind() {
            RequestErrorKind::NoResponders => PublishError::NoJetStream,
            RequestErrorKind::TimedOut => PublishError::Unanswered { what: what.to_owned(), said: None },
            _ => PublishError::Other { why: error.to_string() },
        }
    }

    /// What an error of JetStream means.
    pub(super) fn of_server(said: &async_nats::jetstream::Error) -> PublishError {
        match said.error_code() {
            ErrorCode::STREAM_WRONG_LAST_SEQUENCE | ErrorCode::STREAM_WRONG_LAST_SEQUENCE_CONSTANT => {
                PublishError::Unexpected
            }
            ErrorCode::STREAM_STORE_FAILED
            | ErrorCode::ACCOUNT_RESOURCES_EXCEEDED
            | ErrorCode::STORAGE_RESOURCES_EXCEEDED
            | ErrorCode::MEMORY_RESOURCES_EXCEEDED => PublishError::Full { why: said.to_string() },
            ErrorCode::STREAM_MESSAGE_EXCEEDS_MAXIMUM => PublishError::TooLarge,
            ErrorCode::ATOMIC_PUBLISH_INCOMPLETE_BATCH => PublishError::Incomplete { said: None },
            ErrorCode::ATOMIC_PUBLISH_DISABLED => PublishError::NoBatches,
            _ => PublishError::Other { why: said.to_string() },
        }
    }

    /// Whether another way of publishing the same may be tried at once, without waiting and without alarm.
    pub(super) fn is_harmless(&self) -> bool {
        matches!(
            self,
            PublishError::Incomplete { .. }
                | PublishError::Unexpected
                | PublishError::NoBatches
                | PublishError::TooLarge
        )
    }
}

//! Requests to JetStream's own subjects, with a reason for each way they fail.

use async_nats::jetstream::context::{RequestError, RequestErrorKind};
use async_nats::jetstream::response::Response;
use async_nats::jetstream::{self, ErrorCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use super::{NatsConnection, PermissionDenial};

/// Why JetStream did not do as asked.
#[derive(Debug, Error)]
pub enum JetStreamError {
    /// The server does not permit it.
    #[error("{0}")]
    Denied(PermissionDenial),
    /// Nobody answers for JetStream.
    #[error(
        "the server has no JetStream for this user: write `jetstream {{ }}` into nats-server's configuration, and \
         `jetstream: enabled` into the account's where there are accounts"
    )]
    NoJetStream,
    /// There was no answer in time.
    #[error("JetStream does not answer; is the cluster without a leader, or the connection stuck?")]
    TimedOut,
    /// JetStream said no.
    #[error("JetStream says: {0}")]
    Refused(jetstream::Error),
    /// It could not be asked.
    #[error("could not ask JetStream: {0}")]
    Unasked(RequestError),
}

impl JetStreamError {
    /// JetStream's own number for why not.
    pub(crate) fn code(&self) -> Option<ErrorCode> {
        match self {
            JetStreamError::Refused(error) => Some(error.error_code()),
            _ => None,
        }
    }
}

/// Asks `$JS.API.<subject>`.
///
/// A request that is not permitted gets no answer at all, only a violation told apart from it; whichever comes first.
pub(crate) async fn ask<T: DeserializeOwned>(
    connection: &NatsConnection,
    subject: &str,
    payload: &impl Serialize,
) -> Result<T, JetStreamError> {
    let since = connection.status.denials();
    let full = format!("$JS.API.{subject}");
    let request = connection.jetstream.request::<_, _, Response<T>>(subject.to_owned(), payload);
    let answer = tokio::select! {
        answer = request => answer,
        denial = connection.status.denied(since, |denial| denial.concerns_request(&full)) => {
            return Err(JetStreamError::Denied(denial));
        }
    };
    match answer {
        Ok(Response::Ok(answer)) => Ok(answer),
        Ok(Response::Err { error }) => Err(match error.error_code() {
            ErrorCode::JETSTREAM_NOT_ENABLED | ErrorCode::JETSTREAM_NOT_ENABLED_FOR_ACCOUNT => {
                JetStreamError::NoJetStream
            }
            _ => JetStreamError::Refused(error),
        }),
        Err(error) => Err(match error.kind() {
            RequestErrorKind::NoResponders => JetStreamError::NoJetStream,
            RequestErrorKind::TimedOut => JetStreamError::TimedOut,
            _ => JetStreamError::Unasked(error),
        }),
    }
}

//! Publishes messages of the daemon's own into the log, like events, so that each stands at one position of it: requests to forget
//! users, and records of changes.

use std::time::Duration;

use async_nats::HeaderMap;
use thiserror::Error;
use tokio::sync::watch;

use super::ConnectedBroker;
use crate::api::LoggedPosition;
use rekindle_nats::{NatsConnection, PermissionDenial};
use rekindle_settings::{SourceKind, SourceSettings};

/// How long publishing a message into the log may take.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(3);

/// Why a message is not in the log.
#[derive(Debug, Error)]
pub(super) enum ControlPublishError {
    #[error("there is no connection to NATS")]
    NotConnected,
    #[error("{0}")]
    Denied(PermissionDenial),
    #[error("NATS gave no answer within {} s", PUBLISH_TIMEOUT.as_secs())]
    NoAnswer,
    #[error("stream {found} took it in, and events are read from {expected}")]
    OtherStream { found: String, expected: String },
    #[error(transparent)]
    JetStream(#[from] async_nats::jetstream::context::PublishError),
    #[error(transparent)]
    Publish(#[from] async_nats::PublishError),
    #[error(transparent)]
    Flush(#[from] async_nats::client::FlushError),
}

/// A message for the log.
pub(super) struct ControlMessage<'a> {
    pub(super) subject: &'a str,
    /// By which the broker drops it if it comes twice; `None`: it may.
    pub(super) id: Option<&'a str>,
    pub(super) payload: String,
}

/// Publishes messages into the log.
#[derive(Clone, Debug)]
pub(super) struct ControlPublisher {
    pub(super) settings: SourceSettings,
    connected: watch::Receiver<Option<ConnectedBroker>>,
}

impl ControlPublisher {
    pub(super) fn new(
        settings: SourceSettings,
        connected: watch::Receiver<Option<ConnectedBroker>>,
    ) -> ControlPublisher {
        ControlPublisher { settings, connected }
    }

    /// The connection, if it is up.
    pub(super) fn connection(&self) -> Option<NatsConnection> {
        let connection = self.connected.borrow().as_ref().map(|connected| connected.connection.clone());
        connection.filter(|connection| connection.status.is_up())
    }

    /// Publishes a message; returns where it stands.
    pub(super) async fn put(&self, message: ControlMessage<'_>) -> Result<LoggedPosition, ControlPublishError> {
        let connection = self.connection().ok_or(ControlPublishError::NotConnected)?;
        let (denials, subject) = (connection.status.denials(), message.subject);
        let published = tokio::time::timeout(PUBLISH_TIMEOUT, self.publish(&connection, message)).await;
        // A publish that is not permitted gets no answer, or a less precise one.
        let is_it = |denial: &PermissionDenial| denial.operation == "publish" && denial.subject == *subject;
        if let Some(denial) = connection.status.denial_since(denials, is_it) {
            return Err(ControlPublishError::Denied(denial));
        }
        published.unwrap_or(Err(ControlPublishError::NoAnswer))
    }

    async fn publish(
        &self,
        connection: &NatsConnection,
        ControlMessage { subject, id, payload }: ControlMessage<'_>,
    ) -> Result<LoggedPosition, ControlPublishError> {
        let SourceSettings { kind, stream, .. } = &self.settings;
        let (subject, payload) = (subject.to_owned(), payload.into());
        match kind {
            SourceKind::JetStream => {
                let mut headers = HeaderMap::new();
                if let Some(id) = id {
                    headers.insert("Nats-Msg-Id", id);
                }
                let publish = connection.jetstream.publish_with_headers(subject, headers, payload);
                let published = publish.await?.await?;
                if published.stream != *stream {
                    let (found, expected) = (published.stream, stream.clone());
                    return Err(ControlPublishError::OtherStream { found, expected });
                }
                Ok(LoggedPosition { sequence: Some(published.sequence) })
            }
            SourceKind::Nats => {
                connection.client.publish(subject, payload).await?;
                // The server processes commands in order: when this returns, it has the message.
                connection.client.flush().await?;
                Ok(LoggedPosition { sequence: None })
            }
        }
    }
}

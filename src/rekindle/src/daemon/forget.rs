//! Publishes requests to forget a user into the log, like events, so that they take effect at one position of it.

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::json;
use thiserror::Error;
use tokio::sync::watch;

use super::ConnectedBroker;
use crate::api::{self, ForgetError, LoggedPosition};
use rekindle_nats::{NatsConnection, PermissionDenial};
use rekindle_settings::{SourceKind, SourceSettings};

/// How long publishing a request into the log may take.
const PUBLISH_TIMEOUT: Duration = Duration::from_secs(3);

/// Why a request is not in the log.
#[derive(Debug, Error)]
enum ForgetPublishError {
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

/// Publishes requests to forget a user into the log.
#[derive(Debug)]
pub struct ForgetPublisher {
    settings: SourceSettings,
    connected: watch::Receiver<Option<ConnectedBroker>>,
}

impl ForgetPublisher {
    pub(super) fn new(
        settings: SourceSettings,
        connected: watch::Receiver<Option<ConnectedBroker>>,
    ) -> ForgetPublisher {
        ForgetPublisher { settings, connected }
    }

    async fn put(&self, user: &str) -> Result<LoggedPosition, ForgetPublishError> {
        let connection = self.connected.borrow().as_ref().map(|connected| connected.connection.clone());
        let Some(connection) = connection.filter(|connection| connection.status.is_up()) else {
            return Err(ForgetPublishError::NotConnected);
        };
        let denials = connection.status.denials();
        let payload = json!({ "user": user }).to_string();
        let published = tokio::time::timeout(PUBLISH_TIMEOUT, self.publish(&connection, payload)).await;
        // A publish that is not permitted gets no answer, or a less precise one.
        let subject = &self.settings.forget_subject;
        let is_it = |denial: &PermissionDenial| denial.operation == "publish" && denial.subject == *subject;
        if let Some(denial) = connection.status.denial_since(denials, is_it) {
            return Err(ForgetPublishError::Denied(denial));
        }
        published.unwrap_or(Err(ForgetPublishError::NoAnswer))
    }

    async fn publish(
        &self,
        connection: &NatsConnection,
        payload: String,
    ) -> Result<LoggedPosition, ForgetPublishError> {
        let SourceSettings { kind, stream, forget_subject: subject, .. } = &self.settings;
        match kind {
            SourceKind::JetStream => {
                let published = connection.jetstream.publish(subject.clone(), payload.into()).await?.await?;
                if published.stream != *stream {
                    let (found, expected) = (published.stream, stream.clone());
                    return Err(ForgetPublishError::OtherStream { found, expected });
                }
                Ok(LoggedPosition { sequence: Some(published.sequence) })
            }
            SourceKind::Nats => {
                connection.client.publish(subject.clone(), payload.into()).await?;
                // The server processes commands in order: when this returns, it has the message.
                connection.client.flush().await?;
                Ok(LoggedPosition { sequence: None })
            }
        }
    }
}

impl api::ForgetRequests for ForgetPublisher {
    fn forget(&self, user: &str) -> BoxFuture<'_, Result<LoggedPosition, ForgetError>> {
        let user = user.to_owned();
        Box::pin(async move { self.put(&user).await.map_err(|error| ForgetError { source: error.into() }) })
    }
}

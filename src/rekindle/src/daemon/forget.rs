//! Publishes requests to forget a user into the log, like events, so that they take effect at one position of it.

use std::time::Duration;

use futures_util::future::BoxFuture;
use serde_json::json;
use tokio::sync::watch;

use super::ConnectedBroker;
use crate::api::{self, ForgetError, LoggedPosition};
use rekindle_nats::NatsConnection;
use rekindle_settings::{SourceKind, SourceSettings};

/// How long publishing a request into the log may take.
const TIMEOUT: Duration = Duration::from_secs(3);

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

    async fn put(&self, user: &str) -> Result<LoggedPosition, String> {
        let connection = self.connected.borrow().as_ref().map(|connected| connected.connection.clone());
        let Some(connection) = connection.filter(|connection| connection.status.is_up()) else {
            return Err("there is no connection to NATS".to_owned());
        };
        let denials = connection.status.denials();
        let payload = json!({ "user": user }).to_string();
        let put = tokio::time::timeout(TIMEOUT, self.publish(&connection, payload)).await;
        // A publish that is not permitted gets no answer, or a less precise one.
        let subject = &self.settings.forget_subject;
        let is_it =
            |denial: &rekindle_nats::PermissionDenial| denial.operation == "publish" && denial.subject == *subject;
        if let Some(denial) = connection.status.denial_since(denials, is_it) {
            return Err(denial.to_string());
        }
        match put {
            Ok(put) => put,
            Err(_) => Err(format!("NATS gave no answer within {} s", TIMEOUT.as_secs())),
        }
    }

    async fn publish(&self, connection: &NatsConnection, payload: String) -> Result<LoggedPosition, String> {
        let SourceSettings { kind, stream, forget_subject: subject, .. } = &self.settings;
        match kind {
            SourceKind::JetStream => {
                let asked = connection.jetstream.publish(subject.clone(), payload.into()).await;
                let taken = asked.map_err(|error| error.to_string())?.await.map_err(|error| error.to_string())?;
                if taken.stream != *stream {
                    return Err(format!("stream {} took it in, and events are read from {stream}", taken.stream));
                }
                Ok(LoggedPosition { sequence: Some(taken.sequence) })
            }
            SourceKind::Nats => {
                let sent = connection.client.publish(subject.clone(), payload.into()).await;
                sent.map_err(|error| error.to_string())?;
                // The server processes commands in order: when this returns, it has the message.
                connection.client.flush().await.map_err(|error| error.to_string())?;
                Ok(LoggedPosition { sequence: None })
            }
        }
    }
}

impl api::ForgetRequests for ForgetPublisher {
    fn forget(&self, user: &str) -> BoxFuture<'_, Result<LoggedPosition, ForgetError>> {
        let user = user.to_owned();
        Box::pin(async move { self.put(&user).await.map_err(|why| ForgetError { why }) })
    }
}

//! Publishes requests to forget a user into the log, like events, so that they take effect at one position of it.

use futures_util::future::BoxFuture;
use serde_json::json;
use tokio::sync::watch;

use super::ConnectedBroker;
use super::control::{ControlMessage, ControlPublisher};
use crate::api::{self, ForgetError, LoggedPosition};
use rekindle_settings::SourceSettings;

/// Publishes requests to forget a user into the log.
#[derive(Debug)]
pub struct ForgetPublisher {
    log: ControlPublisher,
}

impl ForgetPublisher {
    pub(super) fn new(
        settings: SourceSettings,
        connected: watch::Receiver<Option<ConnectedBroker>>,
    ) -> ForgetPublisher {
        ForgetPublisher { log: ControlPublisher::new(settings, connected) }
    }
}

impl api::ForgetRequests for ForgetPublisher {
    fn forget(&self, user: &str) -> BoxFuture<'_, Result<LoggedPosition, ForgetError>> {
        let payload = json!({ "user": user }).to_string();
        Box::pin(async move {
            let message = ControlMessage { subject: &self.log.settings.forget_subject, id: None, payload };
            self.log.put(message).await.map_err(|error| ForgetError { source: error.into() })
        })
    }
}

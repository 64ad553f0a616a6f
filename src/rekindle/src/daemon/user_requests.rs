//! Publishes requests about users into the log, like events, so that they take effect at one position of it.

use futures_util::future::BoxFuture;
use serde_json::json;
use tokio::sync::watch;

use super::control::{ControlMessage, ControlPublisher};
use super::{ConnectedBroker, wall_clock};
use crate::api::{ConsentChange, LoggedPosition, NotLogged, UserRequests};
use rekindle_settings::SourceSettings;

/// Publishes requests about users into the log.
#[derive(Debug)]
pub struct UserRequestPublisher {
    log: ControlPublisher,
    /// The subject of what the daemon says of users' consent: events like those of the collector.
    consent_subject: String,
}

impl UserRequestPublisher {
    pub(super) fn new(
        settings: SourceSettings,
        collected: &str,
        connected: watch::Receiver<Option<ConnectedBroker>>,
    ) -> UserRequestPublisher {
        let consent_subject = format!("{collected}.consent");
        UserRequestPublisher { log: ControlPublisher::new(settings, connected), consent_subject }
    }
}

impl UserRequests for UserRequestPublisher {
    fn forget(&self, user: &str) -> BoxFuture<'_, Result<LoggedPosition, NotLogged>> {
        let payload = json!({ "user": user }).to_string();
        Box::pin(async move {
            let message = ControlMessage { subject: &self.log.settings.forget_subject, id: None, payload };
            self.log.put(message).await.map_err(|error| NotLogged { source: error.into() })
        })
    }

    fn consent(&self, said: ConsentChange) -> BoxFuture<'_, Result<LoggedPosition, NotLogged>> {
        let payload = said.to_call(wall_clock()).to_string();
        Box::pin(async move {
            let message = ControlMessage { subject: &self.consent_subject, id: Some(&said.message_id), payload };
            self.log.put(message).await.map_err(|error| NotLogged { source: error.into() })
        })
    }
}

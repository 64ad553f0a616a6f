//! One destination at work: `delivery` has the loop, `settling` what becomes of messages.

mod delivery;
mod settling;

use std::sync::Arc;
use std::time::Duration;

use rekindle_nats::NatsConnection;
use rekindle_settings::{DestinationSettings, OutputSettings};
use thiserror::Error;
use tokio::sync::watch;
use tracing::{info, warn};

use crate::answer::AnswerRules;
use crate::client::{DestinationClient, SendError};
use crate::report::ReportPlace;
use crate::request::RequestBuilder;
use crate::secrets::{DestinationSecrets, SecretFileReadError};
use crate::status::DestinationStatus;
use crate::stream::{DeliveryStream, DeliveryStreamError};
use crate::template::TemplateError;
use crate::undelivered::{self, UndeliveredStreamError};
use delivery::Delivery;

/// How long a destination waits before it looks for its stream again.
const OPEN_PAUSE: Duration = Duration::from_secs(5);

/// Why a destination can't be served.
#[derive(Debug, Error)]
pub enum DestinationError {
    /// A template is wrong.
    #[error(transparent)]
    Template(#[from] TemplateError),
    /// A secret can't be read.
    #[error(transparent)]
    Secret(#[from] SecretFileReadError),
    /// There is no HTTP client.
    #[error(transparent)]
    Client(#[from] SendError),
}

/// Why a destination has to wait before it can start.
#[derive(Debug, Error)]
enum OpenError {
    #[error(transparent)]
    Stream(#[from] DeliveryStreamError),
    #[error(transparent)]
    Undelivered(#[from] UndeliveredStreamError),
}

/// A destination of the settings, ready to be served.
pub struct DestinationWorker {
    settings: DestinationSettings,
    output: OutputSettings,
    builder: RequestBuilder,
    rules: AnswerRules,
    secrets: DestinationSecrets,
    client: Arc<DestinationClient>,
    status: Arc<DestinationStatus>,
    reports: ReportPlace,
}

impl DestinationWorker {
    /// Reads the secrets and compiles the templates. What became of messages is published below the subject `reports`, if the
    /// settings say so.
    ///
    /// # Errors
    /// Something can't be used.
    pub fn new(
        settings: &DestinationSettings,
        output: &OutputSettings,
        reports: &str,
    ) -> Result<DestinationWorker, DestinationError> {
        Ok(DestinationWorker {
            builder: RequestBuilder::new(settings)?,
            rules: AnswerRules::new(settings)?,
            secrets: DestinationSecrets::open(settings)?,
            client: Arc::new(DestinationClient::new(settings)?),
            status: Arc::default(),
            reports: ReportPlace { prefix: reports.to_owned(), destination: settings.name.clone() },
            settings: settings.clone(),
            output: output.clone(),
        })
    }

    /// The destination's name.
    pub fn name(&self) -> &str {
        &self.settings.name
    }

    /// Its counters.
    pub fn status(&self) -> Arc<DestinationStatus> {
        Arc::clone(&self.status)
    }

    /// Delivers until it is told to stop: then requests in flight are finished within the deadline, and everything else is
    /// given back to the server.
    pub async fn run(self, connection: NatsConnection, mut stop: watch::Receiver<bool>, deadline: Duration) {
        let stream = loop {
            match open(&connection, &self.settings, &self.output).await {
                Ok(stream) => break stream,
                Err(why) => warn!(destination = self.settings.name, "{why}; trying again"),
            }
            tokio::select! {
                () = tokio::time::sleep(OPEN_PAUSE) => {}
                () = stopped(&mut stop) => return,
            }
        };
        info!(destination = self.settings.name, unsettled = stream.unsettled, "delivery starts");
        let messages = stream.messages(self.settings.name.clone());
        Delivery::new(self, connection, stream).run(messages, stop, deadline).await;
    }
}

async fn open(
    connection: &NatsConnection,
    settings: &DestinationSettings,
    output: &OutputSettings,
) -> Result<DeliveryStream, OpenError> {
    undelivered::ensure_stream(connection, output).await?;
    Ok(DeliveryStream::open(connection, settings, output).await?)
}

/// Waits until it is told to stop, or nobody is left to tell.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

//! Sends what could not be delivered once more, when an operator asks for it.
//!
//! Each message gets one attempt, and is taken out of the stream when it was delivered. What has expired is not sent.

use std::collections::BTreeMap;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use async_nats::jetstream::stream::{LastRawMessageErrorKind, Stream};
use rekindle_core::time::Timestamp;
use rekindle_nats::NatsConnection;
use rekindle_settings::{DestinationSettings, OutputSettings};
use thiserror::Error;

use crate::answer::{AnswerRules, AnswerVerdict};
use crate::client::DestinationClient;
use crate::event::DeliverableEvent;
use crate::rate::RequestRate;
use crate::request::RequestBuilder;
use crate::secrets::DestinationSecrets;
use crate::undelivered::{UndeliveredMessage, stream_name};
use crate::worker::DestinationError;

/// Why nothing more could be sent again.
#[derive(Debug, Error)]
pub enum RetryError {
    /// The stream can't be read.
    #[error("cannot read the stream {stream}: {reason}")]
    Stream {
        /// Its name.
        stream: String,
        /// Why not.
        reason: String,
    },
    /// A destination can't be served.
    #[error("the destination {name}: {source}")]
    Destination {
        /// Its name.
        name: String,
        /// Why not.
        source: DestinationError,
    },
}

/// What became of the messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RetrySummary {
    /// They were delivered, and are in the stream no more.
    pub delivered: u64,
    /// They failed again, and stay in the stream; how many for each reason.
    pub failed: BTreeMap<String, u64>,
    /// They have expired, and stay in the stream.
    pub expired: u64,
    /// They are for destinations that were not asked for or are no more, and stay in the stream.
    pub others: u64,
}

/// What requests of a destination are made with.
struct RetriedDestination {
    builder: RequestBuilder,
    rules: AnswerRules,
    secrets: DestinationSecrets,
    client: DestinationClient,
    rate: RequestRate,
}

/// Sends every message of these destinations that the stream has now.
///
/// # Errors
/// The stream can't be read, or a destination can't be served.
pub async fn retry(
    connection: &NatsConnection,
    destinations: &[DestinationSettings],
    output: &OutputSettings,
) -> Result<RetrySummary, RetryError> {
    let name = stream_name(output);
    let failed = |reason: String| RetryError::Stream { stream: name.clone(), reason };
    let mut stream = connection.jetstream.get_stream(&name).await.map_err(|error| failed(error.to_string()))?;
    let state = stream.info().await.map_err(|error| failed(error.to_string()))?.state.clone();
    let mut served = BTreeMap::new();
    for settings in destinations {
        let opened = RetriedDestination::open(settings);
        let opened = opened.map_err(|source| RetryError::Destination { name: settings.name.clone(), source })?;
        served.insert(settings.name.clone(), opened);
    }
    let mut summary = RetrySummary::default();
    for sequence in state.first_sequence..=state.last_sequence {
        let message = match stream.get_raw_message(sequence).await {
            Ok(message) => message,
            Err(error) if error.kind() == LastRawMessageErrorKind::NoMessageFound => continue,
            Err(error) => return Err(failed(error.to_string())),
        };
        let message: Option<UndeliveredMessage> = serde_json::from_slice(&message.payload).ok();
        let Some((message, destination)) =
            message.and_then(|message| served.get_mut(&message.destination).map(|found| (message, found)))
        else {
            summary.others += 1;
            continue;
        };
        match destination.send(message).await {
            Ok(None) => summary.expired += 1,
            Ok(Some(())) => {
                delete(&stream, sequence).await.map_err(failed)?;
                summary.delivered += 1;
            }
            Err(reason) => *summary.failed.entry(reason).or_default() += 1,
        }
    }
    Ok(summary)
}

async fn delete(stream: &Stream, sequence: u64) -> Result<(), String> {
    stream.delete_message(sequence).await.map(|_| ()).map_err(|error| error.to_string())
}

impl RetriedDestination {
    fn open(settings: &DestinationSettings) -> Result<RetriedDestination, DestinationError> {
        Ok(RetriedDestination {
            builder: RequestBuilder::new(settings)?,
            rules: AnswerRules::new(settings)?,
            secrets: DestinationSecrets::open(settings)?,
            client: DestinationClient::new(settings)?,
            rate: RequestRate::new(settings.rate, Instant::now()),
        })
    }

    /// Sends a message; `None`: it has expired.
    async fn send(&mut self, message: UndeliveredMessage) -> Result<Option<()>, String> {
        let event = DeliverableEvent::of(message.event).map_err(|error| error.to_string())?;
        tokio::time::sleep_until(self.rate.ready_at().into()).await;
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now = Timestamp(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX));
        if event.is_expired(now) {
            return Ok(None);
        }
        let (secrets, _) = self.secrets.now();
        let request = self.builder.build(&[&event], &secrets, now).map_err(|error| error.to_string())?;
        self.rate.sent(Instant::now());
        let answer = self.client.send(request, now).await.map_err(|error| error.to_string())?;
        match self.rules.judge(&answer, 1) {
            AnswerVerdict::Delivered { failed } if failed.is_empty() => Ok(Some(())),
            _ => Err(answer.excerpt()),
        }
    }
}

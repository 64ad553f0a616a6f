//! What could not be delivered: a stream of its own, from which it can be sent again.

use std::time::Duration;

use async_nats::HeaderMap;
use async_nats::jetstream::stream::Config;
use rekindle_nats::NatsConnection;
use rekindle_settings::OutputSettings;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;
use tracing::warn;

/// The longest wait between two attempts to publish.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long a new stream remembers ids.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);

/// A message that could not be delivered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UndeliveredMessage {
    /// Where it was to go.
    pub destination: String,
    /// Why it did not.
    pub reason: String,
    /// How many attempts there were.
    pub attempts: u32,
    /// Its sequence in the output stream.
    pub sequence: u64,
    /// When it was given up: RFC 3339.
    pub time: String,
    /// The CloudEvent.
    pub event: Value,
}

/// The stream can't be had.
#[derive(Debug, Error)]
#[error(
    "there is no stream {stream} for what could not be delivered, and it could not be created: {reason}; create it (nats stream add {stream} --subjects '{subjects}' --defaults), or set create = true in [output]"
)]
pub struct UndeliveredStreamError {
    stream: String,
    subjects: String,
    reason: String,
}

/// The name of the stream.
pub fn stream_name(output: &OutputSettings) -> String {
    format!("{}_UNDELIVERED", output.stream)
}

/// The subject of what could not be delivered to a destination.
pub fn subject(output: &OutputSettings, destination: &str) -> String {
    format!("{}.undelivered.{destination}", output.prefix)
}

/// Creates the stream if it is missing and the settings say so.
///
/// # Errors
/// It is missing.
pub async fn ensure_stream(connection: &NatsConnection, output: &OutputSettings) -> Result<(), UndeliveredStreamError> {
    let (stream, subjects) = (stream_name(output), subject(output, "*"));
    let reason = match connection.jetstream.get_stream(&stream).await {
        Ok(_) => return Ok(()),
        Err(error) if !output.create => error.to_string(),
        Err(_) => {
            let config = Config {
                name: stream.clone(),
                subjects: vec![subjects.clone()],
                max_age: Duration::from_millis(u64::try_from(output.max_age.0).unwrap_or(0)),
                num_replicas: usize::from(output.replicas),
                duplicate_window: DUPLICATE_WINDOW,
                ..Config::default()
            };
            match connection.jetstream.create_stream(config).await {
                Ok(_) => return Ok(()),
                Err(error) => error.to_string(),
            }
        }
    };
    Err(UndeliveredStreamError { stream, subjects, reason })
}

/// Publishes a message that could not be delivered; retries until the stream has it.
pub(crate) async fn publish(connection: &NatsConnection, output: &OutputSettings, message: &UndeliveredMessage) {
    let subject = subject(output, &message.destination);
    let mut headers = HeaderMap::new();
    headers.insert("Nats-Msg-Id", format!("{}-{}-{}", message.destination, message.sequence, message.attempts));
    let payload = serde_json::to_vec(message).unwrap_or_default();
    publish_stored(connection, &subject, headers, payload).await;
}

/// Publishes into a stream; retries until it has it.
pub(crate) async fn publish_stored(connection: &NatsConnection, subject: &str, headers: HeaderMap, payload: Vec<u8>) {
    let payload = bytes::Bytes::from(payload);
    let mut pause = Duration::from_millis(200);
    loop {
        let sent =
            connection.jetstream.publish_with_headers(subject.to_owned(), headers.clone(), payload.clone()).await;
        let reason = match sent {
            Ok(stored) => match stored.await {
                Ok(_) => return,
                Err(error) => error.to_string(),
            },
            Err(error) => error.to_string(),
        };
        warn!(subject, "could not publish: {reason}; trying again");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}

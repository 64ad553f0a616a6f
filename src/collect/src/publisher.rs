//! Puts messages into streams, and returns when the broker has acknowledged all of them.

use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use async_nats::jetstream;
use async_nats::jetstream::context::{ContextBuilder, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::{HeaderMap, Subject};
use bytes::Bytes;
use rekindle_nats::sink::LetterMessage;
use rekindle_nats::streams::{StreamRequirements, ensure_stream};
use rekindle_nats::{NatsAccess, NatsConnection};
use rekindle_runtime::health::HealthPart;
use rekindle_settings::{OutputSettings, Settings, SourceSettings};
use thiserror::Error;
use tokio::sync::{Notify, Semaphore};
use tracing::{info, warn};

use crate::call::CheckedCall;
use crate::status::CollectStatus;

/// How long to wait between two looks at the streams while they can't be used.
const STREAMS_INTERVAL: Duration = Duration::from_secs(1);

/// A message and the stream that must take it.
pub(crate) struct StreamMessage {
    subject: Subject,
    id: String,
    headers: HeaderMap,
    payload: Bytes,
    /// `None`: no stream keeps it.
    stream: Option<Arc<str>>,
}

/// Why not all messages are in the log. The same request may be sent again: what is there already is not stored twice.
#[derive(Debug, Error)]
pub(crate) enum PublishFailure {
    /// Too many messages wait for the broker already.
    #[error("the broker is slow: too many calls wait for it; send the same again")]
    Busy,
    /// There is no connection, or the streams can't be used.
    #[error("the broker is away; send the same again")]
    NotConnected,
    /// The broker did not acknowledge in time, or refused.
    #[error("the broker did not acknowledge all calls; send the same again")]
    NotAcknowledged { reason: String },
}

/// Publishes events and dead letters. There is one for a process; it connects by itself.
#[derive(Debug)]
pub struct CallPublisher {
    source: SourceSettings,
    events_stream: Arc<str>,
    output: OutputSettings,
    dead_stream: Arc<str>,
    timeout: Duration,
    /// One permit for each message that may wait for acknowledgement.
    room: Semaphore,
    room_max: usize,
    connection: OnceLock<PublishingConnection>,
    part: HealthPart,
    /// Something could not be published: the streams are looked at again.
    trouble: Notify,
    status: Arc<CollectStatus>,
}

#[derive(Debug)]
struct PublishingConnection {
    nats: NatsConnection,
    jetstream: jetstream::Context,
}

impl CallPublisher {
    /// By the settings; `part` reports whether the streams can be used.
    pub fn new(settings: &Settings, part: HealthPart, status: Arc<CollectStatus>) -> CallPublisher {
        let collect = &settings.collect;
        CallPublisher {
            source: settings.source.clone(),
            events_stream: settings.source.stream.as_str().into(),
            output: settings.output.clone(),
            dead_stream: settings.output.dead_stream.as_str().into(),
            timeout: Duration::from_millis(u64::try_from(collect.timeout.0).unwrap_or_default()),
            room: Semaphore::new(collect.max_in_flight),
            room_max: collect.max_in_flight,
            connection: OnceLock::new(),
            part,
            trouble: Notify::new(),
            status,
        }
    }

    /// Connects, and makes sure of the streams at the start and whenever something could not be published. Never ends.
    pub async fn run(&self, access: &NatsAccess, connection_part: HealthPart) {
        let nats = access.connect(1, connection_part).await;
        let acknowledged = ContextBuilder::new().timeout(self.timeout).max_ack_inflight(2 * self.room_max);
        let jetstream = acknowledged.build(nats.client.clone());
        let mut streams = vec![StreamRequirements::events(&self.source)];
        if self.output.jetstream {
            streams.push(StreamRequirements::dead_letters(&self.output));
        }
        loop {
            match check_streams(&nats, &streams).await {
                Ok(()) => {
                    if self.part.works() {
                        info!(stream = self.source.stream, "events over HTTP are taken");
                    }
                    let _ =
                        self.connection.set(PublishingConnection { nats: nats.clone(), jetstream: jetstream.clone() });
                    self.trouble.notified().await;
                }
                Err(reason) => self.report(reason),
            }
            tokio::time::sleep(STREAMS_INTERVAL).await;
        }
    }

    /// The largest message that the broker takes; `None`: there is no connection yet.
    pub(crate) fn max_payload(&self) -> Option<usize> {
        self.connection.get().map(|connection| connection.nats.client.max_payload())
    }

    /// Whether there is a connection now, and there were streams.
    pub(crate) fn is_connected(&self) -> bool {
        self.connection.get().is_some_and(|connection| connection.nats.status.is_up())
    }

    /// A call as a message.
    pub(crate) fn event(&self, subject: &Subject, call: CheckedCall) -> StreamMessage {
        StreamMessage {
            subject: subject.clone(),
            id: call.id,
            headers: HeaderMap::new(),
            payload: call.json.into(),
            stream: Some(Arc::clone(&self.events_stream)),
        }
    }

    /// A dead letter as a message.
    pub(crate) fn letter(&self, letter: LetterMessage) -> StreamMessage {
        StreamMessage {
            subject: letter.subject,
            id: letter.id,
            headers: letter.headers,
            payload: letter.payload,
            stream: self.output.jetstream.then(|| Arc::clone(&self.dead_stream)),
        }
    }

    /// The settings of outputs, for dead letters.
    pub(crate) fn output(&self) -> &OutputSettings {
        &self.output
    }

    /// Publishes messages in their order; returns when the broker has acknowledged all of them.
    pub(crate) async fn publish(&self, messages: Vec<StreamMessage>) -> Result<(), PublishFailure> {
        if messages.is_empty() {
            return Ok(());
        }
        let connection = self.connection.get().filter(|connection| connection.nats.status.is_up());
        let connection = connection.ok_or(PublishFailure::NotConnected)?;
        // A request of more messages than there may ever be has the room for itself.
        let wanted = u32::try_from(messages.len().min(self.room_max)).unwrap_or(u32::MAX);
        let _room = self.room.try_acquire_many(wanted).map_err(|_| PublishFailure::Busy)?;
        let _waiting = self.status.waiting(messages.len());
        let began = Instant::now();
        let published = tokio::time::timeout(self.timeout, self.send(connection, messages)).await;
        let published = published.unwrap_or_else(|_| Err("it gave no answer in time".to_owned()));
        published.map_err(|reason| {
            self.report(format!("events over HTTP can't be published: {reason}"));
            self.trouble.notify_one();
            PublishFailure::NotAcknowledged { reason }
        })?;
        self.status.acknowledged_after(began.elapsed());
        Ok(())
    }

    /// Sends messages, no more at a time than there may ever be.
    async fn send(&self, connection: &PublishingConnection, messages: Vec<StreamMessage>) -> Result<(), String> {
        let mut messages = messages.into_iter().peekable();
        while messages.peek().is_some() {
            self.send_window(connection, messages.by_ref().take(self.room_max)).await?;
        }
        Ok(())
    }

    async fn send_window(
        &self,
        connection: &PublishingConnection,
        messages: impl Iterator<Item = StreamMessage>,
    ) -> Result<(), String> {
        let mut acknowledgements = Vec::new();
        let mut must_flush = false;
        for StreamMessage { subject, id, headers, payload, stream } in messages {
            let Some(stream) = stream else {
                let sent = connection.nats.client.publish_with_headers(subject, headers, payload).await;
                sent.map_err(|error| error.to_string())?;
                must_flush = true;
                continue;
            };
            let message = PublishMessage::build().headers(headers).payload(payload);
            let message = message.message_id(id).expected_stream(stream);
            let sent = connection.jetstream.send_publish(subject.clone(), message).await;
            acknowledgements.push((sent.map_err(|error| reason(&error, &subject))?, subject));
        }
        for (acknowledgement, subject) in acknowledgements {
            if acknowledgement.await.map_err(|error| reason(&error, &subject))?.duplicate {
                self.status.count_duplicate();
            }
        }
        if must_flush {
            connection.nats.client.flush().await.map_err(|error| error.to_string())?;
        }
        Ok(())
    }

    fn report(&self, reason: String) {
        if self.part.failing(reason.clone()) {
            warn!("{reason}; retrying, and clients are asked to send again");
        }
    }
}

async fn check_streams(nats: &NatsConnection, streams: &[StreamRequirements]) -> Result<(), String> {
    for stream in streams {
        let verified = ensure_stream(nats, stream).await.map_err(|error| error.to_string())?;
        if verified.created {
            info!("created stream {}", stream.name);
        }
    }
    Ok(())
}

fn reason(error: &jetstream::context::PublishError, subject: &str) -> String {
    match error.kind() {
        PublishErrorKind::StreamNotFound => format!("no stream takes in {subject}"),
        PublishErrorKind::TimedOut => format!("no answer for {subject}: may this user publish there?"),
        _ => error.to_string(),
    }
}

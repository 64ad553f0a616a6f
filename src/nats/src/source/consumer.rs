//! A pull consumer: ephemeral, without acknowledgements, deleted by the server half a minute after the last request.
//!
//! Messages are requested before those requested earlier are all delivered: as soon as half of them have come. Each request is
//! bounded in messages, bytes and time. The server sends a heartbeat every second while it has nothing to deliver, and reports
//! a request that ends early; all of that comes on one subscription.

use std::time::Duration;

use async_nats::{Message, StatusCode, Subscriber};
use bytes::Bytes;
use rekindle_core::time::Timestamp;
use serde_json::json;
use thiserror::Error;

use super::metadata::MessageMetadata;
use super::stream_position::SequenceGap;
use crate::jetstream_api::JetStreamError;
use crate::{NatsConnection, PermissionDenial};

/// How often the server sends a heartbeat.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// A consumer without a heartbeat or message for this long is broken.
pub(super) const HEARTBEAT_TIMEOUT: Duration = Duration::from_millis(2_500);
/// The server ends a request after this.
const PULL_EXPIRY: Duration = Duration::from_secs(30);
/// The server deletes a consumer without requests for this long.
const INACTIVE_THRESHOLD: Duration = Duration::from_secs(30);
/// The most bytes requested at a time. More only for a single message that is larger.
const REQUEST_BYTES_MAX: u64 = 32 << 20;
/// How long sending a request may take; longer, and the connection is stuck.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a consumer starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConsumerStart {
    /// With this sequence.
    At(u64),
    /// With the first message received at or after this time.
    Time(Timestamp),
}

/// What a consumer reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct ConsumerRequest<'a> {
    pub(super) stream: &'a str,
    pub(super) start: ConsumerStart,
    /// The subjects to deliver; none: all of the stream's.
    pub(super) filters: &'a [String],
    /// The most messages requested at a time.
    pub(super) batch: usize,
}

/// Why a consumer can't be used any more.
#[derive(Debug, Error)]
pub enum ConsumerError {
    /// A request for messages could not be sent.
    #[error("could not request messages: {0}")]
    NotRequested(#[source] async_nats::client::PublishError),
    /// Sending a request for messages took too long.
    #[error("could not request messages: the connection is stuck")]
    RequestTimedOut,
    /// The server does not permit it.
    #[error("{0}")]
    Denied(PermissionDenial),
    /// The server does not answer a request.
    #[error("the server does not answer")]
    NotAnswered,
    /// The client has closed the connection for good.
    #[error("the connection was closed")]
    Closed,
    /// The connection on which it was created is lost.
    #[error("the connection was lost")]
    Disconnected,
    /// Neither message nor heartbeat came for too long.
    #[error("the server shows no sign of life")]
    NoHeartbeat,
    /// The server does not know the consumer any more.
    #[error("the consumer ended: the server has deleted it")]
    Deleted,
    /// The server ended it.
    #[error("the consumer ended: {description}")]
    Ended {
        /// The server's reason.
        description: String,
    },
    /// Messages are missing before the one that came.
    #[error(transparent)]
    Gap(SequenceGap),
}

/// A consumer and the subscription on which its messages come.
pub(super) struct PullConsumer {
    pub(super) subscriber: Subscriber,
    client: async_nats::Client,
    /// The subject of requests for messages.
    pub(super) request_subject: String,
    inbox: String,
    batch: usize,
    request_bytes: u64,
    /// Messages that were requested and have not come.
    outstanding: usize,
    /// A request ended at its limit of bytes, and nothing has come since.
    is_limited_by_bytes: bool,
}

/// What a message on the subscription is.
pub(super) enum ConsumerEvent {
    /// A message of the stream.
    Message(MessageMetadata, Message),
    /// The server is alive.
    Heartbeat,
    /// The consumer can't be used any more.
    Broken(ConsumerError),
}

impl PullConsumer {
    /// Creates a consumer. Returns how many messages wait, too.
    pub(super) async fn create(
        connection: &NatsConnection,
        request: ConsumerRequest<'_>,
    ) -> Result<(PullConsumer, u64), JetStreamError> {
        let ConsumerRequest { stream, start, filters, batch } = request;
        let client = connection.client.clone();
        let inbox = client.new_inbox();
        let name = format!("rekindle_{}", inbox.rsplit('.').next().unwrap_or_default());
        let mut config = json!({
            "name": name,
            "ack_policy": "none",
            "replay_policy": "instant",
            "mem_storage": true,
            "num_replicas": 1,
            "inactive_threshold": nanoseconds(INACTIVE_THRESHOLD),
        });
        match start {
            ConsumerStart::At(sequence) => {
                config["deliver_policy"] = json!("by_start_sequence");
                config["opt_start_seq"] = json!(sequence);
            }
            ConsumerStart::Time(time) => {
                config["deliver_policy"] = json!("by_start_time");
                config["opt_start_time"] = json!(time.to_string());
            }
        }
        if !filters.is_empty() {
            config["filter_subjects"] = json!(filters);
        }
        let pending = connection.create_consumer(stream, &name, &config).await?;
        let subscriber = client.subscribe(inbox.clone()).await.map_err(JetStreamError::NotSubscribed)?;
        let consumer = PullConsumer {
            subscriber,
            client,
            request_subject: format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}"),
            inbox,
            batch,
            request_bytes: REQUEST_BYTES_MAX,
            outstanding: 0,
            is_limited_by_bytes: false,
        };
        Ok((consumer, pending))
    }

    /// Requests more messages if fewer than half of the last request are outstanding.
    pub(super) async fn request_more(&mut self) -> Result<(), ConsumerError> {
        if self.outstanding > self.batch / 2 {
            return Ok(());
        }
        let request = json!({
            "batch": self.batch - self.outstanding,
            "max_bytes": self.request_bytes,
            "expires": nanoseconds(PULL_EXPIRY),
            "idle_heartbeat": nanoseconds(HEARTBEAT_INTERVAL),
        });
        let payload = Bytes::from(request.to_string());
        let sent = self.client.publish_with_reply(self.request_subject.clone(), self.inbox.clone(), payload);
        match tokio::time::timeout(REQUEST_TIMEOUT, sent).await {
            Ok(Ok(())) => self.outstanding = self.batch,
            Ok(Err(error)) => return Err(ConsumerError::NotRequested(error)),
            Err(_) => return Err(ConsumerError::RequestTimedOut),
        }
        Ok(())
    }

    /// Requests one message; any answer of the server shows that this user may.
    pub(super) async fn check_permission(&mut self, connection: &NatsConnection) -> Result<(), ConsumerError> {
        let denials_before = connection.status.denials();
        let request = Bytes::from(json!({ "batch": 1, "no_wait": true }).to_string());
        let sent = self.client.publish_with_reply(self.request_subject.clone(), self.inbox.clone(), request).await;
        sent.map_err(ConsumerError::NotRequested)?;
        let denied = connection.status.denied(denials_before, |denial| denial.concerns_request(&self.request_subject));
        let answer = tokio::time::timeout(REQUEST_TIMEOUT, futures_util::StreamExt::next(&mut self.subscriber));
        tokio::select! {
            denial = denied => Err(ConsumerError::Denied(denial)),
            answer = answer => match answer {
                Ok(Some(_)) => Ok(()),
                Ok(None) => Err(ConsumerError::Closed),
                Err(_) => Err(ConsumerError::NotAnswered),
            },
        }
    }

    /// Distinguishes messages of the stream from what the server reports about the consumer.
    pub(super) fn receive(&mut self, message: Message) -> ConsumerEvent {
        match message.status {
            None | Some(StatusCode::OK) => match message.reply.as_deref().and_then(MessageMetadata::parse) {
                Some(metadata) => {
                    self.outstanding = self.outstanding.saturating_sub(1);
                    self.is_limited_by_bytes = false;
                    ConsumerEvent::Message(metadata, message)
                }
                // Not from the stream: another client publishes to this inbox.
                None => ConsumerEvent::Heartbeat,
            },
            Some(StatusCode::IDLE_HEARTBEAT) => ConsumerEvent::Heartbeat,
            Some(status) => self.request_ended(status, &message),
        }
    }

    fn request_ended(&mut self, status: StatusCode, message: &Message) -> ConsumerEvent {
        let description = message.description.as_deref().unwrap_or_default();
        let lower = description.to_lowercase();
        let is_too_large = lower.starts_with("message size exceeds maxbytes");
        let is_normal = status == StatusCode::TIMEOUT || is_too_large || lower.starts_with("batch completed");
        if !is_normal {
            return ConsumerEvent::Broken(match status {
                StatusCode::NO_RESPONDERS => ConsumerError::Deleted,
                _ => ConsumerError::Ended { description: description.to_owned() },
            });
        }
        let undelivered = message.headers.as_ref().and_then(|headers| headers.get("Nats-Pending-Messages"));
        let undelivered = undelivered.and_then(|count| count.as_str().parse().ok()).unwrap_or(self.batch);
        self.outstanding = self.outstanding.saturating_sub(undelivered);
        if is_too_large && std::mem::replace(&mut self.is_limited_by_bytes, true) {
            self.request_bytes = self.request_bytes.saturating_mul(2);
        }
        ConsumerEvent::Heartbeat
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

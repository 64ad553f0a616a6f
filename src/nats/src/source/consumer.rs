//! A pull consumer of our own: ephemeral, without acknowledgements, gone half a minute after nobody asks.
//!
//! Requests for messages are kept ahead of what was delivered: whenever half of what was asked for has come, the rest is
//! asked for again. Each is bounded in messages, bytes and time. The server shows a sign of life every second while it
//! has nothing to deliver, and says when a request ends early; all that comes through one subscription.

use std::time::Duration;

use async_nats::{Message, StatusCode, Subscriber};
use bytes::Bytes;
use serde_json::json;

use super::metadata::MessageMetadata;
use crate::NatsConnection;
use crate::api::{JetStreamError, ask};
use rekindle_core::time::Timestamp;

/// The server says every so often that it is there.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// When it has not for so long, something is wrong.
pub(super) const SILENCE: Duration = Duration::from_millis(2_500);
/// A request that could not be filled ends after this.
const EXPIRES: Duration = Duration::from_secs(30);
/// The server forgets the consumer when nothing was asked for that long.
const INACTIVE: Duration = Duration::from_secs(30);
/// The most bytes asked for at a time. More only for a single message that is larger.
const REQUEST_BYTES: u64 = 32 << 20;
/// How long asking may take; longer, and the connection is stuck.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);

/// Where a consumer begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ConsumerStart {
    /// With this sequence number.
    At(u64),
    /// With the first message received at or after this.
    Time(Timestamp),
}

/// A consumer and the subscription its messages come on.
pub(super) struct PullConsumer {
    pub(super) subscriber: Subscriber,
    client: async_nats::Client,
    /// The subject to ask on.
    pub(super) next: String,
    inbox: String,
    batch: usize,
    request_bytes: u64,
    /// Messages asked for that have not come.
    outstanding: usize,
    /// A request ended for its bytes, and nothing has come since.
    starved: bool,
}

/// What came in.
pub(super) enum ConsumerEvent {
    /// A message of the stream.
    Message(MessageMetadata, Message),
    /// The server is there.
    SignOfLife,
    /// This consumer is of no use any more, and why.
    Broken(String),
}

impl PullConsumer {
    /// Creates it. `filters`: the subjects to deliver; none: all of the stream's. Returns how many messages wait, too.
    pub(super) async fn create(
        connection: &NatsConnection,
        stream: &str,
        begin: ConsumerStart,
        filters: &[String],
        batch: usize,
    ) -> Result<(PullConsumer, u64), JetStreamError> {
        #[derive(serde::Deserialize)]
        struct ConsumerInfo {
            #[serde(default)]
            num_pending: u64,
        }
        let client = connection.client.clone();
        let inbox = client.new_inbox();
        let name = format!("rekindle_{}", inbox.rsplit('.').next().unwrap_or_default());
        let mut config = json!({
            "name": name,
            "ack_policy": "none",
            "replay_policy": "instant",
            "mem_storage": true,
            "num_replicas": 1,
            "inactive_threshold": nanoseconds(INACTIVE),
        });
        match begin {
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
        let request = json!({ "stream_name": stream, "config": config, "action": "create" });
        let info: ConsumerInfo = ask(connection, &format!("CONSUMER.CREATE.{stream}.{name}"), &request).await?;
        let subscriber = client.subscribe(inbox.clone()).await.map_err(|error| {
            let kind = async_nats::jetstream::context::RequestErrorKind::Other;
            JetStreamError::Unasked(async_nats::jetstream::context::RequestError::with_source(kind, error))
        })?;
        let next = format!("$JS.API.CONSUMER.MSG.NEXT.{stream}.{name}");
        let (outstanding, starved) = (0, false);
        let request_bytes = REQUEST_BYTES;
        let consumer = PullConsumer { subscriber, client, next, inbox, batch, request_bytes, outstanding, starved };
        Ok((consumer, info.num_pending))
    }

    /// Keeps requests ahead of what was delivered.
    ///
    /// # Errors
    /// Why it could not ask.
    pub(super) async fn ask_for_more(&mut self) -> Result<(), String> {
        if self.outstanding > self.batch / 2 {
            return Ok(());
        }
        let count = self.batch - self.outstanding;
        let request = json!({
            "batch": count,
            "max_bytes": self.request_bytes,
            "expires": nanoseconds(EXPIRES),
            "idle_heartbeat": nanoseconds(HEARTBEAT),
        });
        let payload = Bytes::from(request.to_string());
        let asked = self.client.publish_with_reply(self.next.clone(), self.inbox.clone(), payload);
        match tokio::time::timeout(ASK_TIMEOUT, asked).await {
            Ok(Ok(())) => self.outstanding = self.batch,
            Ok(Err(error)) => return Err(format!("could not ask for messages: {error}")),
            Err(_) => return Err("could not ask for messages: the connection is stuck".to_owned()),
        }
        Ok(())
    }

    /// Asks for one message, and takes whatever the server answers for a sign that it may be asked.
    ///
    /// # Errors
    /// It may not, or does not answer.
    pub(super) async fn answers(&mut self, connection: &NatsConnection) -> Result<(), String> {
        let since = connection.status.denials();
        let request = Bytes::from(json!({ "batch": 1, "no_wait": true }).to_string());
        let asked = self.client.publish_with_reply(self.next.clone(), self.inbox.clone(), request).await;
        asked.map_err(|error| format!("could not ask for messages: {error}"))?;
        tokio::select! {
            denial = connection.status.denied(since, |denial| denial.concerns_request(&self.next)) => Err(denial.to_string()),
            answer = tokio::time::timeout(ASK_TIMEOUT, futures_util::StreamExt::next(&mut self.subscriber)) => match answer {
                Ok(Some(_)) => Ok(()),
                Ok(None) => Err("the connection was closed".to_owned()),
                Err(_) => Err("the server does not answer".to_owned()),
            },
        }
    }

    /// Tells messages from what the server says about the consumer.
    pub(super) fn take(&mut self, message: Message) -> ConsumerEvent {
        match message.status {
            None | Some(StatusCode::OK) => match message.reply.as_deref().and_then(MessageMetadata::parse) {
                Some(metadata) => {
                    self.outstanding = self.outstanding.saturating_sub(1);
                    self.starved = false;
                    ConsumerEvent::Message(metadata, message)
                }
                // Not from the stream: somebody found our inbox.
                None => ConsumerEvent::SignOfLife,
            },
            Some(StatusCode::IDLE_HEARTBEAT) => ConsumerEvent::SignOfLife,
            Some(status) => self.request_ended(status, &message),
        }
    }

    fn request_ended(&mut self, status: StatusCode, message: &Message) -> ConsumerEvent {
        let why = message.description.as_deref().unwrap_or_default();
        let lower = why.to_lowercase();
        let is_too_large = lower.starts_with("message size exceeds maxbytes");
        let is_normal = status == StatusCode::TIMEOUT || is_too_large || lower.starts_with("batch completed");
        if !is_normal {
            let why = if status == StatusCode::NO_RESPONDERS { "the server has forgotten it" } else { why };
            return ConsumerEvent::Broken(format!("the consumer ended: {why}"));
        }
        let undelivered = message.headers.as_ref().and_then(|headers| headers.get("Nats-Pending-Messages"));
        let undelivered = undelivered.and_then(|count| count.as_str().parse().ok()).unwrap_or(self.batch);
        self.outstanding = self.outstanding.saturating_sub(undelivered);
        if is_too_large && std::mem::replace(&mut self.starved, true) {
            self.request_bytes = self.request_bytes.saturating_mul(2);
        }
        ConsumerEvent::SignOfLife
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

//! Collects lines into messages and publishes them on a subject, acknowledged if a stream has the subject.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::Client;
use async_nats::connection::State;
use async_nats::header::{HeaderMap, NATS_MESSAGE_ID};
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::{self, Context};
use bytes::Bytes;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

use crate::cli::error::{CliError, SimulateError};

/// The most messages in flight.
const IN_FLIGHT_MAX: usize = 1_000;
/// How long an acknowledgement may take before the message is sent again.
const ACK_TIMEOUT: Duration = Duration::from_secs(3);
/// How long to wait before sending again.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);

/// Publishes lines.
pub(in crate::cli) struct MessageFeed {
    client: Client,
    context: Context,
    subject: String,
    /// The stream that has the subject; `None`: messages are not acknowledged.
    stream: Option<String>,
    batch: usize,
    /// Lines of the message that is being filled.
    lines: Vec<u8>,
    lines_count: usize,
    /// Messages that were sent and not acknowledged yet, the oldest first.
    under_way: VecDeque<(Option<PendingAck>, SentMessage)>,
    /// The prefix of message ids.
    run: String,
    events: u64,
    messages: u64,
}

/// A message, in case it has to be sent again.
struct SentMessage {
    id: String,
    payload: Bytes,
}

/// An acknowledgement that is expected on the connection of this number, and on no other.
struct PendingAck {
    ack: BoxFuture<'static, Result<PublishAck, PublishError>>,
    connection: u64,
}

impl MessageFeed {
    /// Finds out whether a stream has the subject.
    pub(in crate::cli) async fn open(client: Client, subject: String, batch: usize) -> Result<MessageFeed, CliError> {
        let mut context = jetstream::new(client.clone());
        context.set_timeout(ACK_TIMEOUT);
        // No JetStream, no permission, no such stream: in each case messages are not acknowledged.
        let stream = context.stream_by_subject(subject.clone()).await.ok();
        let run = client.new_inbox().rsplit('.').next().unwrap_or_default().to_owned();
        Ok(MessageFeed {
            client,
            context,
            subject,
            stream,
            batch,
            lines: Vec::new(),
            lines_count: 0,
            under_way: VecDeque::new(),
            run,
            events: 0,
            messages: 0,
        })
    }

    /// A description of what is published where.
    pub(in crate::cli) fn introduction(&self) -> String {
        match &self.stream {
            Some(stream) => format!("events on {} into the stream {stream}", self.subject),
            None => format!("events on {}, which no known stream has: published at most once", self.subject),
        }
    }

    /// Waits until this number of messages can be published at once.
    pub(in crate::cli) async fn make_room(&mut self, messages: usize) {
        while self.under_way.len() > IN_FLIGHT_MAX.saturating_sub(messages) {
            self.settle_oldest().await;
        }
        while self.client.connection_state() != State::Connected {
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
    }

    /// Adds a line, and publishes when a message is full.
    pub(in crate::cli) async fn add(&mut self, line: &[u8]) -> Result<(), CliError> {
        if self.lines_count > 0 {
            self.lines.push(b'\n');
        }
        self.lines.extend_from_slice(line);
        self.lines_count += 1;
        if self.lines_count >= self.batch { self.publish().await } else { Ok(()) }
    }

    /// Publishes what was added, and hands it to the connection.
    pub(in crate::cli) async fn flush(&mut self) -> Result<(), CliError> {
        if self.lines_count > 0 {
            self.publish().await?;
        }
        Ok(())
    }

    async fn publish(&mut self) -> Result<(), CliError> {
        let payload = Bytes::from(std::mem::take(&mut self.lines));
        let lines = std::mem::take(&mut self.lines_count) as u64;
        if self.stream.is_none() {
            let sent = self.client.publish(self.subject.clone(), payload).await;
            sent.map_err(|source| SimulateError::Publish { subject: self.subject.to_string(), source })?;
        } else {
            while self.under_way.len() >= IN_FLIGHT_MAX {
                self.settle_oldest().await;
            }
            let sent = SentMessage { id: format!("{}.{}", self.run, self.messages), payload };
            let ack = self.send(&sent).await;
            self.under_way.push_back((ack, sent));
        }
        self.messages += 1;
        self.events += lines;
        Ok(())
    }

    /// Publishes a message with an id of its own; waits for room.
    pub(in crate::cli) async fn send_as(&mut self, id: String, payload: Bytes) {
        while self.under_way.len() >= IN_FLIGHT_MAX {
            self.settle_oldest().await;
        }
        let sent = SentMessage { id, payload };
        let ack = self.send(&sent).await;
        self.under_way.push_back((ack, sent));
        self.messages += 1;
    }

    /// Takes note of acknowledgements that are there already.
    pub(in crate::cli) async fn settle_ready(&mut self) {
        while let Some((Some(pending), _)) = self.under_way.front_mut() {
            match (&mut pending.ack).now_or_never() {
                Some(Ok(_)) => drop(self.under_way.pop_front()),
                Some(Err(_)) => {
                    if let Some((ack, _)) = self.under_way.front_mut() {
                        *ack = None;
                    }
                    self.settle_oldest().await;
                }
                None => return,
            }
        }
    }

    /// Whether a stream has the subject.
    pub(in crate::cli) fn is_acknowledged(&self) -> bool {
        self.stream.is_some()
    }

    async fn send(&self, sent: &SentMessage) -> Option<PendingAck> {
        let mut headers = HeaderMap::new();
        headers.insert(NATS_MESSAGE_ID, sent.id.as_str());
        let connection = self.connections();
        let ack = self.context.publish_with_headers(self.subject.clone(), headers, sent.payload.clone()).await;
        ack.ok().map(|ack| PendingAck { ack: ack.into_future(), connection })
    }

    /// Why a message was not acknowledged; at once where the connection that it went on is gone.
    async fn failure(&self, PendingAck { ack, connection }: PendingAck) -> Option<PublishErrorKind> {
        let gone = async {
            while self.connections() == connection {
                tokio::time::sleep(RETRY_INTERVAL).await;
            }
        };
        tokio::select! {
            biased;
            acked = ack => acked.map_err(|error| error.kind()).err(),
            () = gone => Some(PublishErrorKind::TimedOut),
        }
    }

    /// The number of connections so far.
    fn connections(&self) -> u64 {
        self.client.statistics().connects.load(Ordering::Relaxed)
    }

    /// Waits until the oldest message is acknowledged, and sends it again as often as needed: the stream recognises its id and
    /// stores it once.
    async fn settle_oldest(&mut self) {
        // It stays in the queue until then: if the wait is cancelled, it must still count as unacknowledged.
        while let Some((ack, _)) = self.under_way.front_mut() {
            let failed = match ack.take() {
                Some(awaited) => self.failure(awaited).await,
                None => Some(PublishErrorKind::BrokenPipe),
            };
            let Some(failed) = failed else {
                self.under_way.pop_front();
                return;
            };
            if failed != PublishErrorKind::TimedOut {
                tokio::time::sleep(RETRY_INTERVAL).await;
            }
            let Some((_, sent)) = self.under_way.front() else { return };
            let ack = self.send(sent).await;
            if let Some((place, _)) = self.under_way.front_mut() {
                *place = ack;
            }
        }
    }

    /// Publishes the rest, and waits until everything is acknowledged or, without a stream, written out.
    pub(in crate::cli) async fn drain(&mut self) {
        // A connection that is closed for good takes no more messages.
        let _ = self.flush().await;
        while !self.under_way.is_empty() {
            self.settle_oldest().await;
        }
        let _ = self.client.flush().await;
    }

    pub(in crate::cli) fn events(&self) -> u64 {
        self.events
    }

    pub(in crate::cli) fn messages(&self) -> u64 {
        self.messages
    }

    pub(in crate::cli) fn unacknowledged(&self) -> u64 {
        self.under_way.len() as u64
    }

    /// How often the connection was made again.
    pub(in crate::cli) fn reconnects(&self) -> u64 {
        self.connections().saturating_sub(1)
    }
}

//! One stream to publish into, and what goes on around an attempt: the connection, the waits, what operators are told.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use async_nats::Client;
use async_nats::connection::State;
use async_nats::header::HeaderMap;
use async_nats::jetstream::context::{Context, PublishAckFuture};
use async_nats::jetstream::publish::PublishAck;
use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::message::OutputMessage;
use super::publish_error::PublishError;
use super::status::SinkStatus;
use super::stream_state::{self, StreamState};
use crate::ConnectionStatus;
use rekindle_runtime::health::HealthPart;

/// How long an acknowledgement or an answer may take.
const ANSWER: Duration = Duration::from_secs(5);
/// The first and the longest wait before another attempt.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(5));
/// How often the connection is looked at.
const WATCH: Duration = Duration::from_millis(50);

/// A stream, over a connection.
pub(super) struct StreamSession {
    pub(super) context: Context,
    pub(super) stream: String,
    pub(super) status: Arc<SinkStatus>,
    /// Attempts in a row that failed.
    pub(super) failures: u32,
    part: HealthPart,
    connection: Arc<ConnectionStatus>,
    /// How often the server had not permitted something when the attempt began.
    denials_before: u64,
}

/// An attempt under way, on one connection.
pub(super) struct PublishAttempt {
    client: Client,
    connects: u64,
}

impl StreamSession {
    pub(super) fn new(
        mut context: Context,
        stream: &str,
        part: HealthPart,
        status: Arc<SinkStatus>,
        connection: Arc<ConnectionStatus>,
    ) -> StreamSession {
        context.set_timeout(ANSWER);
        let denials_before = connection.denials();
        StreamSession { context, stream: stream.to_owned(), status, failures: 0, part, connection, denials_before }
    }

    pub(super) fn client(&self) -> Client {
        self.context.client()
    }

    /// Begins an attempt, if there is a connection.
    pub(super) fn begin(&mut self) -> Result<PublishAttempt, PublishError> {
        let client = self.client();
        if client.connection_state() != State::Connected {
            return Err(PublishError::Disconnected);
        }
        self.denials_before = self.connection.denials();
        let connects = client.statistics().connects.load(Ordering::Relaxed);
        Ok(PublishAttempt { client, connects })
    }

    /// How the stream stands.
    pub(super) async fn standing(&mut self) -> Result<StreamState, PublishError> {
        let attempt = self.begin()?;
        let standing = attempt.unless_cut(stream_state::standing(&self.context, &self.stream)).await;
        standing.map_err(|refusal| self.explained(refusal))
    }

    /// Publishes a message whose acknowledgement is wanted.
    pub(super) async fn request(
        &self,
        message: &OutputMessage,
        headers: HeaderMap,
    ) -> Result<PublishAckFuture, PublishError> {
        let sent = self.context.publish_with_headers(message.subject.clone(), headers, message.payload.clone()).await;
        sent.map_err(|error| PublishError::of_publish(&error, &message.subject, &self.stream))
    }

    /// Whether it was this stream that took the message.
    pub(super) fn check(&self, ack: &PublishAck, subject: &str) -> Result<(), PublishError> {
        if ack.stream == self.stream {
            return Ok(());
        }
        Err(PublishError::OtherStream { subject: subject.to_owned(), stream: self.stream.clone() })
    }

    /// The refusal, with what the server said of permissions meanwhile.
    pub(super) fn explained(&self, refusal: PublishError) -> PublishError {
        let denial = || self.connection.denial_since(self.denials_before, |_| true).map(|denial| denial.to_string());
        match refusal {
            PublishError::Unanswered { what, .. } => PublishError::Unanswered { what, said: denial() },
            PublishError::Incomplete { .. } => PublishError::Incomplete { said: denial() },
            refusal => refusal,
        }
    }

    /// Counts a failed attempt.
    pub(super) fn failed(&mut self, refusal: &PublishError) {
        self.failures += 1;
        self.status.failed();
        debug!(stream = %self.stream, %refusal, "an attempt to publish failed");
    }

    /// Tells operators, and waits before the next attempt, longer each time.
    pub(super) async fn wait_after(&mut self, refusal: &PublishError) {
        let client = self.client();
        let why = format!("cannot publish into stream {}: {refusal}; retrying", self.stream);
        if self.part.failing(why.as_str()) {
            warn!("{why}");
        }
        if client.connection_state() != State::Connected {
            while client.connection_state() != State::Connected {
                sleep(WATCH).await;
            }
            return;
        }
        // Others got in between: a moment later they may not.
        let longest = if *refusal == PublishError::Unexpected { WATCH } else { BACKOFF.1 };
        let doubled = BACKOFF.0.saturating_mul(1 << self.failures.min(10));
        sleep(doubled.min(longest)).await;
    }

    /// Says that it works.
    pub(super) fn works(&mut self) {
        self.failures = 0;
        if self.part.works() {
            info!(stream = %self.stream, "publishing works");
        }
    }
}

impl PublishAttempt {
    /// What comes of it, unless the connection it began on is lost: then what was on its way is lost with it.
    pub(super) async fn unless_cut<T>(
        self,
        outcome: impl Future<Output = Result<T, PublishError>>,
    ) -> Result<T, PublishError> {
        let PublishAttempt { client, connects } = self;
        let cut = async {
            while client.connection_state() == State::Connected
                && client.statistics().connects.load(Ordering::Relaxed) == connects
            {
                sleep(WATCH).await;
            }
        };
        tokio::select! {
            outcome = outcome => outcome,
            () = cut => Err(PublishError::Disconnected),
        }
    }
}

/// An id that no other attempt has: the last part of an inbox.
pub(super) fn unique(client: &Client) -> String {
    client.new_inbox().rsplit('.').next().unwrap_or_default().to_owned()
}

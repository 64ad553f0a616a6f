//! A stream to publish into, over successive connections: attempts, waits between them, and the report to operators.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_nats::connection::State;
use async_nats::header::HeaderMap;
use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::publish::PublishAck;
use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::message::OutputMessage;
use super::publish_error::PublishError;
use super::status::SinkStatus;
use super::stream_state::StreamState;
use crate::NatsConnection;
use crate::retry::{self, RetryState};
use rekindle_runtime::health::HealthPart;

/// A stream, over a connection.
pub(super) struct StreamSession {
    pub(super) connection: NatsConnection,
    pub(super) stream: String,
    pub(super) status: Arc<SinkStatus>,
    retries: RetryState,
    part: HealthPart,
}

/// An attempt that ends with the connection on which it began.
pub(super) struct PublishAttempt {
    connection: NatsConnection,
    connects: u64,
    /// Permission denials before these do not concern it.
    denials_before: u64,
}

impl StreamSession {
    pub(super) fn new(
        connection: NatsConnection,
        stream: &str,
        part: HealthPart,
        status: Arc<SinkStatus>,
    ) -> StreamSession {
        StreamSession { connection, stream: stream.to_owned(), status, retries: RetryState::new(retry::PUBLISH), part }
    }

    /// Begins an attempt.
    ///
    /// # Errors
    /// [`PublishError::Disconnected`].
    pub(super) fn begin_attempt(&self) -> Result<PublishAttempt, PublishError> {
        let client = &self.connection.client;
        if client.connection_state() != State::Connected {
            return Err(PublishError::Disconnected);
        }
        Ok(PublishAttempt {
            connection: self.connection.clone(),
            connects: client.statistics().connects.load(Ordering::Relaxed),
            denials_before: self.connection.status.denials(),
        })
    }

    /// The state of the stream.
    pub(super) async fn stream_state(&self) -> Result<StreamState, PublishError> {
        let request = async {
            let found = self.connection.stream_info(&self.stream).await;
            found.map(StreamState::from).map_err(|error| PublishError::of_api(error, &self.stream))
        };
        self.begin_attempt()?.run(request).await
    }

    /// Publishes a message; the future that is returned waits for its acknowledgement.
    pub(super) async fn send(
        &self,
        message: &OutputMessage,
        headers: HeaderMap,
    ) -> Result<PublishAckFuture, PublishError> {
        let (subject, payload) = (message.subject.clone(), message.payload.clone());
        let sent = self.connection.jetstream.publish_with_headers(subject, headers, payload).await;
        sent.map_err(|error| PublishError::of_publish(error, &message.subject, &self.stream))
    }

    /// Waits for the acknowledgement of a message on `subject`, which must be this stream's.
    pub(super) async fn acknowledgement(
        &self,
        pending: PublishAckFuture,
        subject: &str,
    ) -> Result<PublishAck, PublishError> {
        let ack = pending.await.map_err(|error| PublishError::of_publish(error, subject, &self.stream))?;
        if ack.stream == self.stream {
            return Ok(ack);
        }
        Err(PublishError::OtherStream { subject: subject.to_owned(), stream: self.stream.clone() })
    }

    /// Publishes a message and waits for its acknowledgement.
    pub(super) async fn publish(
        &self,
        message: &OutputMessage,
        headers: HeaderMap,
    ) -> Result<PublishAck, PublishError> {
        let pending = self.send(message, headers).await?;
        self.acknowledgement(pending, &message.subject).await
    }

    /// Failed attempts since the last successful one.
    pub(super) fn failures(&self) -> u32 {
        self.retries.failures()
    }

    /// Counts a failed attempt.
    pub(super) fn record_failure(&mut self, error: &PublishError) {
        self.retries.record_failure();
        self.status.failed();
        debug!(stream = %self.stream, %error, "an attempt to publish failed");
    }

    /// Some of what was attempted is stored.
    pub(super) fn reset_retries(&mut self) {
        self.retries.reset();
    }

    /// Reports the failure and waits before the next attempt: for the connection if it is down, else longer after each
    /// failure.
    pub(super) async fn wait_after(&mut self, error: &PublishError) {
        let client = &self.connection.client;
        let why = format!("cannot publish into stream {}: {error}; retrying", self.stream);
        if self.part.failing(why.as_str()) {
            warn!("{why}");
        }
        if client.connection_state() != State::Connected {
            while client.connection_state() != State::Connected {
                sleep(retry::CONNECTION_POLL_INTERVAL).await;
            }
            return;
        }
        let delay = self.retries.delay();
        sleep(if error.is_unexpected_sequence() { delay.min(retry::CONTENTION_BACKOFF_MAX) } else { delay }).await;
    }

    /// Reports that publishing works.
    pub(super) fn report_working(&mut self) {
        self.retries.reset();
        if self.part.works() {
            info!(stream = %self.stream, "publishing works");
        }
    }
}

impl PublishAttempt {
    /// The result of `operation`, unless the connection is lost before: what was in flight on it may be lost with it. An error
    /// that a permission denial can explain names the denial.
    pub(super) async fn run<T>(
        self,
        operation: impl Future<Output = Result<T, PublishError>>,
    ) -> Result<T, PublishError> {
        let PublishAttempt { connection, connects, denials_before } = self;
        let client = &connection.client;
        let disconnected = async {
            while client.connection_state() == State::Connected
                && client.statistics().connects.load(Ordering::Relaxed) == connects
            {
                sleep(retry::CONNECTION_POLL_INTERVAL).await;
            }
        };
        let result = tokio::select! {
            result = operation => result,
            () = disconnected => Err(PublishError::Disconnected),
        };
        result.map_err(|error| error.with_denial(|| connection.status.denial_since(denials_before, |_| true)))
    }
}

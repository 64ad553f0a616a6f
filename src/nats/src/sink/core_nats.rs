//! Publishing without JetStream: at most once. Messages that have not reached the server when the connection breaks are lost,
//! and so are messages without a subscriber.

use std::collections::VecDeque;
use std::sync::Arc;

use async_nats::Client;
use async_nats::connection::State;
use async_nats::header::NATS_MESSAGE_ID;
use tokio::time::sleep;
use tracing::{info, warn};

use super::message::OutputMessage;
use super::status::SinkStatus;
use crate::retry;
use rekindle_runtime::health::HealthPart;

pub(super) struct CoreNatsPublisher {
    client: Client,
    part: HealthPart,
    status: Arc<SinkStatus>,
}

impl CoreNatsPublisher {
    pub(super) fn new(client: Client, part: HealthPart, status: Arc<SinkStatus>) -> CoreNatsPublisher {
        CoreNatsPublisher { client, part, status }
    }

    /// Publishes all messages and flushes the connection.
    pub(super) async fn publish(&mut self, messages: &mut VecDeque<OutputMessage>) {
        if messages.is_empty() {
            return;
        }
        self.wait_for_connection().await;
        for message in messages.iter() {
            let mut headers = message.headers();
            headers.insert(NATS_MESSAGE_ID, message.id.as_str());
            let sent = self.client.publish_with_headers(message.subject.clone(), headers, message.payload.clone());
            if let Err(error) = sent.await {
                self.status.failed();
                warn!(subject = %message.subject, %error, "an output could not be published");
            }
        }
        if let Err(error) = self.client.flush().await {
            self.status.failed();
            warn!(%error, "outputs could not be flushed");
        }
        self.status.acknowledged(messages.iter());
        messages.clear();
    }

    /// Waits until the connection is up, and reports that publishing works.
    pub(super) async fn wait_for_connection(&mut self) {
        while self.client.connection_state() != State::Connected {
            if self.part.failing("cannot publish: the connection to NATS is down; retrying") {
                warn!("cannot publish: the connection to NATS is down; retrying");
            }
            sleep(retry::CONNECTION_POLL_INTERVAL).await;
        }
        if self.part.works() {
            info!("publishing works");
        }
    }
}

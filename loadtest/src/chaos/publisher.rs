//! Publishes the simulated storefront at a steady rate, whatever the state of the broker.
//!
//! A message that is not acknowledged is sent again, so it may arrive late, out of order, or twice: the contents of the
//! stream are the reference for the comparison.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use async_nats::jetstream::Context;
use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use rekindle_core::time::{Span, Timestamp};
use rekindle_simulator::{ShopScope, Simulator, SimulatorOptions};
use tokio::sync::watch;

use crate::streams::EVENTS_SUBJECT;

/// The number of messages that may wait for their acknowledgement.
const WINDOW: usize = 2_000;
/// How often something is published.
const FRAME: Duration = Duration::from_millis(5);
/// The time before a message is sent again.
const RETRY_INTERVAL: Duration = Duration::from_millis(200);
/// The virtual time that may pass between two events: a small shop has no events at night.
const FOREVER: Span = Span(366 * 86_400_000);
/// The virtual time after the last event, in which due timers still fire.
const AFTERMATH: Span = Span(45 * 86_400_000);

/// The user of the last event.
pub(super) const LAST_USER: &str = "the-last-user";
/// The subject of the output that shows that the last event was processed.
pub(super) const THE_END: &str = "rekindle.segments.the_end.enter";

/// Rules, and a segment that only the last user is in.
pub(super) fn with_the_end(rules: &str) -> String {
    format!("{rules}\n[[segments]]\nid = 'the_end'\nwhen = 'traits.the_end == true'\n")
}

/// Generates events and publishes them.
pub(super) struct EventPublisher {
    context: Context,
    simulator: Simulator,
    /// The greatest time of an event.
    latest: Timestamp,
    sent: u64,
    /// Messages that were sent and not acknowledged yet, oldest first.
    under_way: VecDeque<(Option<PublishAckFuture>, PublishedEvent)>,
}

struct PublishedEvent {
    id: String,
    payload: Bytes,
}

impl EventPublisher {
    /// Opens a shop.
    pub(super) fn new(context: Context, seed: u64, shoppers: u32) -> EventPublisher {
        let start = Timestamp(1_767_225_600_000);
        let simulator = Simulator::new(SimulatorOptions { seed, shoppers, start, scope: ShopScope::TogetherWithRows });
        EventPublisher { context, simulator, latest: start, sent: 0, under_way: VecDeque::new() }
    }

    /// Publishes this number of events per second until it is stopped, and waits until all are in the stream. What could not
    /// be sent in time is not sent later.
    pub(super) async fn publish(&mut self, per_second: u32, stop: watch::Receiver<bool>) {
        let (mut last, mut allowance) = (Instant::now(), 0.0);
        while !*stop.borrow() {
            let now = Instant::now();
            allowance = (allowance + (now - last).as_secs_f64() * f64::from(per_second)).min(f64::from(per_second));
            last = now;
            while allowance >= 1.0 && !*stop.borrow() {
                allowance -= 1.0;
                self.publish_next().await;
            }
            self.forget_acknowledged().await;
            tokio::time::sleep(FRAME.saturating_sub(now.elapsed())).await;
        }
        self.settle(0).await;
    }

    /// Publishes the event that advances time to the end; returns the `--until` of the replay.
    pub(super) async fn publish_the_end(&mut self, max_disorder: Span) -> Timestamp {
        let until = self.latest + AFTERMATH;
        let at = until + max_disorder;
        let line = format!(
            r#"{{"messageId":"the-end","type":"identify","userId":"{LAST_USER}","timestamp":"{at}","traits":{{"the_end":true}}}}"#
        );
        self.send(line.into()).await;
        self.settle(0).await;
        until
    }

    async fn publish_next(&mut self) {
        let Some(arrival) = self.simulator.next(self.latest + FOREVER) else { return };
        self.latest = self.latest.max(arrival.time);
        self.settle(WINDOW - 1).await;
        self.send(arrival.line.into()).await;
    }

    async fn send(&mut self, payload: Bytes) {
        let message = PublishedEvent { id: format!("chaos.{}", self.sent), payload };
        self.sent += 1;
        let ack = publish(&self.context, &message).await;
        self.under_way.push_back((ack, message));
    }

    /// Waits until at most this number are in flight, sending again what is not acknowledged.
    async fn settle(&mut self, most: usize) {
        while self.under_way.len() > most {
            let Some((ack, message)) = self.under_way.pop_front() else { return };
            let acknowledged = match ack {
                Some(ack) => ack.await.is_ok(),
                None => false,
            };
            if !acknowledged {
                self.under_way.push_front((None, message));
                tokio::time::sleep(RETRY_INTERVAL).await;
                self.send_again().await;
            }
        }
    }

    /// If one acknowledgement is lost, so are those after it. The stream recognises what it has already by its id.
    async fn send_again(&mut self) {
        for (ack, message) in &mut self.under_way {
            *ack = publish(&self.context, message).await;
        }
    }

    /// Collects acknowledgements that have arrived already.
    async fn forget_acknowledged(&mut self) {
        if self.under_way.len() > WINDOW / 2 {
            self.settle(WINDOW / 2).await;
        }
    }
}

async fn publish(context: &Context, message: &PublishedEvent) -> Option<PublishAckFuture> {
    let publish = PublishMessage::build().payload(message.payload.clone()).message_id(&message.id);
    context.send_publish(EVENTS_SUBJECT, publish).await.ok()
}

//! The simulated storefront, published at a steady rate into whatever is left of the broker.
//!
//! A message that is not acknowledged is sent again, so it may come late, out of order, or twice: what is in the stream
//! is the truth that everything is compared with.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use async_nats::jetstream::Context;
use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use rekindle_core::time::{Span, Timestamp};
use rekindle_simulator::{Simulator, SimulatorOptions};
use tokio::sync::watch;

use crate::streams::EVENTS_SUBJECT;

/// Most messages on their way.
const WINDOW: usize = 2_000;
/// How often something is published.
const FRAME: Duration = Duration::from_millis(5);
/// How long to wait before sending again.
const AGAIN: Duration = Duration::from_millis(200);
/// How much of virtual time may pass between two events: in a small shop nights are silent.
const FOREVER: Span = Span(366 * 86_400_000);
/// How much time passes after the last event: what is due by then comes too.
const AFTERMATH: Span = Span(45 * 86_400_000);

/// The user of the last event.
pub(super) const LAST_USER: &str = "the-last-user";
/// The subject that tells that the last event was taken in.
pub(super) const THE_END: &str = "rekindle.segments.the_end.enter";

/// Rules, and a segment that only the last user is in.
pub(super) fn with_the_end(rules: &str) -> String {
    format!("{rules}\n[[segments]]\nid = 'the_end'\nwhen = 'traits.the_end == true'\n")
}

/// Where events come from and go to.
pub(super) struct EventPublisher {
    context: Context,
    simulator: Simulator,
    /// The latest time that an event bears.
    latest: Timestamp,
    sent: u64,
    /// What was sent and not acknowledged yet, the oldest first.
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
        let simulator = Simulator::new(SimulatorOptions { seed, shoppers, start });
        EventPublisher { context, simulator, latest: start, sent: 0, under_way: VecDeque::new() }
    }

    /// Publishes this number of events per second until it is stopped, and waits until all are in the stream. What could not
    /// be sent in time is not made up for.
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

    /// Publishes the event that advances time to the end; returns what replay must know about it.
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
                tokio::time::sleep(AGAIN).await;
                self.send_again().await;
            }
        }
    }

    /// A publisher that lost one answer has lost those after it, too. The stream recognizes messages that it has already by their ids.
    async fn send_again(&mut self) {
        for (ack, message) in &mut self.under_way {
            *ack = publish(&self.context, message).await;
        }
    }

    /// Keeps no more than a part of the window waiting for answers that have come long ago.
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

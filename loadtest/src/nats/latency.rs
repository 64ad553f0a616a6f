//! From event to action, and from event to echo, at a steady rate.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::{DeliverPolicy, pull};
use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::message::PublishMessage;
use bytes::Bytes;
use futures_util::StreamExt;
use hdrhistogram::Histogram;
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use super::consume::consume;
use super::echo;
use super::events::NumberedEvents;
use super::names::{ACTIONS, ECHO, ECHO_SUBJECT, EVENTS_SUBJECT, OUTPUTS};
use super::reference::Reference;
use super::report::{LatencyQuantiles, RateStep};
use crate::error::Error;
use crate::process;

/// How long the publisher sleeps between two looks at the clock.
const NAP: Duration = Duration::from_micros(250);
/// The warm-up, which does not count.
const WARM_UP: Duration = Duration::from_secs(1);
/// How long nothing may arrive before the rest counts as lost.
const PATIENCE: Duration = Duration::from_secs(15);
/// More than this after the last event, and the daemon did not keep up with the rate.
const BEHIND_MAX: Duration = Duration::from_secs(2);

/// What all steps share: the storefront, the daemon, and the subscriber.
pub(super) struct Phase<'m> {
    context: Context,
    events: &'m mut NumberedEvents,
    reference: &'m mut Reference,
    daemon: u32,
    actions: Arc<Mutex<ReceivedOutputs>>,
    echoes: Arc<Mutex<ReceivedOutputs>>,
    tasks: Vec<JoinHandle<()>>,
}

/// What was received: for every known event the time, and for each action the number.
#[derive(Default)]
struct ReceivedOutputs {
    /// The number of the event, and when its consequence arrived.
    caused: Vec<(u64, Instant)>,
    ids: HashMap<String, u32>,
    last: Option<Instant>,
}

impl<'m> Phase<'m> {
    /// Subscribes.
    pub(super) async fn open(
        context: &Context,
        events: &'m mut NumberedEvents,
        reference: &'m mut Reference,
        daemon: u32,
    ) -> Result<Phase<'m>, Error> {
        let (actions, echoes) = (Arc::default(), Arc::default());
        let outputs = consume(context, OUTPUTS, ACTIONS, DeliverPolicy::New).await?;
        let echoed = consume(context, ECHO, ECHO_SUBJECT, DeliverPolicy::New).await?;
        let tasks = vec![
            tokio::spawn(listen(outputs, Arc::clone(&actions), action)),
            tokio::spawn(listen(echoed, Arc::clone(&echoes), echo)),
            echo::start(context.clone()).await?,
        ];
        Ok(Phase { context: context.clone(), events, reference, daemon, actions, echoes, tasks })
    }

    /// Publishes at a rate, waits for the expected actions, and compares.
    pub(super) async fn run(&mut self, rate: u32, seconds: u32) -> Result<RateStep, Error> {
        let first = self.events.next_number();
        let lines = self.events.take(u64::from(rate) * u64::from(seconds));
        let count = lines.len();
        let processor_before = process::processor_time(self.daemon).unwrap_or_default();
        let handle = tokio::runtime::Handle::current();
        let (acks, settled) = mpsc::unbounded_channel();
        let settling = tokio::spawn(settle(settled));
        let (context, to_send) = (self.context.clone(), lines.clone());
        let publishing = tokio::task::spawn_blocking(move || publish(&handle, &context, &to_send, rate, &acks));
        let gone = |_| Error::Unreadable("the publisher died".to_owned());
        let (started, ended) = publishing.await.map_err(gone)?;
        let not_stored = settling.await.map_err(gone)?;
        let expected = self.reference.feed(&lines);
        let last = self.wait_for(&expected).await.unwrap_or(ended);
        let processor = process::processor_time(self.daemon).unwrap_or_default().saturating_sub(processor_before);
        let intended = |number: u64| {
            let since = number.checked_sub(first).filter(|since| *since < count as u64)?;
            let after = Duration::from_secs(1).mul_f64(since as f64 / f64::from(rate));
            (after >= WARM_UP).then(|| started + after)
        };
        let (actions, echoes) = (take(&self.actions), take(&self.echoes));
        let lost = expected.iter().filter(|id| !actions.ids.contains_key(*id)).count() as u64;
        let surplus = |(id, times): (&String, &u32)| u64::from(if expected.contains(id) { times - 1 } else { *times });
        let behind = last.saturating_duration_since(ended);
        Ok(RateStep {
            rate_asked: rate,
            events: count as u64,
            rate: count as f64 / ended.saturating_duration_since(started).as_secs_f64(),
            not_stored,
            actions_expected: expected.len() as u64,
            lost,
            duplicated: actions.ids.iter().map(surplus).sum(),
            action: latencies(&actions.caused, &intended),
            echo: latencies(&echoes.caused, &intended),
            seconds_behind: behind.as_secs_f64(),
            kept_up: behind <= BEHIND_MAX && lost == 0,
            daemon_processor_seconds: processor.as_secs_f64(),
            daemon_peak_bytes: process::peak_resident(self.daemon).unwrap_or(0),
        })
    }

    /// Waits until all these actions have arrived, or no more arrive; returns when the last one arrived.
    async fn wait_for(&self, expected: &HashSet<String>) -> Option<Instant> {
        let (mut missing, mut since) = (usize::MAX, Instant::now());
        while missing > 0 && since.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(50)).await;
            let received = self.actions.lock().unwrap_or_else(PoisonError::into_inner);
            let now = expected.iter().filter(|id| !received.ids.contains_key(*id)).count();
            if now != missing {
                (missing, since) = (now, Instant::now());
            }
        }
        self.actions.lock().unwrap_or_else(PoisonError::into_inner).last
    }
}

impl Drop for Phase<'_> {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

fn take(received: &Mutex<ReceivedOutputs>) -> ReceivedOutputs {
    std::mem::take(&mut received.lock().unwrap_or_else(PoisonError::into_inner))
}

/// Publishes each line at its time. Returns the intended time of the first, and when the last was handed over.
fn publish(
    runtime: &tokio::runtime::Handle,
    context: &Context,
    lines: &[Bytes],
    rate: u32,
    acks: &mpsc::UnboundedSender<Option<PublishAckFuture>>,
) -> (Instant, Instant) {
    let started = Instant::now();
    runtime.block_on(async {
        for (number, line) in lines.iter().enumerate() {
            let due = started + Duration::from_secs(1).mul_f64(number as f64 / f64::from(rate));
            while Instant::now() < due {
                // On a thread of its own: the runtime's timer knows only milliseconds.
                std::thread::sleep(NAP.min(due.saturating_duration_since(Instant::now())));
            }
            let message = PublishMessage::build().payload(line.clone());
            let _ = acks.send(context.send_publish(EVENTS_SUBJECT, message).await.ok());
        }
    });
    (started, Instant::now())
}

/// Counts what the server did not acknowledge.
async fn settle(mut acks: mpsc::UnboundedReceiver<Option<PublishAckFuture>>) -> u64 {
    let mut not_stored = 0;
    while let Some(ack) = acks.recv().await {
        let is_stored = match ack {
            Some(ack) => ack.await.is_ok(),
            None => false,
        };
        not_stored += u64::from(!is_stored);
    }
    not_stored
}

async fn listen(
    mut messages: pull::Stream,
    received: Arc<Mutex<ReceivedOutputs>>,
    read: fn(&[u8]) -> Option<ReceivedOutput>,
) {
    while let Some(message) = messages.next().await {
        let Ok(message) = message else { continue };
        let now = Instant::now();
        let Some(ReceivedOutput { id, cause }) = read(&message.payload) else { continue };
        let mut received = received.lock().unwrap_or_else(PoisonError::into_inner);
        received.caused.extend(cause.map(|cause| (cause, now)));
        received.last = Some(now);
        *received.ids.entry(id).or_default() += 1;
    }
}

/// An action or an echo, with the event that caused it; none if a timer did.
struct ReceivedOutput {
    id: String,
    cause: Option<u64>,
}

fn action(payload: &[u8]) -> Option<ReceivedOutput> {
    #[derive(Deserialize)]
    struct ReceivedAction {
        id: String,
        data: ReceivedActionData,
    }
    #[derive(Deserialize)]
    struct ReceivedActionData {
        trigger: ReceivedTrigger,
    }
    #[derive(Deserialize)]
    struct ReceivedTrigger {
        cause: String,
    }
    let ReceivedAction { id, data } = serde_json::from_slice(payload).ok()?;
    Some(ReceivedOutput { id, cause: data.trigger.cause.parse().ok() })
}

fn echo(payload: &[u8]) -> Option<ReceivedOutput> {
    let id = std::str::from_utf8(payload).ok()?.to_owned();
    Some(ReceivedOutput { cause: id.parse().ok(), id })
}

fn latencies(caused: &[(u64, Instant)], intended: &dyn Fn(u64) -> Option<Instant>) -> LatencyQuantiles {
    // Three digits, from a microsecond to ten minutes.
    let mut histogram: Histogram<u64> = Histogram::new_with_bounds(1, 600_000_000, 3).expect("sound bounds");
    for (number, at) in caused {
        if let Some(intended) = intended(*number) {
            let latency = at.saturating_duration_since(intended).as_micros();
            histogram.saturating_record(u64::try_from(latency).unwrap_or(u64::MAX).max(1));
        }
    }
    let ms = |quantile: f64| histogram.value_at_quantile(quantile) as f64 / 1_000.0;
    LatencyQuantiles {
        count: histogram.len(),
        p50_ms: ms(0.5),
        p90_ms: ms(0.9),
        p99_ms: ms(0.99),
        p999_ms: ms(0.999),
        max_ms: histogram.max() as f64 / 1_000.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latency_is_from_the_intended_time_and_what_has_none_does_not_count() {
        let start = Instant::now();
        let caused: Vec<_> = (0..1_000).map(|number| (number, start + Duration::from_millis(number + 7))).collect();
        let intended = |number: u64| (number >= 500).then(|| start + Duration::from_millis(number));
        let found = latencies(&caused, &intended);
        assert_eq!(found.count, 500);
        assert!((found.p50_ms - 7.0).abs() < 0.01 && (found.max_ms - 7.0).abs() < 0.01, "{found:?}");
    }

    #[test]
    fn an_action_tells_the_event_that_caused_it_and_time_is_none() {
        let action = |cause: &str| {
            action(format!(r#"{{"id":"x","data":{{"trigger":{{"cause":"{cause}","segment":"s"}}}}}}"#).as_bytes())
        };
        assert_eq!(action("17").and_then(|action| action.cause), Some(17));
        assert!(action("time").is_some_and(|action| action.cause.is_none() && action.id == "x"));
    }
}

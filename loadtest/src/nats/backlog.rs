//! A backlog: the events per second of the daemon, and of a consumer that does nothing with them.

use std::time::{Duration, Instant};

use async_nats::jetstream::Context;
use async_nats::jetstream::consumer::DeliverPolicy;
use futures_util::StreamExt;
use serde::Serialize;

use super::consume::consume;
use super::events::NumberedEvents;
use super::names::{EVENTS, EVENTS_SUBJECT, OUTPUTS, THE_END};
use super::reference::Reference;
use crate::daemon::{DaemonProcess, DaemonSetup};
use crate::error::Error;
use crate::{process, streams};

/// How long the daemon may take for all of it.
const PATIENCE: Duration = Duration::from_secs(600);
/// How often the progress is checked.
const LOOK: Duration = Duration::from_millis(20);

/// What was measured.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct Backlog {
    pub(super) events: u64,
    /// From the first output in the stream to the last.
    pub(super) daemon_events_per_second: f64,
    pub(super) daemon_processor_seconds: f64,
    pub(super) daemon_peak_bytes: u64,
    /// Of a consumer that does nothing, before the daemon and after it: the mean.
    pub(super) no_op_events_per_second: f64,
    pub(super) ratio: f64,
}

/// Fills the stream, reads it with the consumer, the daemon, and the consumer again. The daemon keeps running.
pub(super) async fn measure(
    context: &Context,
    setup: &mut DaemonSetup,
    events: &mut NumberedEvents,
    reference: &mut Reference,
    count: u32,
) -> Result<(Backlog, DaemonProcess), Error> {
    let mut lines = events.take(u64::from(count));
    lines.push(events.the_end());
    streams::publish_all(context, EVENTS_SUBJECT, &lines).await?;
    let before = no_op(context, lines.len()).await?;
    let daemon = setup.start()?;
    let events = lines.len() as u64;
    let daemon_rate = wait_for_the_end(context, events).await?;
    let processor = process::processor_time(daemon.pid()).unwrap_or_default().as_secs_f64();
    let peak = process::peak_resident(daemon.pid()).unwrap_or(0);
    let after = no_op(context, lines.len()).await?;
    reference.feed(&lines);
    let no_op = (before + after) / 2.0;
    let backlog = Backlog {
        events,
        daemon_events_per_second: daemon_rate,
        daemon_processor_seconds: processor,
        daemon_peak_bytes: peak,
        no_op_events_per_second: no_op,
        ratio: daemon_rate / no_op,
    };
    Ok((backlog, daemon))
}

/// Events per second of a consumer that does nothing, from the first message on.
async fn no_op(context: &Context, count: usize) -> Result<f64, Error> {
    let mut messages = consume(context, EVENTS, EVENTS_SUBJECT, DeliverPolicy::All).await?;
    let mut started = None;
    for _ in 0..count {
        let message = tokio::time::timeout(PATIENCE, messages.next()).await;
        let Ok(Some(Ok(_))) = message else {
            return Err(Error::Nats { attempt: "read the backlog".to_owned(), cause: "it ended early".to_owned() });
        };
        started.get_or_insert_with(Instant::now);
    }
    Ok(count as f64 / started.map_or(f64::NAN, |started| started.elapsed().as_secs_f64()))
}

/// Events per second of the daemon, from the server's times of its first and its last output.
async fn wait_for_the_end(context: &Context, events: u64) -> Result<f64, Error> {
    let started = Instant::now();
    let failed = |error: async_nats::Error| Error::nats("look at the outputs")(error);
    while !streams::has(context, OUTPUTS, THE_END).await {
        if started.elapsed() > PATIENCE {
            let cause = format!("the daemon did not get through the backlog within {PATIENCE:?}");
            return Err(Error::Nats { attempt: "measure the backlog".to_owned(), cause });
        }
        tokio::time::sleep(LOOK).await;
    }
    let stream = context.get_stream(OUTPUTS).await.map_err(|error| failed(error.into()))?;
    let first = stream.cached_info().state.first_sequence;
    // A daemon's first message may be its claim on the stream; its first output is the one with a subject of its own.
    let mut sequence = first;
    let first = loop {
        let message = stream.get_raw_message(sequence).await.map_err(|error| failed(error.into()))?;
        if message.subject.as_str() != "loadtest.out.progress" {
            break message;
        }
        sequence += 1;
    };
    let last = stream.get_last_raw_message_by_subject(THE_END).await.map_err(|error| failed(error.into()))?;
    let seconds = (last.time - first.time).as_seconds_f64();
    // The first output came with the first batch of events that the daemon requested.
    Ok(events.saturating_sub(5_000) as f64 / seconds)
}

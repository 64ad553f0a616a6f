//! A live engine fed at full rate, in place of a daemon's source and sink.
//!
//! Events are generated as they are needed, one message each, on a thread of their own; outputs are counted and dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rekindle_core::time::Timestamp;
use rekindle_runtime::live::{self, EngineEndpoints, EngineHandle, EngineStart, Recovery};
use rekindle_runtime::log::{LogRecord, RecordBatch, RecordKind};
use rekindle_runtime::output::batch::{BarrierReport, OutputItem};
use rekindle_runtime::pipeline::Pipeline;
use tokio::sync::mpsc;

use crate::error::Error;
use crate::synthetic_users::Traffic;

/// Events per batch.
const BATCH_EVENTS: usize = 2_000;
/// How often a paused feed checks whether it continues.
const PAUSE_RETRY_INTERVAL: Duration = Duration::from_millis(2);

/// An engine that is fed. It stops when it is dropped.
pub(crate) struct EngineFeed {
    pub(crate) live: EngineHandle,
    shared: Arc<FeedShared>,
    feeder: Option<JoinHandle<()>>,
    engine: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct FeedShared {
    /// The last message whose outputs were all received.
    handled: AtomicU64,
    outputs: AtomicU64,
    /// The most events per second; 0: as many as the engine takes.
    rate: AtomicU32,
    pauses: AtomicBool,
    stops: AtomicBool,
}

/// A moment of a feed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FeedSample {
    handled: u64,
    at: Instant,
}

impl EngineFeed {
    /// Starts the engine after a message, and feeds it from the next one. Must be called within the runtime.
    pub(crate) async fn start(pipeline: Pipeline, sequence: u64, traffic: Traffic) -> Result<EngineFeed, Error> {
        let EngineEndpoints { live, batches, output_items, thread } = go_live(pipeline, sequence).await?;
        let shared = Arc::new(FeedShared::default());
        shared.handled.store(sequence, Ordering::Relaxed);
        tokio::spawn(drain(output_items, Arc::clone(&shared)));
        let feeding = Arc::clone(&shared);
        let feeder = std::thread::Builder::new()
            .name("feeder".to_owned())
            .spawn(move || feed(traffic, sequence, &batches, &feeding))
            .map_err(|cause| Error::Io { attempt: "start a thread", cause })?;
        Ok(EngineFeed { live, shared, feeder: Some(feeder), engine: Some(thread) })
    }

    /// From now on at most this number of events per second, evenly.
    pub(crate) fn pace(&self, events_per_second: u32) {
        self.shared.rate.store(events_per_second, Ordering::Relaxed);
    }

    /// Pauses the feed; batches that were handed over are still processed.
    pub(crate) fn pause(&self, pauses: bool) {
        self.shared.pauses.store(pauses, Ordering::Relaxed);
    }

    /// Now.
    pub(crate) fn now(&self) -> FeedSample {
        FeedSample { handled: self.shared.handled.load(Ordering::Acquire), at: Instant::now() }
    }

    /// Events per second since then.
    pub(crate) fn rate_since(&self, then: FeedSample) -> f64 {
        let now = self.now();
        (now.handled - then.handled) as f64 / (now.at - then.at).as_secs_f64()
    }

    /// The number of events whose outputs were all received.
    pub(crate) fn handled(&self) -> u64 {
        self.shared.handled.load(Ordering::Acquire)
    }

    /// Stops when everything that was handed over is processed.
    pub(crate) async fn end(mut self) -> Result<(), Error> {
        self.shared.stops.store(true, Ordering::Relaxed);
        for thread in [self.feeder.take(), self.engine.take()].into_iter().flatten() {
            let joined = tokio::task::spawn_blocking(move || thread.join().is_ok()).await;
            if !joined.unwrap_or(false) {
                return Err(Error::Unreadable("a thread of the engine has panicked".to_owned()));
            }
        }
        Ok(())
    }
}

impl Drop for EngineFeed {
    fn drop(&mut self) {
        self.shared.stops.store(true, Ordering::Relaxed);
    }
}

/// Starts an engine without anything to recover.
pub(crate) async fn go_live(pipeline: Pipeline, sequence: u64) -> Result<EngineEndpoints, Error> {
    let start = EngineStart { sequence, generation: 0 };
    let ends = live::start(pipeline, start, tokio::runtime::Handle::current())
        .map_err(|cause| Error::Io { attempt: "start the engine", cause })?;
    ends.live.recover(Recovery::default()).await.map_err(Error::EngineBusy)?;
    ends.live.recovered().await;
    Ok(ends)
}

/// A message with an event.
pub(crate) fn message(sequence: u64, received: Timestamp, lines: Bytes) -> LogRecord {
    LogRecord { sequence, received, kind: RecordKind::Events, lines }
}

fn feed(mut traffic: Traffic, mut sequence: u64, batches: &mpsc::Sender<RecordBatch>, shared: &FeedShared) {
    let mut ends: Vec<(usize, Timestamp)> = Vec::with_capacity(BATCH_EVENTS);
    let mut due = Instant::now();
    while !shared.stops.load(Ordering::Relaxed) {
        if shared.pauses.load(Ordering::Relaxed) {
            std::thread::sleep(PAUSE_RETRY_INTERVAL);
            continue;
        }
        let mut lines = Vec::with_capacity(BATCH_EVENTS * 384);
        ends.clear();
        for _ in 0..BATCH_EVENTS {
            let at = traffic.next(&mut lines);
            ends.push((lines.len(), at));
        }
        let (lines, mut from) = (Bytes::from(lines), 0);
        let batch = ends.iter().map(|(end, at)| {
            sequence += 1;
            message(sequence, *at, lines.slice(std::mem::replace(&mut from, *end)..*end))
        });
        if batches.blocking_send(batch.collect()).is_err() {
            return;
        }
        if let rate @ 1.. = shared.rate.load(Ordering::Relaxed) {
            due += Duration::from_secs(1) * BATCH_EVENTS as u32 / rate;
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        // What was missed is not made up for.
        due = due.max(Instant::now() - PAUSE_RETRY_INTERVAL);
    }
}

async fn drain(mut output_items: mpsc::Receiver<OutputItem>, shared: Arc<FeedShared>) {
    while let Some(output_item) = output_items.recv().await {
        match output_item {
            OutputItem::Batch(output_batch) => {
                shared.outputs.fetch_add(output_batch.outputs.len() as u64, Ordering::Relaxed);
                shared.handled.fetch_max(output_batch.committed.sequence, Ordering::Release);
            }
            OutputItem::Barrier(barrier) => {
                let ordinal = shared.outputs.load(Ordering::Relaxed);
                // The receiver may have been dropped.
                let _ = barrier.passed.send(BarrierReport { ordinal, stream_last: ordinal });
            }
        }
    }
}

//! The latency of events while something concerns a large number of users at once.
//!
//! Orders are placed at a steady rate, each by a new user, who becomes a big spender at once: measured from the intended time of
//! an order, whatever became of those before it, to its output. After a while comes the burst: the time or the row of a table that
//! concerns everybody else. The engine is driven as by a daemon: batches in, output batches out, time by the broker's.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rekindle_core::partition::{Output, OutputKind};
use rekindle_core::rules::ruleset::TransitionKind;
use rekindle_core::time::{Span, Timestamp};
use rekindle_runtime::live::EngineEndpoints;
use rekindle_runtime::log::RecordBatch;
use rekindle_runtime::output::batch::{BarrierReport, OutputItem};
use rekindle_runtime::pipeline::Pipeline;
use serde::Serialize;
use tokio::sync::mpsc;

use crate::engine_feed::{go_live, message};
use crate::error::Error;
use crate::figures::{Delays, histogram, note};
use crate::synthetic_users::EventLineWriter;
use crate::table::grouped;

/// The warm-up, which does not count.
const WARM_UP: Duration = Duration::from_secs(2);
/// The least time to continue after the burst.
const TAIL: Duration = Duration::from_secs(2);
/// How long the burst may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often events are handed over.
const STEP: Duration = Duration::from_micros(500);
/// About the size of the blocks in which users do what they do before.
const BLOCK_BYTES: usize = 4 << 20;

/// What happens.
#[derive(Debug)]
pub(crate) struct Burst {
    /// Users below this number are those whom it concerns; the others place orders.
    pub(crate) users: u32,
    /// How many of them enter a segment, at least.
    pub(crate) entries_min: u32,
    /// Orders per second.
    pub(crate) rate: u32,
    /// The time with orders before it, for comparison.
    pub(crate) quiet: Duration,
    /// Within which time it comes about, at least.
    pub(crate) within: Duration,
    /// The broker's time of the burst.
    pub(crate) at: Timestamp,
    /// What each order is worth: enough to enter a segment.
    pub(crate) order_cents: u64,
    /// An event that sets it off, at the broker's time of the burst; `None`: time does.
    pub(crate) event: Option<Vec<u8>>,
}

/// The latency of events.
#[derive(Debug, Serialize)]
pub(crate) struct BurstDelays {
    rate: u32,
    /// How many of those whom it concerned entered a segment.
    entries: u64,
    /// From the burst until the outputs of all of it were received, in seconds.
    seconds_until_all_out: f64,
    /// Of events before.
    without: Delays,
    /// Of events while the burst came about or its outputs had not been received yet.
    with: Delays,
    /// Of events after that.
    after: Delays,
    /// The increase of the latency at p99.
    added_p99_ms: f64,
}

impl BurstDelays {
    /// As lines of a table.
    pub(crate) fn rows(&self) -> Vec<(&'static str, String)> {
        vec![
            ("all of it out after", format!("{:.2} s", self.seconds_until_all_out)),
            ("rate", format!("{} events/s", grouped(u64::from(self.rate)))),
            ("delay without", self.without.row()),
            ("delay with", self.with.row()),
            ("delay after", self.after.row()),
            ("added at p99", format!("{:.3} ms", self.added_p99_ms)),
        ]
    }
}

/// What source and sink share.
struct BurstRun {
    burst: Burst,
    started: Instant,
    /// How many have entered of those whom it concerns.
    out: AtomicU64,
    is_over: AtomicBool,
}

impl BurstRun {
    /// The intended time of an order, from the beginning.
    fn intended(&self, order: u32) -> Duration {
        Duration::from_secs(1) / self.burst.rate * order
    }

    /// The time of the burst, from the beginning.
    fn begins(&self) -> Duration {
        WARM_UP + self.burst.quiet
    }
}

/// Measures, with an engine that knows those whom it concerns.
pub(crate) async fn measure(pipeline: Pipeline, burst: Burst) -> Result<BurstDelays, Error> {
    let EngineEndpoints { live: _live, batches, output_items, thread: engine } = go_live(pipeline, 0).await?;
    let course =
        Arc::new(BurstRun { burst, started: Instant::now(), out: AtomicU64::new(0), is_over: AtomicBool::new(false) });
    let (ours, theirs) = (Arc::clone(&course), Arc::clone(&course));
    let orders = tokio::task::spawn_blocking(move || order(&ours, &batches));
    let received = tokio::task::spawn_blocking(move || receive(&theirs, output_items));
    let deadline = course.begins() + course.burst.within + PATIENCE;
    let is_out = loop {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let now = course.started.elapsed();
        if course.out.load(Ordering::Relaxed) >= u64::from(course.burst.entries_min) && now > course.begins() {
            break true;
        }
        if now > deadline {
            break false;
        }
    };
    tokio::time::sleep(TAIL).await;
    course.is_over.store(true, Ordering::Relaxed);
    let died = |_| Error::Unreadable("a thread has died; this is a mistake".to_owned());
    let ordered = orders.await.map_err(died)?;
    let came = received.await.map_err(died)?;
    tokio::task::spawn_blocking(move || engine.join())
        .await
        .map_err(died)?
        .map_err(|_| Error::Unreadable("the engine has died; this is a mistake".to_owned()))?;
    if !is_out || came.delays.len() != ordered as usize {
        return Err(Error::Unreadable(format!(
            "{} of at least {} users whom it concerned came out, and {} of {ordered} orders",
            course.out.load(Ordering::Relaxed),
            course.burst.entries_min,
            came.delays.len()
        )));
    }
    Ok(sum_up(&course, &came))
}

/// The same as a span of the log's time.
fn span(duration: Duration) -> Span {
    Span(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

/// Places orders, each at its time and for a new user; returns their number.
fn order(course: &BurstRun, batches: &mpsc::Sender<RecordBatch>) -> u32 {
    let burst = &course.burst;
    let opens = burst.at - span(course.begins());
    let (mut lines, mut next) = (EventLineWriter::numbered_from(u64::from(burst.users)), 0_u32);
    let (mut event, mut sequence) = (burst.event.as_ref(), 0);
    while !course.is_over.load(Ordering::Relaxed) {
        let now = course.started.elapsed();
        let mut batch = RecordBatch::new();
        let mut add = |at, line| {
            sequence += 1;
            batch.push(message(sequence, at, Bytes::from(line)));
        };
        while course.intended(next) <= now {
            let at = opens + span(course.intended(next));
            let mut line = Vec::new();
            lines.order(burst.users + next, at, burst.order_cents, &mut line);
            next += 1;
            add(at, line);
        }
        if let Some(line) = event.take_if(|_| course.begins() <= now) {
            add(opens + span(now), line.clone());
        }
        if batch.is_empty() {
            std::thread::sleep(STEP);
        } else if batches.blocking_send(batch).is_err() {
            break;
        }
    }
    next
}

/// The received outputs.
#[derive(Default)]
struct BurstOutputs {
    /// The latency of each order, by its number.
    delays: HashMap<u32, Duration>,
    /// When the last output of the burst was received, from the beginning.
    last: Duration,
}

/// Receives outputs until the engine ends.
fn receive(course: &BurstRun, mut output_items: mpsc::Receiver<OutputItem>) -> BurstOutputs {
    let mut came = BurstOutputs::default();
    while let Some(output_item) = output_items.blocking_recv() {
        match output_item {
            OutputItem::Batch(output_batch) => {
                let now = course.started.elapsed();
                output_batch
                    .outputs
                    .iter()
                    .filter(|output| is_entry(output))
                    .for_each(|output| take(course, output, now, &mut came));
            }
            OutputItem::Barrier(barrier) => drop(barrier.passed.send(BarrierReport { ordinal: 0, stream_last: 0 })),
        }
    }
    came
}

fn is_entry(output: &Output) -> bool {
    matches!(output.decided, OutputKind::Transition { change: TransitionKind::Enter, .. })
}

fn take(course: &BurstRun, output: &Output, now: Duration, came: &mut BurstOutputs) {
    let Some(user) = output.user.strip_prefix('u').and_then(|number| number.parse::<u32>().ok()) else { return };
    match user.checked_sub(course.burst.users) {
        None => {
            course.out.fetch_add(1, Ordering::Relaxed);
            came.last = now;
        }
        Some(order) => {
            came.delays.entry(order).or_insert_with(|| now.saturating_sub(course.intended(order)));
        }
    }
}

fn sum_up(course: &BurstRun, came: &BurstOutputs) -> BurstDelays {
    let [mut without, mut with, mut after] = [(); 3].map(|()| histogram());
    let begins = course.begins();
    // At least the time within which it comes about.
    let over = came.last.max(begins + course.burst.within);
    for (order, delay) in &came.delays {
        match course.intended(*order) {
            intended if intended < WARM_UP => {}
            intended if intended < begins => note(&mut without, *delay),
            intended if intended <= over => note(&mut with, *delay),
            _ => note(&mut after, *delay),
        }
    }
    let [without, with, after] = [without, with, after].map(|delays| Delays::of(&delays));
    BurstDelays {
        rate: course.burst.rate,
        entries: course.out.load(Ordering::Relaxed),
        seconds_until_all_out: came.last.saturating_sub(begins).as_secs_f64(),
        without,
        with,
        after,
        added_p99_ms: with.p99_ms - without.p99_ms,
    }
}

/// Every user does something, of which `write` adds the lines.
pub(crate) fn see_all(pipeline: &mut Pipeline, users: u32, mut write: impl FnMut(u32, &mut Vec<u8>)) {
    let (mut block, mut outputs) = (Vec::new(), Vec::new());
    for user in 0..users {
        write(user, &mut block);
        if block.len() > BLOCK_BYTES || user + 1 == users {
            pipeline.feed(&block, &mut |_| {}, &mut outputs);
            block.clear();
            outputs.clear();
        }
    }
}

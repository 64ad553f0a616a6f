//! The latency of events while the timers of all users fire in the same second.
//!
//! Many users were last active within one second, and become dormant within one, 48 hours later. Meanwhile others place
//! orders at a steady rate, each of which makes its user a big spender at once: measured from the intended
//! time of an order, whatever became of those before it, to its output. The engine is driven as by a daemon: batches in,
//! output batches out, time by the broker's.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use clap::Args;
use rekindle_core::partition::{Output, OutputKind};
use rekindle_core::rules::ruleset::TransitionKind;
use rekindle_core::time::{Span, Timestamp};
use rekindle_runtime::live::EngineEndpoints;
use rekindle_runtime::log::RecordBatch;
use rekindle_runtime::output::batch::{BarrierReport, OutputItem};
use rekindle_runtime::pipeline::{Pipeline, PipelineOptions};
use serde::Serialize;
use tokio::sync::mpsc;

use crate::engine_feed::{go_live, message};
use crate::error::Error;
use crate::figures::{Delays, histogram, note};
use crate::synthetic_users::{BEGIN, EventLineWriter};
use crate::table::{Table, grouped};
use crate::workload;

/// When the users of W1 become dormant.
const DORMANT_AFTER: Span = Span(48 * 3_600_000);
/// An order that makes a big spender: 600.00.
const ORDER_CENTS: u64 = 60_000;
/// The warm-up, which does not count.
const WARM_UP: Duration = Duration::from_secs(2);
/// The least time to continue after all timers were due.
const TAIL: Duration = Duration::from_secs(2);
/// How long all timers may take.
const PATIENCE: Duration = Duration::from_secs(120);
/// How often events are handed over.
const STEP: Duration = Duration::from_micros(500);

#[derive(Debug, Args)]
pub(super) struct DueArgs {
    /// Instead: how long events wait while the timers of this number of users fire in the same second (default: 1,000,000)
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "1000000",
        value_parser = clap::value_parser!(u32).range(1..=50_000_000), conflicts_with = "segments")]
    pub(super) due: Option<u32>,

    /// With --due: events per second that keep coming
    #[arg(long, value_name = "N", default_value_t = 2_000, requires = "due", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: u32,

    /// With --due: the time within which the timers are due, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 1_000, requires = "due", value_parser = clap::value_parser!(u32).range(1..=60_000))]
    within: u32,

    /// With --due: the time with events before that, for comparison, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10, requires = "due", value_parser = clap::value_parser!(u32).range(1..=600))]
    quiet: u32,
}

/// The latency of events.
#[derive(Debug, Serialize)]
pub(super) struct DueReport {
    users_due: u32,
    within_ms: u32,
    rate: u32,
    /// From the first due timer until the outputs of all of them were received, in seconds.
    seconds_until_all_out: f64,
    /// Of events before any timer was due.
    without: Delays,
    /// Of events while timers were due or their outputs not received yet.
    with: Delays,
    /// Of events after that.
    after: Delays,
    /// The increase of the latency at p99.
    added_p99_ms: f64,
}

impl DueReport {
    /// As a table or a line of text.
    pub(super) fn table(&self) -> Table {
        Table::of_rows(vec![
            (
                "falling due",
                format!(
                    "{} users within {} ms",
                    grouped(u64::from(self.users_due)),
                    grouped(u64::from(self.within_ms))
                ),
            ),
            ("all of it out after", format!("{:.2} s", self.seconds_until_all_out)),
            ("rate", format!("{} events/s", grouped(u64::from(self.rate)))),
            ("delay without", self.without.row()),
            ("delay with", self.with.row()),
            ("delay after", self.after.row()),
            ("added at p99", format!("{:.3} ms", self.added_p99_ms)),
        ])
    }
}

/// What source and sink share.
struct DueRun {
    /// Users below this number have due timers; the others place orders.
    users: u32,
    started: Instant,
    /// Between two orders.
    gap: Duration,
    /// The number of timers whose outputs were received.
    out: AtomicU64,
    is_over: AtomicBool,
}

impl DueRun {
    /// The intended time of an order, from the beginning.
    fn intended(&self, order: u32) -> Duration {
        self.gap * order
    }
}

/// Measures.
pub(super) async fn measure(args: &DueArgs, users: u32) -> Result<DueReport, Error> {
    let plan = workload::compile(workload::W1)?;
    let options = PipelineOptions::default();
    // Time falls behind what the broker says by as much as events may be out of order.
    let burst = WARM_UP + Duration::from_secs(u64::from(args.quiet));
    let opens = BEGIN + DORMANT_AFTER + options.max_disorder - span(burst);
    let mut pipeline = Pipeline::new(plan, options)
        .map_err(|error| Error::Io { attempt: "start the workers", cause: std::io::Error::other(error) })?;
    see_all(&mut pipeline, users, args.within);
    let EngineEndpoints { live: _live, batches, output_items, thread: engine } = go_live(pipeline, 0).await?;
    let course = Arc::new(DueRun {
        users,
        started: Instant::now(),
        gap: Duration::from_secs(1) / args.rate,
        out: AtomicU64::new(0),
        is_over: AtomicBool::new(false),
    });
    let (ours, theirs) = (Arc::clone(&course), Arc::clone(&course));
    let orders = tokio::task::spawn_blocking(move || order(&ours, opens, &batches));
    let received = tokio::task::spawn_blocking(move || receive(&theirs, output_items));
    let deadline = burst + Duration::from_millis(u64::from(args.within)) + PATIENCE;
    let all_out = loop {
        tokio::time::sleep(Duration::from_millis(5)).await;
        let now = course.started.elapsed();
        if course.out.load(Ordering::Relaxed) >= u64::from(users) && now > burst {
            break Some(now);
        }
        if now > deadline {
            break None;
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
    if all_out.is_none() || came.delays.len() != ordered as usize {
        return Err(Error::Unreadable(format!(
            "{} of {users} users who fell due came out, and {} of {ordered} orders",
            course.out.load(Ordering::Relaxed),
            came.delays.len()
        )));
    }
    Ok(sum_up(args, users, burst, &came))
}

fn span(duration: Duration) -> Span {
    Span(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

/// Every user has one event, within this number of milliseconds.
fn see_all(pipeline: &mut Pipeline, users: u32, within_ms: u32) {
    let (mut lines, mut outputs) = (EventLineWriter::numbered_from(0), Vec::new());
    let mut block = Vec::new();
    for user in 0..users {
        let after = u64::from(user) * u64::from(within_ms) / u64::from(users);
        lines.view(user, BEGIN + Span(i64::try_from(after).unwrap_or(0)), &mut block);
        if block.len() > 4 << 20 || user + 1 == users {
            pipeline.feed(&block, &mut |_| {}, &mut outputs);
            block.clear();
            outputs.clear();
        }
    }
}

/// Places orders, each at its time and for a new user; returns their number.
fn order(course: &DueRun, opens: Timestamp, batches: &mpsc::Sender<RecordBatch>) -> u32 {
    let (mut lines, mut next) = (EventLineWriter::numbered_from(u64::from(course.users)), 0_u32);
    while !course.is_over.load(Ordering::Relaxed) {
        let now = course.started.elapsed();
        let mut batch = RecordBatch::new();
        while course.intended(next) <= now {
            let at = opens + span(course.intended(next));
            let mut line = Vec::new();
            lines.order(course.users + next, at, ORDER_CENTS, &mut line);
            next += 1;
            batch.push(message(u64::from(next), at, Bytes::from(line)));
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
struct DueOutputs {
    /// The latency of each order, by its number.
    delays: HashMap<u32, Duration>,
    /// When the output of the last timer was received, from the beginning.
    last_due: Duration,
}

/// Receives outputs until the engine ends.
fn receive(course: &DueRun, mut output_items: mpsc::Receiver<OutputItem>) -> DueOutputs {
    let mut came = DueOutputs::default();
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

fn take(course: &DueRun, output: &Output, now: Duration, came: &mut DueOutputs) {
    let Some(user) = output.user.strip_prefix('u').and_then(|number| number.parse::<u32>().ok()) else { return };
    match user.checked_sub(course.users) {
        None => {
            course.out.fetch_add(1, Ordering::Relaxed);
            came.last_due = now;
        }
        Some(order) => {
            came.delays.entry(order).or_insert_with(|| now.saturating_sub(course.intended(order)));
        }
    }
}

fn sum_up(args: &DueArgs, users: u32, burst: Duration, came: &DueOutputs) -> DueReport {
    let [mut without, mut with, mut after] = [(); 3].map(|()| histogram());
    // At least the time within which they fall due.
    let over = came.last_due.max(burst + Duration::from_millis(u64::from(args.within)));
    let gap = Duration::from_secs(1) / args.rate;
    for (order, delay) in &came.delays {
        match gap * *order {
            intended if intended < WARM_UP => {}
            intended if intended < burst => note(&mut without, *delay),
            intended if intended <= over => note(&mut with, *delay),
            _ => note(&mut after, *delay),
        }
    }
    let [without, with, after] = [without, with, after].map(|delays| Delays::of(&delays));
    DueReport {
        users_due: users,
        within_ms: args.within,
        rate: args.rate,
        seconds_until_all_out: came.last_due.saturating_sub(burst).as_secs_f64(),
        without,
        with,
        after,
        added_p99_ms: with.p99_ms - without.p99_ms,
    }
}

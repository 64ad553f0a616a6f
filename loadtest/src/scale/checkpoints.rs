//! The size of checkpoints, the pauses of the engine for snapshots, and their cost at full load.
//!
//! Intervals with and without a checkpoint alternate, and each one with is compared with those before and after it, so that
//! growth and drift affect both.

use std::path::Path;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use rekindle_runtime::live::{CompletedSnapshot, EngineHandle};
use rekindle_runtime::pipeline::Pipeline;
use rekindle_runtime::store::{CheckpointStore, PublishedOutputs, StoreClaim, WrittenCheckpoint};
use rekindle_settings::{CheckpointLocation, CheckpointSettings};
use serde::{Deserialize, Serialize};

use crate::engine_feed::EngineFeed;
use crate::error::Error;
use crate::figures::{Delays, median};
use crate::process;
use crate::synthetic_users::Traffic;

/// How often a paused feed is checked for rest.
const AT_REST: Duration = Duration::from_millis(200);

/// The number of checkpoints, and their interval.
#[derive(Clone, Copy, Debug)]
pub(super) struct CheckpointCycle {
    /// The number of bases, and of deltas.
    pub(super) rounds: u32,
    /// From the end of one to the beginning of the next.
    pub(super) interval: Duration,
}

/// The measurements of checkpoints.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Checkpointing {
    /// A base, on disk.
    pub(super) base_bytes: u64,
    pub(super) base_bytes_per_user: f64,
    /// From the snapshot until it is valid, while nothing else is done.
    pub(super) base_seconds_at_rest: f64,
    /// The same at full load.
    pub(super) base_seconds: f64,
    /// A delta, at full load.
    pub(super) delta_users: u64,
    pub(super) delta_bytes: u64,
    pub(super) delta_seconds: f64,
    /// The engine's pauses at full load: for the beginning of a snapshot, or for a part of it.
    pub(super) pauses: Delays,
    /// Events per second of the live engine, without checkpoints.
    pub(super) events_per_second: f64,
    /// The share of the throughput that bases cost, over periods with one each.
    pub(super) cost_of_bases: f64,
    /// The same of deltas.
    pub(super) cost_of_deltas: f64,
    /// The same of both, in the ratio in which the store requests them.
    pub(super) cost: f64,
}

/// A measured interval.
struct MeasuredInterval {
    rate: f64,
    took: Duration,
}

/// An interval in which a checkpoint was written.
struct CheckpointInterval {
    stretch: MeasuredInterval,
    written: WrittenCheckpoint,
    seconds: f64,
}

/// Measures, and leaves the last checkpoints in the folder. Also returns the resident memory with a live engine.
pub(super) async fn measure(
    pipeline: Pipeline,
    traffic: Traffic,
    rules: &str,
    folder: &Path,
    cycle: CheckpointCycle,
) -> Result<(Checkpointing, u64), Error> {
    let checkpoints = claimed(folder).await?;
    checkpoints.record_rules(0, &pipeline.plan().rules.version, rules).await?;
    let feed = EngineFeed::start(pipeline, 0, traffic).await?;
    come_to_rest(&feed).await;
    let live_resident = process::resident(std::process::id()).unwrap_or(0);
    let (base, at_rest) = write(&checkpoints, &feed.live, true).await?;
    let before = feed.live.pauses();
    feed.pause(false);
    tokio::time::sleep(cycle.interval.min(Duration::from_secs(5))).await;
    let mut without = vec![stretch(&feed, cycle.interval).await];
    let mut with = Vec::new();
    for _ in 0..cycle.rounds {
        for full in [true, false] {
            let began = feed.now();
            let started = Instant::now();
            let (written, seconds) = write(&checkpoints, &feed.live, full).await?;
            tokio::time::sleep(cycle.interval).await;
            let stretch_with = MeasuredInterval { rate: feed.rate_since(began), took: started.elapsed() };
            without.push(stretch(&feed, stretch_with.took).await);
            with.push(CheckpointInterval { stretch: stretch_with, written, seconds });
        }
    }
    let pauses = since(feed.live.pauses(), &before);
    feed.end().await?;
    Ok((sum_up(&base, at_rest, &with, &without, &pauses), live_resident))
}

/// The store in a folder, claimed.
pub(super) async fn claimed(folder: &Path) -> Result<CheckpointStore, Error> {
    let settings =
        CheckpointSettings { store: CheckpointLocation::Folder(folder.to_owned()), ..CheckpointSettings::default() };
    let Some(checkpoints) = CheckpointStore::open(&settings)? else {
        return Err(Error::Unreadable("a folder is where checkpoints are kept, and there is none".to_owned()));
    };
    let instance = std::process::id().to_string();
    checkpoints.claim(StoreClaim { epoch_at_least: 1, instance, stream: None, from_start: false }).await?;
    Ok(checkpoints)
}

/// Pauses the feed, and waits until there are no more outputs.
async fn come_to_rest(feed: &EngineFeed) {
    feed.pause(true);
    loop {
        let before = feed.handled();
        tokio::time::sleep(AT_REST).await;
        if feed.handled() == before {
            return;
        }
    }
}

/// Writes a checkpoint as the daemon does. Returns the seconds from the snapshot until it is valid.
async fn write(
    checkpoints: &CheckpointStore,
    live: &EngineHandle,
    full: bool,
) -> Result<(WrittenCheckpoint, f64), Error> {
    let started = Instant::now();
    let beginning = checkpoints.clone();
    let begin = Box::new(move |head, plan, sequence, generation| beginning.begin(head, plan, sequence, generation));
    let snapshot = live.snapshot(full, begin).await.map_err(Error::Snapshot)?;
    let CompletedSnapshot { completion, passed, .. } = snapshot;
    let written = completion.wait().await?;
    let passed = passed.await.map_err(|_| Error::Unreadable("the engine has ended".to_owned()))?;
    let outputs = PublishedOutputs { ordinal: passed.ordinal, last: Some(passed.stream_last) };
    checkpoints.commit(written.clone(), outputs).await?;
    Ok((written, started.elapsed().as_secs_f64()))
}

async fn stretch(feed: &EngineFeed, took: Duration) -> MeasuredInterval {
    let began = feed.now();
    tokio::time::sleep(took).await;
    MeasuredInterval { rate: feed.rate_since(began), took }
}

fn since(mut now: Histogram<u64>, before: &Histogram<u64>) -> Histogram<u64> {
    now.subtract(before).expect("a histogram that went on holds what it held");
    now
}

fn sum_up(
    base: &WrittenCheckpoint,
    at_rest: f64,
    with: &[CheckpointInterval],
    without: &[MeasuredInterval],
    pauses: &Histogram<u64>,
) -> Checkpointing {
    let of = |is_base: bool| with.iter().filter(move |with| with.written.is_base() == is_base);
    let seconds = |is_base| median(of(is_base).map(|with| with.seconds).collect());
    // What stood before and after a stretch with a checkpoint.
    let around = |index: usize| (without[index].rate + without[index + 1].rate) / 2.0;
    let cost = |is_base: bool| {
        let costs = with.iter().enumerate().filter(|(_, with)| with.written.is_base() == is_base);
        median(costs.map(|(index, with)| 1.0 - with.stretch.rate / around(index)).collect())
    };
    let delta_bytes = of(false).map(|with| with.written.bytes).max().unwrap_or(0);
    let (bases, deltas) = (cost(true), cost(false));
    let per_base = deltas_on_a_base(base.bytes, delta_bytes) as f64;
    Checkpointing {
        base_bytes: base.bytes,
        base_bytes_per_user: base.bytes as f64 / base.users.max(1) as f64,
        base_seconds_at_rest: at_rest,
        base_seconds: seconds(true),
        delta_users: of(false).map(|with| with.written.users).max().unwrap_or(0),
        delta_bytes,
        delta_seconds: seconds(false),
        pauses: Delays::of(pauses),
        events_per_second: median(without.iter().map(|stretch| stretch.rate).collect()),
        cost_of_bases: bases,
        cost_of_deltas: deltas,
        cost: (bases + per_base * deltas) / (1.0 + per_base),
    }
}

/// The number of deltas per base (see `rekindle_runtime::store`): until they are larger than it, and 30 at most.
fn deltas_on_a_base(base_bytes: u64, delta_bytes: u64) -> u64 {
    (base_bytes.max(1 << 20) / delta_bytes.max(1) + 1).min(30)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heavy_deltas_are_fewer() {
        assert_eq!(
            [deltas_on_a_base(100 << 20, 1 << 20), deltas_on_a_base(100 << 20, 50 << 20), deltas_on_a_base(1, 1)],
            [30, 3, 30]
        );
    }
}

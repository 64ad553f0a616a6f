//! What checkpoints weigh, how long the engine stands still for them, and what they cost an engine at full load.
//!
//! Stretches with a checkpoint and without take turns, and one with is compared with those before and after it, so that
//! what grows or drifts meanwhile strikes both.

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

/// How soon to look again whether a feed has come to rest.
const AT_REST: Duration = Duration::from_millis(200);

/// How often, and how much.
#[derive(Clone, Copy, Debug)]
pub(super) struct CheckpointCycle {
    /// The number of base checkpoints, and of deltas.
    pub(super) rounds: u32,
    /// From the end of one to the beginning of the next.
    pub(super) interval: Duration,
}

/// The measurements of checkpoints.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Checkpointing {
    /// A whole one, on disk.
    pub(super) base_bytes: u64,
    pub(super) base_bytes_per_user: f64,
    /// From the cut until it counts, while nothing else is done.
    pub(super) base_seconds_at_rest: f64,
    /// The same at full load.
    pub(super) base_seconds: f64,
    /// One of what changed, at full load.
    pub(super) delta_users: u64,
    pub(super) delta_bytes: u64,
    pub(super) delta_seconds: f64,
    /// How long the engine stood still at full load, each time: the beginning of a cut, or a piece of it.
    pub(super) pauses: Delays,
    /// Events per second of the live engine, without checkpoints.
    pub(super) events_per_second: f64,
    /// The part of the throughput that whole checkpoints cost, of stretches with one each.
    pub(super) cost_of_bases: f64,
    /// The same of checkpoints of what changed.
    pub(super) cost_of_deltas: f64,
    /// Of both in the shares in which the store asks for them, with this much change.
    pub(super) cost: f64,
}

/// A stretch of time.
struct MeasuredInterval {
    rate: f64,
    took: Duration,
}

/// A stretch in which a checkpoint was written.
struct CheckpointInterval {
    stretch: MeasuredInterval,
    written: WrittenCheckpoint,
    seconds: f64,
}

/// Measures, and leaves the last checkpoints in the folder. Also what the process occupies once the engine is live.
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
        for whole in [true, false] {
            let began = feed.now();
            let started = Instant::now();
            let (written, seconds) = write(&checkpoints, &feed.live, whole).await?;
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

/// The store in a folder, with nobody else writing.
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

/// Pauses the feed, and waits until nothing more comes out.
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

/// Writes a checkpoint as the daemon does. How many seconds it took from the cut until it counts.
async fn write(
    checkpoints: &CheckpointStore,
    live: &EngineHandle,
    whole: bool,
) -> Result<(WrittenCheckpoint, f64), Error> {
    let started = Instant::now();
    let beginning = checkpoints.clone();
    let begin = Box::new(move |head, plan, sequence, generation| beginning.begin(head, plan, sequence, generation));
    let captured = live.snapshot(whole, begin).await.map_err(|error| Error::Unreadable(error.to_string()))?;
    let CompletedSnapshot { completion, passed, .. } = captured;
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
    let of = |is_whole: bool| with.iter().filter(move |with| with.written.is_base() == is_whole);
    let seconds = |is_whole| median(of(is_whole).map(|with| with.seconds).collect());
    // What stood before and after a stretch with a checkpoint.
    let around = |index: usize| (without[index].rate + without[index + 1].rate) / 2.0;
    let cost = |is_whole: bool| {
        let costs = with.iter().enumerate().filter(|(_, with)| with.written.is_base() == is_whole);
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

/// How many deltas the store puts on a base (see `rekindle_runtime::store`): until they weigh more than it, and 30 at most.
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

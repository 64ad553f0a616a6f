//! The measurements of one number of users, in a process of its own: all but the recovery, or only that.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::time::Span;
use rekindle_runtime::pipeline::{Pipeline, PipelineOptions};
use serde::{Deserialize, Serialize};

use super::checkpoints::{self, CheckpointCycle, Checkpointing};
use super::recovery;
use crate::engine::state::own_count;
use crate::error::Error;
use crate::figures::median;
use crate::synthetic_users::{self, Traffic};
use crate::{process, table, workload};

/// Time advances in steps of this while no events arrive, so that outputs arrive a few at a time.
const STEP: Span = Span(60_000);

/// What to measure, and with what.
#[derive(Clone, Debug, Args)]
pub(crate) struct OneArgs {
    #[arg(long)]
    pub(super) users: u32,
    #[arg(long)]
    pub(super) active: f64,
    #[arg(long)]
    pub(super) rules: Option<PathBuf>,
    #[arg(long)]
    pub(super) events: u64,
    #[arg(long)]
    pub(super) rounds: u32,
    #[arg(long)]
    pub(super) interval_ms: u64,
    /// Where checkpoints are kept.
    #[arg(long)]
    pub(super) folder: PathBuf,
    /// Recover from what is kept there.
    #[arg(long)]
    pub(super) recover: bool,
}

impl OneArgs {
    /// The command that has them.
    pub(super) fn command(&self) -> Vec<String> {
        let mut args = vec!["scale-one".to_owned()];
        let mut add = |name: &str, value: String| args.extend([format!("--{name}"), value]);
        add("users", self.users.to_string());
        add("active", self.active.to_string());
        add("events", self.events.to_string());
        add("rounds", self.rounds.to_string());
        add("interval-ms", self.interval_ms.to_string());
        add("folder", self.folder.display().to_string());
        if let Some(rules) = &self.rules {
            add("rules", rules.display().to_string());
        }
        if self.recover {
            args.push("--recover".to_owned());
        }
        args
    }
}

/// All but the recovery.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct SizeMeasurement {
    pub(super) users: u64,
    pub(super) active_users: u64,
    /// Until all users had a history and had been idle for long.
    pub(super) created_seconds: f64,
    /// Of steady traffic: the median of the rounds.
    pub(super) events_per_second: f64,
    /// Resident memory with all users and after traffic.
    pub(super) resident_bytes: u64,
    /// The engine's own count.
    pub(super) state_bytes: u64,
    pub(super) state_bytes_per_user: f64,
    /// Resident memory with the membership view, as in a daemon.
    pub(super) live_resident_bytes: u64,
    /// Peak of resident memory, under load and with checkpoints.
    pub(super) peak_bytes: u64,
    pub(super) checkpoint: Checkpointing,
}

/// Measures, and prints the result as JSON.
pub(crate) async fn run(args: &OneArgs) -> Result<bool, Error> {
    let printed = match args.recover {
        true => table::print_json(&recovery::measure(&args.folder).await?),
        false => table::print_json(&measure(args).await?),
    };
    printed.map_err(|cause| Error::Io { attempt: "write to standard output", cause })?;
    Ok(true)
}

async fn measure(args: &OneArgs) -> Result<SizeMeasurement, Error> {
    let (text, plan) = workload::read(args.rules.as_deref())?;
    let started = Instant::now();
    let mut pipeline = populated(&plan, args.users)?;
    let created_seconds = started.elapsed().as_secs_f64();
    let mut traffic = Traffic::new(args.users, args.active);
    let active_users = traffic.active();
    // What comes first is not like what comes later, and does not count.
    let _ = rate(&mut pipeline, &mut traffic, args.events);
    let rates = (0..args.rounds).map(|_| rate(&mut pipeline, &mut traffic, args.events)).collect();
    let (state_bytes, resident_bytes) = (own_count(&pipeline), process::resident(std::process::id()).unwrap_or(0));
    let users = pipeline.totals().users;
    let cycle = CheckpointCycle { rounds: args.rounds, interval: Duration::from_millis(args.interval_ms) };
    let (checkpoint, live_resident_bytes) = checkpoints::measure(pipeline, traffic, &text, &args.folder, cycle).await?;
    Ok(SizeMeasurement {
        users,
        active_users,
        created_seconds,
        events_per_second: median(rates),
        resident_bytes,
        state_bytes,
        state_bytes_per_user: state_bytes as f64 / users.max(1) as f64,
        live_resident_bytes,
        peak_bytes: process::peak_resident(std::process::id()).unwrap_or(0),
        checkpoint,
    })
}

/// A pipeline whose users have few events, days ago. It has a worker per core.
pub(crate) fn populated(plan: &Arc<ExecutionPlan>, users: u32) -> Result<Pipeline, Error> {
    populated_with(plan, users, PipelineOptions::default())
}

/// The same, with these options.
pub(crate) fn populated_with(
    plan: &Arc<ExecutionPlan>,
    users: u32,
    options: PipelineOptions,
) -> Result<Pipeline, Error> {
    let mut pipeline = Pipeline::new(Arc::clone(plan), options)
        .map_err(|error| Error::Io { attempt: "start the workers", cause: std::io::Error::other(error) })?;
    let mut outputs = Vec::new();
    for block in synthetic_users::histories(users) {
        pipeline.feed(&block, &mut |_| {}, &mut outputs);
        outputs.clear();
    }
    while pipeline.watermark() < synthetic_users::TRAFFIC - STEP {
        pipeline.advance_to(pipeline.watermark() + STEP, &mut outputs);
        outputs.clear();
    }
    match pipeline.totals().users {
        found if found == u64::from(users) => Ok(pipeline),
        found => Err(Error::Unreadable(format!("{users} users were made, and the engine knows {found}"))),
    }
}

/// Events per second of wall-clock time: decode and engine, without outputs.
fn rate(pipeline: &mut Pipeline, traffic: &mut Traffic, events: u64) -> f64 {
    let (mut took, mut outputs) = (Duration::ZERO, Vec::new());
    for block in traffic.blocks(events) {
        let started = Instant::now();
        pipeline.feed(&block, &mut |_| {}, &mut outputs);
        outputs.clear();
        took += started.elapsed();
    }
    events as f64 / took.as_secs_f64()
}

//! `loadtest scale`: memory and cost of ten thousand to ten million users.
//!
//! Each number of users is measured in a process of its own, and its recovery in another. Two further
//! measurements are separate: the latency of events while all timers fire at once, and the cost of an event with segments
//! that do not read it.

mod checkpoints;
mod due;
mod memory;
pub(crate) mod one;
mod plot;
mod recovery;
mod report;
mod segments;

use std::io::Write;
use std::path::PathBuf;
use std::process::Command;

use clap::Args;

use crate::child;
use crate::error::Error;
use crate::table::ReportFormat;
use one::{OneArgs, SizeMeasurement};
use recovery::RecoveryTimes;
use report::{ScaleReport, SizeResult};

/// Measure throughput, memory, checkpoints and recovery at 10 thousand to 10 million users
#[derive(Debug, Args)]
pub(crate) struct ScaleArgs {
    /// Numbers of users, each measured in a process of its own
    #[arg(long, value_name = "N,…", value_delimiter = ',', default_value = "10000,100000,1000000,10000000",
        value_parser = clap::value_parser!(u32).range(100..=100_000_000))]
    users: Vec<u32>,

    /// How many of them all events come from, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 1.0, value_parser = percent)]
    active: f64,

    /// The rules (default: those of the W1 workload)
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,

    /// Events of a round of throughput
    #[arg(long, value_name = "N", default_value_t = 2_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    events: u64,

    /// Rounds of throughput, of bases, and of deltas; medians are reported
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// From one checkpoint to the next, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = seconds)]
    interval: f64,

    /// Where checkpoints are stored, in a folder that is removed in the end (default: the system's temporary folder)
    #[arg(long, value_name = "FOLDER")]
    folder: Option<PathBuf>,

    /// Also draw throughput, memory, pauses and recovery over users, as SVG
    #[arg(long, value_name = "FILE.svg", conflicts_with_all = ["due", "segments"])]
    plot: Option<PathBuf>,

    #[command(flatten)]
    due: due::DueArgs,

    #[command(flatten)]
    segments: segments::SegmentsArgs,

    #[command(flatten)]
    format: ReportFormat,
}

pub(crate) fn percent(text: &str) -> Result<f64, String> {
    let is_share = |percent: &f64| *percent > 0.0 && *percent <= 100.0;
    text.parse().ok().filter(is_share).ok_or_else(|| "it must be more than 0 and at most 100".to_owned())
}

pub(crate) fn seconds(text: &str) -> Result<f64, String> {
    let is_time = |seconds: &f64| (0.05..=3_600.0).contains(seconds);
    text.parse().ok().filter(is_time).ok_or_else(|| "it must be 0.05 to 3600 seconds".to_owned())
}

/// Measures, after a check of the memory.
pub(crate) async fn run(args: &ScaleArgs) -> Result<bool, Error> {
    if let Some(users) = args.due.due {
        memory::check(users)?;
        let report = due::measure(&args.due, users).await?;
        args.format.print(&report, &report.table())?;
    } else if !args.segments.segments.is_empty() {
        let report = segments::measure(&args.segments, args.events, args.rounds)?;
        args.format.print(&report, &report.table())?;
    } else {
        let report = measure(args).await?;
        if let Some(path) = &args.plot {
            plot::draw(&report, path)?;
        }
        args.format.print(&report, &report.table())?;
    }
    Ok(true)
}

async fn measure(args: &ScaleArgs) -> Result<ScaleReport, Error> {
    let most = args.users.iter().copied().max().unwrap_or(0);
    say(&format!("the largest size needs about {} of memory", memory::gib(memory::needed(most))));
    memory::check(most)?;
    let mut sizes = Vec::new();
    for users in &args.users {
        say(&format!("{users} users"));
        sizes.push(measure_one(args, *users).await?);
    }
    Ok(ScaleReport { active_percent: args.active, interval_seconds: args.interval, rounds: args.rounds, sizes })
}

async fn measure_one(args: &ScaleArgs, users: u32) -> Result<SizeResult, Error> {
    let folder = match &args.folder {
        Some(folder) => tempfile::tempdir_in(folder),
        None => tempfile::tempdir(),
    };
    let folder =
        folder.map_err(|cause| Error::Io { attempt: "make a folder for checkpoints (see --folder)", cause })?;
    let mut one = OneArgs {
        users,
        active: args.active,
        rules: args.rules.clone(),
        events: args.events,
        rounds: args.rounds,
        interval_ms: (args.interval * 1e3) as u64,
        folder: folder.path().to_owned(),
        recover: false,
    };
    let measured: SizeMeasurement = child::run(Command::new(child::own_binary()?).args(one.command())).await?;
    one.recover = true;
    let recovered: RecoveryTimes = child::run(Command::new(child::own_binary()?).args(one.command())).await?;
    if measured.users != recovered.users {
        let (before, after) = (measured.users, recovered.users);
        return Err(Error::Unreadable(format!("there were {before} users, and {after} came back")));
    }
    Ok(SizeResult { measured, recovered })
}

/// Reports the progress on standard error.
fn say(what: &str) {
    // Where standard error is closed nobody does.
    let _ = writeln!(std::io::stderr(), "{what}");
}

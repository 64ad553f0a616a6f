//! `loadtest peers`: the W1 workload by Rekindle, and by jobs that were written for it and nothing else, for timely dataflow and for
//! Flink.
//!
//! Each run is a process of its own, so what starting costs is part of it. They take turns, round after round, and ratios are
//! those within a round. All must find the same transitions, by segment and direction. The jobs are built from `loadtest/peers`, which is
//! no part of the workspace.

mod input;
mod jobs;
mod outputs;
mod report;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::{Args, ValueEnum};
use rekindle_core::time::Timestamp;

use crate::error::Error;
use crate::table::ReportFormat;
use crate::usage::{self, ProcessUsage};
use crate::{daemon, engine, workload};
use input::{PeerEvents, PeerInput};
use jobs::FlinkJob;
use outputs::OutputCounts;
use report::PeersReport;

/// How often a long run goes through the events.
const LONG_PASSES: u32 = 4;

/// Compare Rekindle on W1 with jobs written for timely dataflow and Flink, in turns
///
/// Builds the jobs of loadtest/peers with cargo and Maven, and needs python3 to generate events. Ends with 0 if all found the same
/// transitions.
#[derive(Debug, Args)]
pub(crate) struct PeersArgs {
    /// Events: a file of JSON lines, or the number that W1's generator is asked for
    ///
    /// The generator makes about a seventh fewer: it leaves out sessions that would overlap. W1 itself is the default.
    #[arg(long, value_name = "FILE|N", default_value = "5400000")]
    events: PeerEvents,

    /// The days that the events span; a long run goes through them again that much later
    #[arg(long, value_name = "N", default_value_t = 7, value_parser = clap::value_parser!(u32).range(1..=365))]
    days: u32,

    /// When time ends (default: two days after those, from 2026-03-01 on)
    #[arg(long, value_name = "TIME", value_parser = engine::time)]
    until: Option<Timestamp>,

    /// How many rounds
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// Leave out a peer, for machines without Java and Maven; the table says so
    #[arg(long, value_name = "PEER")]
    without: Option<OptionalPeer>,

    /// A folder with the jars of Flink 2.3.0, such as `lib` of a distribution: its job is compiled with them instead of by Maven
    #[arg(long, value_name = "FOLDER", conflicts_with = "without")]
    flink_jars: Option<PathBuf>,

    /// The daemon's binary (default: the one in the folder of this program)
    #[arg(long, value_name = "FILE")]
    rekindle: Option<PathBuf>,

    #[command(flatten)]
    format: ReportFormat,
}

/// What can be left out.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum OptionalPeer {
    Flink,
}

/// One run of a program.
#[derive(Clone, Debug)]
struct PeerRun {
    usage: ProcessUsage,
    outputs: OutputCounts,
}

/// All programs, one after the other.
struct PeerRound {
    one_worker: PeerRun,
    two_workers: PeerRun,
    timely: PeerRun,
    flink: Option<FlinkRuns>,
}

struct FlinkRuns {
    cold: PeerRun,
    /// Of [`LONG_PASSES`].
    long: PeerRun,
}

/// The setup of a measurement.
struct PeerBench<'a> {
    folder: &'a Path,
    rekindle: PathBuf,
    rules: PathBuf,
    input: PeerInput,
    timely: PathBuf,
    flink: Option<FlinkJob>,
    /// What is in the events that the jobs know nothing of.
    unknown: Option<String>,
}

/// Measures; returns whether all found the same.
pub(crate) async fn run(args: &PeersArgs) -> Result<bool, Error> {
    let folder = tempfile::tempdir().map_err(|cause| Error::Io { attempt: "make a temporary folder", cause })?;
    let mut bench = PeerBench::prepare(args, folder.path()).await?;
    let mut rounds = Vec::new();
    for number in 1..=args.rounds {
        say(&format!("round {number} of {}", args.rounds));
        rounds.push(bench.round().await?);
    }
    let differences = bench.differences(&rounds).await?;
    let report = PeersReport::new(bench.input.until.to_string(), &rounds, differences);
    args.format.print(&report, &report.table())?;
    report.differences.iter().for_each(|difference| say(&format!("error: {difference}")));
    if let (false, Some(unknown)) = (report.differences.is_empty(), &bench.unknown) {
        say(unknown);
    }
    Ok(report.differences.is_empty())
}

impl<'a> PeerBench<'a> {
    async fn prepare(args: &PeersArgs, folder: &'a Path) -> Result<PeerBench<'a>, Error> {
        let rekindle = daemon::binary(args.rekindle.as_deref())?;
        if args.without.is_none() {
            jobs::require_flink(args.flink_jars.as_deref())?;
        }
        let rules = folder.join("rules.toml");
        fs::write(&rules, workload::W1).map_err(Error::file("write", &rules))?;
        say("building the jobs");
        let timely = jobs::build_timely(folder).await?;
        let flink = match args.without {
            Some(OptionalPeer::Flink) => None,
            None => Some(FlinkJob::build(args.flink_jars.as_deref(), folder).await?),
        };
        say("preparing the events");
        let input = PeerInput::prepare(&args.events, args.days, args.until, folder).await?;
        Ok(PeerBench { folder, rekindle, rules, input, timely, flink, unknown: None })
    }

    async fn round(&mut self) -> Result<PeerRound, Error> {
        let one_worker = self.replay(1).await?;
        let two_workers = self.replay(2).await?;
        let timely = self.job(Command::new(&self.timely), 1).await?;
        let flink = match &self.flink {
            None => None,
            Some(flink) => Some(FlinkRuns {
                cold: self.job(flink.command(), 1).await?,
                long: self.job(flink.command(), LONG_PASSES).await?,
            }),
        };
        Ok(PeerRound { one_worker, two_workers, timely, flink })
    }

    async fn replay(&mut self, workers: u16) -> Result<PeerRun, Error> {
        let summary = self.folder.join("summary.json");
        let mut replay = Command::new(&self.rekindle);
        replay.args(["replay", "--quiet", "--output", "/dev/null", "--workers", &workers.to_string()]);
        replay.args(["--until", &self.input.until.to_string(), "--rules"]).arg(&self.rules);
        replay.arg("--summary").arg(&summary).arg(&self.input.path);
        let usage = usage::run(replay, &self.folder.join("replay")).await?;
        let text = fs::read_to_string(&summary).map_err(Error::file("read", &summary))?;
        let (outputs, unknown) = OutputCounts::of_replay(&text)?;
        self.unknown = unknown;
        Ok(PeerRun { usage, outputs })
    }

    /// Runs a job; both take the same arguments.
    async fn job(&self, mut command: Command, passes: u32) -> Result<PeerRun, Error> {
        let PeerInput { path, until, days } = &self.input;
        command.arg(path).args([until.0.to_string(), passes.to_string(), days.to_string()]);
        let printed = self.folder.join("job.json");
        let (usage, text) = usage::run_and_read(command, &printed).await?;
        Ok(PeerRun { usage, outputs: OutputCounts::of_job(&String::from_utf8_lossy(&text))? })
    }

    /// Where a run found something else than the first. Long runs are compared with one of the timely job, which takes no part in the
    /// rounds.
    async fn differences(&self, rounds: &[PeerRound]) -> Result<Vec<String>, Error> {
        let expected = &rounds[0].one_worker.outputs;
        let long = match &self.flink {
            None => None,
            Some(_) => Some(self.job(Command::new(&self.timely), LONG_PASSES).await?.outputs),
        };
        let mut found = Vec::new();
        for (number, round) in (1..).zip(rounds) {
            let mut compare = |name: &str, run: &PeerRun, expected: &OutputCounts, of: &str| {
                let differences = run.outputs.differences(expected).into_iter();
                found.extend(differences.map(|what| format!("{name}, round {number}, is not as {of}: {what}")));
            };
            let rekindle = "Rekindle with 1 worker";
            compare(rekindle, &round.one_worker, expected, "in round 1");
            compare("Rekindle with 2 workers", &round.two_workers, expected, rekindle);
            compare("the timely job", &round.timely, expected, rekindle);
            if let (Some(flink), Some(long)) = (&round.flink, &long) {
                compare("the Flink job", &flink.cold, expected, rekindle);
                compare("the Flink job in 4 passes", &flink.long, long, "the timely job");
            }
        }
        Ok(found)
    }
}

/// Reports the progress, and what is wrong, on standard error.
fn say(what: &str) {
    // Where standard error is closed nobody does.
    let _ = writeln!(std::io::stderr(), "{what}");
}

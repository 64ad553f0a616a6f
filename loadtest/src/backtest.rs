//! `loadtest backtest`: what a comparison of two rule sets in one pass takes, beside a replay of one.
//!
//! In turns, round after round, each a process of its own over the same file: `rekindle replay` under the old rules, whose journal
//! is thrown away, and `rekindle backtest` of the new rules against the old ones. They have the same number of workers, so that
//! the ratio of a round is of the same work twice, and of comparing it.

use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use crate::daemon;
use crate::engine::input::EventBlocks;
use crate::error::Error;
use crate::figures::Spread;
use crate::table::{ReportFormat, Table, grouped};
use crate::usage::{self, ProcessUsage};
use crate::workload;

/// What is tried instead: of each, what the old rules have, and what the new ones have.
const EDITS: [[&str; 2]; 2] = [["count(view, '30m') >= 3", "count(view, '30m') >= 4"], ["\"3d\"", "\"12h\""]];

/// Measure a backtest of two rule sets in one pass beside a replay of one
#[derive(Debug, Args)]
pub(crate) struct BacktestLoadArgs {
    /// Events, one JSON object per line
    #[arg(long, value_name = "FILE", conflicts_with = "generate")]
    events: Option<PathBuf>,

    /// This number of events of a simulated storefront instead
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..))]
    generate: u64,

    /// Shoppers of the simulated storefront
    #[arg(long, value_name = "U", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    users: u32,

    /// The old rules (default: those of the W1 workload, and a campaign)
    #[arg(long, value_name = "FILE", requires = "new_rules")]
    rules: Option<PathBuf>,

    /// The new ones (default: two numbers in them are others)
    #[arg(long, value_name = "FILE", requires = "rules")]
    new_rules: Option<PathBuf>,

    /// Rounds of both
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// The daemon's binary (default: the one in the folder of this program)
    #[arg(long, value_name = "FILE")]
    rekindle: Option<PathBuf>,

    #[command(flatten)]
    format: ReportFormat,
}

/// What was measured.
#[derive(Debug, Serialize)]
struct BacktestLoadReport {
    events: u64,
    rounds: u32,
    replay_seconds: Spread,
    backtest_seconds: Spread,
    /// Of the rounds.
    ratio: Spread,
    replay_processor_seconds: Spread,
    backtest_processor_seconds: Spread,
    /// Of processor time.
    processor_ratio: Spread,
    /// People for whom the two rule sets differ.
    different_people: u64,
}

/// Measures; fails if the rules that are compared make no difference, as then nothing was compared.
pub(crate) async fn run(args: &BacktestLoadArgs) -> Result<bool, Error> {
    let folder = tempfile::tempdir().map_err(|cause| Error::Io { attempt: "make a temporary folder", cause })?;
    let report = measure(args, folder.path()).await?;
    args.format.print(&report, &report.table())?;
    Ok(report.different_people > 0)
}

async fn measure(args: &BacktestLoadArgs, folder: &Path) -> Result<BacktestLoadReport, Error> {
    let binary = daemon::binary(args.rekindle.as_deref())?;
    let write = |name: &str, bytes: &[u8]| {
        let path = folder.join(name);
        std::fs::write(&path, bytes).map_err(Error::file("write", &path)).map(|()| path)
    };
    let (old, new) = match (&args.rules, &args.new_rules) {
        (Some(old), Some(new)) => (workload::read(Some(old))?.0, workload::read(Some(new))?.0),
        _ => {
            let old = workload::w1_with_campaign();
            let new = EDITS.iter().fold(old.clone(), |text, [from, to]| text.replace(from, to));
            (old, new)
        }
    };
    let (old, new) = (write("old.toml", old.as_bytes())?, write("new.toml", new.as_bytes())?);
    let events = match &args.events {
        Some(path) => path.clone(),
        None => write("events.jsonl", EventBlocks::generate(args.generate, args.users).bytes())?,
    };
    let backtest = || {
        let mut command = Command::new(&binary);
        command.args(["backtest", "--json", "--rules"]).arg(&new).arg("--against").arg(&old).arg(&events);
        command
    };
    let said = folder.join("said");
    let report_of = |said: &[u8]| -> Result<Value, Error> {
        serde_json::from_slice(said).map_err(|error| Error::Unreadable(error.to_string()))
    };
    // The file is in the page cache for all that counts, and both end with the latest event.
    let mut compared = report_of(&usage::run_and_read(backtest(), &said).await?.1)?;
    let until = compared["to"].as_str().unwrap_or_default().to_owned();
    let replay = || {
        let mut command = Command::new(&binary);
        command.args(["replay", "--quiet", "--output", "/dev/null", "--until", &until, "--rules"]);
        command.arg(&old).arg(&events);
        command
    };
    let (mut replays, mut backtests) = (Vec::new(), Vec::new());
    for round in 0..args.rounds {
        // Neither is always the one that comes after the other.
        for is_backtest in [round % 2 == 1, round % 2 == 0] {
            match is_backtest {
                true => {
                    let (usage, text) = usage::run_and_read(backtest(), &said).await?;
                    compared = report_of(&text)?;
                    backtests.push(usage);
                }
                false => replays.push(usage::run(replay(), &said).await?),
            }
        }
    }
    let walls = |runs: &[ProcessUsage]| runs.iter().map(|run| run.wall.as_secs_f64()).collect::<Vec<_>>();
    let processors = |runs: &[ProcessUsage]| runs.iter().map(|run| run.processor.as_secs_f64()).collect::<Vec<_>>();
    let ratios = |with: Vec<f64>, without: Vec<f64>| {
        Spread::of(with.iter().zip(&without).map(|(with, without)| with / without).collect())
    };
    Ok(BacktestLoadReport {
        events: compared["events"].as_u64().unwrap_or(0),
        rounds: args.rounds,
        ratio: ratios(walls(&backtests), walls(&replays)),
        processor_ratio: ratios(processors(&backtests), processors(&replays)),
        replay_seconds: Spread::of(walls(&replays)),
        backtest_seconds: Spread::of(walls(&backtests)),
        replay_processor_seconds: Spread::of(processors(&replays)),
        backtest_processor_seconds: Spread::of(processors(&backtests)),
        different_people: compared["differences"]["people"].as_u64().unwrap_or(0),
    })
}

impl BacktestLoadReport {
    fn table(&self) -> Table {
        let number = |number: f64| format!("{number:.2}");
        Table::of_rows(vec![
            ("events", grouped(self.events)),
            ("people for whom the rules differ", grouped(self.different_people)),
            ("rounds", self.rounds.to_string()),
            ("a replay of one, s", self.replay_seconds.row(&number)),
            ("a backtest of two, s", self.backtest_seconds.row(&number)),
            ("ratio", self.ratio.row(&number)),
            ("a replay of one, processor s", self.replay_processor_seconds.row(&number)),
            ("a backtest of two, processor s", self.backtest_processor_seconds.row(&number)),
            ("ratio of processor time", self.processor_ratio.row(&number)),
        ])
    }
}

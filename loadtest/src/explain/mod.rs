//! `loadtest explain`: how long it takes to tell why a user with many events is in segments.
//!
//! The same events are in a file, which is indexed once, and in a stream, which a daemon has read and indexed. In turns, round
//! after round: the program is started and does nothing; `rekindle explain` reads the user's events by the index; the daemon is
//! asked the same as of the latest event. Both answers must have the same segments.

mod events;
mod stream;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use crate::daemon;
use crate::error::Error;
use crate::figures::Spread;
use crate::table::{ReportFormat, Table, grouped};
use crate::usage;
use crate::workload;
use stream::HistoryDaemon;

/// Measure how long an explanation of a user with many events takes, from an indexed file and from the stream
#[derive(Debug, Args)]
pub(crate) struct ExplainLoadArgs {
    /// Events of the user who is asked about
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    own: u32,

    /// Events of other users, among which those are
    #[arg(long, value_name = "N", default_value_t = 500_000, value_parser = clap::value_parser!(u32).range(1..))]
    others: u32,

    /// How many other users there are
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..=9_000_000))]
    users: u32,

    /// The rules (default: those of the W1 workload, and a campaign)
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,

    /// Rounds of all measurements
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// The daemon's binary (default: the one in the folder of this program)
    #[arg(long, value_name = "FILE")]
    rekindle: Option<PathBuf>,

    #[command(flatten)]
    format: ReportFormat,
}

/// What was measured.
#[derive(Debug, Serialize)]
struct ExplainReport {
    own_events: u32,
    events: u64,
    rounds: u32,
    nats_server: String,
    /// The first explanation, which builds the file's index.
    file_indexed_seconds: f64,
    /// The same of the stream.
    stream_indexed_seconds: f64,
    /// The program started and ended, without anything to do.
    start_ms: Spread,
    /// All of `rekindle explain`, with that.
    file_ms: Spread,
    /// A request to the daemon.
    stream_ms: Spread,
    /// A replay of all events instead, once.
    replay_ms: f64,
    /// Segments and decisions in the answer.
    segments: usize,
    decisions: usize,
}

/// Measures; fails if file and stream have different answers.
pub(crate) async fn run(args: &ExplainLoadArgs) -> Result<bool, Error> {
    let folder = tempfile::tempdir().map_err(|cause| Error::Io { attempt: "make a temporary folder", cause })?;
    let report = measure(args, folder.path()).await?;
    args.format.print(&report, &report.table())?;
    Ok(true)
}

async fn measure(args: &ExplainLoadArgs, folder: &Path) -> Result<ExplainReport, Error> {
    let binary = daemon::binary(args.rekindle.as_deref())?;
    let text = match &args.rules {
        Some(path) => workload::read(Some(path))?.0,
        None => workload::w1_with_campaign(),
    };
    let (rules, lines) = (folder.join("explained.toml"), folder.join("events.jsonl"));
    std::fs::write(&rules, &text).map_err(Error::file("write", &rules))?;
    let events = events::history(args.own, args.others, args.users);
    let mut bytes = events.lines.join(&b'\n');
    bytes.push(b'\n');
    std::fs::write(&lines, bytes).map_err(Error::file("write", &lines))?;
    let user = events::asked_user();
    let end = events.end.to_string();
    let explain = |index: &[&str]| {
        let mut command = Command::new(&binary);
        command
            .arg("explain")
            .args(index)
            .arg("--rules")
            .arg(&rules)
            .args(["--user", &user, "--until", &end, "--json"]);
        command.arg(&lines);
        command
    };
    let said = folder.join("said");
    let file_indexed = usage::run(explain(&["--index"]), &said).await?.wall;
    let mut daemon = HistoryDaemon::start(&binary, folder, &text, &events, &user).await?;
    let (mut start, mut file, mut stream) = (Vec::new(), Vec::new(), Vec::new());
    let mut answers = (Value::Null, Value::Null);
    for _ in 0..args.rounds {
        let mut version = Command::new(&binary);
        version.arg("--version");
        start.push(millis(usage::run(version, &said).await?.wall));
        let (usage, text) = usage::run_and_read(explain(&[]), &said).await?;
        file.push(millis(usage.wall));
        answers.0 = serde_json::from_slice(&text).map_err(|error| Error::Unreadable(error.to_string()))?;
        let began = Instant::now();
        answers.1 = daemon.explanation().await?;
        stream.push(millis(began.elapsed()));
    }
    let (from_file, from_stream) = answers;
    if from_file["segments"] != from_stream["segments"] || from_file["campaigns"] != from_stream["campaigns"] {
        return Err(Error::Unreadable(format!("file and stream have different answers:\n{from_file}\n{from_stream}")));
    }
    let replayed = usage::run(explain(&["--no-index"]), &said).await?.wall;
    let count = |part: &str| from_file[part].as_array().map_or(0, Vec::len);
    Ok(ExplainReport {
        own_events: args.own,
        events: events.lines.len() as u64,
        rounds: args.rounds,
        nats_server: daemon.server_version.clone(),
        file_indexed_seconds: file_indexed.as_secs_f64(),
        stream_indexed_seconds: daemon.indexed_seconds,
        start_ms: Spread::of(start),
        file_ms: Spread::of(file),
        stream_ms: Spread::of(stream),
        replay_ms: millis(replayed),
        segments: count("segments"),
        decisions: count("campaigns"),
    })
}

fn millis(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

impl ExplainReport {
    fn table(&self) -> Table {
        let ms = |number: f64| format!("{number:.1}");
        let [own, all] = [u64::from(self.own_events), self.events].map(grouped);
        Table::of_rows(vec![
            ("events", format!("{own} of the user, {all} in all")),
            ("the answer", format!("{} segments, {} decisions", self.segments, self.decisions)),
            ("rounds", self.rounds.to_string()),
            ("the program starts and ends, ms", self.start_ms.row(&ms)),
            ("from the indexed file, ms", self.file_ms.row(&ms)),
            ("from the stream, ms", self.stream_ms.row(&ms)),
            ("a replay of all events instead, ms", ms(self.replay_ms)),
            ("once, with the file's index, s", format!("{:.2}", self.file_indexed_seconds)),
            ("once, with the stream's index, s", format!("{:.2}", self.stream_indexed_seconds)),
        ])
    }
}

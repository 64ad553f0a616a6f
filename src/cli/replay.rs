//! `rekindle replay`.

use std::io::IsTerminal;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::summary::{Run, Summary};
use super::{CliError, load_rules};
use crate::partition::Plan;
use crate::pipeline::Options;
use crate::replay::{Sinks, replay};
use crate::sink::file::OutputFile;
use crate::source::file::Files;
use crate::time::{Span, Timestamp};

/// Replays event files through the engine and writes the journal: every segment change, campaign decision and merge,
/// as JSON lines ordered by due time, then user. The same events and rules always give the same bytes, whatever
/// --partitions and --workers say.
///
/// Events are Segment calls (track, identify, alias, page, screen, or batch envelopes), one JSON object per line. A
/// summary goes to standard error.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The rules file (TOML); `rekindle rules` tells how to write one
    #[arg(long, value_name = "FILE")]
    rules: PathBuf,

    /// The end of time, RFC 3339: after the last event, time advances to here for everyone; later events are rejected
    #[arg(long, value_name = "TIME", value_parser = timestamp)]
    until: Timestamp,

    /// How far out of order events may arrive; what comes later still counts, and is counted as late
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = Span::parse)]
    max_disorder: Span,

    /// Longest event, in bytes; longer lines are rejected
    #[arg(long, value_name = "BYTES", default_value_t = 1 << 20, value_parser = clap::value_parser!(u64).range(1..))]
    max_event_bytes: u64,

    /// Write the journal here instead of to standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write the actions here, as CloudEvents 1.0 (JSON lines)
    #[arg(long, value_name = "FILE")]
    actions: Option<PathBuf>,

    /// Write rejected events here, with reason, file, line and original (JSON lines)
    #[arg(long, value_name = "FILE")]
    rejects: Option<PathBuf>,

    /// Write the summary here too, as one JSON object
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,

    /// How many partitions users are spread over; changes nothing in the journal
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=4096))]
    partitions: u16,

    /// How many worker threads; 0 is one per core; changes nothing in the journal
    #[arg(long, value_name = "N", default_value_t = 0, value_parser = clap::value_parser!(u16).range(0..=512))]
    workers: u16,

    /// Print no summary and no progress bar
    #[arg(long, short)]
    quiet: bool,

    /// Event files, in the order they are read: JSON lines, plain, .gz or .zst; `-` is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    events: Vec<PathBuf>,
}

fn timestamp(text: &str) -> Result<Timestamp, String> {
    Timestamp::parse_rfc3339(text)
        .ok_or_else(|| "it must be an RFC 3339 time with an offset, such as 2026-03-09T00:00:00Z".to_owned())
}

pub(crate) fn run(args: &ReplayArgs) -> Result<(), CliError> {
    let plan = Arc::new(Plan::new(load_rules(&args.rules)?));
    let max_event_bytes = usize::try_from(args.max_event_bytes).unwrap_or(usize::MAX);
    let options = Options {
        partitions: usize::from(args.partitions),
        workers: usize::from(args.workers),
        max_disorder: args.max_disorder,
        max_event_bytes,
        until: Some(args.until),
    };
    let files = Files::open(&args.events, max_event_bytes).map_err(crate::replay::ReplayError::from)?;
    let create =
        |what, path: &Option<PathBuf>| path.as_deref().map(|path| OutputFile::create(what, Some(path))).transpose();
    let sinks = Sinks {
        journal: OutputFile::create("the journal", args.output.as_deref())?,
        actions: create("the actions", &args.actions)?,
        rejects: create("the rejected events", &args.rejects)?,
    };
    let started = Instant::now();
    let bar = progress_bar(args, &files);
    let bytes_read = files.bytes_read();
    let source = files.inspect(|_| bar.set_position(bytes_read.load(std::sync::atomic::Ordering::Relaxed)));
    let outcome = replay(Arc::clone(&plan), options, args.until, source, sinks);
    bar.finish_and_clear();
    let totals = outcome?;
    let run = Run { took: started.elapsed(), until: args.until, at_full_speed: true };
    let summary = Summary::new(&plan.rules, &totals, run);
    if !args.quiet {
        eprint!("{summary}");
    }
    if let Some(path) = &args.summary {
        let mut file = OutputFile::create("the summary", Some(path))?;
        file.write(|sink| {
            serde_json::to_writer_pretty(&mut *sink, &summary.to_json())?;
            std::io::Write::write_all(sink, b"\n")
        })?;
        file.finish()?;
    }
    Ok(())
}

/// Hidden unless standard error is a terminal.
fn progress_bar(args: &ReplayArgs, files: &Files) -> ProgressBar {
    if args.quiet || !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = match files.bytes_total() {
        Some(total) => ProgressBar::new(total)
            .with_style(style("{bar:40} {bytes} of {total_bytes}, {binary_bytes_per_sec}, {eta} left")),
        None => ProgressBar::new_spinner().with_style(style("{spinner} {bytes}, {binary_bytes_per_sec}")),
    };
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

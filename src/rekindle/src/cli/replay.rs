//! `rekindle replay`.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use clap::Args;
use indicatif::ProgressBar;

use super::error::ArgumentError;
use super::outputs::{NamedPath, refuse_shared_files};
use super::secret::LoadedSecret;
use super::summary::{RunInfo, Summary, counted};
use super::terminal_bar::bar;
use super::{CliError, load_config, load_rules, pipeline_options, warn_if_stdin_is_terminal};
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::time::{Span, Timestamp};
use rekindle_runtime::files::sink::{OutputFile, OutputFileError};
use rekindle_runtime::files::source::{EventFiles, FileItem, FileSourceError};
use rekindle_runtime::pipeline::PipelineOptions;
use rekindle_runtime::replay::{
    ReplayError, ReplayResult, ReplaySinks, ReplayState, ResultTargets, ResumableReplay, replay,
};
use rekindle_settings::{EngineSettings, Secret};

/// Replays event files through the engine and writes the journal: every segment change, campaign decision and merge,
/// as JSON lines ordered by due time, then user. The same events and rules always give the same bytes, for any --partitions
/// and --workers.
///
/// Events are calls of Segment or RudderStack (track, identify, alias, page, screen, group), one JSON object per line, or
/// many in a batch envelope or an array; or a file that is one JSON document. A summary goes to standard error.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The rules file (TOML); `rekindle rules` prints the reference
    #[arg(long, value_name = "FILE", required_unless_present = "config")]
    rules: Option<PathBuf>,

    /// Take rules, max_disorder, state_ttl, max_event_bytes, placeholder_ids, secret_file, partitions and workers from this
    /// settings file; options given beside it win
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The end time, RFC 3339 or a date (its midnight, UTC): after the last event, time advances to here for all users; later
    /// events are rejected
    #[arg(long, value_name = "TIME", value_parser = timestamp)]
    until: Timestamp,

    /// How far out of order events may arrive; later ones are still applied, and counted as late
    ///
    /// Default: 5s
    #[arg(long, value_name = "DURATION", value_parser = Span::parse)]
    max_disorder: Option<Span>,

    /// Drop users that were idle for this long and have no pending timers: 0s for never, or 1h to 36525d
    ///
    /// Default: 0s
    #[arg(long, value_name = "DURATION", value_parser = EngineSettings::parse_state_ttl)]
    state_ttl: Option<Span>,

    /// The largest call in bytes; larger ones are rejected; 1048576 by default
    ///
    /// A line, which may be a batch of several calls, may have 16 times as many.
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(1..))]
    max_event_bytes: Option<u32>,

    /// Placeholder ids, case-insensitive, separated by commas: they count as missing, and link no users; "" for none
    ///
    /// Default: undefined, null, [object Object], NaN, none, nil, 0, guest, anonymous, unknown, true and false
    #[arg(long, value_name = "IDS", value_delimiter = ',')]
    placeholder_ids: Option<Vec<String>>,

    /// The file with the secret that draws of campaigns (`chance`) depend on, less a line end at its end; without one, the
    /// secret is empty
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,

    /// Write the journal here instead of to standard output
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Write the actions here, as CloudEvents 1.0 (JSON lines)
    #[arg(long, value_name = "FILE")]
    actions: Option<PathBuf>,

    /// Write dead letters here: rejected events with reason, file, line and original (JSON lines)
    #[arg(long, alias = "rejects", value_name = "FILE")]
    dead_letters: Option<PathBuf>,

    /// Write the summary here too, as one JSON object
    #[arg(long, value_name = "FILE")]
    summary: Option<PathBuf>,

    /// Keep progress in this folder: killed at any moment, and started again with the same arguments, the replay resumes from
    /// its last commit, and its results are those of an uninterrupted one, byte for byte
    ///
    /// Results are collected in the folder, and moved to their files or written to standard output when they are complete. The
    /// events are read again and skipped up to the commit: on standard input, all of them must be fed again. Other rules,
    /// options or events are refused. Delete the folder to start over.
    #[arg(long, value_name = "DIR")]
    checkpoint: Option<PathBuf>,

    /// How often progress is committed; less often where commits would take more than a tenth of the time; 0s: after every
    /// 512 KiB of events
    #[arg(long, value_name = "DURATION", value_parser = Span::parse, default_value = "10s", requires = "checkpoint")]
    checkpoint_interval: Span,

    /// The number of partitions of users; does not affect the journal; 64 by default
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=4096))]
    partitions: Option<u16>,

    /// The number of worker threads; 0, the default, is one per core; does not affect the journal
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(0..=1024))]
    workers: Option<u16>,

    /// Print no summary and no progress bar
    #[arg(long, short)]
    quiet: bool,

    /// Event files, in the order they are read: JSON lines, plain, .gz or .zst; `-` is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    events: Vec<PathBuf>,
}

impl ReplayArgs {
    /// The files that are written; the journal first.
    fn outputs(&self) -> Vec<NamedPath<'_>> {
        let journal = self.output.as_deref().unwrap_or(Path::new("-"));
        let others =
            [("--actions", &self.actions), ("--dead-letters", &self.dead_letters), ("--summary", &self.summary)];
        let asked_for = others.into_iter().filter_map(|(option, path)| Some((option, path.as_deref()?)));
        std::iter::once(("the journal", journal)).chain(asked_for).collect()
    }
}

pub(super) fn timestamp(text: &str) -> Result<Timestamp, ArgumentError> {
    Timestamp::parse_moment(text).ok_or(ArgumentError::Time)
}

pub(crate) fn run(args: &ReplayArgs) -> Result<(), CliError> {
    let settings = args.settings()?;
    let outputs = args.outputs();
    let events = args.events.iter().map(|path| ("events", path.as_path()));
    let parts = args.checkpoint.iter().flat_map(|folder| ResumableReplay::files(folder)).collect::<Vec<_>>();
    let progress = parts.iter().map(|path| ("progress", path.as_path()));
    let secret = args.secret_file.iter().map(|path| ("the secret", path.as_path()));
    let inputs: Vec<_> = events.chain([("rules", settings.rules.as_path())]).chain(secret).chain(progress).collect();
    refuse_shared_files(&outputs, &inputs)?;
    let plan = Arc::new(ExecutionPlan::new(load_rules(&settings.rules)?));
    let secret = LoadedSecret::of_command(settings.secret.as_ref())?;
    let options = PipelineOptions { secret, ..pipeline_options(&settings) };
    let summary_file = create("the summary", args.summary.as_deref())?;
    let outcome = match &args.checkpoint {
        None => replay_at_once(args, Arc::clone(&plan), options),
        Some(folder) => replay_resumably(args, folder, Arc::clone(&plan), options),
    };
    let (finished, took) = match outcome {
        Err(CliError::OutputClosed) if outputs.len() > 1 => {
            let others: Vec<_> = outputs[1..].iter().map(|(option, _)| *option).collect();
            return Err(CliError::OutputsLost { outputs: others });
        }
        outcome => outcome?,
    };
    let run = RunInfo { took, until: args.until, at_full_speed: true };
    let ReplayResult { totals, first_rejections } = finished;
    let summary = Summary::new(&plan.rules, &totals, run);
    if !args.quiet {
        // A closed standard error is no reason to fail: the journal is written.
        let _ = write!(std::io::stderr(), "{summary}");
    }
    if let Some(mut file) = summary_file {
        file.write(|sink| {
            serde_json::to_writer_pretty(&mut *sink, &summary.to_json())?;
            sink.write_all(b"\n")
        })?;
        file.finish()?;
    }
    if totals.events == 0 && totals.rejected.iter().sum::<u64>() > 0 {
        return Err(CliError::NothingAccepted(first_rejections));
    }
    Ok(())
}

fn create(what: &'static str, path: Option<&Path>) -> Result<Option<OutputFile>, OutputFileError> {
    path.map(|path| OutputFile::create(what, Some(path))).transpose()
}

fn replay_at_once(
    args: &ReplayArgs,
    plan: Arc<ExecutionPlan>,
    options: PipelineOptions,
) -> Result<(ReplayResult, Duration), CliError> {
    let source = ReplaySource::open(args, options.max_message_bytes())?;
    let sinks = ReplaySinks {
        journal: OutputFile::create("the journal", args.output.as_deref())?,
        actions: create("the actions", args.actions.as_deref())?,
        dead_letters: create("the rejected events", args.dead_letters.as_deref())?,
    };
    let started = Instant::now();
    let finished = replay(plan, options, args.until, source, sinks)?;
    Ok((finished, started.elapsed()))
}

fn replay_resumably(
    args: &ReplayArgs,
    folder: &Path,
    plan: Arc<ExecutionPlan>,
    options: PipelineOptions,
) -> Result<(ReplayResult, Duration), CliError> {
    let targets = ResultTargets {
        journal: args.output.clone().unwrap_or_else(|| PathBuf::from("-")),
        actions: args.actions.clone(),
        dead_letters: args.dead_letters.clone(),
    };
    let max_message_bytes = options.max_message_bytes();
    let interval = Duration::from_millis(args.checkpoint_interval.0.try_into().unwrap_or(0));
    let events = args.events.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    let mut replay = ResumableReplay::open(folder, interval, plan, options, args.until, events, targets)?;
    // A closed standard error is no reason to fail.
    let say = |line: String| drop(writeln!(std::io::stderr(), "{line}"));
    for damaged in replay.skipped_commits() {
        say(format!("warning: skipped a commit in {}: {damaged}", folder.display()));
    }
    match replay.state() {
        ReplayState::After(lines) if !args.quiet => {
            say(format!("continuing after {} of the events", counted(lines, "line")))
        }
        ReplayState::Finished if !args.quiet => {
            say(format!("this replay is finished; delete {} to replay again", folder.display()));
        }
        _ => {}
    }
    if replay.state() != ReplayState::Finished {
        replay.run(ReplaySource::open(args, max_message_bytes)?)?;
    }
    Ok(replay.deliver()?)
}

/// The events, with a bar that shows how many of them are read.
struct ReplaySource {
    files: EventFiles,
    bar: ProgressBar,
}

impl ReplaySource {
    fn open(args: &ReplayArgs, max_message_bytes: usize) -> Result<ReplaySource, ReplayError> {
        if !args.quiet {
            warn_if_stdin_is_terminal(&args.events);
        }
        let files = EventFiles::open(&args.events, max_message_bytes)?;
        Ok(ReplaySource { bar: bar(args.quiet, files.bytes_total()), files })
    }
}

impl Iterator for ReplaySource {
    type Item = Result<FileItem, FileSourceError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.bar.set_position(self.files.bytes_read().load(Ordering::Relaxed));
        self.files.next()
    }
}

/// Removes the bar before the result is printed, however the replay ends.
impl Drop for ReplaySource {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl ReplayArgs {
    /// The settings of the file, or the defaults, overridden by the options of the command line.
    fn settings(&self) -> Result<EngineSettings, CliError> {
        let mut settings = match &self.config {
            Some(path) => load_config(path)?.engine,
            None => EngineSettings::default(),
        };
        if let Some(rules) = &self.rules {
            settings.rules.clone_from(rules);
        }
        if let Some(bytes) = self.max_event_bytes {
            settings.max_event_bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
        }
        if let Some(ids) = &self.placeholder_ids {
            settings.placeholder_ids = ids.iter().filter(|id| !id.is_empty()).cloned().collect();
        }
        if let Some(path) = &self.secret_file {
            settings.secret = Some(Secret::File(path.clone()));
        }
        settings.max_disorder = self.max_disorder.unwrap_or(settings.max_disorder);
        settings.state_ttl = self.state_ttl.unwrap_or(settings.state_ttl);
        settings.partitions = self.partitions.unwrap_or(settings.partitions);
        settings.workers = self.workers.unwrap_or(settings.workers);
        Ok(settings)
    }
}

//! `rekindle import`: files of events become calls: JSON lines, or messages in the stream.
//!
//! `rows` (CSV), `feed` (XML) and `documents` (JSON) read, `format` knows the formats, `calls` makes and checks calls, `target` writes them, `progress` makes an
//! import resumable, `report` is the summary. One thread; memory is bounded by the longest row or document.

mod calls;
mod documents;
mod error;
mod feed;
mod feed_item;
mod format;
mod mapping;
mod products;
mod progress;
mod publish;
mod report;
mod rows;
mod target;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

pub use error::ImportError;

use super::outputs::refuse_shared_files;
use super::simulate::check_subject;
use super::{CliError, load_config, warn_if_stdin_is_terminal};
use calls::CallMaker;
use format::{FileSyntax, ImportFormat, SourceItem};
use mapping::ImportMapping;
use rekindle_mapping::MappingZone;
use rekindle_runtime::replay::ReplayError;
use rekindle_settings::Settings;
use report::ImportReport;
use target::ImportTarget;

/// Import files of events: as JSON lines, or straight into the stream
///
/// csv takes any columns: a mapping says what they are, or it is guessed from their names and shown. jsonl takes any JSON, by a
/// mapping. products makes rows of a table from a catalogue. The others are exports of GA4 to BigQuery (as JSON), Shopify (orders, as JSON or CSV),
/// Segment (calls, as in its S3 archives), PostHog (events, as JSON or CSV) and Sensors Analytics. Every call is checked as the engine would.
/// Without a messageId of its own an event has a hash of itself as one, so that importing it again counts once. See docs/import.md.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  rekindle import csv --dry-run orders.csv                         what the first rows become
  rekindle import csv --print-mapping orders.csv > orders.toml     the guess, to be edited
  rekindle import csv --mapping orders.toml orders.csv | rekindle replay --rules rules.toml --until 2026-01-01
  rekindle import products --dry-run feed.xml                      which mapping is that of a catalogue, and what it makes
  rekindle import shopify orders.json --publish --config rekindle.toml --rate 5000")]
pub struct ImportArgs {
    /// What the files hold
    #[arg(value_enum)]
    format: ImportFormat,

    /// The files, in the order they are read: plain, .gz or .zst; `-` is standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    /// The mapping: a file, or the name of one of the settings (--config) or of a built-in one
    #[arg(long, value_name = "NAME|FILE")]
    mapping: Option<String>,

    /// Show what the first events become, which are rejected and why, and write nothing
    #[arg(long, conflicts_with_all = ["publish", "output", "rejected", "resume"])]
    dry_run: bool,

    /// How many events --dry-run shows; all are counted
    #[arg(long, value_name = "N", default_value_t = 5, requires = "dry_run")]
    show: u64,

    /// Print the mapping that would be used, to be saved and edited, and end
    #[arg(long, conflicts_with_all = ["publish", "output", "rejected", "resume", "dry_run"])]
    print_mapping: bool,

    /// The time zone of times that are written without one, like Europe/Berlin; UTC by default
    #[arg(long, value_name = "ZONE", value_parser = MappingZone::named)]
    time_zone: Option<MappingZone>,

    /// CSV: what is between columns: a character, or tab; found in the first line by default
    #[arg(long, value_name = "CHARACTER", value_parser = rows::delimiter)]
    delimiter: Option<u8>,

    /// CSV: the names of the columns, where the files have no header, with commas between
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    columns: Vec<String>,

    /// CSV: a text that stands for no value, like null or NA; may be given several times
    #[arg(long = "null", value_name = "TEXT")]
    nulls: Vec<String>,

    /// Write the events here instead of to standard output (JSON lines)
    #[arg(long, short, value_name = "FILE", conflicts_with = "publish")]
    output: Option<PathBuf>,

    /// Publish the events into the stream of --config
    #[arg(long, requires = "config")]
    publish: bool,

    /// The settings file: where to publish, mappings, max_event_bytes, max_disorder, placeholder_ids
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The subject to publish on; `import` below the first of [source] subjects by default
    #[arg(long, value_name = "SUBJECT", requires = "publish")]
    subject: Option<String>,

    /// Publish no more than this many events a second
    #[arg(long, value_name = "N", requires = "publish", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,

    /// Write what is rejected here: reason, file, line and original (JSON lines)
    #[arg(long, value_name = "FILE")]
    rejected: Option<PathBuf>,

    /// Keep progress in this file: killed at any moment, and started again with the same arguments, the import continues where it was
    ///
    /// The files are read again, and what was written or acknowledged is skipped. It needs --output or --publish. Delete the file to start over.
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,

    /// Print no summary and no progress bar
    #[arg(long, short)]
    quiet: bool,
}

pub(crate) fn run(args: &ImportArgs) -> Result<(), CliError> {
    let settings = match &args.config {
        Some(path) => load_config(path)?,
        None => Settings::default(),
    };
    let mapping = ImportMapping::of(args, &settings)?;
    if args.print_mapping {
        return Ok(std::io::stdout().write_all(mapping.text()?.as_bytes())?);
    }
    mapping.show(args)?;
    if !args.quiet {
        warn_if_stdin_is_terminal(&args.files);
    }
    let mut report = ImportReport::new(settings.engine.max_disorder, mapping.zone());
    let maker = CallMaker::new(&settings.engine, mapping.table());
    let ended = if args.dry_run {
        let mut shown = 0;
        each_item(args, &mapping, &mut report, &mut |item, report| {
            let made = maker.make(&item);
            report.count(&item, &made);
            if shown < args.show {
                shown += 1;
                report::show(&item, &made)?;
            }
            Ok(())
        })
    } else {
        import(args, &settings, (&mapping, &maker), &mut report)
    };
    if !args.quiet {
        // A closed standard error is no reason to fail: the events are written.
        let _ = write!(std::io::stderr(), "{report}");
    }
    ended?;
    match report.is_all_rejected() {
        true => Err(ImportError::NothingAccepted.into()),
        false => Ok(()),
    }
}

fn import(
    args: &ImportArgs,
    settings: &Settings,
    (mapping, maker): (&ImportMapping, &CallMaker<'_>),
    report: &mut ImportReport,
) -> Result<(), CliError> {
    let output = args.output.as_deref().unwrap_or(Path::new("-"));
    let outputs =
        [(!args.publish).then_some(("the events", output)), args.rejected.as_deref().map(|path| ("--rejected", path))];
    let outputs: Vec<_> =
        outputs.into_iter().flatten().chain(args.resume.as_deref().map(|path| ("--resume", path))).collect();
    let inputs: Vec<_> = args.files.iter().map(|path| ("events", path.as_path())).collect();
    refuse_shared_files(&outputs, &inputs)?;
    let Some(mut target) = ImportTarget::open(args, settings, mapping)? else { return Ok(()) };
    let read = each_item(args, mapping, report, &mut |item, report| {
        let mut made = maker.make(&item);
        target.write(&item, &mut made)?;
        report.count(&item, &made);
        Ok(())
    });
    // What was read before a file broke off is imported.
    let is_broken_off =
        matches!(&read, Err(CliError::Import(ImportError::Read { .. }) | CliError::Replay(ReplayError::Source(_))));
    if read.is_ok() || is_broken_off {
        target.finish(read.is_ok())?;
    }
    read
}

/// What takes an item.
type TakeItem<'t> = dyn FnMut(SourceItem, &mut ImportReport) -> Result<(), CliError> + 't;

/// Reads all files.
fn each_item(
    args: &ImportArgs,
    mapping: &ImportMapping,
    report: &mut ImportReport,
    take: &mut TakeItem<'_>,
) -> Result<(), CliError> {
    match mapping.syntax() {
        FileSyntax::Csv | FileSyntax::Xml => rows::each(args, mapping, report, take),
        FileSyntax::Json => documents::each(args, mapping, report, take),
    }
}

/// The subject to publish on.
fn subject(args: &ImportArgs, settings: &Settings) -> Result<String, CliError> {
    let subject = args.subject.clone().unwrap_or_else(|| {
        let first = settings.source.subjects.first().map_or("events.>", String::as_str);
        let token = |token| if token == "*" || token == ">" { "import" } else { token };
        first.split('.').map(token).collect::<Vec<_>>().join(".")
    });
    check_subject(&subject)?;
    Ok(subject)
}

//! `rekindle backtest`.

mod error;
mod page;
mod stream;
pub(super) mod text;

use std::io::Write as _;
use std::path::PathBuf;

pub use error::BacktestCommandError;

use super::load::{load_config, load_settled_rules, wrong_rules};
use super::outputs::refuse_shared_files;
use super::replay_inputs::warn_of_omitted_events;
use super::secret::LoadedSecret;
use super::terminal::print;
use super::{CliError, pipeline_options, warn_if_stdin_is_terminal};
use rekindle_core::time::Timestamp;
use rekindle_runtime::backtest::{Backtest, BacktestError, BacktestPeriod, BacktestReport, BacktestSetup};
use rekindle_runtime::files::sink::OutputFile;
use rekindle_runtime::files::source::EventFiles;
use rekindle_runtime::pipeline::PipelineOptions;
use rekindle_runtime::replay::ReplayError;
use rekindle_settings::Secret;

/// How to look at a person whose events are in a stream.
pub(super) const EXPLAIN_REQUEST: &str = "GET /v1/users/USER/explain?at=AT of the daemon, by the rules in force.";

/// Tries rules on the past: what they, or a change of them, would have done
///
/// Runs the rules, and those of --against beside them, over the same events in one pass. Says who would be in which segment, what
/// campaigns would have decided, how many messages people would have got, what would have been spent; and every difference, with its
/// reason and some people to look at with `rekindle explain`. Nothing is sent.
#[derive(Debug, clap::Args)]
pub struct BacktestArgs {
    /// Event files, in the order they are read: JSON lines, plain, .gz or .zst; `-` is standard input
    #[arg(value_name = "EVENTS", required_unless_present = "nats", num_args = 1..)]
    events: Vec<PathBuf>,

    /// The events of the live stream instead, up to where it is now; with --config
    #[arg(long, requires = "config", conflicts_with = "events")]
    nats: bool,

    /// The daemon's settings file: where the stream is, and how events are read
    #[arg(long, value_name = "FILE", requires = "nats")]
    config: Option<PathBuf>,

    /// The rules to try (TOML)
    #[arg(long, value_name = "FILE")]
    rules: PathBuf,

    /// The rules to compare them with, for instance those that are live
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,

    /// Count only from this time on, RFC 3339 or a date (its midnight, UTC); events before it count for what people have done
    #[arg(long, value_name = "TIME", value_parser = super::replay::timestamp)]
    from: Option<Timestamp>,

    /// The end time, RFC 3339 or a date (its midnight, UTC): later events are left out; by default the time of the latest event
    #[arg(long, visible_alias = "until", value_name = "TIME", value_parser = super::replay::timestamp)]
    to: Option<Timestamp>,

    /// The file with the secret that draws of campaigns (`chance`) and the codes of coupons depend on
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,

    /// Write one self-contained HTML page too
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
}

pub(crate) fn run(args: &BacktestArgs) -> Result<(), CliError> {
    let rules = [("the rules", &args.rules)].into_iter().chain(args.against.iter().map(|path| ("the rules", path)));
    let inputs: Vec<_> = rules
        .map(|(what, path)| (what, path.as_path()))
        .chain(args.events.iter().map(|path| ("events", path.as_path())))
        .collect();
    let outputs: Vec<_> = args.html.iter().map(|path| ("--html", path.as_path())).collect();
    refuse_shared_files(&outputs, &inputs)?;
    let (_, new) = load_settled_rules(&args.rules)?;
    let old = args.against.as_deref().map(load_settled_rules).transpose()?.map(|(_, text)| text);
    let settings = args.config.as_deref().map(load_config).transpose()?;
    let engine = settings.as_ref().map(|settings| settings.engine.clone()).unwrap_or_default();
    let secret =
        LoadedSecret::of_command(args.secret_file.clone().map(Secret::File).or(engine.secret.clone()).as_ref())?;
    let options = PipelineOptions { secret, ..pipeline_options(&engine) };
    let period = BacktestPeriod { from: args.from, to: args.to };
    let setup = BacktestSetup { new: &new, old: old.as_deref(), options, period };
    let backtest = Backtest::new(&setup).map_err(|error| args.refused(error, &new, old.as_deref()))?;
    let page = args.html.as_deref().map(|path| OutputFile::create("the page", Some(path))).transpose()?;
    let report = match settings {
        Some(settings) => stream::over_stream(backtest, &settings)?,
        None => args.over_files(backtest)?,
    };
    if let Some(mut file) = page {
        let html = page::html(&args.title(), &report).map_err(BacktestCommandError::Json)?;
        file.write(|sink| sink.write_all(html.as_bytes()))?;
        file.finish()?;
    }
    print(match args.json {
        true => serde_json::to_string(&report).map_err(BacktestCommandError::Json)?,
        false => text::text(&args.title(), &args.explain_hint(), &report),
    })
}

impl BacktestArgs {
    fn over_files(&self, mut backtest: Backtest) -> Result<BacktestReport, CliError> {
        warn_if_stdin_is_terminal(&self.events);
        let files = EventFiles::open(&self.events, backtest.max_message_bytes()).map_err(ReplayError::from)?;
        backtest.feed_files(files).map_err(ReplayError::from)?;
        warn_of_omitted_events(backtest.rules(), &backtest.totals(), self.to);
        Ok(backtest.finish())
    }

    /// Mistakes are shown at their place.
    fn refused(&self, error: BacktestError, new: &str, old: Option<&str>) -> CliError {
        match (error, &self.against, old) {
            (BacktestError::NewRules(mistakes), ..) => wrong_rules(&self.rules, new, &mistakes).into(),
            (BacktestError::OldRules(mistakes), Some(path), Some(old)) => wrong_rules(path, old, &mistakes).into(),
            (error, ..) => BacktestCommandError::Backtest(error).into(),
        }
    }

    fn title(&self) -> String {
        let against = self.against.as_ref().map(|path| format!(" against {}", path.display()));
        format!("Backtest of {}{}", self.rules.display(), against.unwrap_or_default())
    }

    /// How to look at a person.
    fn explain_hint(&self) -> String {
        if self.nats {
            return EXPLAIN_REQUEST.to_owned();
        }
        let events: Vec<String> = self.events.iter().map(|path| path.display().to_string()).collect();
        format!(
            "rekindle explain --rules {} --user USER --until AT {}\n  and the same with the other rules.",
            self.rules.display(),
            events.join(" ")
        )
    }
}

/// A report, for texts and pages: whether there is something to compare with.
fn is_compared(report: &BacktestReport) -> bool {
    report.rules.old.is_some()
}

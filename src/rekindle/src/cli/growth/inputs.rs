//! The inputs of the commands that read event files.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::GrowthCommandError;
use crate::cli::secret::LoadedSecret;
use crate::cli::summary::{counted, passed_over_in_words, warn_of_unseen};
use crate::cli::terminal::lines;
use crate::cli::{CliError, load_rules, pipeline_options, warn_if_stdin_is_terminal};
use rekindle_core::decode::RejectionReason;
use rekindle_core::growth::{GrowthReport, ObservedEvent};
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules::growth::GrowthRules;
use rekindle_core::rules::ruleset::Ruleset;
use rekindle_core::time::Timestamp;
use rekindle_runtime::files::source::EventFiles;
use rekindle_runtime::pipeline::{Pipeline, PipelineOptions, PipelineTotals};
use rekindle_runtime::replay::{ReplayError, observe_growth};
use rekindle_settings::{EngineSettings, Secret};

/// The rules and the events.
#[derive(Debug, clap::Args)]
pub(super) struct GrowthInputs {
    /// The rules file (TOML), with a section [growth]
    #[arg(long, value_name = "FILE")]
    pub(super) rules: PathBuf,

    /// Event files, in the order they are read: JSON lines, plain, .gz or .zst; `-` is standard input
    #[arg(long, value_name = "FILE", required = true, num_args = 1..)]
    pub(super) input: Vec<PathBuf>,

    /// The end time, RFC 3339 or a date (its midnight, UTC): later events are left out; by default the time of the latest event
    #[arg(long, value_name = "TIME", value_parser = crate::cli::replay::timestamp)]
    pub(super) until: Option<Timestamp>,
}

impl GrowthInputs {
    /// Loads the rules, which must ask for growth numbers.
    pub(super) fn load(&self) -> Result<Ruleset, CliError> {
        let rules = load_rules(&self.rules)?;
        growth_rules(&rules, &self.rules)?;
        Ok(rules)
    }

    /// Reads the events, and passes each accepted one to `observe`, with its text.
    pub(super) fn observe(
        &self,
        rules: Ruleset,
        observe: &mut dyn FnMut(ObservedEvent, &[u8]),
    ) -> Result<(Pipeline, GrowthReport), CliError> {
        let options = pipeline_options(&EngineSettings::default());
        warn_if_stdin_is_terminal(&self.input);
        let files = EventFiles::open(&self.input, options.max_message_bytes()).map_err(ReplayError::from)?;
        let pipeline = observe_growth(Arc::new(ExecutionPlan::new(rules)), options, self.until, files, observe)?;
        warn_of_omitted_events(&pipeline.plan().rules, &pipeline.totals(), self.until);
        let report = (pipeline.position() > 0).then(|| pipeline.growth(None)).flatten();
        Ok((pipeline, report.ok_or(GrowthCommandError::NoEvents)?))
    }
}

/// The rules and the events of commands that say what campaigns did.
#[derive(Debug, clap::Args)]
pub(in crate::cli) struct ReplayInputs {
    /// Event files, in the order they are read: JSON lines, plain, .gz or .zst; `-` is standard input
    #[arg(value_name = "EVENTS", required = true, num_args = 1..)]
    events: Vec<PathBuf>,

    /// The rules file (TOML)
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) rules: PathBuf,

    /// The end time, RFC 3339 or a date (its midnight, UTC): later events are left out; by default the time of the latest event
    #[arg(long, visible_alias = "at", value_name = "TIME", value_parser = crate::cli::replay::timestamp)]
    pub(in crate::cli) until: Option<Timestamp>,

    /// The file with the secret that draws of campaigns (`chance`) and the codes of coupons depend on
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,
}

impl ReplayInputs {
    /// Loads the rules.
    pub(in crate::cli) fn load(&self) -> Result<Ruleset, CliError> {
        load_rules(&self.rules)
    }

    /// Opens the event files. The options are those of a command, with the secret.
    pub(in crate::cli) fn open(&self) -> Result<(EventFiles, PipelineOptions), CliError> {
        let secret = LoadedSecret::of_command(self.secret_file.clone().map(Secret::File).as_ref())?;
        let options = PipelineOptions { secret, ..pipeline_options(&EngineSettings::default()) };
        warn_if_stdin_is_terminal(&self.events);
        let files = EventFiles::open(&self.events, options.max_message_bytes()).map_err(ReplayError::from)?;
        Ok((files, options))
    }
}

/// Reports on standard error which events are in no number: rejected ones, and, which is no mistake, later ones.
pub(in crate::cli) fn warn_of_omitted_events(rules: &Ruleset, totals: &PipelineTotals, until: Option<Timestamp>) {
    warn_of_unseen(rules, totals);
    let later = totals.rejected[RejectionReason::AfterUntil { time: Timestamp::MIN }.index()];
    let rejected = totals.rejected.iter().sum::<u64>() - later;
    // A closed standard error is no reason to fail.
    let say = |text: String| drop(writeln!(std::io::stderr(), "{text}"));
    if rejected > 0 {
        let why = "`rekindle replay --dead-letters` writes the reasons";
        say(format!("{} rejected, and not counted; {why}", counted(rejected, "event")));
    }
    if let Some(until) = until.filter(|_| later > 0) {
        say(format!("{} later than {until} were left out", counted(later, "event")));
    }
    for words in passed_over_in_words(rules, totals) {
        say(format!("warning: {words}"));
    }
}

/// The rules of the growth numbers, which the rules file at `path` must have.
pub(super) fn growth_rules<'r>(rules: &'r Ruleset, path: &Path) -> Result<&'r GrowthRules, GrowthCommandError> {
    rules.growth.as_ref().ok_or_else(|| GrowthCommandError::NoGrowthRules(path.to_owned()))
}

/// Checks that the rules define an order.
pub(super) fn require_orders(rules: &Ruleset, path: &Path) -> Result<(), GrowthCommandError> {
    let orders = growth_rules(rules, path)?.orders.as_ref();
    orders.map(|_| ()).ok_or_else(|| GrowthCommandError::NoOrders(path.to_owned()))
}

/// Checks that the rules define a refund.
pub(super) fn require_refunds(rules: &Ruleset, path: &Path) -> Result<(), GrowthCommandError> {
    let refunds = growth_rules(rules, path)?.refunds.as_ref();
    refunds.map(|_| ()).ok_or_else(|| GrowthCommandError::NoRefunds(path.to_owned()))
}

/// Prints a text and a newline.
pub(in crate::cli) fn print(mut text: String) -> Result<(), CliError> {
    text.push('\n');
    Ok(std::io::stdout().lock().write_all(lines(&text).as_bytes())?)
}

//! The inputs of the commands that compute growth numbers.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::GrowthCommandError;
use crate::cli::replay_inputs::warn_of_omitted_events;
use crate::cli::{CliError, load_rules, pipeline_options, warn_if_stdin_is_terminal};
use rekindle_core::growth::{GrowthReport, ObservedEvent};
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules::growth::GrowthRules;
use rekindle_core::rules::ruleset::Ruleset;
use rekindle_core::time::Timestamp;
use rekindle_runtime::files::source::EventFiles;
use rekindle_runtime::pipeline::Pipeline;
use rekindle_runtime::replay::{ReplayError, observe_growth};
use rekindle_settings::EngineSettings;

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

//! `rekindle growth uplift`.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Arc;

use super::GrowthCommandError;
use super::inputs::{print, warn_of_omitted_events};
use crate::cli::secret::LoadedSecret;
use crate::cli::{CliError, load_rules, pipeline_options, warn_if_stdin_is_terminal};
use rekindle_core::goals::{UpliftComparison, UpliftReport};
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::statistics::DifferenceInterval;
use rekindle_core::time::Timestamp;
use rekindle_runtime::files::source::EventFiles;
use rekindle_runtime::pipeline::PipelineOptions;
use rekindle_runtime::replay::{ReplayError, final_state};
use rekindle_settings::{EngineSettings, Secret};

/// Finds out what campaigns brought about
///
/// Replays event files, and compares those who got a campaign with the control group and its holdout, by the [[goals]] of the
/// rules. The intervals hold at all times at once: one may look whenever one likes.
#[derive(Debug, clap::Args)]
pub(super) struct UpliftArgs {
    /// Event files, in the order they are read: JSON lines, plain, .gz or .zst; `-` is standard input
    #[arg(value_name = "EVENTS", required = true, num_args = 1..)]
    events: Vec<PathBuf>,

    /// The rules file (TOML), with [[goals]]
    #[arg(long, value_name = "FILE")]
    rules: PathBuf,

    /// The end time, RFC 3339 or a date (its midnight, UTC): later events are left out; by default the time of the latest event
    #[arg(long, value_name = "TIME", value_parser = crate::cli::replay::timestamp)]
    until: Option<Timestamp>,

    /// The file with the secret that draws of campaigns (`chance`) depend on
    #[arg(long, value_name = "FILE")]
    secret_file: Option<PathBuf>,

    /// Print every comparison, as one JSON array
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &UpliftArgs) -> Result<(), CliError> {
    let rules = load_rules(&args.rules)?;
    if rules.goals.is_empty() {
        return Err(GrowthCommandError::NoGoals(args.rules.clone()).into());
    }
    let secret = LoadedSecret::of_command(args.secret_file.clone().map(Secret::File).as_ref())?;
    let options = PipelineOptions { secret, ..pipeline_options(&EngineSettings::default()) };
    warn_if_stdin_is_terminal(&args.events);
    let files = EventFiles::open(&args.events, options.max_message_bytes()).map_err(ReplayError::from)?;
    let plan = Arc::new(ExecutionPlan::new(rules));
    let pipeline = final_state(Arc::clone(&plan), options, args.until, files)?;
    warn_of_omitted_events(&plan.rules, &pipeline.totals(), args.until);
    let report = UpliftReport::new(&plan.rules, &pipeline.uplift());
    print(match args.json {
        true => serde_json::to_string(&report.rows().collect::<Vec<_>>()).map_err(GrowthCommandError::Json)?,
        false => text(&report),
    })
}

fn text(report: &UpliftReport) -> String {
    let mut out = String::new();
    for goal in &report.goals {
        let _ = writeln!(out, "{} · {}", goal.campaign, goal.goal);
        if goal.has_sample_ratio_mismatch {
            let _ = writeln!(out, "  warning: the sizes of the groups contradict their shares: do not compare them");
        }
        for comparison in &goal.comparisons {
            let variant = comparison.variant.as_ref().map(|variant| format!(" {variant}")).unwrap_or_default();
            let _ = writeln!(out, "  {}{variant}: {}", comparison.measure.name(), comparison.sentence());
            if let Some(brought) = comparison.brought() {
                let _ = writeln!(out, "    {}", brought_in_words(comparison, brought));
            }
        }
    }
    if out.is_empty() {
        out.push_str("no campaign has goals");
    }
    out.trim_end().to_owned()
}

fn brought_in_words(comparison: &UpliftComparison, brought: DifferenceInterval) -> String {
    let (treated, control) = (&comparison.treated, &comparison.control);
    let range = |it: DifferenceInterval, places: usize| {
        format!("{:.places$} ({:.places$} to {:.places$})", it.difference, it.low, it.high)
    };
    let users =
        format!("{} of {} with it, {} of {} without", treated.reached, treated.users, control.reached, control.users);
    let per_message = comparison.brought_per_message().map(|it| format!(", per message {}", range(it, 4)));
    format!("{users}; brought {}{}", range(brought, 1), per_message.unwrap_or_default())
}

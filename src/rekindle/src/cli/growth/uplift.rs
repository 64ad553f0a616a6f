//! `rekindle growth uplift`.

use std::fmt::Write as _;
use std::sync::Arc;

use super::GrowthCommandError;
use crate::cli::CliError;
use crate::cli::replay_inputs::{ReplayInputs, warn_of_omitted_events};
use crate::cli::terminal::print;
use rekindle_core::goals::{CampaignCost, UpliftComparison, UpliftReport};
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::statistics::DifferenceInterval;
use rekindle_runtime::replay::final_state;

/// Finds out what campaigns brought about
///
/// Replays event files, and compares those who got a campaign with the control group and its holdout, by the [[goals]] of the
/// rules. The intervals hold at all times at once: one may look whenever one likes.
#[derive(Debug, clap::Args)]
pub(super) struct UpliftArgs {
    #[command(flatten)]
    inputs: ReplayInputs,

    /// Print every comparison, as one JSON array
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &UpliftArgs) -> Result<(), CliError> {
    let rules = args.inputs.load()?;
    if rules.goals.is_empty() {
        return Err(GrowthCommandError::NoGoals(args.inputs.rules.clone()).into());
    }
    let (files, options) = args.inputs.open()?;
    let plan = Arc::new(ExecutionPlan::new(rules));
    let pipeline = final_state(Arc::clone(&plan), options, args.inputs.until, files)?;
    warn_of_omitted_events(&plan.rules, &pipeline.totals(), args.inputs.until);
    let costs = pipeline.budgets().map(|book| CampaignCost::all(&plan.rules, book)).unwrap_or_default();
    let report = UpliftReport::new(&plan.rules, &pipeline.uplift());
    print(match args.json {
        true => serde_json::to_string(&report.rows().collect::<Vec<_>>()).map_err(GrowthCommandError::Json)?,
        false => text(&report, &costs),
    })
}

fn text(report: &UpliftReport, costs: &[CampaignCost]) -> String {
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
            for cost in costs.iter().filter(|cost| *cost.campaign == *goal.campaign) {
                let Some(per_unit) = comparison.brought_per_unit(cost) else { continue };
                let (budget, spent) = (&cost.budget, cost.spent);
                let _ =
                    writeln!(out, "    {} for each unit of {budget}, of which it spent {spent:.2}", range(per_unit, 4));
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
    let users =
        format!("{} of {} with it, {} of {} without", treated.reached, treated.users, control.reached, control.users);
    let per_message = comparison.brought_per_message().map(|it| format!(", per message {}", range(it, 4)));
    format!("{users}; brought {}{}", range(brought, 1), per_message.unwrap_or_default())
}

fn range(it: DifferenceInterval, places: usize) -> String {
    format!("{:.places$} ({:.places$} to {:.places$})", it.difference, it.low, it.high)
}

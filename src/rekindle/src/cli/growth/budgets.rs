//! `rekindle growth budgets`.

use std::sync::Arc;

use serde::Serialize;

use super::GrowthCommandError;
use crate::cli::CliError;
use crate::cli::replay_inputs::{ReplayInputs, warn_of_omitted_events};
use crate::cli::summary::grouped;
use crate::cli::terminal::print;
use rekindle_core::budgets::BudgetPeriodReport;
use rekindle_core::decimal::Decimal;
use rekindle_core::json::JsonText;
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules::ruleset::Ruleset;
use rekindle_core::value::Value;
use rekindle_runtime::replay::final_state;

/// Finds out what campaigns spent
///
/// Replays event files, and says of each of the [[budgets]], in each period: the limit, what is spent and reserved, what was
/// granted, how much of that became free again, and how often a campaign was refused.
#[derive(Debug, clap::Args)]
pub(super) struct BudgetsArgs {
    #[command(flatten)]
    inputs: ReplayInputs,

    /// Print one JSON array
    #[arg(long)]
    json: bool,
}

/// A budget in one of its periods, as JSON.
#[derive(Debug, Serialize)]
struct BudgetRow<'r> {
    budget: &'r str,
    per: Option<&'static str>,
    from: Option<String>,
    to: Option<String>,
    limit: JsonText,
    spent: JsonText,
    reserved: JsonText,
    granted: JsonText,
    freed: JsonText,
    refused: u64,
}

pub(crate) fn run(args: &BudgetsArgs) -> Result<(), CliError> {
    let rules = args.inputs.load()?;
    if rules.budgets.is_empty() {
        return Err(GrowthCommandError::NoBudgets(args.inputs.rules.clone()).into());
    }
    let (files, options) = args.inputs.open()?;
    let plan = Arc::new(ExecutionPlan::new(rules));
    let pipeline = final_state(Arc::clone(&plan), options, args.inputs.until, files)?;
    warn_of_omitted_events(&plan.rules, &pipeline.totals(), args.inputs.until);
    let history = pipeline.budgets().and_then(|book| book.history());
    let report = history.map(|history| history.report(&plan.rules, pipeline.watermark())).unwrap_or_default();
    print(match args.json {
        true => serde_json::to_string(&report.iter().map(BudgetRow::new).collect::<Vec<_>>())
            .map_err(GrowthCommandError::Json)?,
        false => text(&plan.rules, &report),
    })
}

impl<'r> BudgetRow<'r> {
    fn new(report: &'r BudgetPeriodReport) -> BudgetRow<'r> {
        let number = |amount: Decimal| Value::Number(amount).to_json();
        BudgetRow {
            budget: &report.budget,
            per: report.per.map(|unit| unit.name()),
            from: report.from.map(|at| at.to_string()),
            to: report.to.map(|at| at.to_string()),
            limit: number(report.limit),
            spent: number(report.spent),
            reserved: number(report.reserved),
            granted: number(report.granted),
            freed: number(report.freed),
            refused: report.refused,
        }
    }
}

fn text(rules: &Ruleset, report: &[BudgetPeriodReport]) -> String {
    let mut lines = vec![line(["budget", "from", "limit", "spent", "reserved", "granted", "freed", "refused"])];
    for row in report {
        let from = row.from.map_or_else(|| "ever".to_owned(), |at| rules.calendar.date_of(at).to_string());
        let amounts = [row.limit, row.spent, row.reserved, row.granted, row.freed].map(|amount| amount.to_string());
        let [limit, spent, reserved, granted, freed] = amounts.each_ref().map(String::as_str);
        lines.push(line([&row.budget, &from, limit, spent, reserved, granted, freed, &grouped(row.refused)]));
    }
    lines.join("\n")
}

fn line([budget, from, limit, spent, reserved, granted, freed, refused]: [&str; 8]) -> String {
    format!("{budget:<20} {from:<12} {limit:>10} {spent:>10} {reserved:>10} {granted:>10} {freed:>10} {refused:>8}")
}

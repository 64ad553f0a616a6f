//! `rekindle growth`: the growth numbers of event files, and analyses of them.

mod baskets;
mod budgets;
mod error;
mod explain;
mod inputs;
mod numbers;
mod report;
pub(super) mod report_page;
mod uplift;

use clap::Subcommand;
pub use error::GrowthCommandError;

use super::CliError;

/// Growth numbers of event files, why they changed, and a report
#[derive(Debug, clap::Args)]
pub struct GrowthArgs {
    #[command(subcommand)]
    command: GrowthCommand,
}

#[derive(Debug, Subcommand)]
enum GrowthCommand {
    Numbers(numbers::NumbersArgs),
    Explain(explain::ExplainChangeArgs),
    Baskets(baskets::BasketsArgs),
    Report(report::ReportArgs),
    Uplift(uplift::UpliftArgs),
    Budgets(budgets::BudgetsArgs),
}

pub(crate) fn run(args: &GrowthArgs) -> Result<(), CliError> {
    match &args.command {
        GrowthCommand::Numbers(args) => numbers::run(args),
        GrowthCommand::Explain(args) => explain::run(args),
        GrowthCommand::Baskets(args) => baskets::run(args),
        GrowthCommand::Report(args) => report::run(args),
        GrowthCommand::Uplift(args) => uplift::run(args),
        GrowthCommand::Budgets(args) => budgets::run(args),
    }
}

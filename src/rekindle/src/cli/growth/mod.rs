//! `rekindle growth`: the growth numbers of files of events, and what follows from them.

mod baskets;
mod explain;
mod numbers;
mod report;
mod watched;

use clap::Subcommand;

use super::CliError;

/// Growth numbers of a file of events, why they moved, and a report
#[derive(Debug, clap::Args)]
pub struct GrowthArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Numbers(numbers::NumbersArgs),
    Explain(explain::ExplainArgs),
    Baskets(baskets::BasketsArgs),
    Report(report::ReportArgs),
}

pub(crate) fn run(args: &GrowthArgs) -> Result<(), CliError> {
    match &args.command {
        Command::Numbers(args) => numbers::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Baskets(args) => baskets::run(args),
        Command::Report(args) => report::run(args),
    }
}

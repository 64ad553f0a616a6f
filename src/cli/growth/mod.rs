//! `rekindle growth`: the growth numbers of files of events.

mod numbers;

use clap::Subcommand;

use super::CliError;

/// Growth numbers of a file of events: users, retention, funnels, commerce
#[derive(Debug, clap::Args)]
pub struct GrowthArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Numbers(numbers::NumbersArgs),
}

pub(crate) fn run(args: &GrowthArgs) -> Result<(), CliError> {
    match &args.command {
        Command::Numbers(args) => numbers::run(args),
    }
}

//! The command line: the commands, one module each.

pub mod asked_daemon;
pub mod backtest;
pub mod check;
mod check_against;
pub mod checkpoint;
pub mod collect;
pub mod deliver;
pub mod demo;
mod error;
pub mod explain;
pub mod fit;
pub mod growth;
pub mod import;
mod index;
pub mod init;
mod load;
pub mod man;
mod outputs;
pub mod partners;
pub mod picks;
pub mod reload;
pub mod replay;
mod replay_inputs;
pub mod rules;
pub mod run;
pub mod schema;
mod secret;
pub mod simulate;
mod summary;
mod terminal;
mod terminal_bar;
pub mod timeline;

pub use error::CliError;
pub use load::FileLoadError;
pub use secret::SecretFileError;

use load::{load_config, load_rules};

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

use rekindle_core::decode::PlaceholderIds;
use rekindle_runtime::pipeline::PipelineOptions;
use rekindle_settings::EngineSettings;

/// A real-time growth engine for e-commerce: live segments, churn and reactivation, campaign actions.
#[derive(Debug, Parser)]
#[command(name = "rekindle", version, propagate_version = true, max_term_width = 110, arg_required_else_help = true)]
#[command(after_help = "\
New here?
  rekindle demo                               watch it work on a simulated storefront
  rekindle init                               write settings, rules and a script for your website
  rekindle rules                              how rules are written
  rekindle check config/rules.toml            find every mistake in a rules file
  rekindle replay --help                      run rules over a file of events")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Replay event files, and write what the engine decides as a journal
    Replay(Box<replay::ReplayArgs>),
    Run(run::RunArgs),
    Collect(collect::CollectArgs),
    Deliver(deliver::DeliverArgs),
    Demo(demo::DemoArgs),
    Import(Box<import::ImportArgs>),
    Simulate(simulate::SimulateArgs),
    Growth(growth::GrowthArgs),
    Fit(Box<fit::FitArgs>),
    Picks(picks::PicksArgs),
    Partners(partners::PartnersArgs),
    Explain(Box<explain::ExplainArgs>),
    Timeline(Box<timeline::TimelineArgs>),
    Backtest(Box<backtest::BacktestArgs>),
    Init(Box<init::InitArgs>),
    Reload(reload::ReloadArgs),
    Check(check::CheckArgs),
    Checkpoint(checkpoint::CheckpointArgs),
    Rules(rules::RulesArgs),
    Schema(schema::SchemaArgs),
    /// Print a completion script for a shell
    ///
    /// For bash: rekindle completions bash > ~/.local/share/bash-completion/completions/rekindle
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    #[command(hide = true)]
    Man(man::ManArgs),
}

/// The exit code of a daemon that another one has replaced: restarting it would only end the other.
const TAKEN_OVER: u8 = 3;

/// Runs the command of the command line. Errors are printed here, once, with their causes.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Replay(args) => replay::run(&args),
        Command::Run(args) => run::run(&args),
        Command::Collect(args) => collect::run(&args),
        Command::Deliver(args) => deliver::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Import(args) => import::run(&args),
        Command::Simulate(args) => simulate::run(&args),
        Command::Growth(args) => growth::run(&args),
        Command::Fit(args) => fit::run(&args),
        Command::Picks(args) => picks::run(&args),
        Command::Partners(args) => partners::run(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Timeline(args) => timeline::run(&args),
        Command::Backtest(args) => backtest::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Reload(args) => reload::run(&args),
        Command::Check(args) => match check::run(&args) {
            Ok(true) => Ok(()),
            Ok(false) => return ExitCode::FAILURE,
            Err(error) => Err(error.into()),
        },
        Command::Checkpoint(args) => checkpoint::run(&args),
        Command::Rules(args) => rules::run(&args).map_err(CliError::from),
        Command::Schema(args) => schema::run(&args).map_err(CliError::from),
        Command::Completions { shell } => {
            // Not straight to standard output: clap_complete panics where that is closed early.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "rekindle", &mut script);
            std::io::stdout().write_all(&script).map_err(CliError::from)
        }
        Command::Man(args) => man::run(&args).map_err(CliError::system("write the manual pages")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(CliError::OutputClosed) => ExitCode::SUCCESS,
        Err(CliError::Daemon(error)) if error.is_taken_over() => {
            let _ = writeln!(std::io::stderr(), "error: {error}");
            ExitCode::from(TAKEN_OVER)
        }
        Err(error) => {
            // If standard error is closed too, there is only the exit code. Mistakes in files are rendered, perhaps in colour.
            let _ = match error {
                CliError::Load(drawn) => writeln!(std::io::stderr(), "{drawn}"),
                error => writeln!(std::io::stderr(), "{}", terminal::lines(&error.to_string())),
            };
            ExitCode::FAILURE
        }
    }
}

/// The pipeline's options by the settings; the secret is to be read.
pub(crate) fn pipeline_options(settings: &EngineSettings) -> PipelineOptions {
    PipelineOptions {
        partitions: usize::from(settings.partitions),
        workers: usize::from(settings.workers),
        max_disorder: settings.max_disorder,
        max_event_bytes: settings.max_event_bytes,
        placeholder_ids: PlaceholderIds::new(&settings.placeholder_ids),
        until: None,
        clock: settings.clock,
        state_ttl: settings.state_ttl(),
        ..PipelineOptions::default()
    }
}

/// Notes on standard error that events are read from a terminal: a file name was probably forgotten.
pub(crate) fn warn_if_stdin_is_terminal(events: &[PathBuf]) {
    if events.iter().any(|path| path == Path::new("-")) && std::io::stdin().is_terminal() {
        // A closed standard error is no reason to fail.
        let _ = writeln!(
            std::io::stderr(),
            "waiting for events on standard input, which is a terminal: one JSON object a line, Ctrl-D ends them (or name a file)"
        );
    }
}

//! The command line: what can be asked for, and one module per command.

pub mod replay;
mod summary;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// A real-time growth engine for e-commerce: live segments, churn and reactivation, campaign actions.
#[derive(Debug, Parser)]
#[command(name = "rekindle", version, propagate_version = true, max_term_width = 110, arg_required_else_help = true)]
#[command(after_help = "\
New here?  rekindle demo                                       watch it work on a simulated storefront
           rekindle check --rules config/rules.toml            check a rules file
           rekindle rules                                      how rules are written
           rekindle replay --rules config/rules.toml --until 2026-03-09T00:00:00Z events.jsonl > journal.jsonl")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Replay event files: what the engine would have decided, as a journal
    Replay(Box<replay::ReplayArgs>),
    /// Print a completion script for a shell
    ///
    /// For bash: rekindle completions bash > ~/.local/share/bash-completion/completions/rekindle
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Runs the command that the command line asks for. Errors are printed here, once, with what led to them.
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Replay(args) => replay::run(&args),
        Command::Completions { shell } => {
            clap_complete::generate(shell, &mut Cli::command(), "rekindle", &mut std::io::stdout());
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(CliError::OutputClosed) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

/// Why a command ended without success.
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The rules or the config have mistakes: the text that shows them all.
    #[error("{0}")]
    Mistakes(String),
    /// A file that the command line names can't be read.
    #[error("error: could not read the {what} {file}: {cause}")]
    Unreadable {
        /// What kind of file.
        what: &'static str,
        /// Which.
        file: String,
        /// Why not.
        cause: std::io::Error,
    },
    /// The replay failed.
    #[error("error: {0}")]
    Replay(crate::replay::ReplayError),
    /// Whoever read standard output has closed it.
    #[error("standard output was closed")]
    OutputClosed,
    /// Anything else, in a sentence.
    #[error("error: {0}")]
    Other(String),
}

impl From<crate::replay::ReplayError> for CliError {
    fn from(error: crate::replay::ReplayError) -> CliError {
        match error {
            crate::replay::ReplayError::Sink(sink) if sink.cause.kind() == std::io::ErrorKind::BrokenPipe => {
                CliError::OutputClosed
            }
            error => CliError::Replay(error),
        }
    }
}

impl From<crate::sink::file::SinkError> for CliError {
    fn from(error: crate::sink::file::SinkError) -> CliError {
        crate::replay::ReplayError::from(error).into()
    }
}

/// Reads and compiles a rules file.
pub(crate) fn load_rules(path: &std::path::Path) -> Result<crate::rules::program::Ruleset, CliError> {
    let file = path.display().to_string();
    let bytes =
        std::fs::read(path).map_err(|cause| CliError::Unreadable { what: "rules file", file: file.clone(), cause })?;
    let text = String::from_utf8(bytes).map_err(|error| CliError::Unreadable {
        what: "rules file",
        file: file.clone(),
        cause: std::io::Error::other(format!("it is not UTF-8 text: {error}")),
    })?;
    crate::rules::compile(&text).map_err(|problems| {
        let shown = crate::rules::render::render(&file, &text, &problems, false);
        CliError::Mistakes(format!("{shown}{file}: {} problems; nothing was run", problems.len()))
    })
}

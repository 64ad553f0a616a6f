//! Why a command ended without success.

use std::io;
use std::path::PathBuf;

use rekindle_core::time::SpanError;
use rekindle_nats::CredentialsError;
use rekindle_runtime::files::sink::OutputFileError;
use rekindle_runtime::pipeline::RestoreError;
use rekindle_runtime::replay::ReplayError;
use rekindle_runtime::store::StoreError;
use rekindle_web::BindError;

use super::asked_daemon::AskedDaemonError;
use super::deliver::DeliverCommandError;
use super::import::ImportError;
use super::init::InitError;
use super::load::FileLoadError;
use super::partners::PartnersError;
use super::picks::PicksError;
use super::reload::ReloadCommandError;
use super::secret::SecretFileError;
use super::{backtest, explain, fit, growth, terminal};
use crate::api::ApiError;
use crate::collecting::CollectStartError;
use crate::daemon::DaemonError;

/// Why a command ended without success. Printed once, by [`run`](super::run).
#[derive(Debug, thiserror::Error)]
pub enum CliError {
    /// The rules or the settings can't be used.
    #[error("{0}")]
    Load(#[from] FileLoadError),
    /// The replay failed.
    #[error("error: {0}")]
    Replay(ReplayError),
    /// The reader of standard output has closed it.
    #[error("standard output was closed")]
    OutputClosed,
    /// The reader of standard output has closed it before the other outputs were written.
    #[error("error: standard output was closed early: nothing was written for {}", outputs.join(", "))]
    OutputsLost {
        /// The options that name them.
        outputs: Vec<&'static str>,
    },
    /// Every event was rejected.
    #[error("error: all events were rejected, so there are no outputs; {}", shown_rejections(.0))]
    NothingAccepted(Vec<String>),
    /// The daemon could not start, or not finish.
    #[error("error: {0}")]
    Daemon(#[from] DaemonError),
    /// A growth command failed.
    #[error("error: {0}")]
    Growth(#[from] growth::GrowthCommandError),
    /// Nothing can be explained.
    #[error("error: {0}")]
    Explain(#[from] explain::ExplainError),
    /// A daemon did not do what it was asked for.
    #[error("error: {0}")]
    AskedDaemon(#[from] AskedDaemonError),
    /// Nothing can be said of a partner.
    #[error("error: {0}")]
    Partners(#[from] PartnersError),
    /// The rules were not reloaded.
    #[error("error: {0}")]
    Reload(#[from] ReloadCommandError),
    /// A user's history can't be told.
    #[error("error: {0}")]
    History(#[from] rekindle_runtime::history::HistoryError),
    /// Rules can't be tried on the past.
    #[error("error: {0}")]
    Backtest(#[from] backtest::BacktestCommandError),
    /// A model cannot be fitted.
    #[error("error: {0}")]
    Fit(#[from] fit::FitError),
    /// Picks cannot be measured.
    #[error("error: {0}")]
    Picks(#[from] PicksError),
    /// The system refused something.
    #[error("error: could not {attempt}: {source}")]
    System {
        /// What was attempted.
        attempt: &'static str,
        /// Why not.
        source: io::Error,
    },
    /// The log can't be started.
    #[error("error: could not start logging: {0}")]
    Logging(#[source] crate::logging::LoggingError),
    /// A task of this program panicked.
    #[error("error: a task ended unexpectedly: {0}")]
    Task(#[from] tokio::task::JoinError),
    /// The worker threads can't be started.
    #[error("error: could not start the worker threads: {0}")]
    Workers(#[from] rayon::ThreadPoolBuildError),
    /// The API can't be served as it is configured.
    #[error("error: {0}")]
    Api(#[from] ApiError),
    /// The API can't be served at its address.
    #[error("error: {source}; choose another address with {option}")]
    Listen {
        /// Why not.
        source: BindError,
        /// The option that names the address.
        option: &'static str,
    },
    /// The collector can't start.
    #[error("error: {0}")]
    Collect(#[from] CollectStartError),
    /// Nobody could send anything.
    #[error(
        "error: there is no write key: nobody could send anything; add what `rekindle collect new-key` prints to the settings"
    )]
    NoWriteKey,
    /// The checkpoint store can't be used.
    #[error("error: {0}")]
    Store(#[from] StoreError),
    /// The secret can't be read.
    #[error("error: {0}")]
    Secret(#[from] SecretFileError),
    /// A checkpoint can't be restored.
    #[error("error: {0}")]
    Restore(#[from] RestoreError),
    /// Nothing could be sent again.
    #[error("error: {0}")]
    Deliver(#[from] DeliverCommandError),
    /// A checkpoint command failed.
    #[error("error: {0}")]
    Checkpoint(#[from] CheckpointCommandError),
    /// Two options name one file.
    #[error("error: {0}")]
    SharedFile(#[from] SharedFileError),
    /// The files of a shop were not written.
    #[error("error: {0}")]
    Init(#[from] InitError),
    /// An import failed.
    #[error("error: {0}")]
    Import(#[from] ImportError),
    /// The simulator, or an import, can't publish.
    #[error("error: {0}")]
    Simulate(#[from] SimulateError),
}

/// Why a checkpoint command failed.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointCommandError {
    /// `--store` names no place.
    #[error("--store {location} {why}")]
    Location {
        /// What it says, without secrets.
        location: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// The folder does not exist.
    #[error("there is no folder {}", .0.display())]
    NoFolder(PathBuf),
    /// The settings name no store.
    #[error("the settings name no store for checkpoints")]
    NoStore,
    /// The store has no checkpoints.
    #[error("there are no checkpoints in {0}")]
    NoCheckpoints(String),
    /// The store has no such checkpoint.
    #[error("there is no checkpoint {number} in {place}")]
    NoCheckpoint {
        /// Its number.
        number: u64,
        /// The store.
        place: String,
    },
    /// Some objects of the store can't be used.
    #[error("{damaged} of {all} objects are damaged or missing")]
    Damaged {
        /// How many can't.
        damaged: usize,
        /// How many there are.
        all: usize,
    },
}

/// Two options that name one file.
#[derive(Debug, thiserror::Error)]
pub enum SharedFileError {
    /// Both are written.
    #[error("{first} and {second} both write to {place}; give each a file of its own")]
    TwoOutputs {
        /// The first option.
        first: &'static str,
        /// The second option.
        second: &'static str,
        /// The file, or standard output.
        place: String,
    },
    /// One is read.
    #[error("{output} would overwrite {}, which is read as {input}", path.display())]
    InputAndOutput {
        /// The option that is written.
        output: &'static str,
        /// The option that is read.
        input: &'static str,
        /// The file.
        path: PathBuf,
    },
}

/// Why the simulator can't publish.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// The subject is not valid.
    #[error("can't publish on `{0}`: a subject is words with dots between, like events.shop")]
    Subject(String),
    /// The credentials can't be used.
    #[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))]
    Credentials(Vec<CredentialsError>),
    /// There is no connection.
    #[error("{why}; start a server there (nats-server -js), or name another with --server or --config")]
    NotConnected {
        /// What the connection reports.
        why: String,
    },
    /// The client refuses a message.
    #[error("could not publish on {subject}: {source}")]
    Publish {
        /// The subject.
        subject: String,
        /// Why not.
        source: async_nats::client::PublishError,
    },
}

/// Why a value on the command line is refused; clap names the option.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ArgumentError {
    /// A share is out of its range.
    #[error("it must be a number from 0 to 1")]
    Share,
    /// A lift is out of its range.
    #[error("it must be a number of 0 or more")]
    Lift,
    /// A rate of events is out of its range.
    #[error("write a number from 0.001 to 10000000, or max")]
    Rate,
    /// A speed is out of its range.
    #[error("write a factor from 0.001 to 1000000, or a duration like 1h")]
    Speed,
    /// A duration can't be read.
    #[error(transparent)]
    Duration(#[from] SpanError),
    /// A duration is 0.
    #[error("it must be longer than 0")]
    NoTime,
    /// There is no such kind of model.
    #[error("it must be mbg_nbd or bg_nbd")]
    ModelKind,
    /// A time can't be read.
    #[error(
        "it must be an RFC 3339 time with an offset, such as 2026-03-09T00:00:00Z, or a date, such as 2026-03-09, which is its \
         midnight in UTC"
    )]
    Time,
}

impl CliError {
    /// For `map_err`: what was attempted.
    pub(super) fn system(attempt: &'static str) -> impl FnOnce(io::Error) -> CliError {
        move |source| CliError::System { attempt, source }
    }
}

impl From<ReplayError> for CliError {
    fn from(error: ReplayError) -> CliError {
        match error {
            ReplayError::Sink(sink) if sink.is_closed_output() => CliError::OutputClosed,
            error => CliError::Replay(error),
        }
    }
}

impl From<OutputFileError> for CliError {
    fn from(error: OutputFileError) -> CliError {
        ReplayError::from(error).into()
    }
}

impl From<io::Error> for CliError {
    fn from(error: io::Error) -> CliError {
        match error.kind() {
            io::ErrorKind::BrokenPipe => CliError::OutputClosed,
            _ => CliError::System { attempt: "write to standard output", source: error },
        }
    }
}

fn shown_rejections(first: &[String]) -> String {
    let lines: String = first.iter().map(|rejection| format!("\n  {}", terminal::field(rejection))).collect();
    let them = if lines.is_empty() { "--dead-letters FILE writes their reasons" } else { "the first of them:" };
    format!("{them}{lines}")
}

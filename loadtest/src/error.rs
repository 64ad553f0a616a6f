//! Why a test could not be carried out. A test that was carried out and failed is no error, but a result.

use std::path::PathBuf;

use thiserror::Error;

/// Why a test could not be carried out.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// There is no nats-server; with what to do about it.
    #[error("{0}")]
    NoServer(String),
    /// The daemon's binary is missing.
    #[error("there is no rekindle at {}: build it (cargo build --release), or name it with --rekindle", .0.display())]
    NoDaemon(PathBuf),
    /// A system call failed.
    #[error("could not {attempt}: {cause}")]
    Io {
        /// What was attempted.
        attempt: &'static str,
        /// Why not.
        cause: std::io::Error,
    },
    /// A file can't be read or written.
    #[error("could not {attempt} {}: {cause}", path.display())]
    File {
        /// What was attempted.
        attempt: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: std::io::Error,
    },
    /// A request to NATS failed.
    #[error("could not {attempt}: {cause}")]
    Nats {
        /// What was attempted.
        attempt: String,
        /// Why not.
        cause: String,
    },
    /// A command of the daemon's binary failed.
    #[error("`rekindle {command}` failed: {said}")]
    Command {
        /// The command.
        command: &'static str,
        /// Its standard error.
        said: String,
    },
    /// Another program failed.
    #[error("{program} ended with {status}: {said}")]
    Program {
        /// Its name.
        program: String,
        /// How it ended.
        status: std::process::ExitStatus,
        /// The end of what it said.
        said: String,
    },
    /// The contents of a stream or a file are not as expected.
    #[error("{0}")]
    Unreadable(String),
    /// Checkpoints can't be written or read.
    #[error(transparent)]
    Store(#[from] rekindle_runtime::store::StoreError),
    /// The engine does not answer.
    #[error("{0}")]
    EngineBusy(#[source] rekindle_runtime::live::EngineBusy),
    /// The engine took no snapshot.
    #[error("{0}")]
    Snapshot(#[source] rekindle_runtime::live::SnapshotError),
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// For requests to NATS.
    pub(crate) fn nats(attempt: impl Into<String>) -> impl FnOnce(async_nats::Error) -> Error {
        let attempt = attempt.into();
        move |cause| Error::Nats { attempt, cause: cause.to_string() }
    }

    /// For files.
    pub(crate) fn file(attempt: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Error {
        let path = path.into();
        move |cause| Error::File { attempt, path, cause }
    }
}

//! Why a test could not be carried out; that it was and failed is no error, but its outcome.

use std::path::PathBuf;

use thiserror::Error;

/// Why a test could not be carried out.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// There is no nats-server, and what to do about it.
    #[error("{0}")]
    NoServer(String),
    /// The daemon's binary is not there.
    #[error("there is no rekindle at {}: build it (cargo build --release), or name it with --rekindle", .0.display())]
    NoDaemon(PathBuf),
    /// The system did not do as asked.
    #[error("could not {attempt}: {cause}")]
    Io {
        /// What was asked.
        attempt: &'static str,
        /// Why not.
        cause: std::io::Error,
    },
    /// A file can't be read or written.
    #[error("could not {attempt} {}: {cause}", path.display())]
    File {
        /// What was to be done.
        attempt: &'static str,
        /// The file.
        path: PathBuf,
        /// Why not.
        cause: std::io::Error,
    },
    /// NATS did not do as asked.
    #[error("could not {attempt}: {cause}")]
    Nats {
        /// What was asked.
        attempt: String,
        /// Why not.
        cause: String,
    },
    /// A command of the daemon's binary failed.
    #[error("`rekindle {command}` failed: {said}")]
    Command {
        /// Which.
        command: &'static str,
        /// What it said.
        said: String,
    },
    /// What a stream or a file holds is not what it must be.
    #[error("{0}")]
    Unreadable(String),
    /// Checkpoints can't be written or read.
    #[error(transparent)]
    Store(#[from] rekindle_runtime::store::StoreError),
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

//! Why a replay could not be finished.

use thiserror::Error;

use crate::files::sink::OutputFileError;
use crate::files::source::FileSourceError;
use crate::pipeline::RestoreError;
use rekindle_core::checkpoint::CodecError;

/// A replay that could not be finished.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The events can't be read.
    #[error(transparent)]
    Source(#[from] FileSourceError),
    /// The results can't be written.
    #[error(transparent)]
    Sink(#[from] OutputFileError),
    /// The workers can't be started.
    #[error("could not start the worker threads: {0}")]
    Workers(#[from] rayon::ThreadPoolBuildError),
    /// The state that was kept can't be gone on from.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The state can't be written.
    #[error("could not write down the state: {0}")]
    State(#[from] CodecError),
    /// The folder of the progress can't be read or written.
    #[error("could not {attempt} in {folder}: {why}; the replay goes on from its last commit once that is mended")]
    Folder {
        /// What was attempted.
        attempt: String,
        /// The folder.
        folder: String,
        /// What was in the way.
        why: String,
    },
    /// Another replay that runs now keeps its progress there.
    #[error("another replay is running with its progress in {folder}; wait for its end, or name another folder")]
    InUse {
        /// The folder.
        folder: String,
    },
    /// The progress is that of another replay.
    #[error(
        "{folder} holds the progress of a replay with other {}; start it as it was begun, or delete {folder} to begin \
         anew", .differences.join(", ")
    )]
    OtherReplay {
        /// The folder.
        folder: String,
        /// In what it differs.
        differences: Vec<String>,
    },
    /// There is progress, and none of it can be used.
    #[error("the progress in {folder} cannot be used ({}); delete {folder} to replay from the beginning", .problems.join("; "))]
    NoneUsable {
        /// The folder.
        folder: String,
        /// What is wrong with each commit.
        problems: Vec<String>,
    },
    /// What was read before is not what stands there now.
    #[error(
        "the first {lines} lines of the events are not those that were read before ({why}); give the same events again, \
         or delete {folder} to replay these from the beginning"
    )]
    OtherEvents {
        /// How many lines had been read.
        lines: u64,
        /// How it shows.
        why: &'static str,
        /// The folder of the progress.
        folder: String,
    },
    /// The replay is finished, and its result is no longer where it was brought.
    #[error(
        "the replay in {folder} is finished, and {what} is no longer in {target} as it was written there; delete \
         {folder} to replay again"
    )]
    ResultGone {
        /// The folder of the progress.
        folder: String,
        /// Which result.
        what: &'static str,
        /// Where it was to be.
        target: String,
    },
}

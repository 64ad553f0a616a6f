//! Why a replay could not be finished.

use std::fmt;

use thiserror::Error;

use crate::checksummed_json::ChecksummedJsonError;
use crate::files::sink::OutputFileError;
use crate::files::source::FileSourceError;
use crate::pipeline::RestoreError;
use crate::store::ObjectError;
use rekindle_core::checkpoint::CodecError;

/// A replay could not be finished.
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
    /// The committed state can't be restored.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// The state can't be encoded.
    #[error("could not write the state: {0}")]
    State(#[from] CodecError),
    /// The folder of the progress can't be read or written.
    #[error("could not {attempt} in {folder}: {cause}; fix that, and the replay continues from its last commit")]
    Folder {
        /// What was attempted.
        attempt: String,
        /// The folder.
        folder: String,
        /// Why it failed.
        #[source]
        cause: ObjectError,
    },
    /// Another replay is running with its progress there.
    #[error("another replay is running with its progress in {folder}; wait for its end, or name another folder")]
    InUse {
        /// The folder.
        folder: String,
    },
    /// The progress is that of another replay.
    #[error(
        "{folder} has the progress of a replay with other {}; start it with the same arguments, or delete {folder} to \
         replay from the beginning", .differences.join(", ")
    )]
    OtherReplay {
        /// The folder.
        folder: String,
        /// The arguments that differ.
        differences: Vec<&'static str>,
    },
    /// There are commits, and none of them can be used.
    #[error("the progress in {folder} cannot be used ({}); delete {folder} to replay from the beginning", listed(.skipped))]
    NoneUsable {
        /// The folder.
        folder: String,
        /// The commits, each with its damage.
        skipped: Vec<SkippedCommit>,
    },
    /// The events are not those that were read before.
    #[error(
        "the first {lines} lines of the events are not those that were read before ({difference}); give the same events \
         again, or delete {folder} to replay these from the beginning"
    )]
    OtherEvents {
        /// The number of lines that had been read.
        lines: u64,
        /// The difference.
        difference: &'static str,
        /// The folder of the progress.
        folder: String,
    },
    /// The replay is finished, and a result is no longer where it was delivered.
    #[error(
        "the replay in {folder} is finished, and {what} is no longer in {target} as it was written there; delete \
         {folder} to replay again"
    )]
    ResultGone {
        /// The folder of the progress.
        folder: String,
        /// The result.
        what: &'static str,
        /// Where it was delivered.
        target: String,
    },
}

/// A commit that cannot be used.
#[derive(Debug)]
pub struct SkippedCommit {
    /// The file that is damaged.
    pub file: String,
    /// What is wrong with it.
    pub damage: CommitDamage,
}

/// What is wrong with a file of a commit.
#[derive(Debug, Error)]
pub enum CommitDamage {
    /// It can't be read.
    #[error("{0}")]
    Unreadable(ObjectError),
    /// It is not the commit that was written.
    #[error("{0}")]
    Commit(ChecksummedJsonError),
    /// It is a result that is shorter than when it was committed.
    #[error("it has {found} bytes, not {committed} or more")]
    ShortResult {
        /// Its length in bytes.
        found: u64,
        /// Its length at the commit.
        committed: u64,
    },
    /// It is not the state that was committed.
    #[error("it is damaged, or not the state that was written")]
    OtherState,
    /// It is a state that can't be decoded.
    #[error("{0}")]
    State(CodecError),
    /// There is no commit that it could belong to.
    #[error("there is no commit that says how far the replay got")]
    NoCommit,
}

impl fmt::Display for SkippedCommit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.damage)
    }
}

fn listed(skipped: &[SkippedCommit]) -> String {
    let each: Vec<String> = skipped.iter().map(ToString::to_string).collect();
    each.join("; ")
}

//! Why a daemon could not start, or ended before it was drained.

use std::io;

use thiserror::Error;

use super::start_position::StartConflict;
use rekindle_core::diagnostics::Diagnostic;
use rekindle_nats::sink::CommitterClosed;
use rekindle_runtime::pipeline::RestoreError;
use rekindle_runtime::store::StoreError;

/// Why a daemon could not start, or ended before it was drained.
#[derive(Debug, Error)]
pub enum DaemonError {
    /// The engine's thread can't be started.
    #[error("could not start the engine's thread: {0}")]
    Threads(#[source] io::Error),
    /// The workers can't be started.
    #[error("could not start the worker threads: {0}")]
    Workers(#[from] rayon::ThreadPoolBuildError),
    /// Not everything that was read could be processed and published in time.
    #[error(
        "stopped after {deadline_ms} ms with work unfinished ({why}): the outputs of messages up to sequence {committed} are \
         published; the next start continues there by itself; raise [shutdown] deadline to let it finish"
    )]
    Unfinished {
        /// The deadline.
        deadline_ms: u64,
        /// What prevented it.
        why: String,
        /// All outputs of the source's messages up to this one are published.
        committed: u64,
    },
    /// The sink must not continue to publish.
    #[error(transparent)]
    Ended(#[from] CommitterClosed),
    /// The checkpoints can't be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The checkpoint was written by another program.
    #[error(transparent)]
    Restore(#[from] RestoreError),
    /// Checkpoint, log and output stream disagree.
    #[error(transparent)]
    Conflict(#[from] StartConflict),
    /// Rules that were in force once can't be compiled any more.
    #[error(
        "the rules {version}, with which a part of the log has to be replayed, can't be used by this version of Rekindle \
         ({}): stop the version that wrote the checkpoints with SIGTERM, after which nothing has to be replayed, or start \
         over with --from-start", mistake.as_ref().map_or("", |mistake| &mistake.message)
    )]
    StoredRules {
        /// Their fingerprint.
        version: String,
        /// The first mistake.
        mistake: Option<Diagnostic>,
    },
    /// The second signal.
    #[error("ended at once by the second signal: outputs of messages that were read may not have been published")]
    Interrupted,
    /// The engine's thread died.
    #[error("the engine stopped unexpectedly; this is a mistake in Rekindle, please report it with the log")]
    EngineDied,
}

impl DaemonError {
    /// Another daemon has taken over the outputs or the checkpoints.
    pub fn is_taken_over(&self) -> bool {
        matches!(
            self,
            DaemonError::Ended(CommitterClosed::TakenOver { .. }) | DaemonError::Store(StoreError::Fenced { .. })
        )
    }
}

//! The history of one user, without reading the whole log: an index of the log by user, and a replay of one user's own events.
//!
//! ```text
//!  log ──► LogScanner ──► IndexBuilder ──► runs and a manifest in a folder
//!          ids and time   sorted in        EventIndex: id → records
//!          of each record bounded memory
//!
//!  user ─► OwnRecords: which records must be read ──► UserReplay: a pipeline with these records alone
//! ```
//!
//! What happens to a user is a function of that user's own events and of the watermark before each (semantics §1, §3). So an
//! index entry has, for one id, the place of a record and the greatest time read before it, and nothing else: the index
//! depends on no rules, and is the same for all of them.
//!
//! **Invariant:** the answer from an index is that of a replay of the whole log; where it could be another one, there is none
//! ([`HistoryError::NotAlone`]). **Invariant:** memory is bounded, whatever the log is: entries are sorted in runs.
//! **Invariant:** an index that is damaged, or of another file, is never used.

mod builder;
mod entry;
mod event_files;
mod file_index;
mod folder;
mod one_user;
mod own_records;
mod run;
mod scan;
mod source_identity;
mod stream_index;
#[cfg(test)]
mod tests;

pub use event_files::{HistoryRequest, IndexUse, IndexedFiles};
pub use folder::{EventIndex, IndexManifest};
pub use one_user::{StoryEvent, StoryItem, UserReplay, UserStory};
pub use own_records::{HistoryRecord, OwnRecords, RecordPlace};
pub use scan::LogScanner;
pub use stream_index::StreamIndex;

use std::io;

use thiserror::Error;

use crate::files::source::FileSourceError;

/// Why a user's history can't be told from an index.
#[derive(Debug, Error)]
pub enum HistoryError {
    /// The index can't be read or written.
    #[error("could not {attempt} the index {path}: {cause}")]
    Io {
        /// What was attempted.
        attempt: &'static str,
        /// The file or folder.
        path: String,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// The index is not as it was written.
    #[error("the index {path} is damaged: {what}; it will be built again")]
    Damaged {
        /// The file.
        path: String,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The log can't be read.
    #[error(transparent)]
    Source(#[from] FileSourceError),
    /// There is no index, or it is of other contents or settings.
    #[error("there is no index of {file} as it is now")]
    NoIndex {
        /// The file.
        file: String,
    },
    /// What the file has is not in lines.
    #[error("{file} can't be indexed: {why}")]
    NotIndexable {
        /// The file.
        file: String,
        /// Why not.
        why: &'static str,
    },
    /// The user's own events don't say what happened to the user.
    #[error("this can't be told from the user's own events: {why}")]
    NotAlone {
        /// Why not.
        why: &'static str,
    },
    /// The threads of a pipeline can't be started.
    #[error("could not start the worker threads: {0}")]
    Workers(#[from] rayon::ThreadPoolBuildError),
}

impl HistoryError {
    /// Whether a replay of the whole log, or a new index, can answer.
    pub fn asks_for_replay(&self) -> bool {
        !matches!(self, HistoryError::Source(_) | HistoryError::Workers(_))
    }
}

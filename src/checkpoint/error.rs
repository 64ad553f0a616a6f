//! What can be wrong with a checkpoint's bytes.

use thiserror::Error;

/// A checkpoint that cannot be read.
#[derive(Debug, Error)]
pub enum CodecError {
    /// The bytes do not begin as a checkpoint does.
    #[error("these bytes are not a checkpoint of Rekindle")]
    NotACheckpoint,
    /// It holds something else than was asked for.
    #[error("the checkpoint holds {found}, not {expected}")]
    Content {
        /// What was asked for.
        expected: &'static str,
        /// What it says it holds.
        found: String,
    },
    /// It was written by a later version.
    #[error("the checkpoint has format version {found}; this program reads version {supported}")]
    Version {
        /// The version it says it has.
        found: u16,
        /// The version that can be read.
        supported: u16,
    },
    /// Its checksum does not agree with its contents.
    #[error("the checkpoint is damaged: its checksum does not agree with its contents")]
    Damaged,
    /// What stands there is not what the format says stands there.
    #[error("the checkpoint is malformed: could not read {what} at byte {at}: {source}")]
    Malformed {
        /// What was to be read.
        what: &'static str,
        /// Where, in bytes after the head.
        at: usize,
        /// What was found.
        source: minicbor::decode::Error,
    },
    /// A value that no state has.
    #[error("the checkpoint is malformed: {what} before byte {at}")]
    Value {
        /// What is wrong.
        what: &'static str,
        /// Where, in bytes after the head.
        at: usize,
    },
}

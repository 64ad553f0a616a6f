//! What can be wrong with a checkpoint's bytes.

use thiserror::Error;

/// A checkpoint that cannot be read (or, of one kind, written).
#[derive(Debug, Error)]
pub enum CodecError {
    /// The bytes do not begin as a checkpoint does.
    #[error("these bytes are not a checkpoint of Rekindle")]
    NotACheckpoint,
    /// It was written by a later version.
    #[error("the checkpoint has format version {found}; this program reads version {supported} and those before")]
    Version {
        /// The version it says it has.
        found: u16,
        /// The latest version that can be read.
        supported: u16,
    },
    /// A block's checksum does not agree with its contents.
    #[error("the checkpoint is damaged: the checksum of the block at byte {at} does not agree with its contents")]
    Damaged {
        /// Where the block begins, in bytes.
        at: usize,
    },
    /// It ends before its last block.
    #[error("the checkpoint is cut off: it ends at byte {at}, and more was to come")]
    Truncated {
        /// How many bytes there are.
        at: usize,
    },
    /// A block that is in the wrong place, or is not what its header says.
    #[error("the checkpoint is malformed: {what}, in the block at byte {at}")]
    Block {
        /// What is wrong.
        what: &'static str,
        /// Where the block begins, in bytes.
        at: usize,
    },
    /// The content of a block does not conform to the format.
    #[error("the checkpoint is malformed: could not read {what} at byte {at} of a block's content: {source}")]
    Malformed {
        /// What was to be read.
        what: &'static str,
        /// Where, in bytes of the block's content.
        at: usize,
        /// What was found.
        source: minicbor::decode::Error,
    },
    /// A value that no state has.
    #[error("the checkpoint is malformed: {what} before byte {at} of a block's content")]
    Value {
        /// What is wrong.
        what: &'static str,
        /// Where, in bytes of the block's content.
        at: usize,
    },
    /// The files given do not continue one another.
    #[error("checkpoint {found} does not continue checkpoint {before}")]
    Chain {
        /// The number of the file before.
        before: u64,
        /// The number of the file that does not continue it.
        found: u64,
    },
    /// What stands of picks could not have been written.
    #[error("the checkpoint is malformed: its picks are out of order, or name items that it does not have")]
    Picks,
    /// It contains the same user twice.
    #[error("the checkpoint holds the same user twice")]
    UserTwice,
    /// A user or a list is larger than a block can be.
    #[error("a user's state of {bytes} bytes is too large for a checkpoint")]
    TooLarge {
        /// How large.
        bytes: usize,
    },
}

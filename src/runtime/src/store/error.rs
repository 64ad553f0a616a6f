//! Why checkpoints could not be read or written.

use std::io;

use thiserror::Error;

use super::bucket::BucketError;
use super::load::{ObjectDamage, SkippedCheckpoint};
use super::manifest::ManifestError;
use super::objects::ObjectError;
use rekindle_core::checkpoint::{CodecError, StreamIdentity};

/// Checkpoints could not be read or written.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The store can't be used as it is configured.
    #[error("cannot use the checkpoint store {place}: {cause}")]
    Unusable {
        /// The folder or bucket.
        place: String,
        /// Why not.
        #[source]
        cause: UnusableStore,
    },
    /// Reading, writing or listing failed: the disk is full, the network is down, a permission is missing.
    #[error("could not {attempt} in the checkpoint store {place}: {cause}")]
    Failed {
        /// What was attempted: `write 000000000007-3.delta`.
        attempt: String,
        /// The folder or bucket.
        place: String,
        /// Why it failed.
        #[source]
        cause: StoreFailure,
    },
    /// Another writer has claimed the checkpoints.
    #[error(
        "another daemon has taken over the checkpoints in {place} (instance {instance}, epoch {epoch}): this one has to \
         stop"
    )]
    Fenced {
        /// The folder or bucket.
        place: String,
        /// The other writer's epoch.
        epoch: u64,
        /// The other writer.
        instance: String,
    },
    /// Nothing may be written before the checkpoints are claimed.
    #[error("the checkpoints in {place} are not claimed")]
    NotClaimed {
        /// The folder or bucket.
        place: String,
    },
    /// The manifest can't be read.
    #[error(
        "the manifest of the checkpoints in {place} cannot be read: {cause}; put an intact copy of {name} there, or start \
         with --from-start to forget these checkpoints and read the log from its beginning"
    )]
    Manifest {
        /// The folder or bucket.
        place: String,
        /// The manifest's name.
        name: &'static str,
        /// Why not.
        #[source]
        cause: ManifestError,
    },
    /// There are checkpoints without a manifest.
    #[error(
        "there are checkpoints in {place} (such as {example}), and no manifest that says which of them are valid; restore \
         {name}, or start with --from-start to forget them and read the log from its beginning"
    )]
    ManifestMissing {
        /// The folder or bucket.
        place: String,
        /// The manifest's name.
        name: &'static str,
        /// One of the objects.
        example: String,
    },
    /// The checkpoints belong to another stream.
    #[error(
        "the checkpoints in {place} are of another stream ({}), not of {}; name another store with [checkpoint] store, or \
         start with --from-start to forget these and read the log from its beginning", .found, .expected
    )]
    OtherStream {
        /// The folder or bucket.
        place: String,
        /// The stream that they belong to.
        found: StreamIdentity,
        /// The stream of the log.
        expected: StreamIdentity,
    },
    /// There are checkpoints, and none of them can be used.
    #[error(
        "no checkpoint in {place} can be used: {}; put intact copies there, or start with --from-start to read the log \
         from its beginning", listed(.skipped)
    )]
    NoneUsable {
        /// The folder or bucket.
        place: String,
        /// The checkpoints, each with its damage.
        skipped: Vec<SkippedCheckpoint>,
    },
    /// The state can't be encoded.
    #[error("could not write a checkpoint: {0}")]
    Codec(#[from] CodecError),
    /// The snapshot is incremental, and the checkpoint that it would continue does not exist.
    #[error(
        "could not write a checkpoint: the snapshot has only changes, and there is no checkpoint that it continues"
    )]
    NothingToContinue,
    /// The thread that would write the checkpoint can't be started.
    #[error("could not write a checkpoint: the system starts no thread: {0}")]
    ThreadNotStarted(io::Error),
    /// The thread that wrote the checkpoint has panicked.
    #[error("could not write a checkpoint: the thread that writes it has panicked; this is a defect of Rekindle")]
    WriterPanicked,
    /// The thread that executed an operation of the store has panicked.
    #[error("an operation of the checkpoint store has panicked; this is a defect of Rekindle")]
    OperationPanicked,
}

/// Why a store can't be used as it is configured.
#[derive(Debug, Error)]
pub enum UnusableStore {
    /// The folder can't be created.
    #[error("{0}")]
    Folder(io::Error),
    /// The bucket's settings are invalid.
    #[error("{0}")]
    Bucket(BucketError),
}

/// Why an operation of the store failed.
#[derive(Debug, Error)]
pub enum StoreFailure {
    /// An object could not be read or written.
    #[error("{0}")]
    Object(ObjectError),
    /// An object was read, and is damaged.
    #[error("{0}")]
    Damaged(Box<ObjectDamage>),
}

fn listed(skipped: &[SkippedCheckpoint]) -> String {
    let each: Vec<String> = skipped.iter().map(ToString::to_string).collect();
    each.join("; ")
}

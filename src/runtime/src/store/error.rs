//! What can go wrong with stored checkpoints.

use thiserror::Error;

use super::load::SkippedCheckpoint;
use rekindle_core::checkpoint::{CodecError, StreamIdentity};

/// Checkpoints that could not be read or written.
#[derive(Debug, Error)]
pub enum StoreError {
    /// The store can't be used as it is configured.
    #[error("cannot use the checkpoint store {place}: {why}")]
    Unusable {
        /// Where it is.
        place: String,
        /// What is in the way.
        why: String,
    },
    /// Reading, writing or listing failed: the disk is full, the network is down, a right is missing.
    #[error("could not {attempt} in the checkpoint store {place}: {why}")]
    Failed {
        /// What was attempted: `write 000000000007-3.delta`.
        attempt: String,
        /// Where.
        place: String,
        /// What was in the way.
        why: String,
    },
    /// Somebody else has taken the checkpoints over.
    #[error(
        "another daemon has taken over the checkpoints in {place} (instance {instance}, epoch {epoch}): this one has to \
         stop"
    )]
    Fenced {
        /// Where.
        place: String,
        /// Its epoch.
        epoch: u64,
        /// Who it is.
        instance: String,
    },
    /// Nothing may be written before the checkpoints are claimed.
    #[error("the checkpoints in {place} are not claimed")]
    NotClaimed {
        /// Where.
        place: String,
    },
    /// The manifest can't be read.
    #[error(
        "the manifest of the checkpoints in {place} cannot be read: {why}; put an intact copy of {name} there, or start \
         with --from-start to forget these checkpoints and read the log from its beginning"
    )]
    Manifest {
        /// Where.
        place: String,
        /// Its name.
        name: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// The manifest was there and is gone.
    #[error(
        "there are checkpoints in {place} (such as {example}), and no manifest that says which of them count; put {name} \
         back, or start with --from-start to forget them and read the log from its beginning"
    )]
    ManifestMissing {
        /// Where.
        place: String,
        /// Its name.
        name: &'static str,
        /// One of the objects that are there.
        example: String,
    },
    /// The checkpoints are of another stream.
    #[error(
        "the checkpoints in {place} are of another stream ({}), not of {}; name another store with [checkpoint] store, or \
         start with --from-start to forget these and read the log from its beginning", .found, .expected
    )]
    OtherStream {
        /// Where.
        place: String,
        /// Of which they are.
        found: StreamIdentity,
        /// Of which they were to be.
        expected: StreamIdentity,
    },
    /// There are checkpoints, and not one of them can be used.
    #[error(
        "no checkpoint in {place} can be used: {}; put intact copies there, or start with --from-start to read the log \
         from its beginning", listed(.passed_over)
    )]
    NoneUsable {
        /// Where.
        place: String,
        /// Each with what is wrong with it.
        passed_over: Vec<SkippedCheckpoint>,
    },
    /// The state can't be written in the format.
    #[error("could not write a checkpoint: {0}")]
    Codec(#[from] CodecError),
    /// What changed since a checkpoint was to be written, and there is no such checkpoint.
    #[error("could not write a checkpoint: only changes were captured, and there is nothing that they would continue")]
    NothingToContinue,
    /// A thread can't be started, or has died.
    #[error("could not write a checkpoint: {0}")]
    Thread(String),
}

fn listed(passed_over: &[SkippedCheckpoint]) -> String {
    let each: Vec<String> = passed_over.iter().map(ToString::to_string).collect();
    each.join("; ")
}

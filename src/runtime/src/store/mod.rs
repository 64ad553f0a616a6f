//! The checkpoint store: checkpoints in a folder, or in a bucket of a service with the S3 API.
//!
//! # What it promises
//!
//! - **A checkpoint is valid when the manifest names it, and not before.** By then its object is complete and durable. A
//!   process that dies at any moment leaves the old manifest or the new one; objects that it does not name are removed
//!   later. A copy of the manifest is written after it, and read if the manifest is damaged or missing: at worst it is the
//!   one before.
//! - **One writer.** A start claims the checkpoints under an epoch higher than any before; each change of the manifest is
//!   conditional on the version that was last read. A former writer gets [`StoreError::Fenced`], and cannot remove what a
//!   later one wrote: names contain the epoch of their writer.
//! - **Nothing damaged is used.** [`load`](CheckpointStore::load) takes the newest checkpoint whose objects are all intact,
//!   reports every newer one that it skipped, and fails, rather than starting empty, if there are checkpoints and none can
//!   be used.
//! - **Files are private.** They are created for their owner alone, and never through a link in their place; a manifest that
//!   names anything but a plain name is damaged.
//!
//! # Bases, deltas, and what is kept
//!
//! A base has the complete state, a delta what changed since the checkpoint before. Deltas are compacted by writing the next
//! base: [`next_is_full`](CheckpointStore::next_is_full) asks for a full snapshot when the deltas since the last base have more
//! bytes than the base, or are more than 30. So a start reads about twice the bytes of the state at most, and as much is
//! written per base. A full snapshot costs the pipeline more parts than a delta, not longer ones. The last `keep` bases are
//! kept, with their deltas. One checkpoint is written at a time.
//!
//! # What it does not do
//!
//! It does not decide when a checkpoint is written, nor where its outputs go. Operations wait for disk or network; each runs
//! on a thread that may block.

mod bucket;
mod claim;
mod commit;
mod disk;
mod error;
mod folder;
mod inspection;
mod load;
mod manifest;
mod manifest_storage;
mod names;
mod objects;
mod past;
mod record;
#[cfg(test)]
mod tests;
mod versions;
mod writer;

pub use bucket::BucketError;
pub use claim::StoreClaim;
pub use commit::PublishedOutputs;
pub use error::{StoreError, StoreFailure, UnusableStore};
pub use inspection::{CheckpointInspection, ObjectFinding};
pub use load::{LoadedCheckpoint, LoadedState, ObjectDamage, RulesText, SkippedCheckpoint};
pub use manifest::{Manifest, ManifestEntry, ManifestError, PastEntry, RulesEntry};
pub use objects::ObjectError;
pub use record::NewRules;
pub use versions::{NewVersion, VERSIONS_BYTES_MAX, VERSIONS_MAX, VersionEntry};
pub use writer::{CheckpointCompletion, CheckpointWriter, WrittenCheckpoint};

pub(crate) use folder::{Folder, finished_name};
pub(crate) use objects::ObjectStorage;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::pipeline::SnapshotHeader;
use bucket::S3Bucket;
use objects::ObjectVersion;
use rekindle_core::checkpoint::StreamIdentity;
use rekindle_core::partition::ExecutionPlan;
use rekindle_settings::{CheckpointLocation, CheckpointSettings};

/// The checkpoints of a log. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CheckpointStore(Arc<StoreShared>);

#[derive(Debug)]
struct StoreShared {
    objects: Arc<dyn ObjectStorage>,
    /// The number of bases that are kept.
    keep: usize,
    state: Mutex<StoreState>,
}

#[derive(Debug, Default)]
struct StoreState {
    /// The manifest as it was last read or written; without a version it is missing, and its copy was read.
    manifest: Option<(Manifest, Option<ObjectVersion>)>,
    /// The version of its copy, if that is known.
    copy: Option<ObjectVersion>,
    /// The epoch and the instance of this store's claim.
    claim: Option<(u64, String)>,
    /// The number and the base of the checkpoint that an incremental snapshot would continue.
    last: Option<(u64, u64)>,
    /// The number of the next checkpoint.
    next: u64,
    /// The checkpoint that is being written, or was written and did not become valid.
    begun: Option<u64>,
    /// What rules made of the log's past, which is being written, or was written and is not in the manifest yet.
    past: Option<String>,
}

impl CheckpointStore {
    /// Opens the store of the settings; `None`: they configure none. A bucket's requests run on the runtime that this is
    /// called in.
    ///
    /// # Errors
    /// The folder can't be created, or the settings of the bucket are invalid.
    pub fn open(settings: &CheckpointSettings) -> Result<Option<CheckpointStore>, StoreError> {
        let place = settings.store.to_string();
        let unusable = |cause| StoreError::Unusable { place: place.clone(), cause };
        let objects: Arc<dyn ObjectStorage> = match &settings.store {
            CheckpointLocation::Nowhere => return Ok(None),
            CheckpointLocation::Folder(path) => {
                Arc::new(Folder::open(path).map_err(|error| unusable(UnusableStore::Folder(error)))?)
            }
            CheckpointLocation::S3 { bucket, prefix } => {
                let opened = S3Bucket::open(settings, place.clone(), bucket, prefix);
                Arc::new(opened.map_err(|error| unusable(UnusableStore::Bucket(error)))?)
            }
        };
        Ok(Some(CheckpointStore::over(objects, settings.keep as usize)))
    }

    fn over(objects: Arc<dyn ObjectStorage>, keep: usize) -> CheckpointStore {
        CheckpointStore(Arc::new(StoreShared { objects, keep, state: Mutex::default() }))
    }

    /// The folder or bucket, for messages.
    pub fn place(&self) -> String {
        self.0.objects.place()
    }

    /// Reads the manifest; `None`: there is none, and no checkpoint either.
    ///
    /// # Errors
    /// It can't be read, is damaged, or is missing although there are checkpoints.
    pub async fn manifest(&self) -> Result<Option<Manifest>, StoreError> {
        self.run(|shared| Ok(shared.read_manifest(&mut shared.state())?.map(|(manifest, _)| manifest))).await
    }

    /// Claims the checkpoints: a former writer can no longer write. Returns the epoch.
    ///
    /// # Errors
    /// The manifest can't be read or written, is damaged or missing, or belongs to another stream; unless `from_start`.
    pub async fn claim(&self, claim: StoreClaim) -> Result<u64, StoreError> {
        self.run(move |shared| shared.claim(&claim)).await
    }

    /// Verifies that nobody else has claimed the checkpoints since this store did.
    ///
    /// # Errors
    /// Somebody has, or the manifest can't be read.
    pub async fn confirm(&self) -> Result<(), StoreError> {
        self.run(StoreShared::confirm).await
    }

    /// Loads the newest checkpoint that can be used. A caller that loads before [`claim`](CheckpointStore::claim), and will
    /// write, must check that no checkpoint was added in between.
    ///
    /// # Errors
    /// There are checkpoints and none can be used, or the store can't be reached.
    pub async fn load(&self) -> Result<LoadedCheckpoint, StoreError> {
        self.run(StoreShared::load).await
    }

    /// Records the identity of the log's stream, once it is known.
    ///
    /// # Errors
    /// The checkpoints belong to another stream, or the manifest can't be written.
    pub async fn record_stream(&self, stream: StreamIdentity) -> Result<(), StoreError> {
        self.run(move |shared| shared.record_stream(&stream)).await
    }

    /// Records that other rules apply to the records after `sequence` of the log; returns their number. Their text is kept as
    /// long as something may be replayed under them. Must be called before any output of theirs is published.
    ///
    /// # Errors
    /// The manifest can't be written, or somebody else has claimed the checkpoints.
    pub async fn record_rules(&self, sequence: u64, version: &str, text: &str) -> Result<u64, StoreError> {
        let rules = NewRules { version: version.to_owned(), text: text.to_owned(), past: None };
        self.record_new_rules(sequence, rules).await
    }

    /// The same, with what the rules made of the log's past; also where they are in force already.
    ///
    /// # Errors
    /// As there.
    pub async fn record_new_rules(&self, sequence: u64, rules: NewRules) -> Result<u64, StoreError> {
        self.run(move |shared| shared.record_rules(sequence, &rules)).await
    }

    /// Whether the next snapshot should be full: there is no base, the last checkpoint that was begun did not become valid,
    /// or the deltas are many or large.
    pub fn next_is_full(&self) -> bool {
        self.0.next_is_full()
    }

    /// Begins to write a checkpoint of a snapshot that was begun between two batches, with all records up to `sequence`
    /// applied and none after, and `generation` the number of the rules in force. The parts of the snapshot are pushed to the
    /// writer.
    ///
    /// # Errors
    /// The checkpoints are not claimed, or the snapshot is incremental and there is no checkpoint that it continues.
    pub fn begin(
        &self,
        snapshot: SnapshotHeader,
        plan: Arc<ExecutionPlan>,
        sequence: u64,
        generation: u64,
    ) -> Result<CheckpointWriter, StoreError> {
        self.0.begin(snapshot, plan, sequence, generation)
    }

    /// Makes a checkpoint valid, after all outputs up to it were published; removes what need not be kept any longer.
    ///
    /// # Errors
    /// The manifest can't be written, or somebody else has claimed the checkpoints. The checkpoint is not valid then, and the
    /// next one must be a base.
    pub async fn commit(&self, written: WrittenCheckpoint, outputs: PublishedOutputs) -> Result<(), StoreError> {
        self.run(move |shared| shared.commit(&written, outputs)).await
    }

    /// Runs what waits for disk or network on a thread that may block.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&StoreShared) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || work(&shared)).await.map_err(|_| StoreError::OperationPanicked)?
    }
}

impl StoreShared {
    fn state(&self) -> MutexGuard<'_, StoreState> {
        // The state is changed in one step, after everything that can fail: it is consistent even if a thread panicked.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, attempt: impl Into<String>, cause: ObjectError) -> StoreError {
        StoreError::Failed { attempt: attempt.into(), place: self.objects.place(), cause: StoreFailure::Object(cause) }
    }
}

impl StoreState {
    /// The manifest and the epoch of this store's claim; `None`: it has not claimed.
    fn claimed(&self) -> Option<(&Manifest, u64)> {
        let (manifest, _) = self.manifest.as_ref()?;
        self.claim.as_ref().map(|(epoch, _)| (manifest, *epoch))
    }
}

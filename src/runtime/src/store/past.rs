//! What rules made of the log's past before they took effect: one object, that a start needs which restores an older checkpoint.

use std::sync::Arc;

use super::error::{StoreError, StoreFailure};
use super::load::{LoadFailure, ObjectDamage, read_bytes};
use super::manifest::PastEntry;
use super::names;
use super::objects::{ObjectStorage, ObjectWriter};
use super::{CheckpointStore, StoreShared};
use crate::pipeline::{Pipeline, RestoredPipeline};
use rekindle_core::partition::ExecutionPlan;

impl CheckpointStore {
    /// Writes the state of a pipeline that has read the log up to this sequence under rules that have not taken effect. It is
    /// removed again unless it becomes part of the [rules](CheckpointStore::record_rules) that take effect next. It waits for
    /// disk or network.
    ///
    /// # Errors
    /// It could not be written; or the checkpoints are not claimed.
    pub fn write_past(&self, pipeline: &Pipeline, sequence: u64) -> Result<PastEntry, StoreError> {
        self.0.write_past(pipeline, sequence)
    }

    /// What was written is not needed: the next checkpoint's clean-up removes it.
    pub fn drop_past(&self) {
        self.0.state().past = None;
    }

    /// Records under which rules the log's past is being read (`None`: it is not any more), for a start that comes before they
    /// take effect.
    ///
    /// # Errors
    /// The manifest can't be written, or somebody else has claimed the checkpoints.
    pub async fn record_recomputing(&self, version: Option<String>) -> Result<(), StoreError> {
        self.run(move |shared| {
            let mut state = shared.state();
            let known = state.manifest.as_ref().map(|(manifest, _)| manifest.recomputing.clone());
            if known == Some(version.clone()) {
                return Ok(());
            }
            shared.update(&mut state, |manifest| manifest.recomputing = version.clone())
        })
        .await
    }

    /// Reads what rules made of the log's past.
    ///
    /// # Errors
    /// It is damaged, or the store can't be reached.
    pub async fn load_past(&self, entry: PastEntry, plan: Arc<ExecutionPlan>) -> Result<RestoredPipeline, StoreError> {
        self.run(move |shared| shared.load_past(&entry, &plan)).await
    }
}

impl StoreShared {
    fn write_past(&self, pipeline: &Pipeline, sequence: u64) -> Result<PastEntry, StoreError> {
        let name = {
            let mut state = self.state();
            let Some((_, epoch)) = state.claimed() else {
                return Err(StoreError::NotClaimed { place: self.objects.place() });
            };
            let name = names::past(&pipeline.plan().rules.version, sequence, epoch);
            state.past = Some(name.clone());
            name
        };
        // The state is not locked meanwhile: checkpoints go on.
        let mut object = PastObject::begin(&*self.objects, &name)?;
        pipeline.encode_checkpoint_into(|bytes| object.write(bytes))?;
        object.finish(sequence)
    }

    fn load_past(&self, entry: &PastEntry, plan: &ExecutionPlan) -> Result<RestoredPipeline, StoreError> {
        let damaged = |damage: ObjectDamage| StoreError::Failed {
            attempt: format!("read {}", entry.object),
            place: self.objects.place(),
            cause: StoreFailure::Damaged(damage.into()),
        };
        let bytes = self.read_past(entry).map_err(|error| match error {
            LoadFailure::Damaged(damage) => damaged(damage),
            LoadFailure::Unreachable(error) => *error,
        })?;
        RestoredPipeline::read(plan, &[&bytes]).map_err(|(_, error)| damaged(ObjectDamage::Checkpoint(error)))
    }

    /// Reads the object, and verifies that it is the one in the manifest, with all of its bytes.
    pub(super) fn read_past(&self, entry: &PastEntry) -> Result<Vec<u8>, LoadFailure> {
        let bytes = read_bytes(&*self.objects, &entry.object)?;
        if crc32c::crc32c(&bytes) != entry.crc32c || bytes.len() as u64 != entry.bytes {
            return Err(LoadFailure::Damaged(ObjectDamage::OtherBytes));
        }
        Ok(bytes)
    }
}

/// An object that is being written.
struct PastObject<'o> {
    objects: &'o dyn ObjectStorage,
    object: Box<dyn ObjectWriter>,
    name: String,
    crc32c: u32,
    bytes: u64,
}

impl<'o> PastObject<'o> {
    fn begin(objects: &'o dyn ObjectStorage, name: &str) -> Result<PastObject<'o>, StoreError> {
        let object = objects.create(name).map_err(|error| StoreError::Failed {
            attempt: format!("write {name}"),
            place: objects.place(),
            cause: StoreFailure::Object(error),
        })?;
        Ok(PastObject { objects, object, name: name.to_owned(), crc32c: 0, bytes: 0 })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.crc32c = crc32c::crc32c_append(self.crc32c, bytes);
        self.bytes += bytes.len() as u64;
        self.object.write(bytes).map_err(|error| StoreError::Failed {
            attempt: format!("write {}", self.name),
            place: self.objects.place(),
            cause: StoreFailure::Object(error),
        })
    }

    fn finish(self, sequence: u64) -> Result<PastEntry, StoreError> {
        let PastObject { objects, object, name, crc32c, bytes } = self;
        object.finish().map_err(|error| StoreError::Failed {
            attempt: format!("write {name}"),
            place: objects.place(),
            cause: StoreFailure::Object(error),
        })?;
        Ok(PastEntry { object: name, bytes, crc32c, sequence })
    }
}

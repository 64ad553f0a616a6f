//! Where checkpoints are kept: a folder, or a bucket that speaks S3.
//!
//! # What it promises
//!
//! - **A checkpoint counts once the manifest names it, and not before.** Its object is whole and safe by then. Whoever
//!   dies at any moment leaves either the old manifest or the new one; unnamed objects are removed later. A copy of the
//!   manifest is written after it, and used where it is damaged or gone: at worst that is the one before.
//! - **One writes.** Who starts claims the checkpoints under an epoch higher than any before; each change of the manifest
//!   is made on condition that it is still the one that was last seen. Who was overtaken gets
//!   [`StoreError::Fenced`], and removes nothing that a later one wrote: names have the epoch of who wrote them.
//! - **Nothing damaged is used.** [`load`](CheckpointStore::load) takes the newest checkpoint all of whose objects are whole,
//!   names every newer one it passed over, and fails rather than begin empty where there are checkpoints and none can be
//!   used.
//! - **What is written is its owner's.** Files are made for their owner alone, and never through a link that lies in their
//!   place; a manifest that names anything but a plain name is damaged.
//!
//! # Bases, deltas, and what stays
//!
//! A base holds everything, a delta what changed since the checkpoint before. Deltas are compacted by writing the next
//! base: [`next_is_whole`](CheckpointStore::next_is_whole) asks for one when the deltas since the last weigh more than it, or
//! are more than 30; so at most about twice the bytes of the state are read at a start, and written per round. Only
//! capturing everybody costs the pipeline more than a delta does, in more pieces, not in longer ones. The last `keep`
//! bases stay, with the deltas on them. One checkpoint is written at a time.
//!
//! # What it does not do
//!
//! It does not decide when to write, nor what goes with a checkpoint into other streams. Operations wait for disk or
//! network; each runs on a thread that may.

mod bucket;
mod disk;
mod error;
mod folder;
mod inspection;
mod load;
mod manifest;
mod names;
mod objects;
#[cfg(test)]
mod tests;
mod writer;

pub use error::StoreError;
pub use inspection::{CheckpointInspection, ObjectFinding};
pub use load::{LoadedCheckpoint, LoadedState, RulesText, SkippedCheckpoint};
pub use manifest::{Manifest, ManifestEntry, RulesEntry};
pub use writer::{CheckpointCompletion, CheckpointWriter, WrittenCheckpoint};

pub(crate) use folder::{Folder, finished_name};
pub(crate) use objects::{ObjectError, ObjectStorage};

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing::warn;

use crate::pipeline::SnapshotHeader;
use bucket::S3Bucket;
use names::{MANIFEST, MANIFEST_COPY};
use objects::ObjectVersion;
use rekindle_core::checkpoint::{CheckpointHeader, CheckpointKind, StreamIdentity};
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::time::Timestamp;
use rekindle_settings::{CheckpointLocation, CheckpointSettings};
use writer::CheckpointStart;

/// Most deltas on a base.
const DELTAS_MAX: usize = 30;

/// Deltas that weigh less than this together are light, however little the base weighs.
const LIGHT: u64 = 1 << 20;

/// How often a change of the manifest is tried anew when it met another.
const TRIES: usize = 10;

/// The checkpoints of a log. Cheap to clone.
#[derive(Clone, Debug)]
pub struct CheckpointStore(Arc<StoreShared>);

#[derive(Debug)]
struct StoreShared {
    objects: Arc<dyn ObjectStorage>,
    keep: usize,
    state: Mutex<StoreState>,
}

#[derive(Debug, Default)]
struct StoreState {
    /// The manifest as it was last read or written; without a tag it is gone, and the copy was read.
    manifest: Option<(Manifest, Option<ObjectVersion>)>,
    /// The version of its copy, as far as that is known.
    copy: Option<ObjectVersion>,
    /// As whom these checkpoints are claimed.
    claim: Option<(u64, String)>,
    /// The checkpoint that the pipeline's noted changes are changes to: number and base.
    last: Option<(u64, u64)>,
    /// The number of the next checkpoint.
    next: u64,
    /// The checkpoint that is being written, or was and did not come to count.
    begun: Option<u64>,
}

/// How checkpoints are taken over.
#[derive(Clone, Debug)]
pub struct StoreClaim {
    /// The epoch will be at least this, and higher than any before.
    pub epoch_at_least: u64,
    /// Who claims; no two starts have the same.
    pub instance: String,
    /// The stream whose state is kept; `None`: the log is no stream.
    pub stream: Option<StreamIdentity>,
    /// Forget the checkpoints there are, whatever state they are in.
    pub from_start: bool,
}

/// What is known of a checkpoint only once its outputs are out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PublishedOutputs {
    /// How many went out so far.
    pub ordinal: u64,
    /// The output stream's last sequence; `None`: outputs go to no stream.
    pub last: Option<u64>,
}

impl CheckpointStore {
    /// Opens the store that the settings name; `None`: they name none. A bucket's requests run on the runtime this is
    /// called in.
    ///
    /// # Errors
    /// The folder can't be made, or the settings of the bucket are of no use.
    pub fn open(settings: &CheckpointSettings) -> Result<Option<CheckpointStore>, StoreError> {
        let place = settings.store.to_string();
        let unusable = |why: String| StoreError::Unusable { place: place.clone(), why };
        let objects: Arc<dyn ObjectStorage> = match &settings.store {
            CheckpointLocation::Nowhere => return Ok(None),
            CheckpointLocation::Folder(path) => {
                Arc::new(Folder::open(path).map_err(|error| unusable(error.to_string()))?)
            }
            CheckpointLocation::S3 { bucket, prefix } => {
                Arc::new(S3Bucket::open(settings, place.clone(), (bucket, prefix)).map_err(unusable)?)
            }
        };
        Ok(Some(CheckpointStore::over(objects, settings.keep as usize)))
    }

    fn over(objects: Arc<dyn ObjectStorage>, keep: usize) -> CheckpointStore {
        CheckpointStore(Arc::new(StoreShared { objects, keep, state: Mutex::default() }))
    }

    /// Where they are kept, for people.
    pub fn place(&self) -> String {
        self.0.objects.place()
    }

    /// Reads the manifest; `None`: there is none, and no checkpoint either.
    ///
    /// # Errors
    /// It can't be read, is damaged, or is missing where there are checkpoints.
    pub async fn manifest(&self) -> Result<Option<Manifest>, StoreError> {
        self.run(|shared| Ok(shared.read_manifest(&mut shared.state())?.map(|(manifest, _)| manifest))).await
    }

    /// Takes the checkpoints over: whoever wrote there before can no longer. The epoch taken.
    ///
    /// # Errors
    /// The manifest can't be read or written, is damaged or missing, or is of another stream; unless `from_start`.
    pub async fn claim(&self, claim: StoreClaim) -> Result<u64, StoreError> {
        self.run(move |shared| shared.claim(&claim)).await
    }

    /// Makes sure that nobody has taken the checkpoints over since they were claimed.
    ///
    /// # Errors
    /// Somebody has, or the manifest can't be read.
    pub async fn confirm(&self) -> Result<(), StoreError> {
        self.run(StoreShared::confirm).await
    }

    /// Loads the newest checkpoint that can be used. Who calls it before [`claim`](CheckpointStore::claim) and is going to write
    /// has to see that nothing came after it meanwhile.
    ///
    /// # Errors
    /// There are checkpoints and none can be used, or the store can't be reached.
    pub async fn load(&self) -> Result<LoadedCheckpoint, StoreError> {
        self.run(StoreShared::load).await
    }

    /// Notes which stream the log is, once that is known.
    ///
    /// # Errors
    /// The checkpoints are of another, or the manifest can't be written.
    pub async fn note_stream(&self, stream: StreamIdentity) -> Result<(), StoreError> {
        self.run(move |shared| shared.note_stream(&stream)).await
    }

    /// Notes that other rules hold for what comes after `sequence` of the log; returns their number. Their text is kept
    /// for as long as something may have to be replayed under them. To be called before anything that was decided under
    /// them goes out.
    ///
    /// # Errors
    /// It can't be written, or somebody else has taken the checkpoints over.
    pub async fn note_rules(&self, sequence: u64, version: &str, text: &str) -> Result<u64, StoreError> {
        let (version, text) = (version.to_owned(), text.to_owned());
        self.run(move |shared| shared.note_rules(sequence, &version, &text)).await
    }

    /// Whether the next cut had better be whole: there is no base, the last checkpoint that was begun never came to
    /// count, or the deltas have become many or heavy.
    pub fn next_is_whole(&self) -> bool {
        let state = self.0.state();
        let (base, deltas, delta_bytes) = state.manifest.as_ref().map_or((0, 0, 0), |(manifest, _)| manifest.weights());
        state.last.is_none() || state.begun.is_some() || deltas >= DELTAS_MAX || delta_bytes > base.max(LIGHT)
    }

    /// Begins to write a checkpoint: `cut` was begun between two batches, with everything up to `sequence` of the log
    /// applied and nothing after, and `generation` the number of the rules in force. The cut's pieces are to be pushed
    /// to the writer.
    ///
    /// # Errors
    /// The checkpoints are not claimed, or the cut is not whole and there is nothing it would continue.
    pub fn begin(
        &self,
        cut: SnapshotHeader,
        plan: Arc<ExecutionPlan>,
        sequence: u64,
        generation: u64,
    ) -> Result<CheckpointWriter, StoreError> {
        self.0.begin(cut, plan, sequence, generation)
    }

    /// Makes a checkpoint count, now that the outputs of everything in it are out; forgets what is no longer kept.
    ///
    /// # Errors
    /// The manifest can't be written, or somebody else has taken the checkpoints over. The checkpoint does not count
    /// then, and the next has to be whole.
    pub async fn commit(&self, written: WrittenCheckpoint, outputs: PublishedOutputs) -> Result<(), StoreError> {
        self.run(move |shared| shared.commit(&written, outputs)).await
    }

    /// Runs what waits for disk or network on a thread that may.
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&StoreShared) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let shared = Arc::clone(&self.0);
        let died = |_| StoreError::Thread("the thread that reads and writes has died".to_owned());
        tokio::task::spawn_blocking(move || work(&shared)).await.map_err(died)?
    }
}

impl StoreShared {
    fn state(&self) -> MutexGuard<'_, StoreState> {
        // What is in there is changed in one step, after all that can fail.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn failed(&self, attempt: impl Into<String>, error: &ObjectError) -> StoreError {
        StoreError::Failed { attempt: attempt.into(), place: self.objects.place(), why: error.to_string() }
    }

    fn read_manifest(&self, state: &mut StoreState) -> Result<Option<(Manifest, Option<ObjectVersion>)>, StoreError> {
        let place = self.objects.place();
        let (why, tag) = match self.objects.read_tagged(MANIFEST) {
            Ok((bytes, tag)) => match Manifest::decode(&bytes) {
                Ok(manifest) => {
                    state.manifest = Some((manifest, Some(tag)));
                    return Ok(state.manifest.clone());
                }
                Err(why) => (Some(why), Some(tag)),
            },
            Err(ObjectError::Unreadable(why)) => (Some(why), Some(ObjectVersion::unreadable())),
            Err(ObjectError::Missing) => (None, None),
            Err(error) => return Err(self.failed(format!("read {MANIFEST}"), &error)),
        };
        let copy = self.objects.read(MANIFEST_COPY).ok().and_then(|bytes| Manifest::decode(&bytes).ok());
        state.manifest = match (copy, why) {
            (Some(manifest), why) => {
                let why = why.unwrap_or_else(|| "it is missing".to_owned());
                warn!(place, why, "the manifest of the checkpoints cannot be read: its copy {MANIFEST_COPY} is used");
                Some((manifest, tag))
            }
            (None, Some(why)) => return Err(StoreError::Manifest { place, name: MANIFEST, why }),
            (None, None) => {
                let names = self.objects.list().map_err(|error| self.failed("list what is there", &error))?;
                if let Some(example) = names.into_iter().find(|name| names::is_checkpoint(name)) {
                    return Err(StoreError::ManifestMissing { place, name: MANIFEST, example });
                }
                None
            }
        };
        Ok(state.manifest.clone())
    }

    /// Writes the manifest's copy, now that the manifest itself is written. It is read only where that is damaged, so who
    /// cannot write it goes on; the next one does.
    fn write_copy(&self, state: &mut StoreState, bytes: &[u8], epoch: u64) {
        for _ in 0..TRIES {
            match self.objects.replace(MANIFEST_COPY, bytes, state.copy.as_ref()) {
                Ok(tag) => {
                    state.copy = Some(tag);
                    return;
                }
                Err(ObjectError::Changed) => match self.objects.read_tagged(MANIFEST_COPY) {
                    // That of whoever has taken over is not to be undone.
                    Ok((found, _)) if Manifest::decode(&found).is_ok_and(|found| found.epoch > epoch) => return,
                    Ok((_, tag)) => state.copy = Some(tag),
                    Err(ObjectError::Missing) => state.copy = None,
                    Err(ObjectError::Unreadable(_)) => state.copy = Some(ObjectVersion::unreadable()),
                    Err(error) => return self.copy_failed(&error),
                },
                Err(error) => return self.copy_failed(&error),
            }
        }
        self.copy_failed(&ObjectError::Changed);
    }

    fn copy_failed(&self, error: &ObjectError) {
        warn!(place = self.objects.place(), %error, "cannot write the copy of the manifest, {MANIFEST_COPY}");
    }

    fn claim(&self, claim: &StoreClaim) -> Result<u64, StoreError> {
        let mut state = self.state();
        for _ in 0..TRIES {
            let found = match self.read_manifest(&mut state) {
                Ok(found) => found,
                Err(StoreError::Manifest { .. } | StoreError::ManifestMissing { .. }) if claim.from_start => None,
                Err(error) => return Err(error),
            };
            // One that is damaged has a tag all the same.
            let tag = match &found {
                Some((_, tag)) => tag.clone(),
                None => match self.objects.read_tagged(MANIFEST) {
                    Ok((_, tag)) if claim.from_start => Some(tag),
                    Err(ObjectError::Unreadable(_)) if claim.from_start => Some(ObjectVersion::unreadable()),
                    // It came while this was deciding.
                    Ok(_) => continue,
                    Err(ObjectError::Missing) => None,
                    Err(error) => return Err(self.failed(format!("read {MANIFEST}"), &error)),
                },
            };
            let found = found.map(|(manifest, _)| manifest);
            let manifest = self.claimed(found, claim)?;
            let bytes = manifest.encode();
            match self.objects.replace(MANIFEST, &bytes, tag.as_ref()) {
                Ok(tag) => {
                    let epoch = manifest.epoch;
                    let newest = manifest.checkpoints.last().map(|newest| (newest.number, newest.base));
                    // What was loaded before the claim goes on being continued, if nothing came after it.
                    let last = state.last.filter(|last| newest == Some(*last));
                    let (claim, next) = (Some((epoch, claim.instance.clone())), manifest.next);
                    let copy = state.copy.take();
                    *state = StoreState { manifest: Some((manifest, Some(tag))), copy, claim, last, next, begun: None };
                    self.write_copy(&mut state, &bytes, epoch);
                    return Ok(epoch);
                }
                Err(ObjectError::Changed) => {}
                Err(error) => return Err(self.failed(format!("write {MANIFEST}"), &error)),
            }
        }
        Err(self.failed("claim the checkpoints", &ObjectError::Changed))
    }

    /// The manifest that a claim makes of the one it found.
    fn claimed(&self, found: Option<Manifest>, claim: &StoreClaim) -> Result<Manifest, StoreError> {
        let epoch = found.as_ref().map_or(0, |manifest| manifest.epoch).saturating_add(1).max(claim.epoch_at_least);
        let (instance, stream) = (claim.instance.clone(), claim.stream.clone());
        let next = found.as_ref().map_or(1, |manifest| manifest.next);
        match found.filter(|_| !claim.from_start) {
            None => Ok(Manifest { epoch, instance, stream, next, checkpoints: Vec::new(), rules: Vec::new() }),
            Some(manifest) => {
                if let (Some(found), Some(expected)) = (&manifest.stream, &stream)
                    && found != expected
                {
                    let (found, expected) = (found.clone(), expected.clone());
                    return Err(StoreError::OtherStream { place: self.objects.place(), found, expected });
                }
                Ok(Manifest { epoch, instance, stream: stream.or(manifest.stream), ..manifest })
            }
        }
    }

    fn load(&self) -> Result<LoadedCheckpoint, StoreError> {
        let mut state = self.state();
        let manifest = match &state.manifest {
            Some((manifest, _)) if state.claim.is_some() => manifest.clone(),
            _ => match self.read_manifest(&mut state)? {
                Some((manifest, _)) => manifest,
                None => return Ok(LoadedCheckpoint { state: None, rules: Vec::new(), passed_over: Vec::new() }),
            },
        };
        let loaded = load::load(&*self.objects, &manifest)?;
        // After one that was passed over comes a whole one: nothing shall rest on what is damaged.
        state.last = loaded
            .state
            .as_ref()
            .filter(|_| loaded.passed_over.is_empty())
            .map(|state| (state.entry.number, state.entry.base));
        Ok(loaded)
    }

    fn confirm(&self) -> Result<(), StoreError> {
        let (mut state, place) = (self.state(), self.objects.place());
        let found = self.read_manifest(&mut state)?;
        let (Some((manifest, _)), Some((epoch, instance))) = (found, state.claim.clone()) else {
            return Err(StoreError::NotClaimed { place });
        };
        if (manifest.epoch, &manifest.instance) == (epoch, &instance) {
            return Ok(());
        }
        Err(StoreError::Fenced { place, epoch: manifest.epoch, instance: manifest.instance })
    }

    /// Changes the manifest, as long as it is still this one's to change.
    fn update(&self, state: &mut StoreState, change: impl Fn(&mut Manifest)) -> Result<(), StoreError> {
        let place = self.objects.place();
        let (Some((mut manifest, mut tag)), Some((epoch, instance))) = (state.manifest.clone(), state.claim.clone())
        else {
            return Err(StoreError::NotClaimed { place });
        };
        for _ in 0..TRIES {
            // What was read last may be somebody else's, and its tag would let it be overwritten.
            if (manifest.epoch, &manifest.instance) != (epoch, &instance) {
                return Err(StoreError::Fenced { place, epoch: manifest.epoch, instance: manifest.instance });
            }
            let mut next = manifest.clone();
            change(&mut next);
            let bytes = next.encode();
            match self.objects.replace(MANIFEST, &bytes, tag.as_ref()) {
                Ok(tag) => {
                    state.manifest = Some((next, Some(tag)));
                    self.write_copy(state, &bytes, epoch);
                    return Ok(());
                }
                // Somebody else; or an answer to ourselves that never came.
                Err(ObjectError::Changed) => {
                    let Some(found) = self.read_manifest(state)? else {
                        let example = "the one being written".to_owned();
                        return Err(StoreError::ManifestMissing { place, name: MANIFEST, example });
                    };
                    (manifest, tag) = found;
                }
                Err(error) => return Err(self.failed(format!("write {MANIFEST}"), &error)),
            }
        }
        Err(self.failed(format!("write {MANIFEST}"), &ObjectError::Changed))
    }

    fn note_rules(&self, sequence: u64, version: &str, text: &str) -> Result<u64, StoreError> {
        let mut state = self.state();
        let Some((manifest, epoch)) = state.manifest.as_ref().map(|(manifest, _)| manifest).zip(claim_of(&state))
        else {
            return Err(StoreError::NotClaimed { place: self.objects.place() });
        };
        if let Some(last) = manifest.rules.last().filter(|last| last.version == version) {
            return Ok(last.number);
        }
        let number = manifest.rules.last().map_or(0, |last| last.number + 1);
        let object = names::rules(version, epoch);
        let failed = |error| self.failed(format!("write {object}"), &error);
        let mut new = self.objects.create(&object).map_err(failed)?;
        new.write(text.as_bytes()).map_err(failed)?;
        new.finish().map_err(failed)?;
        let entry = RulesEntry { number, sequence, version: version.to_owned(), object };
        self.update(&mut state, |manifest| {
            if manifest.rules.last() != Some(&entry) {
                manifest.rules.push(entry.clone());
            }
        })?;
        Ok(number)
    }

    fn note_stream(&self, stream: &StreamIdentity) -> Result<(), StoreError> {
        let mut state = self.state();
        let known = state.manifest.as_ref().and_then(|(manifest, _)| manifest.stream.clone());
        match known {
            Some(known) if known == *stream => Ok(()),
            Some(found) => {
                Err(StoreError::OtherStream { place: self.objects.place(), found, expected: stream.clone() })
            }
            None => self.update(&mut state, |manifest| manifest.stream = Some(stream.clone())),
        }
    }

    fn begin(
        &self,
        cut: SnapshotHeader,
        plan: Arc<ExecutionPlan>,
        sequence: u64,
        generation: u64,
    ) -> Result<CheckpointWriter, StoreError> {
        let mut state = self.state();
        let Some((manifest, epoch)) = state.manifest.as_ref().map(|(manifest, _)| manifest).zip(claim_of(&state))
        else {
            return Err(StoreError::NotClaimed { place: self.objects.place() });
        };
        let number = state.next;
        let (kind, previous, base) = match (cut.is_full, state.last, state.begun) {
            (true, ..) => (CheckpointKind::Base, number, number),
            (false, Some((last, base)), None) => (CheckpointKind::Delta, last, base),
            (false, ..) => return Err(StoreError::NothingToContinue),
        };
        let head = CheckpointHeader {
            kind,
            number,
            base,
            previous,
            sequence,
            position: cut.position,
            fired: cut.fired,
            forgotten: cut.forgotten,
            latest_read: cut.latest_read,
            rules_changes: cut.rules_changes.0,
            rules_changed_at: cut.rules_changes.1,
            rules: plan.rules.version.clone(),
            partitions: cut.partitions,
            stream: manifest.stream.clone(),
            program: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let object = names::checkpoint(number, epoch, kind);
        let begin = CheckpointStart {
            objects: Arc::clone(&self.objects),
            object,
            head,
            generation,
            plan,
            links: cut.links,
            growth: cut.growth,
        };
        state.begun = Some(number);
        state.next += 1;
        CheckpointWriter::start(begin)
    }

    fn commit(&self, written: &WrittenCheckpoint, outputs: PublishedOutputs) -> Result<(), StoreError> {
        let mut state = self.state();
        let WrittenCheckpoint { head, generation, object, crc32c, bytes, users } = written;
        let entry = ManifestEntry {
            number: head.number,
            kind: head.kind,
            base: head.base,
            previous: head.previous,
            object: object.clone(),
            bytes: *bytes,
            crc32c: *crc32c,
            sequence: head.sequence,
            position: head.position,
            ordinal: outputs.ordinal,
            output_last: outputs.last,
            rules: head.rules.clone(),
            generation: *generation,
            users: *users,
            created_ms: now_ms(),
        };
        self.update(&mut state, |manifest| manifest.add(entry.clone(), self.keep))?;
        state.last = Some((head.number, head.base));
        if state.begun == Some(head.number) {
            state.begun = None;
        }
        self.clean_up(&state);
        Ok(())
    }

    /// Removes what does not count and never will. Where that fails, the next one does it.
    fn clean_up(&self, state: &StoreState) {
        let (Some((manifest, _)), Some(epoch)) = (&state.manifest, claim_of(state)) else { return };
        let names = match self.objects.list() {
            Ok(names) => names,
            Err(error) => return warn!(place = self.objects.place(), %error, "cannot look for old checkpoints"),
        };
        let counted: std::collections::HashSet<&str> = manifest.objects().collect();
        let in_the_making = state.begun.map(|number| format!("{number:012}-"));
        for name in names {
            let is_ours = names::epoch_of(folder::finished_name(&name)).is_some_and(|of| of <= epoch)
                || [MANIFEST, MANIFEST_COPY].contains(&folder::finished_name(&name))
                    && ![MANIFEST, MANIFEST_COPY].contains(&name.as_str());
            let in_the_making = in_the_making.as_ref().is_some_and(|start| name.starts_with(start.as_str()));
            if is_ours
                && !in_the_making
                && !counted.contains(name.as_str())
                && let Err(error) = self.objects.remove(&name)
            {
                warn!(place = self.objects.place(), object = name, %error, "cannot remove an old checkpoint");
            }
        }
    }
}

fn claim_of(state: &StoreState) -> Option<u64> {
    state.claim.as_ref().map(|(epoch, _)| *epoch)
}

/// Informational: nothing is decided by it.
fn now_ms() -> i64 {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(0)).0
}

//! Finds the newest checkpoint that can be used, and reads it.
//!
//! An object is damaged, which is final and makes the one before be tried, or unreachable, and then nothing is decided.

use std::fmt;
use std::io;
use std::sync::Arc;

use thiserror::Error;

use super::StoreShared;
use super::error::{StoreError, StoreFailure};
use super::manifest::{Manifest, ManifestEntry, ManifestError, PastEntry, RulesEntry};
use super::objects::{ObjectError, ObjectStorage};
use crate::pipeline::RestoredPipeline;
use rekindle_core::checkpoint::{CheckpointFile, CodecError};
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules;

/// What was loaded.
#[derive(Debug)]
pub struct LoadedCheckpoint {
    /// The newest checkpoint that can be used; `None`: there is none.
    pub state: Option<LoadedState>,
    /// The rules that took effect after it, oldest first; without a checkpoint, all recorded rules.
    pub rules: Vec<RulesText>,
    /// Newer checkpoints, which cannot be used.
    pub skipped: Vec<SkippedCheckpoint>,
}

/// A checkpoint's state.
#[derive(Debug)]
pub struct LoadedState {
    /// Users, links, and the position in the log.
    pub restored: RestoredPipeline,
    /// The rules that it was written under.
    pub plan: Arc<ExecutionPlan>,
    /// Their text.
    pub text: String,
    /// Its entry in the manifest.
    pub entry: ManifestEntry,
}

/// Rules that took effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulesText {
    /// Their number, from 0 for the rules of the first start.
    pub number: u64,
    /// They apply to the records after this sequence of the log.
    pub sequence: u64,
    /// Their version.
    pub version: String,
    /// Their text.
    pub text: String,
    /// What they made of the log's past; `None`: they did not know it.
    pub past: Option<PastEntry>,
}

/// A checkpoint that cannot be used.
#[derive(Debug)]
pub struct SkippedCheckpoint {
    /// Its number.
    pub number: u64,
    /// The object that is damaged or missing.
    pub object: String,
    /// What is wrong with it.
    pub damage: ObjectDamage,
}

impl fmt::Display for SkippedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "checkpoint {} ({}): {}", self.number, self.object, self.damage)
    }
}

/// What is wrong with an object.
#[derive(Debug, Error)]
pub enum ObjectDamage {
    /// It does not exist.
    #[error("it is missing")]
    Missing,
    /// Its bytes can't be read.
    #[error("it cannot be read: {0}")]
    Unreadable(io::Error),
    /// It is a damaged checkpoint.
    #[error("{0}")]
    Checkpoint(CodecError),
    /// It is another checkpoint.
    #[error("it is not the file that was written there, but checkpoint {number} up to sequence {sequence}")]
    OtherCheckpoint {
        /// That one's number.
        number: u64,
        /// The last record in it.
        sequence: u64,
    },
    /// It has other bytes than were written there.
    #[error("it is not what was written there")]
    OtherBytes,
    /// It is a delta whose base or previous delta is not in the manifest.
    #[error("the checkpoint it continues is not kept")]
    ChainBroken,
    /// The rules that it was written under are not in the manifest.
    #[error("the manifest does not say where its rules ({0}) are")]
    RulesUnknown(String),
    /// It should have rules, and is not text.
    #[error("it is not UTF-8 text")]
    NotText,
    /// The rules in it do not compile.
    #[error("the rules in it cannot be used: {first_mistake}")]
    RulesInvalid {
        /// The first mistake.
        first_mistake: String,
    },
    /// It has other rules.
    #[error("it does not contain the rules that were written there")]
    OtherRules,
    /// It is a damaged manifest.
    #[error("{0}")]
    Manifest(ManifestError),
    /// The manifest, or its copy, could not be read.
    #[error("{0}")]
    Object(ObjectError),
}

/// Why an object could not be loaded: damage is final, otherwise a retry may succeed.
pub(super) enum LoadFailure {
    Damaged(ObjectDamage),
    Unreachable(Box<StoreError>),
}

/// Why a checkpoint could not be loaded.
enum CheckpointFailure {
    /// An object of it is damaged.
    Damaged(String, ObjectDamage),
    Unreachable(StoreError),
}

/// The rules that a checkpoint was written under.
pub(super) struct StoredRules {
    pub(super) plan: Arc<ExecutionPlan>,
    /// Their text.
    text: String,
}

impl StoreShared {
    pub(super) fn load(&self) -> Result<LoadedCheckpoint, StoreError> {
        let mut state = self.state();
        let manifest = match &state.manifest {
            Some((manifest, _)) if state.claim.is_some() => manifest.clone(),
            _ => match self.read_manifest(&mut state)? {
                Some((manifest, _)) => manifest,
                None => return Ok(LoadedCheckpoint { state: None, rules: Vec::new(), skipped: Vec::new() }),
            },
        };
        let loaded = load_newest(&*self.objects, &manifest)?;
        // After a skipped checkpoint comes a base: nothing may continue a damaged one.
        state.last = loaded
            .state
            .as_ref()
            .filter(|_| loaded.skipped.is_empty())
            .map(|state| (state.entry.number, state.entry.base));
        Ok(loaded)
    }
}

fn load_newest(objects: &dyn ObjectStorage, manifest: &Manifest) -> Result<LoadedCheckpoint, StoreError> {
    let mut skipped: Vec<SkippedCheckpoint> = Vec::new();
    for entry in manifest.checkpoints.iter().rev() {
        match load_one(objects, manifest, entry) {
            Ok(state) => {
                let rules = rules_texts(objects, manifest, |number| number > state.entry.generation)?;
                return Ok(LoadedCheckpoint { state: Some(state), rules, skipped });
            }
            Err(CheckpointFailure::Unreachable(error)) => return Err(error),
            Err(CheckpointFailure::Damaged(object, damage)) => {
                skipped.push(SkippedCheckpoint { number: entry.number, object, damage });
            }
        }
    }
    if !skipped.is_empty() {
        return Err(StoreError::NoneUsable { place: objects.place(), skipped });
    }
    Ok(LoadedCheckpoint { state: None, rules: rules_texts(objects, manifest, |_| true)?, skipped })
}

fn load_one(
    objects: &dyn ObjectStorage,
    manifest: &Manifest,
    entry: &ManifestEntry,
) -> Result<LoadedState, CheckpointFailure> {
    let failure = |object: &str, failure: LoadFailure| match failure {
        LoadFailure::Damaged(damage) => CheckpointFailure::Damaged(object.to_owned(), damage),
        LoadFailure::Unreachable(error) => CheckpointFailure::Unreachable(*error),
    };
    let chain = manifest.chain(entry.number);
    if chain.is_empty() {
        return Err(failure(&entry.object, LoadFailure::Damaged(ObjectDamage::ChainBroken)));
    }
    let stored = stored_rules(objects, manifest, entry).map_err(|(object, error)| failure(object, error))?;
    let mut files = Vec::new();
    for part in &chain {
        files.push(read_object(objects, part).map_err(|error| failure(&part.object, error))?);
    }
    let bytes: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    let restored = RestoredPipeline::read(&stored.plan, &bytes).map_err(|(index, error)| {
        failure(&chain[index].object, LoadFailure::Damaged(ObjectDamage::Checkpoint(error)))
    })?;
    let StoredRules { plan, text } = stored;
    Ok(LoadedState { restored, plan, text, entry: entry.clone() })
}

/// Reads a checkpoint's object, and verifies that it is the one in the manifest, with all of its bytes.
pub(super) fn read_object(objects: &dyn ObjectStorage, entry: &ManifestEntry) -> Result<Vec<u8>, LoadFailure> {
    let bytes = read_bytes(objects, &entry.object)?;
    if crc32c::crc32c(&bytes) == entry.crc32c && bytes.len() as u64 == entry.bytes {
        return Ok(bytes);
    }
    // The file's own checks tell best what is wrong with it.
    Err(LoadFailure::Damaged(match CheckpointFile::read(&bytes) {
        Err(error) => ObjectDamage::Checkpoint(error),
        Ok(file) => ObjectDamage::OtherCheckpoint { number: file.head().number, sequence: file.head().sequence },
    }))
}

/// The rules that a checkpoint was written under. A failure comes with the name of the object that it concerns.
pub(super) fn stored_rules<'m>(
    objects: &dyn ObjectStorage,
    manifest: &'m Manifest,
    entry: &'m ManifestEntry,
) -> Result<StoredRules, (&'m str, LoadFailure)> {
    let recorded =
        manifest.rules.iter().find(|rules| (rules.number, &rules.version) == (entry.generation, &entry.rules));
    let Some(recorded) = recorded else {
        let damage = ObjectDamage::RulesUnknown(entry.rules.clone());
        return Err((&entry.object, LoadFailure::Damaged(damage)));
    };
    compiled_rules(objects, recorded).map_err(|error| (recorded.object.as_str(), error))
}

fn compiled_rules(objects: &dyn ObjectStorage, recorded: &RulesEntry) -> Result<StoredRules, LoadFailure> {
    let text = String::from_utf8(read_bytes(objects, &recorded.object)?)
        .map_err(|_| LoadFailure::Damaged(ObjectDamage::NotText))?;
    let ruleset = rules::compile(&text).map_err(|problems| {
        let first_mistake = problems.first().map(|problem| problem.message.clone()).unwrap_or_default();
        LoadFailure::Damaged(ObjectDamage::RulesInvalid { first_mistake })
    })?;
    if ruleset.version != recorded.version {
        return Err(LoadFailure::Damaged(ObjectDamage::OtherRules));
    }
    Ok(StoredRules { plan: Arc::new(ExecutionPlan::new(ruleset)), text })
}

/// The texts of the rules whose numbers are wanted.
fn rules_texts(
    objects: &dyn ObjectStorage,
    manifest: &Manifest,
    is_wanted: impl Fn(u64) -> bool,
) -> Result<Vec<RulesText>, StoreError> {
    let wanted = manifest.rules.iter().filter(|rules| is_wanted(rules.number));
    wanted
        .map(|rules| {
            let failed = |cause| StoreError::Failed {
                attempt: format!("read the rules in {}", rules.object),
                place: objects.place(),
                cause,
            };
            let bytes = objects.read(&rules.object).map_err(|error| failed(StoreFailure::Object(error)))?;
            let text =
                String::from_utf8(bytes).map_err(|_| failed(StoreFailure::Damaged(ObjectDamage::NotText.into())))?;
            let RulesEntry { number, sequence, version, past, .. } = rules.clone();
            Ok(RulesText { number, sequence, version, text, past })
        })
        .collect()
}

pub(super) fn read_bytes(objects: &dyn ObjectStorage, name: &str) -> Result<Vec<u8>, LoadFailure> {
    objects.read(name).map_err(|error| match error {
        ObjectError::Missing => LoadFailure::Damaged(ObjectDamage::Missing),
        ObjectError::Unreadable(error) => LoadFailure::Damaged(ObjectDamage::Unreadable(error)),
        other => LoadFailure::Unreachable(Box::new(StoreError::Failed {
            attempt: format!("read {name}"),
            place: objects.place(),
            cause: StoreFailure::Object(other),
        })),
    })
}

/// Reads every part of a file for its rules.
pub(super) fn check_file(plan: &ExecutionPlan, bytes: &[u8]) -> Result<(), CodecError> {
    let file = CheckpointFile::read(bytes)?;
    let reading = file.reading(plan)?;
    file.parts().iter().try_for_each(|part| part.content(&reading).map(drop))
}

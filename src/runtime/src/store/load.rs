//! Finds the newest checkpoint that can be used, and reads it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use super::error::StoreError;
use super::manifest::{Manifest, ManifestEntry};
use super::objects::{ObjectError, ObjectStorage};
use crate::pipeline::RestoredPipeline;
use rekindle_core::checkpoint::{CheckpointFile, CodecError};
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules;

/// What there was to load.
#[derive(Debug)]
pub struct LoadedCheckpoint {
    /// The newest checkpoint that can be used; `None`: there never was one.
    pub state: Option<LoadedState>,
    /// The rules that came into force after it, oldest first; without a checkpoint, all there ever were.
    pub rules: Vec<RulesText>,
    /// Newer checkpoints that cannot be used.
    pub passed_over: Vec<SkippedCheckpoint>,
}

/// A checkpoint's state.
#[derive(Debug)]
pub struct LoadedState {
    /// Users, links, and where the log stood.
    pub restored: RestoredPipeline,
    /// The rules it was written under, which it was read for.
    pub plan: Arc<ExecutionPlan>,
    /// Their text.
    pub text: String,
    /// What the manifest says of it.
    pub entry: ManifestEntry,
}

/// Rules that came into force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulesText {
    /// Counts what came into force, from 0: the rules of the first start.
    pub number: u64,
    /// They hold for what comes after this sequence of the log.
    pub sequence: u64,
    /// Their version.
    pub version: String,
    /// Their text.
    pub text: String,
}

/// A checkpoint that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SkippedCheckpoint {
    /// Its number.
    pub number: u64,
    /// The object that is damaged or missing.
    pub object: String,
    /// What is wrong.
    pub why: String,
}

impl fmt::Display for SkippedCheckpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "checkpoint {} ({}): {}", self.number, self.object, self.why)
    }
}

/// What cannot be read may never be, or may be later: then nothing is decided now.
pub(super) enum LoadFailure {
    Damaged(String),
    Unreachable(StoreError),
}

/// Loads the newest checkpoint that can be used.
pub(super) fn load(objects: &dyn ObjectStorage, manifest: &Manifest) -> Result<LoadedCheckpoint, StoreError> {
    let mut passed_over: Vec<SkippedCheckpoint> = Vec::new();
    // What is wrong with an object is found out once, whatever rests on it.
    let mut damaged: BTreeMap<String, String> = BTreeMap::new();
    for entry in manifest.checkpoints.iter().rev() {
        match load_one(objects, manifest, entry, &mut damaged) {
            Ok(state) => {
                let rules = rules_texts(objects, manifest, |number| number > state.entry.generation)?;
                return Ok(LoadedCheckpoint { state: Some(state), rules, passed_over });
            }
            Err(LoadFailure::Unreachable(error)) => return Err(error),
            Err(LoadFailure::Damaged(object)) => {
                let why = damaged.get(&object).cloned().unwrap_or_default();
                passed_over.push(SkippedCheckpoint { number: entry.number, object, why });
            }
        }
    }
    if !passed_over.is_empty() {
        return Err(StoreError::NoneUsable { place: objects.place(), passed_over });
    }
    Ok(LoadedCheckpoint { state: None, rules: rules_texts(objects, manifest, |_| true)?, passed_over })
}

/// Loads one checkpoint. The trouble of a damaged one is the object's name, whose damage is in `damaged`.
fn load_one(
    objects: &dyn ObjectStorage,
    manifest: &Manifest,
    entry: &ManifestEntry,
    damaged: &mut BTreeMap<String, String>,
) -> Result<LoadedState, LoadFailure> {
    let mut note = |object: &str, trouble: LoadFailure| match trouble {
        LoadFailure::Damaged(why) => {
            damaged.insert(object.to_owned(), why);
            LoadFailure::Damaged(object.to_owned())
        }
        unreachable => unreachable,
    };
    let chain = manifest.chain(entry.number);
    if chain.is_empty() {
        return Err(note(&entry.object, LoadFailure::Damaged("the checkpoint it continues is not kept".to_owned())));
    }
    let (plan, text) = plan_of(objects, manifest, entry).map_err(|(object, trouble)| note(&object, trouble))?;
    let mut files = Vec::new();
    for part in &chain {
        files.push(read_object(objects, part).map_err(|trouble| note(&part.object, trouble))?);
    }
    let bytes: Vec<&[u8]> = files.iter().map(Vec::as_slice).collect();
    let restored = RestoredPipeline::read(&plan, &bytes)
        .map_err(|(index, error)| note(&chain[index].object, LoadFailure::Damaged(error.to_string())))?;
    Ok(LoadedState { restored, plan, text, entry: entry.clone() })
}

/// Reads a checkpoint's object, and sees that it is the one the manifest means, all of it.
pub(super) fn read_object(objects: &dyn ObjectStorage, entry: &ManifestEntry) -> Result<Vec<u8>, LoadFailure> {
    let bytes = read(objects, &entry.object)?;
    if crc32c::crc32c(&bytes) == entry.crc32c && bytes.len() as u64 == entry.bytes {
        return Ok(bytes);
    }
    // The file itself knows best what is wrong with it.
    Err(LoadFailure::Damaged(match CheckpointFile::read(&bytes) {
        Err(error) => error.to_string(),
        Ok(file) => format!(
            "it is not the file that was written there, but checkpoint {} up to sequence {}",
            file.head().number,
            file.head().sequence
        ),
    }))
}

/// The rules a checkpoint was written under, from their stored text, and that.
pub(super) fn plan_of(
    objects: &dyn ObjectStorage,
    manifest: &Manifest,
    entry: &ManifestEntry,
) -> Result<(Arc<ExecutionPlan>, String), (String, LoadFailure)> {
    let Some(found) =
        manifest.rules.iter().find(|rules| (rules.number, &rules.version) == (entry.generation, &entry.rules))
    else {
        let why = format!("the manifest does not say where its rules ({}) are", entry.rules);
        return Err((entry.object.clone(), LoadFailure::Damaged(why)));
    };
    let wrong = |why: String| (found.object.clone(), LoadFailure::Damaged(why));
    let bytes = read(objects, &found.object).map_err(|trouble| (found.object.clone(), trouble))?;
    let text = String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8 text".to_owned()))?;
    let ruleset = rules::compile(&text).map_err(|problems| {
        let first = problems.first().map(|problem| problem.message.clone()).unwrap_or_default();
        wrong(format!("the rules in it cannot be used: {first}"))
    })?;
    if ruleset.version != found.version {
        return Err(wrong("it does not hold the rules that were written there".to_owned()));
    }
    Ok((Arc::new(ExecutionPlan::new(ruleset)), text))
}

/// The texts of the rules that are asked for.
fn rules_texts(
    objects: &dyn ObjectStorage,
    manifest: &Manifest,
    wanted: impl Fn(u64) -> bool,
) -> Result<Vec<RulesText>, StoreError> {
    let wanted = manifest.rules.iter().filter(|rules| wanted(rules.number));
    wanted
        .map(|rules| {
            let failed = |why: String| StoreError::Failed {
                attempt: format!("read the rules in {}", rules.object),
                place: objects.place(),
                why,
            };
            let bytes = objects.read(&rules.object).map_err(|error| failed(error.to_string()))?;
            let text = String::from_utf8(bytes).map_err(|_| failed("it is not UTF-8 text".to_owned()))?;
            Ok(RulesText { number: rules.number, sequence: rules.sequence, version: rules.version.clone(), text })
        })
        .collect()
}

fn read(objects: &dyn ObjectStorage, name: &str) -> Result<Vec<u8>, LoadFailure> {
    objects.read(name).map_err(|error| match error {
        ObjectError::Missing => LoadFailure::Damaged("it is missing".to_owned()),
        ObjectError::Unreadable(why) => LoadFailure::Damaged(format!("it cannot be read: {why}")),
        ObjectError::Changed | ObjectError::Failed(_) => LoadFailure::Unreachable(StoreError::Failed {
            attempt: format!("read {name}"),
            place: objects.place(),
            why: error.to_string(),
        }),
    })
}

/// Reads every part of a file for its rules; what is wrong, where anything is.
pub(super) fn check_file(plan: &ExecutionPlan, bytes: &[u8]) -> Result<(), CodecError> {
    let file = CheckpointFile::read(bytes)?;
    let reading = file.reading(plan)?;
    file.parts().iter().try_for_each(|part| part.content(&reading).map(drop))
}

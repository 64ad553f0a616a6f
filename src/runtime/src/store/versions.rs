//! Earlier versions of the rules: the texts that were in force, so that people can look at one, or go back to it.
//!
//! They are beside what a replay needs (`record`): nothing is restored or computed with them. As many are kept as [`VERSIONS_MAX`],
//! and of those as many as have [`VERSIONS_BYTES_MAX`] of text; a text that was in force more than once is kept once, by its version.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::error::{StoreError, StoreFailure};
use super::load::ObjectDamage;
use super::manifest::Manifest;
use super::{CheckpointStore, StoreShared, names};
use rekindle_core::rules;
use rekindle_core::time::Timestamp;

/// How many versions are kept at most.
pub const VERSIONS_MAX: usize = 50;

/// How many bytes their texts have at most, as far as that leaves the newest.
pub const VERSIONS_BYTES_MAX: u64 = 16 << 20;

/// A version of the rules that was in force, or is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionEntry {
    /// The fingerprint of the text.
    pub version: String,
    /// Since when it was in force, by the wall clock, in milliseconds since 1970.
    pub since_ms: i64,
    /// Who put it in force; empty: nobody knows.
    #[serde(default)]
    pub by: String,
    /// Bytes of the text.
    pub bytes: u64,
    /// The object with the text.
    pub object: String,
}

/// A version of the rules that takes effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewVersion {
    /// The fingerprint of the text.
    pub version: String,
    /// The text.
    pub text: String,
    /// Since when.
    pub since: Timestamp,
    /// Who put it in force.
    pub by: String,
}

impl CheckpointStore {
    /// Keeps a version of the rules, unless it is the newest already, and removes those that are too many.
    ///
    /// # Errors
    /// The manifest can't be written, or somebody else has claimed the checkpoints.
    pub async fn record_version(&self, new: NewVersion) -> Result<(), StoreError> {
        self.run(move |shared| shared.record_version(&new)).await
    }

    /// The text of a version that is kept; `None`: it is not.
    ///
    /// # Errors
    /// It can't be read, or is damaged.
    pub async fn version_text(&self, version: &str) -> Result<Option<String>, StoreError> {
        let version = version.to_owned();
        self.run(move |shared| shared.version_text(&version)).await
    }
}

impl StoreShared {
    fn record_version(&self, new: &NewVersion) -> Result<(), StoreError> {
        let NewVersion { version, text, since, by } = new;
        let mut state = self.state();
        let Some((manifest, epoch)) = state.claimed() else {
            return Err(StoreError::NotClaimed { place: self.objects.place() });
        };
        if manifest.versions.last().is_some_and(|last| last.version == *version) {
            return Ok(());
        }
        let known = manifest.versions.iter().find(|known| known.version == *version).map(|known| known.object.clone());
        let object = match known {
            Some(object) => object,
            None => {
                let object = names::rules(version, epoch);
                let failed = |error| self.failed(format!("write {object}"), error);
                let mut file = self.objects.create(&object).map_err(failed)?;
                file.write(text.as_bytes()).map_err(failed)?;
                file.finish().map_err(failed)?;
                object
            }
        };
        let (version, by) = (version.clone(), by.clone());
        let entry = VersionEntry { version, since_ms: since.0, by, bytes: text.len() as u64, object };
        // What is too much is removed by the next checkpoint.
        self.update(&mut state, |manifest| {
            if manifest.versions.last() != Some(&entry) {
                manifest.add_version(entry.clone());
            }
        })
    }

    fn version_text(&self, version: &str) -> Result<Option<String>, StoreError> {
        let manifest = self.read_manifest(&mut self.state())?.map(|(manifest, _)| manifest);
        let entry = manifest.and_then(|manifest| manifest.versions.into_iter().find(|kept| kept.version == version));
        let Some(VersionEntry { object, .. }) = entry else { return Ok(None) };
        let damaged = |damage: ObjectDamage| StoreError::Failed {
            attempt: format!("read the rules in {object}"),
            place: self.objects.place(),
            cause: StoreFailure::Damaged(damage.into()),
        };
        let bytes = self.objects.read(&object).map_err(|error| self.failed(format!("read {object}"), error))?;
        let text = String::from_utf8(bytes).map_err(|_| damaged(ObjectDamage::NotText))?;
        if rules::fingerprint(&text) == version { Ok(Some(text)) } else { Err(damaged(ObjectDamage::OtherBytes)) }
    }
}

impl Manifest {
    /// Adds a version, and removes the oldest of those that are too many.
    pub(super) fn add_version(&mut self, entry: VersionEntry) {
        self.versions.push(entry);
        let excess = self.versions.len().saturating_sub(VERSIONS_MAX);
        self.versions.drain(..excess);
        let (mut texts, mut bytes) = (HashSet::new(), 0);
        let is_kept = |entry: &&VersionEntry| {
            bytes += if texts.insert(entry.version.clone()) { entry.bytes } else { 0 };
            bytes <= VERSIONS_BYTES_MAX
        };
        // The newest, and the one to go back to, whatever they have.
        let kept = self.versions.iter().rev().take_while(is_kept).count().max(2);
        let excess = self.versions.len().saturating_sub(kept);
        self.versions.drain(..excess);
    }
}

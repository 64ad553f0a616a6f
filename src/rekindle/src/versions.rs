//! The versions of the rules that were in force: in the checkpoint store, or in memory where there is none.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use thiserror::Error;
use tracing::warn;

use crate::reload::ActiveRules;
use rekindle_core::time::Timestamp;
use rekindle_runtime::store::{CheckpointStore, NewVersion, StoreError, VERSIONS_BYTES_MAX, VERSIONS_MAX};

/// A version of the rules that was in force, or is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulesVersion {
    /// The fingerprint of its text.
    pub version: String,
    /// Since when.
    pub since: Timestamp,
    /// Who put it in force; empty: nobody knows.
    pub by: String,
    /// Bytes of its text.
    pub bytes: u64,
}

/// Earlier versions could not be read.
#[derive(Debug, Error)]
#[error("the earlier versions of the rules can't be read: {0}")]
pub struct VersionsUnreadable(#[from] StoreError);

/// The versions that are kept.
pub struct KeptVersions {
    checkpoints: Option<CheckpointStore>,
    /// Without a store: oldest first.
    in_memory: Mutex<VecDeque<(RulesVersion, String)>>,
}

impl KeptVersions {
    /// Those of the store.
    pub fn new(checkpoints: Option<CheckpointStore>) -> KeptVersions {
        KeptVersions { checkpoints, in_memory: Mutex::default() }
    }

    /// Rules are in force, which may be those that were. If they can't be kept, that is logged: it is no reason to refuse them.
    pub async fn record(&self, active: &ActiveRules) {
        let ActiveRules { text, version, since, by, .. } = active.clone();
        let Some(checkpoints) = &self.checkpoints else { return self.record_in_memory(active) };
        let recorded = checkpoints.record_version(NewVersion { version: version.clone(), text, since, by }).await;
        if let Err(error) = recorded {
            warn!(version, "this version of the rules is not kept, and nobody can go back to it later: {error}");
        }
    }

    /// All that are kept, oldest first, with those in force.
    ///
    /// # Errors
    /// The store can't be read.
    pub async fn all(&self, active: &ActiveRules) -> Result<Vec<RulesVersion>, VersionsUnreadable> {
        let mut all: Vec<RulesVersion> = match &self.checkpoints {
            Some(checkpoints) => {
                let versions = checkpoints.manifest().await?.map(|manifest| manifest.versions).unwrap_or_default();
                let read = versions.into_iter().map(|kept| RulesVersion {
                    version: kept.version,
                    since: Timestamp(kept.since_ms),
                    by: kept.by,
                    bytes: kept.bytes,
                });
                read.collect()
            }
            None => self.in_memory().iter().map(|(version, _)| version.clone()).collect(),
        };
        if all.last().is_none_or(|last| last.version != active.version) {
            all.push(RulesVersion::of(active));
        }
        Ok(all)
    }

    /// The text of a version; `None`: it is not kept.
    ///
    /// # Errors
    /// The store can't be read, or the text is damaged.
    pub async fn text(&self, version: &str, active: &ActiveRules) -> Result<Option<String>, VersionsUnreadable> {
        if version == active.version {
            return Ok(Some(active.text.clone()));
        }
        match &self.checkpoints {
            Some(checkpoints) => Ok(checkpoints.version_text(version).await?),
            None => {
                let kept = self.in_memory();
                Ok(kept.iter().find(|(kept, _)| kept.version == version).map(|(_, text)| text.clone()))
            }
        }
    }

    /// The same where there is no store.
    pub fn record_in_memory(&self, active: &ActiveRules) {
        let mut kept = self.in_memory();
        if kept.back().is_some_and(|(last, _)| last.version == active.version) {
            return;
        }
        kept.push_back((RulesVersion::of(active), active.text.clone()));
        let bytes =
            |kept: &VecDeque<(RulesVersion, String)>| kept.iter().map(|(version, _)| version.bytes).sum::<u64>();
        while kept.len() > VERSIONS_MAX || kept.len() > 2 && bytes(&kept) > VERSIONS_BYTES_MAX {
            kept.pop_front();
        }
    }

    fn in_memory(&self) -> MutexGuard<'_, VecDeque<(RulesVersion, String)>> {
        self.in_memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RulesVersion {
    fn of(active: &ActiveRules) -> RulesVersion {
        let ActiveRules { version, since, by, text, .. } = active;
        RulesVersion { version: version.clone(), since: *since, by: by.clone(), bytes: text.len() as u64 }
    }
}

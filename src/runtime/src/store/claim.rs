//! Claiming the checkpoints of a store: how a daemon becomes their only writer, and how it finds out that it no longer is.

use super::error::StoreError;
use super::manifest::Manifest;
use super::manifest_storage::MAX_REPLACE_ATTEMPTS;
use super::names::MANIFEST;
use super::objects::{ObjectError, ObjectVersion};
use super::{StoreShared, StoreState};
use rekindle_core::checkpoint::StreamIdentity;

/// How checkpoints are claimed.
#[derive(Clone, Debug)]
pub struct StoreClaim {
    /// The epoch will be at least this, and higher than any before.
    pub epoch_at_least: u64,
    /// The claimant; no two starts have the same.
    pub instance: String,
    /// The stream that the checkpoints belong to; `None`: the log is no stream.
    pub stream: Option<StreamIdentity>,
    /// Forget the existing checkpoints, whatever state they are in.
    pub from_start: bool,
}

impl StoreShared {
    pub(super) fn claim(&self, claim: &StoreClaim) -> Result<u64, StoreError> {
        let mut state = self.state();
        for _ in 0..MAX_REPLACE_ATTEMPTS {
            let found = match self.read_manifest(&mut state) {
                Ok(found) => found,
                Err(StoreError::Manifest { .. } | StoreError::ManifestMissing { .. }) if claim.from_start => None,
                Err(error) => return Err(error),
            };
            // A damaged manifest has a version too.
            let version = match &found {
                Some((_, version)) => version.clone(),
                None => match self.objects.read_version(MANIFEST) {
                    Ok((_, version)) if claim.from_start => Some(version),
                    Err(ObjectError::Unreadable(_)) if claim.from_start => Some(ObjectVersion::unreadable()),
                    // It was written since it was read.
                    Ok(_) => continue,
                    Err(ObjectError::Missing) => None,
                    Err(error) => return Err(self.failed(format!("read {MANIFEST}"), error)),
                },
            };
            let found = found.map(|(manifest, _)| manifest);
            let manifest = self.claimed(found, claim)?;
            let bytes = manifest.encode();
            match self.objects.replace(MANIFEST, &bytes, version.as_ref()) {
                Ok(version) => {
                    let epoch = manifest.epoch;
                    let newest = manifest.checkpoints.last().map(|newest| (newest.number, newest.base));
                    // A checkpoint that was loaded before the claim can be continued, if it is still the newest.
                    let last = state.last.filter(|last| newest == Some(*last));
                    let (claim, next) = (Some((epoch, claim.instance.clone())), manifest.next);
                    let copy = state.copy.take();
                    *state = StoreState {
                        manifest: Some((manifest, Some(version))),
                        copy,
                        claim,
                        last,
                        next,
                        begun: None,
                        past: None,
                    };
                    self.write_copy(&mut state, &bytes, epoch);
                    return Ok(epoch);
                }
                Err(ObjectError::Changed) => {}
                Err(error) => return Err(self.failed(format!("write {MANIFEST}"), error)),
            }
        }
        Err(self.failed("claim the checkpoints", ObjectError::Changed))
    }

    /// The manifest after a claim on the one that was found.
    fn claimed(&self, found: Option<Manifest>, claim: &StoreClaim) -> Result<Manifest, StoreError> {
        let epoch = found.as_ref().map_or(0, |manifest| manifest.epoch).saturating_add(1).max(claim.epoch_at_least);
        let (instance, stream) = (claim.instance.clone(), claim.stream.clone());
        let next = found.as_ref().map_or(1, |manifest| manifest.next);
        let versions = found.as_ref().map(|manifest| manifest.versions.clone()).unwrap_or_default();
        match found.filter(|_| !claim.from_start) {
            None => Ok(Manifest {
                epoch,
                instance,
                stream,
                next,
                checkpoints: Vec::new(),
                rules: Vec::new(),
                recomputing: None,
                // They are for people, and as good as before.
                versions,
            }),
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

    pub(super) fn confirm(&self) -> Result<(), StoreError> {
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
}

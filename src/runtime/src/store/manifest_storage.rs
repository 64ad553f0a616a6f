//! Reads and replaces the manifest and its copy.
//!
//! Every replacement is conditional on the version that was read. What the manifest says is in `manifest`; who may change it
//! is decided by the claim in it.

use tracing::warn;

use super::error::StoreError;
use super::manifest::{Manifest, ManifestError};
use super::names::{self, MANIFEST, MANIFEST_COPY};
use super::objects::{ObjectError, ObjectVersion};
use super::{StoreShared, StoreState};

/// The number of attempts to replace the manifest while others replace it too.
pub(super) const MAX_REPLACE_ATTEMPTS: usize = 10;

impl StoreShared {
    /// The manifest, or its copy if it is damaged or missing; `None`: there is none, and no checkpoint either. Without a
    /// version it is missing.
    pub(super) fn read_manifest(
        &self,
        state: &mut StoreState,
    ) -> Result<Option<(Manifest, Option<ObjectVersion>)>, StoreError> {
        let place = self.objects.place();
        let (cause, version) = match self.objects.read_version(MANIFEST) {
            Ok((bytes, version)) => match Manifest::decode(&bytes) {
                Ok(manifest) => {
                    state.manifest = Some((manifest, Some(version)));
                    return Ok(state.manifest.clone());
                }
                Err(error) => (error, Some(version)),
            },
            Err(ObjectError::Unreadable(error)) => {
                (ManifestError::Unreadable(error), Some(ObjectVersion::unreadable()))
            }
            Err(ObjectError::Missing) => (ManifestError::Missing, None),
            Err(error) => return Err(self.failed(format!("read {MANIFEST}"), error)),
        };
        let copy = self.objects.read(MANIFEST_COPY).ok().and_then(|bytes| Manifest::decode(&bytes).ok());
        state.manifest = match (copy, cause) {
            (Some(manifest), cause) => {
                warn!(
                    place, error = %cause,
                    "the manifest of the checkpoints cannot be read: its copy {MANIFEST_COPY} is used"
                );
                Some((manifest, version))
            }
            (None, ManifestError::Missing) => {
                let names = self.objects.list().map_err(|error| self.failed("list the objects", error))?;
                if let Some(example) = names.into_iter().find(|name| names::is_checkpoint(name)) {
                    return Err(StoreError::ManifestMissing { place, name: MANIFEST, example });
                }
                None
            }
            (None, cause) => return Err(StoreError::Manifest { place, name: MANIFEST, cause }),
        };
        Ok(state.manifest.clone())
    }

    /// Changes the manifest, if it is still this store's to change.
    pub(super) fn update(&self, state: &mut StoreState, change: impl Fn(&mut Manifest)) -> Result<(), StoreError> {
        let place = self.objects.place();
        let (Some((mut manifest, mut version)), Some((epoch, instance))) =
            (state.manifest.clone(), state.claim.clone())
        else {
            return Err(StoreError::NotClaimed { place });
        };
        for _ in 0..MAX_REPLACE_ATTEMPTS {
            // The manifest that was last read may be another writer's, and its version would allow overwriting it.
            if (manifest.epoch, &manifest.instance) != (epoch, &instance) {
                return Err(StoreError::Fenced { place, epoch: manifest.epoch, instance: manifest.instance });
            }
            let mut next = manifest.clone();
            change(&mut next);
            let bytes = next.encode();
            match self.objects.replace(MANIFEST, &bytes, version.as_ref()) {
                Ok(version) => {
                    state.manifest = Some((next, Some(version)));
                    self.write_copy(state, &bytes, epoch);
                    return Ok(());
                }
                // Another writer; or an earlier attempt of this one, of which the answer was lost.
                Err(ObjectError::Changed) => {
                    let Some(found) = self.read_manifest(state)? else {
                        let example = "the one being written".to_owned();
                        return Err(StoreError::ManifestMissing { place, name: MANIFEST, example });
                    };
                    (manifest, version) = found;
                }
                Err(error) => return Err(self.failed(format!("write {MANIFEST}"), error)),
            }
        }
        Err(self.failed(format!("write {MANIFEST}"), ObjectError::Changed))
    }

    /// Writes the copy, after the manifest was written. The copy is read only if the manifest is damaged, so a failure is no
    /// error: the next write replaces it.
    pub(super) fn write_copy(&self, state: &mut StoreState, bytes: &[u8], epoch: u64) {
        for _ in 0..MAX_REPLACE_ATTEMPTS {
            match self.objects.replace(MANIFEST_COPY, bytes, state.copy.as_ref()) {
                Ok(version) => {
                    state.copy = Some(version);
                    return;
                }
                Err(ObjectError::Changed) => match self.objects.read_version(MANIFEST_COPY) {
                    // A later writer's copy must not be replaced.
                    Ok((found, _)) if Manifest::decode(&found).is_ok_and(|found| found.epoch > epoch) => return,
                    Ok((_, version)) => state.copy = Some(version),
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
}

//! Inspection of stored checkpoints without claiming them: what one contains, and whether all objects are intact.

use super::error::{StoreError, StoreFailure};
use super::load::{LoadFailure, ObjectDamage, check_file, read_object, stored_rules};
use super::manifest::{Manifest, ManifestEntry};
use super::names::{MANIFEST, MANIFEST_COPY};
use super::objects::ObjectError;
use super::{CheckpointStore, StoreShared};
use rekindle_core::checkpoint::{CheckpointFile, CheckpointHeader, CheckpointTotals};

/// What a stored checkpoint states about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointInspection {
    /// Its header.
    pub head: CheckpointHeader,
    /// The numbers of users and links in it.
    pub totals: CheckpointTotals,
    /// Its bytes.
    pub bytes: u64,
    /// The number of parts with users, removed ids, links and growth numbers.
    pub parts: usize,
}

/// The result of verifying an object.
#[derive(Debug)]
pub struct ObjectFinding {
    /// The object.
    pub object: String,
    /// What is wrong with it; `None`: nothing.
    pub damage: Option<ObjectDamage>,
}

impl CheckpointStore {
    /// Reads what the checkpoint with this number states about itself; `None`: the manifest has none with this number.
    ///
    /// # Errors
    /// It is damaged, or the store can't be reached.
    pub async fn inspect(&self, number: u64) -> Result<Option<CheckpointInspection>, StoreError> {
        self.run(move |shared| shared.inspect(number)).await
    }

    /// Reads the manifest and its copy, every block of every valid checkpoint, and the rules of each.
    ///
    /// # Errors
    /// The manifest can't be read, or the store can't be reached.
    pub async fn verify(&self) -> Result<Vec<ObjectFinding>, StoreError> {
        self.run(StoreShared::verify).await
    }
}

impl StoreShared {
    fn inspect(&self, number: u64) -> Result<Option<CheckpointInspection>, StoreError> {
        let Some((manifest, _)) = self.read_manifest(&mut self.state())? else { return Ok(None) };
        let Some(entry) = manifest.checkpoints.iter().find(|entry| entry.number == number) else { return Ok(None) };
        let bytes = match read_object(&*self.objects, entry) {
            Ok(bytes) => bytes,
            Err(LoadFailure::Damaged(damage)) => {
                return Err(StoreError::Failed {
                    attempt: format!("read {}", entry.object),
                    place: self.objects.place(),
                    cause: StoreFailure::Damaged(damage.into()),
                });
            }
            Err(LoadFailure::Unreachable(error)) => return Err(*error),
        };
        let file = CheckpointFile::read(&bytes)?;
        Ok(Some(CheckpointInspection {
            head: file.head().clone(),
            totals: file.totals(),
            bytes: bytes.len() as u64,
            parts: file.parts().len(),
        }))
    }

    fn verify(&self) -> Result<Vec<ObjectFinding>, StoreError> {
        let Some((manifest, _)) = self.read_manifest(&mut self.state())? else { return Ok(Vec::new()) };
        let mut findings: Vec<ObjectFinding> = self.damaged_manifests();
        for entry in &manifest.checkpoints {
            for finding in self.verify_one(&manifest, entry)? {
                if !findings.iter().any(|known| known.object == finding.object) {
                    findings.push(finding);
                }
            }
        }
        for past in manifest.rules.iter().filter_map(|rules| rules.past.as_ref()) {
            let damage = match self.read_past(past) {
                Ok(_) => None,
                Err(LoadFailure::Damaged(damage)) => Some(damage),
                Err(LoadFailure::Unreachable(error)) => return Err(*error),
            };
            findings.push(ObjectFinding { object: past.object.clone(), damage });
        }
        Ok(findings)
    }

    /// Which of the manifest and its copy cannot be read. Earlier versions wrote no copy.
    fn damaged_manifests(&self) -> Vec<ObjectFinding> {
        let damage = |name: &str| match self.objects.read(name) {
            Ok(bytes) => Manifest::decode(&bytes).err().map(ObjectDamage::Manifest),
            Err(ObjectError::Missing) if name == MANIFEST_COPY => None,
            Err(error) => Some(ObjectDamage::Object(error)),
        };
        let found = [MANIFEST, MANIFEST_COPY].into_iter().filter_map(|name| Some((name, damage(name)?)));
        found.map(|(name, damage)| ObjectFinding { object: name.to_owned(), damage: Some(damage) }).collect()
    }

    /// A checkpoint and the rules that it was written under.
    fn verify_one(&self, manifest: &Manifest, entry: &ManifestEntry) -> Result<Vec<ObjectFinding>, StoreError> {
        let checkpoint = |damage| ObjectFinding { object: entry.object.clone(), damage };
        if manifest.chain(entry.number).is_empty() {
            return Ok(vec![checkpoint(Some(ObjectDamage::ChainBroken))]);
        }
        let bytes = match read_object(&*self.objects, entry) {
            Ok(bytes) => bytes,
            Err(LoadFailure::Damaged(damage)) => return Ok(vec![checkpoint(Some(damage))]),
            Err(LoadFailure::Unreachable(error)) => return Err(*error),
        };
        let plan = match stored_rules(&*self.objects, manifest, entry) {
            Ok(rules) => rules.plan,
            Err((object, LoadFailure::Damaged(damage))) => {
                return Ok(vec![ObjectFinding { object: object.to_owned(), damage: Some(damage) }]);
            }
            Err((_, LoadFailure::Unreachable(error))) => return Err(*error),
        };
        let mut findings = vec![checkpoint(check_file(&plan, &bytes).err().map(ObjectDamage::Checkpoint))];
        let rules = manifest.rules.iter().find(|rules| rules.number == entry.generation);
        findings.extend(rules.map(|rules| ObjectFinding { object: rules.object.clone(), damage: None }));
        Ok(findings)
    }
}

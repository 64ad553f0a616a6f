//! Looking at stored checkpoints without being who writes them.

use super::error::StoreError;
use super::load::{LoadFailure, check_file, plan_of, read_object};
use super::manifest::Manifest;
use super::names::{MANIFEST, MANIFEST_COPY};
use super::objects::ObjectError;
use super::{CheckpointStore, StoreShared};
use rekindle_core::checkpoint::{CheckpointFile, CheckpointHeader, CheckpointTotals};

/// What a stored checkpoint says of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointInspection {
    /// What stands at its beginning.
    pub head: CheckpointHeader,
    /// How much stands in it.
    pub totals: CheckpointTotals,
    /// How long it is.
    pub bytes: u64,
    /// In how many parts users, removed ids and links stand.
    pub parts: usize,
}

/// What was found out about an object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ObjectFinding {
    /// The object.
    pub object: String,
    /// What is wrong with it; `None`: nothing.
    pub damage: Option<String>,
}

impl CheckpointStore {
    /// Reads what the checkpoint of this number says of itself; `None`: the manifest names none of this number.
    ///
    /// # Errors
    /// It is damaged, or the store can't be reached.
    pub async fn inspect(&self, number: u64) -> Result<Option<CheckpointInspection>, StoreError> {
        self.run(move |shared| shared.inspect(number)).await
    }

    /// Reads the manifest and its copy, every block of every checkpoint that counts, and the rules of each.
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
        let damaged = |why: String| StoreError::Failed {
            attempt: format!("read {}", entry.object),
            place: self.objects.place(),
            why,
        };
        let bytes = match read_object(&*self.objects, entry) {
            Ok(bytes) => bytes,
            Err(LoadFailure::Damaged(why)) => return Err(damaged(why)),
            Err(LoadFailure::Unreachable(error)) => return Err(error),
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
            for (object, damage) in self.verify_one(&manifest, entry.number)? {
                if !findings.iter().any(|finding| finding.object == object) {
                    findings.push(ObjectFinding { object, damage });
                }
            }
        }
        Ok(findings)
    }

    /// Which of the manifest and its copy cannot be read. Without a copy is a store that an earlier version wrote.
    fn damaged_manifests(&self) -> Vec<ObjectFinding> {
        let damage = |name: &str| match self.objects.read(name) {
            Ok(bytes) => Manifest::decode(&bytes).err(),
            Err(ObjectError::Missing) if name == MANIFEST_COPY => None,
            Err(error) => Some(error.to_string()),
        };
        let found = [MANIFEST, MANIFEST_COPY].into_iter().filter_map(|name| Some((name, damage(name)?)));
        found.map(|(name, why)| ObjectFinding { object: name.to_owned(), damage: Some(why) }).collect()
    }

    /// A checkpoint and the rules it was written under, each with what is wrong with it.
    fn verify_one(&self, manifest: &Manifest, number: u64) -> Result<Vec<(String, Option<String>)>, StoreError> {
        let Some(entry) = manifest.checkpoints.iter().find(|entry| entry.number == number) else {
            return Ok(Vec::new());
        };
        if manifest.chain(number).is_empty() {
            let why = "the checkpoint it continues is not kept".to_owned();
            return Ok(vec![(entry.object.clone(), Some(why))]);
        }
        let bytes = match read_object(&*self.objects, entry) {
            Ok(bytes) => bytes,
            Err(LoadFailure::Damaged(why)) => return Ok(vec![(entry.object.clone(), Some(why))]),
            Err(LoadFailure::Unreachable(error)) => return Err(error),
        };
        let plan = match plan_of(&*self.objects, manifest, entry) {
            Ok((plan, _)) => plan,
            Err((object, LoadFailure::Damaged(why))) => return Ok(vec![(object, Some(why))]),
            Err((_, LoadFailure::Unreachable(error))) => return Err(error),
        };
        let wrong = check_file(&plan, &bytes).err().map(|error| error.to_string());
        let rules = manifest.rules.iter().find(|rules| rules.number == entry.generation);
        let mut found = vec![(entry.object.clone(), wrong)];
        found.extend(rules.map(|rules| (rules.object.clone(), None)));
        Ok(found)
    }
}

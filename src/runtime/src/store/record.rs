//! What the manifest records beside checkpoints: the identity of the log's stream, and which rules took effect where.

use super::StoreShared;
use super::error::StoreError;
use super::manifest::RulesEntry;
use super::names;
use rekindle_core::checkpoint::StreamIdentity;

impl StoreShared {
    pub(super) fn record_rules(&self, sequence: u64, version: &str, text: &str) -> Result<u64, StoreError> {
        let mut state = self.state();
        let Some((manifest, epoch)) = state.claimed() else {
            return Err(StoreError::NotClaimed { place: self.objects.place() });
        };
        if let Some(last) = manifest.rules.last().filter(|last| last.version == version) {
            return Ok(last.number);
        }
        let number = manifest.rules.last().map_or(0, |last| last.number + 1);
        let object = names::rules(version, epoch);
        let failed = |error| self.failed(format!("write {object}"), error);
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

    pub(super) fn record_stream(&self, stream: &StreamIdentity) -> Result<(), StoreError> {
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
}

//! What the manifest records beside checkpoints: the identity of the log's stream, and which rules took effect where.

use super::StoreShared;
use super::error::StoreError;
use super::manifest::{PastEntry, RulesEntry};
use super::names;
use rekindle_core::checkpoint::StreamIdentity;

/// Rules that take effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewRules {
    /// Their version.
    pub version: String,
    /// Their text.
    pub text: String,
    /// What they made of the log's past; `None`: they do not know it.
    pub past: Option<PastEntry>,
}

impl StoreShared {
    pub(super) fn record_rules(&self, sequence: u64, rules: &NewRules) -> Result<u64, StoreError> {
        let NewRules { version, text, past } = rules;
        let mut state = self.state();
        let Some((manifest, epoch)) = state.claimed() else {
            return Err(StoreError::NotClaimed { place: self.objects.place() });
        };
        if let Some(last) = manifest.rules.last().filter(|last| last.version == *version && past.is_none()) {
            return Ok(last.number);
        }
        let number = manifest.rules.last().map_or(0, |last| last.number + 1);
        let object = names::rules(version, epoch);
        let failed = |error| self.failed(format!("write {object}"), error);
        let mut new = self.objects.create(&object).map_err(failed)?;
        new.write(text.as_bytes()).map_err(failed)?;
        new.finish().map_err(failed)?;
        let entry = RulesEntry { number, sequence, version: version.clone(), object, past: past.clone() };
        self.update(&mut state, |manifest| {
            if manifest.rules.last() != Some(&entry) {
                manifest.rules.push(entry.clone());
            }
            manifest.recomputing = None;
        })?;
        state.past = None;
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

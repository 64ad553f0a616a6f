//! What stands between the daemon and being ready: each part says for itself whether it works, and why not.
//!
//! A word shared by the rooms that can fail and the API that tells. Nothing here decides anything.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The state of all parts. Cheap to clone; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Health {
    parts: Arc<Mutex<BTreeMap<&'static str, String>>>,
    notes: Arc<Mutex<BTreeMap<&'static str, String>>>,
}

/// One part's voice in it.
#[derive(Clone, Debug)]
pub struct HealthPart {
    name: &'static str,
    health: Health,
}

impl Health {
    /// Registers a part; until it says otherwise, it is failing because it is `starting`.
    pub fn part(&self, name: &'static str) -> HealthPart {
        let part = HealthPart { name, health: self.clone() };
        part.failing("starting");
        part
    }

    /// Says something that operators should know though it works: a guarantee that is weaker than it could be. Empty: there
    /// is nothing to say (any more).
    pub fn note(&self, about: &'static str, note: impl Into<String>) {
        let (mut notes, note) = (self.notes.lock().unwrap_or_else(PoisonError::into_inner), note.into());
        if note.is_empty() {
            notes.remove(about);
        } else {
            notes.insert(about, note);
        }
    }

    /// What operators should know, by what it is about.
    pub fn notes(&self) -> BTreeMap<&'static str, String> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The parts that fail, by name, with the reason; empty: ready.
    pub fn failing(&self) -> Vec<(&'static str, String)> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.iter().map(|(name, why)| (*name, why.clone())).collect()
    }
}

impl HealthPart {
    /// It works.
    ///
    /// Returns whether it did not before: whoever logs says it once.
    pub fn works(&self) -> bool {
        self.health.parts.lock().unwrap_or_else(PoisonError::into_inner).remove(self.name).is_some()
    }

    /// It does not work, and why: a sentence for operators that names what to do.
    ///
    /// Returns whether that is news.
    pub fn failing(&self, why: impl Into<String>) -> bool {
        let why = why.into();
        let mut parts = self.health.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.insert(self.name, why.clone()).as_ref() != Some(&why)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_when_no_part_fails() {
        let health = Health::default();
        let (source, sink) = (health.part("source"), health.part("sink"));
        assert_eq!(health.failing().len(), 2);
        assert!(source.works() && !source.works());
        assert!(sink.failing("no stream") && !sink.failing("no stream"));
        assert_eq!(health.failing(), [("sink", "no stream".to_owned())]);
        assert!(sink.works());
        assert_eq!(health.failing(), []);
    }
}

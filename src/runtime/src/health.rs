//! The daemon's health: each part of it reports for itself whether it works, and why not.
//!
//! It is shared by the modules that can fail and the API that reports it. Nothing is decided here.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The health of all parts. Cheap to clone; clones share it.
#[derive(Clone, Debug, Default)]
pub struct Health {
    parts: Arc<Mutex<BTreeMap<&'static str, String>>>,
    notes: Arc<Mutex<BTreeMap<&'static str, String>>>,
}

/// The health of one part.
#[derive(Clone, Debug)]
pub struct HealthPart {
    name: &'static str,
    health: Health,
}

impl Health {
    /// Registers a part; until its first report it is failing because it is `starting`.
    pub fn part(&self, name: &'static str) -> HealthPart {
        let part = HealthPart { name, health: self.clone() };
        part.failing("starting");
        part
    }

    /// Sets a note for operators about something that works: a guarantee that is weaker than it could be. An empty text
    /// removes it.
    pub fn note(&self, about: &'static str, note: impl Into<String>) {
        let (mut notes, note) = (self.notes.lock().unwrap_or_else(PoisonError::into_inner), note.into());
        if note.is_empty() {
            notes.remove(about);
        } else {
            notes.insert(about, note);
        }
    }

    /// The notes, by subject.
    pub fn notes(&self) -> BTreeMap<&'static str, String> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The failing parts by name, with the reasons; empty: ready.
    pub fn failing(&self) -> Vec<(&'static str, String)> {
        let parts = self.parts.lock().unwrap_or_else(PoisonError::into_inner);
        parts.iter().map(|(name, why)| (*name, why.clone())).collect()
    }
}

impl HealthPart {
    /// Reports that the part works. Returns whether it failed before, so that a recovery can be logged once.
    pub fn works(&self) -> bool {
        self.health.parts.lock().unwrap_or_else(PoisonError::into_inner).remove(self.name).is_some()
    }

    /// Reports that the part fails, with a sentence for operators that says what to do. Returns whether the reason is new.
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
    fn the_daemon_is_ready_when_no_part_fails() {
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

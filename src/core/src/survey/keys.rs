//! The keys of `[per.K]`: in which names they are there, and how many of their values can be keys (semantics §11).

use std::collections::BTreeSet;

use super::observations::ValueObservations;
use super::{EventSurvey, SPELLING_HELP, SurveyFinding, SurveyedName, SurveyedValue, times};
use crate::decimal::grouped;
use crate::engine::key_instance::key_of;
use crate::event::Scalar;
use crate::rules::ruleset::{Feature, NameId, PerId, PerKey};

/// A key in the matches of a name.
#[derive(Debug)]
pub(super) struct SurveyedKey {
    pub(super) value: SurveyedValue,
    /// The values that cannot be keys.
    unusable: ValueObservations,
}

impl SurveyedKey {
    pub(super) fn new(value: SurveyedValue) -> SurveyedKey {
        SurveyedKey { value, unusable: ValueObservations::default() }
    }

    pub(super) fn add(&mut self, found: &Scalar<'_>) {
        self.value.seen.add(found);
        if key_of(Some(found)).is_none() {
            self.unusable.add(found);
        }
    }

    /// Whether some value was a key, or may be one.
    fn has_usable(&self) -> bool {
        !self.value.read.source.is_known() || self.value.seen.all() > self.unusable.all()
    }
}

impl EventSurvey<'_> {
    /// What is there of the keys, line by line.
    pub(super) fn key_lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (id, per) in (0..).map(PerId).zip(&self.rules.pers) {
            lines.push(format!("[per.{}], key {}", per.id, per.key));
            for (name, key) in self.keys_of(id) {
                let all = name.described_value(&key.value);
                let unusable = match key.unusable.all() {
                    0 => String::new(),
                    unusable => format!("; {} cannot be keys", grouped(unusable)),
                };
                lines.push(format!("  {}: {all}{unusable}", key.value.read.written));
            }
        }
        lines
    }

    pub(super) fn key_findings(&self) -> Vec<SurveyFinding> {
        let pers = (0..).map(PerId).zip(&self.rules.pers);
        pers.flat_map(|(id, per)| self.findings_of_key(id, per)).collect()
    }

    fn findings_of_key(&self, id: PerId, per: &PerKey) -> Vec<SurveyFinding> {
        let finding = |text, help: &str| SurveyFinding { text, help: help.to_owned(), is_mistake: false };
        let keys = self.keys_of(id);
        if keys.iter().any(|(name, _)| name.events > 0) && !keys.iter().any(|(_, key)| key.has_usable()) {
            let text =
                format!("no event had a key {} of [per.{}]: nothing is remembered per {}", per.key, per.id, per.id);
            return vec![finding(text, SPELLING_HELP)];
        }
        let unusable = keys.into_iter().filter(|(_, key)| key.unusable.all() > 0);
        let unusable = unusable.map(|(_, key)| {
            let (written, example) = (&key.value.read.written, key.unusable.example());
            let count = times(key.unusable.all(), "value");
            let text = format!("{count} of {written} cannot be keys{example}: [per.{}] ignores them", per.id);
            finding(text, "a key is a text of 1 to 256 bytes, or a whole number of at most 64 bits")
        });
        unusable.collect()
    }

    /// The names that features ask per key, and others that have it.
    fn keys_of(&self, per: PerId) -> Vec<(&SurveyedName, &SurveyedKey)> {
        let asked = self.rules.features.iter().filter(|feature| feature.per == Some(per));
        let asked: BTreeSet<NameId> = asked.filter_map(Feature::name).collect();
        let names = (0..).map(NameId).zip(&self.names);
        let keys = names.map(|(id, name)| (id, name, &name.keys[usize::from(per.0)]));
        keys.filter(|(id, _, key)| asked.contains(id) || key.value.seen.all() > 0)
            .map(|(_, name, key)| (name, key))
            .collect()
    }
}

//! How far back the state knows the log: what began empty with a change of the rules knows less than the rest.

use std::collections::BTreeMap;

use super::dictionary::RulesKeys;
use super::error::CodecError;
use super::wire::{CborReader, CborWriter};
use crate::encoding::KeySpace;
use crate::engine::recomputed::RecomputedParts;
use crate::growth::GrowthMigration;
use crate::partition::ExecutionPlan;
use crate::rules::ruleset::{FeatureSource, Ruleset};
use crate::time::Timestamp;

/// What stands for the growth numbers among the features.
const GROWTH: &str = "growth numbers";

/// Since when the state knows the log, by the broker's time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownPast {
    /// When the first record was received that was read; `None`: there was none yet, or the log is known from its beginning.
    pub began: Option<Timestamp>,
    /// Features, by their definition, that know the log from another instant on.
    since: BTreeMap<String, Timestamp>,
}

impl KnownPast {
    /// Of a log that is read from the first record that it ever had.
    pub fn whole() -> KnownPast {
        KnownPast::default()
    }

    /// Of a log whose first record that was read was received at an instant.
    pub fn since(began: Timestamp) -> KnownPast {
        KnownPast { began: Some(began), since: BTreeMap::new() }
    }

    /// Since when a feature knows the log.
    fn reach(&self, key: &str) -> Timestamp {
        self.since.get(key).copied().or(self.began).unwrap_or(Timestamp::MIN)
    }

    /// The same under other rules, that take effect when the latest time read is `at`: what they have new begins empty.
    pub fn under(&self, plan: &ExecutionPlan, next: &ExecutionPlan, at: Timestamp) -> KnownPast {
        let (before, after) = (RulesKeys::of(&plan.rules), RulesKeys::of(&next.rules));
        let mut since = BTreeMap::new();
        for key in after.kind(KeySpace::Features) {
            let known =
                if before.kind(KeySpace::Features).contains(key) { self.since.get(key).copied() } else { Some(at) };
            since.extend(known.map(|known| (key.clone(), known)));
        }
        if let Some(growth) = &next.growth {
            let kept = plan.growth.as_ref().and_then(|before| GrowthMigration::new(before.keys(), growth));
            let known = if kept.is_some() { self.since.get(GROWTH).copied() } else { Some(at) };
            since.extend(known.map(|known| (GROWTH.to_owned(), known)));
        }
        KnownPast { began: self.began, since }
    }

    /// What is taken from `recomputed`, a state under the rules `next`, when these replace the rules `plan`: of each feature
    /// that both rules have, the state that reaches further back; all that is new; and of points nothing that was really
    /// granted.
    pub fn parts_to_take(&self, plan: &ExecutionPlan, next: &ExecutionPlan, recomputed: &KnownPast) -> RecomputedParts {
        let (rules, keys) = (&next.rules, RulesKeys::of(&next.rules));
        let before = RulesKeys::of(&plan.rules);
        let (before, granted) = (before.kind(KeySpace::Features), ledgers(&plan.rules));
        let is_granted = |ledger: usize| granted.contains(&rules.ledgers[ledger].id.as_str());
        let features = rules.features.iter().zip(keys.kind(KeySpace::Features)).map(|(feature, key)| {
            let is_new = !before.contains(key);
            match feature.source {
                FeatureSource::Points(ledger) if is_granted(usize::from(ledger.0)) => is_new,
                _ => is_new || recomputed.reach(key) <= self.reach(key),
            }
        });
        let same_growth = match (&plan.growth, &next.growth) {
            (Some(before), Some(growth)) => before.keys() == growth.keys(),
            _ => false,
        };
        RecomputedParts {
            features: features.collect(),
            profile: recomputed.began <= self.began,
            ledgers: (0..rules.ledgers.len()).map(|ledger| !is_granted(ledger)).collect(),
            growth: next.growth.is_some() && (!same_growth || recomputed.reach(GROWTH) <= self.reach(GROWTH)),
        }
    }

    /// The same after these parts were taken from `recomputed`.
    pub fn with_taken(&self, next: &ExecutionPlan, parts: &RecomputedParts, recomputed: &KnownPast) -> KnownPast {
        let keys = RulesKeys::of(&next.rules);
        let features = keys.kind(KeySpace::Features).iter().map(String::as_str).zip(parts.features.iter().copied());
        let growth = next.growth.as_ref().map(|_| (GROWTH, parts.growth));
        let since = features.chain(growth).filter_map(|(key, is_taken)| {
            let reach = if is_taken { recomputed.reach(key) } else { self.reach(key) };
            (reach != self.began.unwrap_or(Timestamp::MIN)).then(|| (key.to_owned(), reach))
        });
        KnownPast { began: self.began, since: since.collect() }
    }

    /// The number of entries that [`write`](KnownPast::write) adds to a map.
    pub(super) fn entries(&self) -> usize {
        usize::from(self.began.is_some()) + usize::from(!self.since.is_empty())
    }

    pub(super) fn write(&self, writer: &mut CborWriter) {
        if let Some(began) = self.began {
            writer.str("began");
            writer.timestamp(began);
        }
        if !self.since.is_empty() {
            writer.str("known_since");
            writer.map_header(self.since.len());
            for (key, since) in &self.since {
                writer.str(key);
                writer.timestamp(*since);
            }
        }
    }

    /// Reads since when features know the log.
    pub(super) fn read_since(&mut self, reader: &mut CborReader<'_>) -> Result<(), CodecError> {
        for _ in 0..reader.map("since when features know the log")? {
            let key = reader.text("a feature")?.to_owned();
            self.since.insert(key, reader.time("since when it knows the log")?);
        }
        Ok(())
    }
}

fn ledgers(rules: &Ruleset) -> Vec<&str> {
    rules.ledgers.iter().map(|ledger| ledger.id.as_str()).collect()
}

//! What a partition counts.

use serde::{Deserialize, Serialize};

use super::points_counters::LedgerCounters;
use crate::campaigns::Outcome;
use crate::groups::carry;
use crate::rules::ruleset::Ruleset;

/// What a partition has counted since it was created.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartitionCounters {
    /// Events applied to a user's state.
    pub applied: u64,
    /// Events whose time was below the watermark.
    pub late: u64,
    /// Events ignored because their messageId was a duplicate.
    pub duplicates: u64,
    /// Visitors merged into users.
    pub merged: u64,
    /// Users dropped because they were idle for longer than `state_ttl`.
    pub expired: u64,
    /// Events by name of `[events]`.
    pub by_name: Vec<u64>,
    /// Transitions by segment: enters, exits.
    pub transitions: Vec<[u64; 2]>,
    /// Visitors that were in each segment when they were linked: they left it without a transition.
    #[serde(default)]
    pub merged_out: Vec<u64>,
    /// Users that were in each segment when they were dropped or forgotten: likewise.
    #[serde(default)]
    pub dropped_out: Vec<u64>,
    /// Users, or keys, in each segment now: enters less exits, merged and dropped.
    pub sizes: Vec<u64>,
    /// Keys of each `[per.K]` now.
    #[serde(default)]
    pub keys: Vec<u64>,
    /// Keys of each `[per.K]` that were forgotten: by `ttl`, by `max`.
    #[serde(default)]
    pub keys_forgotten: Vec<[u64; 2]>,
    /// Decisions by campaign and outcome, as in [`Outcome::NAMES`]. Stored by the names of outcomes.
    #[serde(with = "super::decision_counts")]
    pub decisions: Vec<[u64; Outcome::NAMES.len()]>,
    /// What partners were told, by partner: enters, exits.
    #[serde(default)]
    pub shared: Vec<[u64; 2]>,
    /// What they know now, by partner: subjects, each as often as it is in a segment.
    #[serde(default)]
    pub sharing: Vec<u64>,
    /// Points by ledger.
    #[serde(default)]
    pub points: Vec<LedgerCounters>,
    /// By numeric property of the rules: values that were numbers, and values that were ignored since they were not.
    #[serde(default)]
    pub amounts: Vec<[u64; 2]>,
}

impl PartitionCounters {
    /// All zero, for these rules.
    pub fn new(rules: &Ruleset) -> PartitionCounters {
        PartitionCounters {
            by_name: vec![0; rules.names.len()],
            transitions: vec![[0; 2]; rules.segments.len()],
            merged_out: vec![0; rules.segments.len()],
            dropped_out: vec![0; rules.segments.len()],
            sizes: vec![0; rules.segments.len()],
            keys: vec![0; rules.pers.len()],
            keys_forgotten: vec![[0; 2]; rules.pers.len()],
            decisions: vec![[0; Outcome::NAMES.len()]; rules.campaigns.len()],
            shared: vec![[0; 2]; rules.partners.len()],
            sharing: vec![0; rules.partners.len()],
            points: vec![LedgerCounters::default(); rules.ledgers.len()],
            amounts: vec![[0; 2]; rules.amounts.len()],
            ..PartitionCounters::default()
        }
    }

    /// The same counts by the ids of other rules; users in segments, and balances, are counted from 0.
    pub fn under(&self, rules: &Ruleset, next: &Ruleset) -> PartitionCounters {
        let mut counts = PartitionCounters::new(next);
        (counts.applied, counts.late, counts.duplicates) = (self.applied, self.late, self.duplicates);
        (counts.merged, counts.expired) = (self.merged, self.expired);
        let ids = |rules: &Ruleset| -> [Vec<String>; 7] {
            [
                rules.pers.iter().map(|per| per.id.clone()).collect(),
                rules.names.iter().map(|name| name.id.clone()).collect(),
                rules.segments.iter().map(|segment| segment.id.clone()).collect(),
                rules.campaigns.iter().map(|campaign| campaign.id.clone()).collect(),
                rules.amounts.iter().map(|amount| rules.amount_name(*amount)).collect(),
                rules.ledgers.iter().map(|ledger| ledger.id.clone()).collect(),
                rules.partners.iter().map(|partner| partner.id.clone()).collect(),
            ]
        };
        let [pers, names, segments, campaigns, amounts, ledgers, partners] = ids(rules);
        let [next_pers, next_names, next_segments, next_campaigns, next_amounts, next_ledgers, next_partners] =
            ids(next);
        carry(&partners, &self.shared, &next_partners, &mut counts.shared);
        carry(&pers, &self.keys_forgotten, &next_pers, &mut counts.keys_forgotten);
        carry(&names, &self.by_name, &next_names, &mut counts.by_name);
        carry(&segments, &self.transitions, &next_segments, &mut counts.transitions);
        carry(&segments, &self.merged_out, &next_segments, &mut counts.merged_out);
        carry(&segments, &self.dropped_out, &next_segments, &mut counts.dropped_out);
        carry(&campaigns, &self.decisions, &next_campaigns, &mut counts.decisions);
        carry(&amounts, &self.amounts, &next_amounts, &mut counts.amounts);
        carry(&ledgers, &self.points, &next_ledgers, &mut counts.points);
        counts.points.iter_mut().for_each(|points| points.balance = 0);
        counts
    }

    /// Adds another partition's.
    pub fn add(&mut self, other: &PartitionCounters) {
        self.applied += other.applied;
        self.late += other.late;
        self.duplicates += other.duplicates;
        self.merged += other.merged;
        self.expired += other.expired;
        add_each(&mut self.by_name, &other.by_name);
        add_each(&mut self.merged_out, &other.merged_out);
        add_each(&mut self.dropped_out, &other.dropped_out);
        add_each(&mut self.sizes, &other.sizes);
        add_each(&mut self.keys, &other.keys);
        add_each(&mut self.sharing, &other.sharing);
        for (ours, theirs) in self.shared.iter_mut().zip(&other.shared) {
            add_each(ours, theirs);
        }
        for (ours, theirs) in self.keys_forgotten.iter_mut().zip(&other.keys_forgotten) {
            add_each(ours, theirs);
        }
        for (ours, theirs) in self.transitions.iter_mut().zip(&other.transitions) {
            add_each(ours, theirs);
        }
        for (ours, theirs) in self.decisions.iter_mut().zip(&other.decisions) {
            add_each(ours, theirs);
        }
        for (ours, theirs) in self.points.iter_mut().zip(&other.points) {
            ours.unite(theirs);
        }
        for (ours, theirs) in self.amounts.iter_mut().zip(&other.amounts) {
            add_each(ours, theirs);
        }
    }
}

fn add_each(ours: &mut [u64], theirs: &[u64]) {
    for (ours, theirs) in ours.iter_mut().zip(theirs) {
        *ours += theirs;
    }
}

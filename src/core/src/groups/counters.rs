//! What is counted of groups.

use serde::{Deserialize, Serialize};

use super::{GroupCause, GroupChange, ToldNotice};
use crate::rules::ruleset::{GroupId, NameId, Ruleset, TransitionKind};

/// How many groups there are, and what happened to them since the counting began.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupTotals {
    /// Groups now, by `[groups.G]`.
    pub groups: Vec<u64>,
    /// Groups that began, by `[groups.G]`.
    pub opened: Vec<u64>,
    /// Groups that were forgotten, by `[groups.G]`.
    pub forgotten: Vec<u64>,
    /// What groups told, by name of `[events]`: each time once, however many users it is for.
    pub told: Vec<u64>,
    /// Users who got it, by name of `[events]`: each as often as they did.
    pub delivered: Vec<u64>,
}

/// Counts that the book of groups keeps.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct GroupCounters {
    /// Without `groups`, which are there to be counted.
    pub(super) totals: GroupTotals,
    /// By segment: how many groups are in it.
    pub(super) sizes: Vec<u64>,
    /// By segment: how often one entered, and left.
    pub(super) transitions: Vec<[u64; 2]>,
}

impl GroupTotals {
    /// Adds what was counted before the groups were restored; the groups that there are stay as they are.
    pub fn add_before(&mut self, before: &GroupTotals) {
        let add = |ours: &mut [u64], theirs: &[u64]| ours.iter_mut().zip(theirs).for_each(|(a, b)| *a += b);
        add(&mut self.opened, &before.opened);
        add(&mut self.forgotten, &before.forgotten);
        add(&mut self.told, &before.told);
        add(&mut self.delivered, &before.delivered);
    }
}

impl GroupCounters {
    /// All zero, for these rules.
    pub(super) fn new(rules: &Ruleset) -> GroupCounters {
        let (kinds, names, segments) = (rules.groups.len(), rules.names.len(), rules.segments.len());
        GroupCounters {
            totals: GroupTotals {
                groups: Vec::new(),
                opened: vec![0; kinds],
                forgotten: vec![0; kinds],
                told: vec![0; names],
                delivered: vec![0; names],
            },
            sizes: vec![0; segments],
            transitions: vec![[0; 2]; segments],
        }
    }

    /// The same counts by the ids of other rules; sizes are counted from 0.
    pub(super) fn under(&self, rules: &Ruleset, next: &Ruleset) -> GroupCounters {
        let mut counts = GroupCounters::new(next);
        let ids = |rules: &Ruleset| -> [Vec<String>; 3] {
            [
                rules.groups.iter().map(|group| group.id.clone()).collect(),
                rules.names.iter().map(|name| name.id.clone()).collect(),
                rules.segments.iter().map(|segment| segment.id.clone()).collect(),
            ]
        };
        let ([kinds, names, segments], [next_kinds, next_names, next_segments]) = (ids(rules), ids(next));
        carry(&kinds, &self.totals.opened, &next_kinds, &mut counts.totals.opened);
        carry(&kinds, &self.totals.forgotten, &next_kinds, &mut counts.totals.forgotten);
        carry(&names, &self.totals.told, &next_names, &mut counts.totals.told);
        carry(&names, &self.totals.delivered, &next_names, &mut counts.totals.delivered);
        carry(&segments, &self.transitions, &next_segments, &mut counts.transitions);
        counts
    }

    pub(super) fn note_opened(&mut self, id: GroupId) {
        self.totals.opened[usize::from(id.0)] += 1;
    }

    pub(super) fn note_forgotten(&mut self, id: GroupId) {
        self.totals.forgotten[usize::from(id.0)] += 1;
    }

    pub(super) fn note_delivered(&mut self, name: NameId) {
        self.totals.delivered[usize::from(name.0)] += 1;
    }

    pub(super) fn note_told_user(&mut self, name: NameId) {
        self.totals.told[usize::from(name.0)] += 1;
    }

    pub(super) fn note_told(&mut self, notices: &[ToldNotice]) {
        notices.iter().for_each(|notice| self.totals.told[usize::from(notice.name.0)] += 1);
    }

    /// Counts changes; those by a change of the rules are counted in the sizes afterwards.
    pub(super) fn note_changes(&mut self, changes: &[GroupChange]) {
        for GroupChange { segment, change, cause, .. } in changes {
            self.transitions[usize::from(segment.0)][*change as usize] += 1;
            if *cause == GroupCause::Rules {
                continue;
            }
            let size = &mut self.sizes[usize::from(segment.0)];
            *size = if *change == TransitionKind::Enter { *size + 1 } else { size.saturating_sub(1) };
        }
    }
}

/// Takes counts over to the places that their ids have under other rules.
pub(crate) fn carry<T: Copy>(ids: &[String], counts: &[T], next_ids: &[String], next: &mut [T]) {
    for (id, place) in next_ids.iter().zip(next) {
        if let Some(at) = ids.iter().position(|other| other == id) {
            *place = counts[at];
        }
    }
}

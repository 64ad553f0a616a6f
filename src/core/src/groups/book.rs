//! All groups, and the matches that wait for the end of a beat.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::group::without_text;
use super::{Group, GroupCause, GroupChange, GroupMatch, ToldNotice};
use crate::engine::dispatch::DispatchIndex;
use crate::rows::TableRows;
use crate::rules::ruleset::{GroupId, Ruleset, TransitionKind};
use crate::secret::DrawSecret;
use crate::time::{Span, Timestamp, beat_through};

/// What groups are evaluated by.
#[derive(Clone, Copy, Debug)]
pub struct GroupRules<'r> {
    /// The rules.
    pub rules: &'r Ruleset,
    /// Which match can change which part of them.
    pub dispatch: &'r DispatchIndex,
    /// What the parts of a total depend on.
    pub secret: &'r DrawSecret,
    /// The rows of tables.
    pub rows: &'r TableRows,
}

/// The end of a beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupBeat {
    /// The matches of beats that end no later are taken.
    pub end: Timestamp,
    /// The watermark there: what is due no later fires.
    pub watermark: Timestamp,
}

/// What became of groups at the end of a beat.
#[derive(Debug, Default)]
pub struct GroupOutcome {
    /// The changes of segments, in order per group.
    pub changes: Vec<GroupChange>,
    /// What is told, as it arose.
    pub notices: Vec<ToldNotice>,
}

/// Counts of groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupTotals {
    /// How many groups there are, by `[groups.G]`.
    pub groups: Vec<u64>,
    /// How many matches wait for the end of their beat.
    pub waiting: u64,
    /// By segment: how many groups are in it.
    pub sizes: Vec<u64>,
    /// By segment: how often one entered, and left.
    pub transitions: Vec<[u64; 2]>,
}

/// Groups as they are stored, with the matches that wait for the end of their beat.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredGroups {
    /// The groups.
    pub groups: Vec<(GroupId, Group)>,
    /// The matches, as they came.
    pub waiting: Vec<GroupMatch>,
}

/// All groups.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GroupBook {
    /// By `[groups.G]`, then by key.
    kinds: Vec<BTreeMap<Arc<str>, Group>>,
    /// When each is due.
    due: BTreeSet<(Timestamp, GroupId, Arc<str>)>,
    /// The matches of beats that have not ended.
    waiting: Vec<GroupMatch>,
    /// By segment: how many groups are in it.
    sizes: Vec<u64>,
    /// By segment: how often one entered, and left.
    transitions: Vec<[u64; 2]>,
}

impl GroupBook {
    /// No groups, of these rules.
    pub fn new(rules: &Ruleset) -> GroupBook {
        GroupBook {
            kinds: vec![BTreeMap::new(); rules.groups.len()],
            sizes: vec![0; rules.segments.len()],
            transitions: vec![[0; 2]; rules.segments.len()],
            ..GroupBook::default()
        }
    }

    /// Groups as they were stored.
    pub fn restored(rules: &GroupRules<'_>, stored: StoredGroups) -> GroupBook {
        let mut book = GroupBook { waiting: stored.waiting, ..GroupBook::new(rules.rules) };
        stored.groups.into_iter().for_each(|(id, group)| book.put(rules, id, group));
        book.count_members();
        book
    }

    /// What is to be stored.
    pub fn stored(&self) -> StoredGroups {
        let groups = self.groups().map(|(id, group)| (id, group.clone())).collect();
        StoredGroups { groups, waiting: self.waiting.clone() }
    }

    /// Every group is evaluated once by other rules, at its clock or the watermark; nobody is told anything.
    pub fn change_rules(&mut self, rules: &GroupRules<'_>, watermark: Timestamp, out: &mut GroupOutcome) {
        self.due.clear();
        for (id, kind) in (0..).map(GroupId).zip(std::mem::take(&mut self.kinds)) {
            self.kinds.push(BTreeMap::new());
            for mut group in kind.into_values() {
                group.profile.leave_segments_of_other_groups(rules.rules, id);
                group.profile.now = group.profile.now.max(watermark);
                group.evaluate(rules, id, GroupCause::Rules, out);
                self.put(rules, id, group);
            }
        }
        self.count_changes(&out.changes);
        self.count_members();
    }

    /// Adds matches, which wait for the end of their beat.
    pub fn hand_in(&mut self, matches: impl IntoIterator<Item = GroupMatch>) {
        self.waiting.extend(matches);
    }

    /// The first end of a beat at which anything may happen to a group.
    pub fn next_end(&self) -> Timestamp {
        let due = self.due.first().map_or(Timestamp::NEVER, |(due, ..)| beat_through(*due));
        self.waiting.iter().map(|matched| matched.beat).min().unwrap_or(Timestamp::NEVER).min(due)
    }

    /// Whether anything happens to a group at the end of a beat.
    pub fn has_work(&self, beat: GroupBeat) -> bool {
        self.waiting.iter().any(|matched| matched.beat <= beat.end)
            || self.due.first().is_some_and(|(due, ..)| *due <= beat.watermark)
    }

    /// Ends a beat: the matches come to their groups in the order of the log, then fires what is due.
    pub fn end_beat(&mut self, rules: &GroupRules<'_>, beat: GroupBeat, out: &mut GroupOutcome) {
        let first = out.changes.len();
        let mut ready: Vec<GroupMatch> = self.waiting.extract_if(.., |matched| matched.beat <= beat.end).collect();
        // Stable: the matches of one event are in the order of their names.
        ready.sort_by_key(|matched| matched.position);
        for event in ready.chunk_by(|a, b| a.position == b.position) {
            let mut subjects: Vec<(GroupId, &Arc<str>)> = Vec::new();
            for matched in event {
                if !subjects.contains(&(matched.group, &matched.key)) {
                    subjects.push((matched.group, &matched.key));
                }
            }
            for (id, key) in subjects {
                let matches: Vec<&GroupMatch> =
                    event.iter().filter(|matched| (matched.group, &matched.key) == (id, key)).collect();
                self.take(rules, &matches, out);
            }
        }
        self.fire_due(rules, beat.watermark, out);
        self.count_changes(&out.changes[first..]);
    }

    fn count_changes(&mut self, changes: &[GroupChange]) {
        for GroupChange { segment, change, .. } in changes {
            self.transitions[usize::from(segment.0)][*change as usize] += 1;
            let size = &mut self.sizes[usize::from(segment.0)];
            *size = if *change == TransitionKind::Enter { *size + 1 } else { size.saturating_sub(1) };
        }
    }

    /// Counts how many groups are in each segment.
    fn count_members(&mut self) {
        self.sizes.fill(0);
        for group in self.kinds.iter().flat_map(BTreeMap::values) {
            group.profile.members.iter().for_each(|segment| self.sizes[usize::from(segment.0)] += 1);
        }
    }

    /// The matches of one event that bear one key come to the group.
    fn take(&mut self, rules: &GroupRules<'_>, matches: &[&GroupMatch], out: &mut GroupOutcome) {
        let Some(GroupMatch { beat, group: id, key, ts, .. }) = matches.first() else { return };
        let began = beat_before(*beat);
        let known = self.take_out(rules, *id, key).and_then(|mut group| {
            let now = group.profile.now.max(*ts).max(began);
            group.fire_due(rules, *id, now, out).then_some((group, now))
        });
        let (mut group, now) = match known {
            Some(known) => known,
            None => {
                let now = (*ts).max(began);
                if *ts + rules.rules.groups[usize::from(id.0)].ttl <= now {
                    return;
                }
                (Group::new(Arc::clone(key), now), now)
            }
        };
        group.take(rules, matches, now, out);
        self.put(rules, *id, group);
    }

    /// Fires what is due at or before the watermark.
    fn fire_due(&mut self, rules: &GroupRules<'_>, watermark: Timestamp, out: &mut GroupOutcome) {
        while let Some((_, id, key)) = self.due.first().filter(|(due, ..)| *due <= watermark).cloned() {
            let Some(mut group) = self.take_out(rules, id, &key) else { return };
            if group.fire_due(rules, id, watermark, out) {
                self.put(rules, id, group);
            }
        }
    }

    fn take_out(&mut self, rules: &GroupRules<'_>, id: GroupId, key: &Arc<str>) -> Option<Group> {
        let group = self.kinds[usize::from(id.0)].remove(key)?;
        self.due.remove(&(group.due(rules, id), id, Arc::clone(key)));
        Some(group)
    }

    fn put(&mut self, rules: &GroupRules<'_>, id: GroupId, group: Group) {
        self.due.insert((group.due(rules, id), id, Arc::clone(&group.key)));
        self.kinds[usize::from(id.0)].insert(Arc::clone(&group.key), group);
    }

    /// Takes an id out of all groups, also out of the matches that wait. Their matches stay.
    pub fn forget(&mut self, rules: &GroupRules<'_>, user: &str) {
        let Some(field) = rules.dispatch.match_user_field() else { return };
        self.waiting.iter_mut().for_each(|matched| without_text(&mut matched.values, field, user));
        for kind in &mut self.kinds {
            kind.values_mut().for_each(|group| group.profile.forget_text(rules.rules, field, user));
        }
    }

    /// A group.
    pub fn group(&self, id: GroupId, key: &str) -> Option<&Group> {
        self.kinds.get(usize::from(id.0))?.get(key)
    }

    /// All groups, by `[groups.G]`, then by key.
    pub fn groups(&self) -> impl Iterator<Item = (GroupId, &Group)> {
        (0..).map(GroupId).zip(&self.kinds).flat_map(|(id, kind)| kind.values().map(move |group| (id, group)))
    }

    /// The matches that wait for the end of their beat, as they came.
    pub fn waiting(&self) -> &[GroupMatch] {
        &self.waiting
    }

    /// How many there are.
    pub fn totals(&self) -> GroupTotals {
        GroupTotals {
            groups: self.kinds.iter().map(|kind| kind.len() as u64).collect(),
            waiting: self.waiting.len() as u64,
            sizes: self.sizes.clone(),
            transitions: self.transitions.clone(),
        }
    }
}

/// When the beat began that ends there.
fn beat_before(end: Timestamp) -> Timestamp {
    end - Span(1_000)
}

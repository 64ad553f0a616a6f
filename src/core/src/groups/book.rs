//! All groups, and the matches that wait for the end of a beat.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::sync::Arc;

use super::counters::GroupCounters;
use super::group::without_text;
use super::{Group, GroupCause, GroupChange, GroupMatch, GroupTotals, ToldNotice};
use crate::engine::dispatch::DispatchIndex;
use crate::engine::membership::MembershipSet;
use crate::engine::recomputed::RecomputedParts;
use crate::event::Scalar;
use crate::features::SoughtTexts;
use crate::rows::TableRows;
use crate::rules::ruleset::{GroupId, NameId, Ruleset, SegmentId};
use crate::secret::DrawSecret;
use crate::time::{Span, Timestamp, beat_after, beat_through};

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

/// Groups as they are stored, with the matches that wait for the end of their beat.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredGroups {
    /// The groups.
    pub groups: Vec<(GroupId, Group)>,
    /// The matches, as they came.
    pub waiting: Vec<GroupMatch>,
}

/// The groups that other rules make of the log's past.
#[derive(Debug)]
pub struct RecomputedGroups<'p> {
    /// All of them, and the matches that wait.
    pub book: GroupBook,
    /// What is taken of them.
    pub parts: &'p RecomputedParts,
}

/// Keys of groups in a segment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GroupKeysPage {
    /// The keys, ascending.
    pub keys: Vec<Arc<str>>,
    /// The key up to which was looked; `None`: there are no more groups.
    pub next: Option<Arc<str>>,
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
    counts: GroupCounters,
}

impl GroupBook {
    /// No groups, of these rules.
    pub fn new(rules: &Ruleset) -> GroupBook {
        GroupBook {
            kinds: vec![BTreeMap::new(); rules.groups.len()],
            counts: GroupCounters::new(rules),
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

    /// These groups, as stored under other rules, with what was counted of them.
    pub fn under(&self, before: &Ruleset, rules: &GroupRules<'_>, stored: StoredGroups) -> GroupBook {
        let mut book = GroupBook::restored(rules, stored);
        let sizes = std::mem::take(&mut book.counts.sizes);
        book.counts = GroupCounters { sizes, ..self.counts.under(before, rules.rules) };
        book
    }

    /// What is to be stored.
    pub fn stored(&self) -> StoredGroups {
        let groups = self.groups().map(|(id, group)| (id, group.clone())).collect();
        StoredGroups { groups, waiting: self.waiting.clone() }
    }

    /// Every group is evaluated once by other rules, at its clock or at the beginning of the beat in which they take effect;
    /// nobody is told anything. With what was `recomputed` from the log's past, each has what these rules make of that.
    pub fn change_rules(
        &mut self,
        rules: &GroupRules<'_>,
        watermark: Timestamp,
        recomputed: Option<RecomputedGroups<'_>>,
        out: &mut GroupOutcome,
    ) {
        self.due.clear();
        let began = beat_before(beat_after(watermark));
        let gone = recomputed.map_or_else(Vec::new, |recomputed| self.take_recomputed(recomputed));
        for (id, mut group) in gone {
            group.profile.leave_segments_of_other_groups(rules.rules, id);
            group.profile.now = group.profile.now.max(began);
            group.leave_all(id, GroupCause::Rules, out);
        }
        for (id, kind) in (0..).map(GroupId).zip(std::mem::take(&mut self.kinds)) {
            self.kinds.push(BTreeMap::new());
            for mut group in kind.into_values() {
                group.profile.leave_segments_of_other_groups(rules.rules, id);
                group.profile.now = group.profile.now.max(began);
                group.evaluate(rules, id, GroupCause::Rules, out);
                self.put(rules, id, group);
            }
        }
        self.counts.note_changes(&out.changes);
        self.count_members();
    }

    /// Takes what was recomputed; memberships stay as they are here, and a group that only the other has is in no segment. Returns
    /// the groups that are gone: those that only this one has, where it is recomputed which there are.
    fn take_recomputed(&mut self, recomputed: RecomputedGroups<'_>) -> Vec<(GroupId, Group)> {
        let RecomputedGroups { book, parts } = recomputed;
        let mut gone = Vec::new();
        for ((id, kind), mut theirs) in (0..).map(GroupId).zip(&mut self.kinds).zip(book.kinds) {
            for (key, mut group) in std::mem::take(kind) {
                match theirs.remove(&key) {
                    Some(other) => {
                        group.profile.take_recomputed(other.profile, parts);
                        kind.insert(key, group);
                    }
                    None if parts.profile => gone.push((id, group)),
                    None => drop(kind.insert(key, group)),
                }
            }
            for (key, mut other) in theirs {
                other.profile.members = MembershipSet::default();
                kind.insert(key, other);
            }
        }
        self.waiting = book.waiting;
        gone
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
        let (first, first_notice) = (out.changes.len(), out.notices.len());
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
        self.counts.note_changes(&out.changes[first..]);
        self.counts.note_told(&out.notices[first_notice..]);
    }

    /// Counts that a user is told something at a taking of a rank.
    pub fn count_told(&mut self, name: NameId) {
        self.counts.note_told_user(name);
    }

    /// Counts that a user got what it was told.
    pub fn count_delivered(&mut self, name: NameId) {
        self.counts.note_delivered(name);
    }

    /// Counts how many groups are in each segment.
    fn count_members(&mut self) {
        let sizes = &mut self.counts.sizes;
        sizes.fill(0);
        for group in self.kinds.iter().flat_map(BTreeMap::values) {
            group.profile.members.iter().for_each(|segment| sizes[usize::from(segment.0)] += 1);
        }
    }

    /// The matches of one event that bear one key come to the group.
    fn take(&mut self, rules: &GroupRules<'_>, matches: &[&GroupMatch], out: &mut GroupOutcome) {
        let Some(GroupMatch { beat, group: id, key, ts, .. }) = matches.first() else { return };
        let began = beat_before(*beat);
        let known = self.take_out(rules, *id, key).and_then(|mut group| {
            let now = group.profile.now.max(*ts).max(began);
            let is_there = group.fire_due(rules, *id, now, out);
            if !is_there {
                self.counts.note_forgotten(*id);
            }
            is_there.then_some((group, now))
        });
        let (mut group, now) = match known {
            Some(known) => known,
            None => {
                let now = (*ts).max(began);
                if *ts + rules.rules.groups[usize::from(id.0)].ttl <= now {
                    return;
                }
                self.counts.note_opened(*id);
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
            } else {
                self.counts.note_forgotten(id);
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

    /// The keys above `after` of groups in a segment, ascending: at most `limit`, found among the next `scan_max` groups.
    pub fn keys_in(
        &self,
        id: GroupId,
        segment: SegmentId,
        after: &str,
        limit: usize,
        scan_max: usize,
    ) -> GroupKeysPage {
        let mut page = GroupKeysPage::default();
        let Some(kind) = self.kinds.get(usize::from(id.0)) else { return page };
        let above = (Bound::Excluded(after), Bound::Unbounded);
        let mut rest = kind.range::<str, _>(above);
        for (key, group) in rest.by_ref().take(scan_max) {
            if group.profile.members.contains(segment) {
                page.keys.push(Arc::clone(key));
            }
            page.next = Some(Arc::clone(key));
            if page.keys.len() >= limit {
                break;
            }
        }
        if rest.next().is_none() {
            page.next = None;
        }
        page
    }

    /// The groups in which one of these ids is kept: those that count it, have it as a value, or may tell it something; also
    /// those that will, at the end of the beat. By `[groups.G]`, then by key.
    pub fn groups_with<'u>(
        &self,
        rules: &GroupRules<'_>,
        users: impl IntoIterator<Item = &'u str>,
    ) -> BTreeSet<(GroupId, Arc<str>)> {
        let Some(field) = rules.dispatch.match_user_field() else { return BTreeSet::new() };
        let users = SoughtTexts::new(users);
        let has_it = |group: &Group| group.profile.has_any_text(rules.rules, field, &users);
        let is_it = |value: &Scalar<'_>| matches!(value, Scalar::Text(text) if users.has(text));
        let waiting = self.waiting.iter().filter(|of| of.values.iter().any(|(id, value)| *id == field && is_it(value)));
        let waiting = waiting.map(|matched| (matched.group, &matched.key));
        let there = self.groups().filter(|(_, group)| has_it(group)).map(|(id, group)| (id, &group.key));
        there.chain(waiting).map(|(id, key)| (id, Arc::clone(key))).collect()
    }

    /// All groups, by `[groups.G]`, then by key.
    pub fn groups(&self) -> impl Iterator<Item = (GroupId, &Group)> {
        (0..).map(GroupId).zip(&self.kinds).flat_map(|(id, kind)| kind.values().map(move |group| (id, group)))
    }

    /// The matches that wait for the end of their beat, as they came.
    pub fn waiting(&self) -> &[GroupMatch] {
        &self.waiting
    }

    /// What is counted of them.
    pub fn totals(&self) -> GroupTotals {
        let groups = self.kinds.iter().map(|kind| kind.len() as u64).collect();
        GroupTotals { groups, ..self.counts.totals.clone() }
    }

    /// By segment: how many groups are in it.
    pub fn sizes(&self) -> &[u64] {
        &self.counts.sizes
    }

    /// By segment: how often a group entered, and left.
    pub fn transitions(&self) -> &[[u64; 2]] {
        &self.counts.transitions
    }
}

/// When the beat began that ends there.
fn beat_before(end: Timestamp) -> Timestamp {
    end - Span(1_000)
}

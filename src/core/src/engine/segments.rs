//! One evaluation of a user's segments, and the changes it finds.

use std::sync::Arc;

use super::dispatch::{DispatchIndex, SegmentSet};
use super::evaluate::EvaluationContext;
use super::key_instance::KeyInstance;
use super::profile::UserProfile;
use crate::rows::TableRows;
use crate::rules::ruleset::{PerId, Ruleset, SegmentId, TransitionKind};
use crate::time::Timestamp;

/// What an evaluation found.
#[derive(Debug, Default)]
pub struct SegmentChanges {
    /// The segments that changed, in file order; one with `per`, by key.
    pub changed: Vec<SegmentChange>,
    /// The segments of instances all of whose segments are evaluated.
    touched: SegmentSet,
}

/// What segments are evaluated by.
#[derive(Clone, Copy, Debug)]
pub struct SegmentRules<'r> {
    /// The rules.
    pub rules: &'r Ruleset,
    /// Which event can change which part of them.
    pub dispatch: &'r DispatchIndex,
    /// The rows of tables, as users see them.
    pub rows: &'r TableRows,
}

impl<'r> SegmentRules<'r> {
    fn scope<'p>(self, profile: &'p UserProfile) -> EvaluationContext<'p>
    where
        'r: 'p,
    {
        EvaluationContext::new(self.rules, profile, profile.now).with_rows(self.rows)
    }
}

/// A user, or an instance of a key, entered or left a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentChange {
    /// The segment.
    pub segment: SegmentId,
    /// Which way.
    pub change: TransitionKind,
    /// The key, of a segment with `per`.
    pub key: Option<Arc<str>>,
}

/// Evaluates the segments of `stale` at the user's clock, in file order, and those that read one that changed; of instances that
/// are marked or due (`everything`: of all), all segments. The memberships are brought up to date. Returns the first instant
/// at which time alone can change one of the user's segments that were evaluated.
pub fn reevaluate(
    rules: SegmentRules<'_>,
    profile: &mut UserProfile,
    everything: bool,
    stale: &mut SegmentSet,
    changes: &mut SegmentChanges,
) -> Timestamp {
    changes.changed.clear();
    if profile.keys.is_empty() {
        profile.keys.settle(rules.rules);
        return evaluate_user(rules, profile, stale, changes);
    }
    changes.touched.clear();
    profile.keys.touch(rules.rules, everything, profile.now);
    for per in profile.keys.touched() {
        changes.touched.extend(rules.dispatch.segments_of(per));
    }
    let mut until = Timestamp::NEVER;
    let mut from = 0;
    while let Some(id) = earlier(stale.next_from(from), changes.touched.next_from(from)) {
        match rules.rules.segments[usize::from(id.0)].per {
            None => until = until.min(evaluate_segment(rules, profile, id, stale, changes)),
            Some(per) => evaluate_instances(rules, profile, (id, per), stale, changes),
        }
        from = id.0 + 1;
    }
    profile.keys.settle(rules.rules);
    until
}

/// A user without instances.
fn evaluate_user(
    rules: SegmentRules<'_>,
    profile: &mut UserProfile,
    stale: &mut SegmentSet,
    changes: &mut SegmentChanges,
) -> Timestamp {
    let mut until = Timestamp::NEVER;
    let mut from = 0;
    while let Some(id) = stale.next_from(from) {
        if rules.rules.segments[usize::from(id.0)].per.is_none() {
            until = until.min(evaluate_segment(rules, profile, id, stale, changes));
        }
        from = id.0 + 1;
    }
    until
}

fn evaluate_segment(
    rules: SegmentRules<'_>,
    profile: &mut UserProfile,
    id: SegmentId,
    stale: &mut SegmentSet,
    changes: &mut SegmentChanges,
) -> Timestamp {
    let outlook = rules.scope(profile).outlook(&rules.rules.segments[usize::from(id.0)].when);
    if outlook.holds != profile.members.contains(id) {
        profile.members.set(id, outlook.holds);
        changes.changed.push(SegmentChange { segment: id, change: TransitionKind::to(outlook.holds), key: None });
        stale.extend(rules.dispatch.readers(id));
    }
    outlook.until
}

/// A segment with `per`, for all instances where something that it reads of the user changed, else for those that are marked.
fn evaluate_instances(
    rules: SegmentRules<'_>,
    profile: &mut UserProfile,
    (id, per): (SegmentId, PerId),
    stale: &mut SegmentSet,
    changes: &mut SegmentChanges,
) {
    let is_stale = stale.contains(id);
    if is_stale {
        profile.keys.range(per).for_each(|index| _ = profile.keys.open(index));
    }
    for index in 0..profile.keys.len() {
        let is_asked = |instance: &&KeyInstance| instance.per == per && (is_stale || instance.is_touched);
        let Some(instance) = profile.keys.opened(index).filter(is_asked) else { continue };
        let scope = EvaluationContext { instance: Some(instance), ..rules.scope(profile) };
        let outlook = scope.outlook(&rules.rules.segments[usize::from(id.0)].when);
        let instance = profile.keys.open(index);
        instance.due = instance.due.min(outlook.until);
        if outlook.holds != instance.members.contains(id) {
            instance.members.set(id, outlook.holds);
            let change = TransitionKind::to(outlook.holds);
            changes.changed.push(SegmentChange { segment: id, change, key: Some(Arc::clone(&instance.key)) });
            // Segments below that read this one, of this instance and of the user.
            instance.is_touched = true;
            changes.touched.extend(rules.dispatch.segments_of(per));
            stale.extend(rules.dispatch.readers(id));
        }
    }
}

fn earlier(one: Option<SegmentId>, other: Option<SegmentId>) -> Option<SegmentId> {
    one.into_iter().chain(other).min()
}

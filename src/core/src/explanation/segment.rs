//! Why a user, or an instance of a key, is in a segment, or is not.

use std::sync::Arc;

use super::evidence::{EventHistory, add_events};
use super::nearest::NearestChange;
use super::outlook::{SegmentOutlook, SufficientEvents, TriedFuture, without_campaigns};
use crate::engine::evaluate::EvaluationContext;
use crate::engine::explained_condition::{ConditionExplanation, EventReference};
use crate::engine::key_instance::KeyInstance;
use crate::partition::{Cause, ExecutionPlan, Output, OutputKind, User};
use crate::rows::TableRows;
use crate::rules::ruleset::{Segment, SegmentId, TransitionKind};
use crate::time::Timestamp;

/// The most keys of a user that are explained.
const KEYS_MAX: usize = 100;

/// What is known of what happened to a user, beside its state.
#[derive(Clone, Copy, Debug)]
pub struct UserHistory<'h> {
    /// The outputs about the user, in their order.
    pub outputs: &'h [&'h Output],
    /// The events; `None`: they are not known.
    pub events: Option<EventHistory<'h>>,
    /// The rows of tables.
    pub rows: &'h Arc<TableRows>,
}

/// Since when a user, or a key, is in a segment, or out of it again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MembershipOrigin {
    /// The instant.
    pub at: Timestamp,
    /// What made it so.
    pub cause: Cause,
    /// The event that did.
    pub event: Option<EventReference>,
}

/// A segment and a user at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct SegmentExplanation {
    /// The segment's id.
    pub segment: String,
    /// The key, of a segment with `per`.
    pub key: Option<Arc<str>>,
    /// Whether the user, or the key, is in it.
    pub is_in: bool,
    /// The instant.
    pub at: Timestamp,
    /// Since when; `None`: it is not known, or it has never been in it.
    pub since: Option<MembershipOrigin>,
    /// The condition.
    pub condition: ConditionExplanation,
    /// When that changes if nothing happens; `None`: not within 400 days.
    pub next_change: Option<SegmentOutlook>,
    /// Of which events a few would change it at once. Not of names with `where` or `each`, which depend on properties; none of a
    /// segment with `per`.
    pub sufficient: Vec<SufficientEvents>,
    /// What is nearest to change it.
    pub nearest: NearestChange,
}

impl SegmentExplanation {
    /// Explains segments of a user at an instant, by which everything due has fired: those that `is_asked` names, in file order,
    /// none of groups; one with `per` for each key, those with the latest matches first, at most 100.
    pub fn of_user(
        plan: &ExecutionPlan,
        user: &User,
        at: Timestamp,
        rows: &Arc<TableRows>,
        is_asked: impl Fn(&Segment) -> bool,
    ) -> Vec<SegmentExplanation> {
        let history = UserHistory { outputs: &[], events: None, rows };
        SegmentExplanation::with_history(plan, user, at, history, is_asked)
    }

    /// The same, with since when the user is in each segment, and with the events behind each value.
    pub fn with_history(
        plan: &ExecutionPlan,
        user: &User,
        at: Timestamp,
        history: UserHistory<'_>,
        is_asked: impl Fn(&Segment) -> bool,
    ) -> Vec<SegmentExplanation> {
        let bare = without_campaigns(plan);
        let future = TriedFuture::new(&bare, user, at, history.rows);
        let mut explained = Vec::new();
        // No user is in a segment of groups.
        let is_asked = |segment: &Segment| segment.group.is_none() && is_asked(segment);
        for (id, segment) in (0..).map(SegmentId).zip(&plan.rules.segments).filter(|(_, segment)| is_asked(segment)) {
            let scope = EvaluationContext::new(&plan.rules, &user.profile, at).with_rows(history.rows);
            let Some(per) = segment.per else {
                let is_in = user.profile.members.contains(id);
                let prospect = SegmentProspect {
                    next_change: future.next_change(id, None),
                    sufficient: future.all_sufficient(segment, id, TransitionKind::to(!is_in)),
                };
                explained.push(SegmentExplanation::new(&scope, id, is_in, prospect, history));
                continue;
            };
            let mut instances: Vec<_> = user.profile.keys.iter().filter(|instance| instance.per == per).collect();
            instances.sort_by(|a, b| (b.latest, &a.key).cmp(&(a.latest, &b.key)));
            for instance in instances.iter().take(KEYS_MAX) {
                let instance: &KeyInstance = instance;
                let scope = EvaluationContext { instance: Some(instance), ..scope };
                let next_change = future.next_change(id, Some(&instance.key));
                let (is_in, prospect) =
                    (instance.members.contains(id), SegmentProspect { next_change, sufficient: Vec::new() });
                explained.push(SegmentExplanation::new(&scope, id, is_in, prospect, history));
            }
        }
        explained
    }

    fn new(
        scope: &EvaluationContext<'_>,
        id: SegmentId,
        is_in: bool,
        prospect: SegmentProspect,
        history: UserHistory<'_>,
    ) -> SegmentExplanation {
        let segment = &scope.rules.segments[usize::from(id.0)];
        let key = scope.instance.map(|instance| Arc::clone(&instance.key));
        let SegmentProspect { next_change, sufficient } = prospect;
        let mut condition = ConditionExplanation::new(scope, &segment.when);
        let nearest = NearestChange::new(scope, &segment.when, &condition, next_change.as_ref(), &sufficient);
        if let Some(events) = history.events {
            add_events(&mut condition, &segment.when, scope, events);
        }
        SegmentExplanation {
            segment: segment.id.clone(),
            is_in,
            at: scope.now,
            since: MembershipOrigin::find(id, key.as_deref(), history),
            key,
            condition,
            next_change,
            sufficient,
            nearest,
        }
    }
}

/// What is to come of a segment.
struct SegmentProspect {
    next_change: Option<SegmentOutlook>,
    sufficient: Vec<SufficientEvents>,
}

impl MembershipOrigin {
    /// Of the latest change.
    fn find(segment: SegmentId, key: Option<&str>, history: UserHistory<'_>) -> Option<MembershipOrigin> {
        let latest = history.outputs.iter().rev().find_map(|output| match &output.decided {
            OutputKind::Transition { segment: of, key: of_key, cause, .. } => {
                (*of == segment && of_key.as_deref() == key).then_some((*output, cause))
            }
            _ => None,
        });
        let (output, cause) = latest?;
        let recorded = history.events.map_or(&[][..], |history| history.events);
        let by_event = recorded.iter().find(|event| is_by_event(cause) && event.position == output.position);
        let event = by_event.map(|event| EventReference { message_id: event.message_id.clone(), ts: event.ts });
        Some(MembershipOrigin { at: output.at, cause: cause.clone(), event })
    }
}

fn is_by_event(cause: &Cause) -> bool {
    match cause {
        Cause::Event(_) | Cause::Max => true,
        Cause::Points { origin, .. } => is_by_event(origin),
        Cause::Time | Cause::Delivery | Cause::Ttl | Cause::Rules { .. } => false,
    }
}

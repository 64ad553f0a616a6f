//! Why a user, or an instance of a key, is in a segment, or is not.

use std::sync::Arc;

use super::condition::ConditionExplanation;
use super::outlook::{SegmentOutlook, SufficientEvents, TriedFuture, without_campaigns};
use crate::engine::evaluate::EvaluationContext;
use crate::engine::key_instance::KeyInstance;
use crate::partition::{ExecutionPlan, User};
use crate::rules::ruleset::{Segment, SegmentId, TransitionKind};
use crate::time::Timestamp;

/// The most keys of a user that are explained.
const KEYS_MAX: usize = 100;

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
    /// The condition.
    pub condition: ConditionExplanation,
    /// When that changes if nothing happens; `None`: not within 400 days.
    pub next_change: Option<SegmentOutlook>,
    /// Of which events a few would change it at once. Not of names with `where` or `each`, which depend on properties; none of a
    /// segment with `per`.
    pub sufficient: Vec<SufficientEvents>,
}

impl SegmentExplanation {
    /// Explains segments of a user at an instant, by which everything due has fired: those that `is_asked` names, in file order;
    /// one with `per` for each key, those with the latest matches first, at most 100.
    pub fn of_user(
        plan: &ExecutionPlan,
        user: &User,
        at: Timestamp,
        is_asked: impl Fn(&Segment) -> bool,
    ) -> Vec<SegmentExplanation> {
        let bare = without_campaigns(plan);
        let future = TriedFuture::new(&bare, user, at);
        let mut explained = Vec::new();
        for (id, segment) in (0..).map(SegmentId).zip(&plan.rules.segments).filter(|(_, segment)| is_asked(segment)) {
            let scope = EvaluationContext::new(&plan.rules, &user.profile, at);
            let Some(per) = segment.per else {
                let is_in = user.profile.members.contains(id);
                explained.push(SegmentExplanation {
                    sufficient: future.all_sufficient(segment, id, TransitionKind::to(!is_in)),
                    ..SegmentExplanation::new(&scope, segment, is_in, future.next_change(id, None))
                });
                continue;
            };
            let mut instances: Vec<_> = user.profile.keys.iter().filter(|instance| instance.per == per).collect();
            instances.sort_by(|a, b| (b.latest, &a.key).cmp(&(a.latest, &b.key)));
            for instance in instances.iter().take(KEYS_MAX) {
                let instance: &KeyInstance = instance;
                let scope = EvaluationContext { instance: Some(instance), ..scope };
                let next_change = future.next_change(id, Some(&instance.key));
                explained.push(SegmentExplanation {
                    key: Some(Arc::clone(&instance.key)),
                    ..SegmentExplanation::new(&scope, segment, instance.members.contains(id), next_change)
                });
            }
        }
        explained
    }

    fn new(
        scope: &EvaluationContext<'_>,
        segment: &Segment,
        is_in: bool,
        next_change: Option<SegmentOutlook>,
    ) -> SegmentExplanation {
        SegmentExplanation {
            segment: segment.id.clone(),
            key: None,
            is_in,
            at: scope.now,
            condition: ConditionExplanation::new(scope, &segment.when),
            next_change,
            sufficient: Vec::new(),
        }
    }
}

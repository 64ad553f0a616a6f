//! A group with computed values, for operators who look into what it tells (semantics §17).

use std::sync::Arc;

use super::FeatureReport;
use crate::engine::evaluate::EvaluationContext;
use crate::engine::explained_condition::ConditionExplanation;
use crate::features::FeatureKind;
use crate::groups::{Group, GroupRules};
use crate::rules::ruleset::{FeatureSource, GroupId, SegmentId};
use crate::time::Timestamp;

/// A group as it stands at an instant.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupReport {
    /// The `[groups.G]`.
    pub of: String,
    /// The key.
    pub key: Arc<str>,
    /// The instant: the last end of a beat, or the group's own clock where that is ahead of it.
    pub at: Timestamp,
    /// Time of its earliest match.
    pub first_match: Timestamp,
    /// Time of its latest match.
    pub latest_match: Timestamp,
    /// When it is forgotten if no match comes.
    pub forgotten_at: Timestamp,
    /// The segments it is in, in file order.
    pub segments: Vec<String>,
    /// Every segment of these groups, in file order: why it is in it, or is not.
    pub conditions: Vec<GroupCondition>,
    /// Those whom it may tell something, by each name of `to`.
    pub members: Vec<GroupMembers>,
    /// Every feature of groups of this `[groups.G]` with its value.
    pub features: Vec<FeatureReport>,
    /// The earliest instant at which time alone may change or forget it.
    pub next_wake_up: Timestamp,
}

/// A segment of groups, and one of them.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupCondition {
    /// The segment.
    pub segment: String,
    /// Whether the group is in it.
    pub is_in: bool,
    /// Its condition, part by part.
    pub condition: ConditionExplanation,
}

/// Those who have a match of a name in a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMembers {
    /// The name.
    pub name: String,
    /// The ids that they had then, by their first such match; the first 1,000.
    pub ids: Vec<Arc<str>>,
}

impl GroupReport {
    /// Describes a group at an instant by which everything due has fired.
    pub fn new(rules: &GroupRules<'_>, id: GroupId, group: &Group, fired: Timestamp) -> GroupReport {
        let at = fired.max(group.profile.now);
        let scope = EvaluationContext { now: at, ..group.scope(rules, id) };
        let forgotten_at = group.forgotten_at(rules, id);
        GroupReport {
            of: rules.rules.groups[usize::from(id.0)].id.clone(),
            key: Arc::clone(&group.key),
            at,
            first_match: group.profile.first,
            latest_match: group.profile.latest,
            forgotten_at,
            segments: super::segments(&group.profile.members, rules.rules),
            conditions: conditions(rules, id, group, &scope),
            members: members(rules, id, group),
            features: super::features(&scope, Some(id), rules.rules),
            next_wake_up: group.segments_due.min(forgotten_at),
        }
    }
}

fn conditions(
    rules: &GroupRules<'_>,
    id: GroupId,
    group: &Group,
    scope: &EvaluationContext<'_>,
) -> Vec<GroupCondition> {
    let of_group = (0..).map(SegmentId).zip(&rules.rules.segments).filter(|(_, segment)| segment.group == Some(id));
    let explained = of_group.map(|(number, segment)| GroupCondition {
        segment: segment.id.clone(),
        is_in: group.profile.members.contains(number),
        condition: ConditionExplanation::new(scope, &segment.when),
    });
    explained.collect()
}

fn members(rules: &GroupRules<'_>, id: GroupId, group: &Group) -> Vec<GroupMembers> {
    let told = rules.rules.features_of(None, Some(id)).filter_map(|(number, feature)| {
        let (FeatureKind::FirstTexts(_), FeatureSource::Matches(name)) = (&feature.kind, feature.source) else {
            return None;
        };
        let ids = group.profile.feature(number).into_iter().flat_map(|state| state.texts_by_arrival());
        Some(GroupMembers {
            name: rules.rules.names[usize::from(name.0)].id.clone(),
            ids: ids.map(Arc::from).collect(),
        })
    });
    told.collect()
}

//! All that is known of one user, for people who ask why.

use std::sync::Arc;

use super::{ExecutionPlan, User};
use crate::engine::evaluate::EvaluationContext;
use crate::json::JsonText;
use crate::rules::notation;
use crate::rules::program::{FeatureId, FeatureKind, Ruleset, Term};
use crate::time::Timestamp;

/// A user as it stands at an instant.
#[derive(Clone, Debug, PartialEq)]
pub struct UserReport {
    /// The user's id.
    pub user: Arc<str>,
    /// The instant: the watermark, or the user's own clock where that is ahead of it.
    pub at: Timestamp,
    /// Time of the earliest event.
    pub first_event: Timestamp,
    /// Time of the latest event.
    pub latest_event: Timestamp,
    /// The segments the user is in, in file order.
    pub segments: Vec<String>,
    /// Every feature of the rules with its value.
    pub features: Vec<FeatureReport>,
    /// The latest traits that the rules read, by path.
    pub traits: Vec<(String, JsonText)>,
    /// The `context.timezone` that arrived last, where the rules have quiet hours.
    pub timezone: Option<String>,
    /// The earliest instant at which time alone may change anything; `None`: it can't.
    pub next_wake_up: Option<Timestamp>,
    /// The campaigns that fired for the user.
    pub fired: Vec<ExposureReport>,
    /// What quiet hours hold back.
    pub held: Vec<DeferredDecisionReport>,
}

/// A feature and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct FeatureReport {
    /// The feature, as the rules write it.
    pub feature: String,
    /// Its value: durations in milliseconds; null where there is none.
    pub value: JsonText,
}

/// A campaign that fired.
#[derive(Clone, Debug, PartialEq)]
pub struct ExposureReport {
    /// The campaign.
    pub campaign: String,
    /// How often.
    pub count: u32,
    /// When last.
    pub last: Timestamp,
}

/// A decision held back.
#[derive(Clone, Debug, PartialEq)]
pub struct DeferredDecisionReport {
    /// The campaign.
    pub campaign: String,
    /// When the quiet hours end.
    pub until: Timestamp,
    /// The zone by whose clocks they do, where it is known.
    pub timezone: Option<String>,
}

impl UserReport {
    /// Describes a user at `watermark`, by which everything due has fired.
    pub(super) fn new(plan: &ExecutionPlan, user: &User, watermark: Timestamp) -> UserReport {
        let (rules, profile) = (&plan.rules, &user.profile);
        let at = watermark.max(profile.now);
        let scope = EvaluationContext { rules, profile, now: at, fields: &[] };
        let due = user.due();
        let (fired, _, held) = user.memory.parts();
        UserReport {
            user: Arc::clone(&user.id),
            at,
            first_event: profile.first,
            latest_event: profile.latest,
            segments: profile.members.iter().map(|id| rules.segments[usize::from(id.0)].id.clone()).collect(),
            features: features(&scope, rules),
            traits: profile
                .traits
                .values()
                .map(|(id, value)| {
                    (
                        rules.projection.traits[usize::from(id.0)].join("."),
                        crate::engine::value::Value::from(value).to_json(),
                    )
                })
                .collect(),
            timezone: profile.zone.as_ref().map(|(_, zone)| zone.to_string()),
            next_wake_up: (due < Timestamp::NEVER).then_some(due),
            fired: fired
                .iter()
                .map(|(id, fired)| ExposureReport {
                    campaign: rules.campaigns[usize::from(id.0)].id.clone(),
                    count: fired.count,
                    last: fired.last,
                })
                .collect(),
            held: held
                .iter()
                .map(|held| DeferredDecisionReport {
                    campaign: rules.campaigns[usize::from(held.campaign.0)].id.clone(),
                    until: held.until,
                    timezone: held.zone.as_deref().map(str::to_owned),
                })
                .collect(),
        }
    }
}

fn features(scope: &EvaluationContext<'_>, rules: &Ruleset) -> Vec<FeatureReport> {
    let ids = (0..).map(FeatureId).zip(&rules.features);
    let mut reports: Vec<FeatureReport> = ids
        .map(|(id, feature)| {
            let term = match feature.kind {
                FeatureKind::LatestTime => Term::Since(id),
                _ => Term::Feature(id),
            };
            FeatureReport { feature: notation::feature(rules, id), value: scope.value(&term).to_json() }
        })
        .collect();
    for (name, term) in [("idle()", Term::Idle), ("age()", Term::Age)] {
        reports.push(FeatureReport { feature: name.to_owned(), value: scope.value(&term).to_json() });
    }
    reports
}

//! The state of one user with computed values, for operators who look into a decision.

use std::sync::Arc;

use super::{ExecutionPlan, User};
use crate::campaigns::Trigger;
use crate::engine::evaluate::EvaluationContext;
use crate::json::JsonText;
use crate::rules::notation;
use crate::rules::ruleset::{FeatureId, Ruleset, Term};
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
    /// The campaigns with exposures to the user.
    pub fired: Vec<ExposureReport>,
    /// The decisions that quiet hours defer.
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

/// The exposures to a campaign.
#[derive(Clone, Debug, PartialEq)]
pub struct ExposureReport {
    /// The campaign.
    pub campaign: String,
    /// How many.
    pub count: u32,
    /// The time of the latest.
    pub last: Timestamp,
}

/// A deferred decision.
#[derive(Clone, Debug, PartialEq)]
pub struct DeferredDecisionReport {
    /// The campaign.
    pub campaign: String,
    /// What triggered it, as the rules write it: `enter:dormant`, `event:spin`; `None`: it is gone from the rules.
    pub on: Option<String>,
    /// The key whose state triggered it, of a segment with `per`.
    pub key: Option<String>,
    /// When it was deferred.
    pub at: Timestamp,
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
        let scope = EvaluationContext::new(rules, profile, at);
        let due = user.due();
        let campaigns = &user.campaigns;
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
                    (rules.projection.traits[usize::from(id.0)].join("."), crate::value::Value::from(value).to_json())
                })
                .collect(),
            timezone: profile.zone.as_ref().map(|(_, zone)| zone.to_string()),
            next_wake_up: (due < Timestamp::NEVER).then_some(due),
            fired: campaigns
                .exposures()
                .iter()
                .map(|(id, exposures)| ExposureReport {
                    campaign: rules.campaigns[usize::from(id.0)].id.clone(),
                    count: exposures.count,
                    last: exposures.last,
                })
                .collect(),
            held: campaigns
                .deferred()
                .iter()
                .map(|deferred| (deferred, deferred.trigger.as_ref().map(Trigger::origin)))
                .map(|(deferred, trigger)| DeferredDecisionReport {
                    campaign: rules.campaigns[usize::from(deferred.campaign.0)].id.clone(),
                    on: trigger.as_ref().map(|trigger| rules.trigger_name(trigger.on)),
                    key: trigger.and_then(|trigger| trigger.key).as_deref().map(str::to_owned),
                    at: deferred.at,
                    until: deferred.until,
                    timezone: deferred.zone.as_deref().map(str::to_owned),
                })
                .collect(),
        }
    }
}

fn features(scope: &EvaluationContext<'_>, rules: &Ruleset) -> Vec<FeatureReport> {
    let ids = (0..).map(FeatureId).take(rules.features.len());
    let mut reports: Vec<FeatureReport> = ids
        .map(|id| {
            let value = scope.value(&Term::Feature(id)).to_json();
            FeatureReport { feature: notation::feature(rules, id), value }
        })
        .collect();
    for (name, term) in [("idle()", Term::Idle), ("age()", Term::Age)] {
        reports.push(FeatureReport { feature: name.to_owned(), value: scope.value(&term).to_json() });
    }
    reports
}

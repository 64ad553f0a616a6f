//! Campaigns: what follows from a segment's change, for one user at one instant. Pure.
//!
//! [`decide`] goes through the outcomes of semantics §6 in their order and yields the first that applies. What it
//! stores of a user is the user's [`CampaignState`]. When quiet hours end, the caller asks for the deferred decisions again.

pub mod groups;
pub mod quiet_hours;
pub mod state;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::engine::evaluate::EvaluationContext;
use crate::engine::local_time::zone_of;
use crate::json::JsonText;
use crate::rules::ruleset::{Campaign, CampaignId, Ruleset, SegmentId, TransitionKind};
use crate::time::Timestamp;
pub(crate) use state::TriggerLookup;
pub use state::{CampaignState, DeferredDecision};

/// The outcome of a triggered campaign.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// Its `if` is false.
    Condition,
    /// The user had `max_per_user` exposures to it already.
    MaxPerUser,
    /// The latest exposure was less than `cooldown` ago.
    Cooldown,
    /// A decision of this campaign is deferred already.
    Pending,
    /// Deferred until the quiet hours end.
    Deferred {
        /// The end of the quiet hours.
        until: Timestamp,
    },
    /// A cap is full.
    Capped,
    /// The user is in the global control group.
    Control,
    /// The user is in the campaign's own holdout.
    Holdout,
    /// An action goes out.
    Sent {
        /// Index of the variant, where the campaign has any.
        variant: Option<usize>,
        /// The number of exposures before this one: distinguishes two actions of one instant. At an instant at which rules
        /// changed, or earlier, 2^32 times the number of the change is added.
        ordinal: u64,
    },
    /// The deferred decision's trigger does not hold any more.
    Stale,
}

impl Outcome {
    /// Every outcome's name, in the order they are tried.
    pub const NAMES: [&'static str; 10] = [
        "condition",
        "max_per_user",
        "cooldown",
        "pending",
        "deferred",
        "capped",
        "control",
        "holdout",
        "sent",
        "stale",
    ];

    /// Its index in [`NAMES`](Outcome::NAMES).
    pub fn index(&self) -> usize {
        match self {
            Outcome::Condition => 0,
            Outcome::MaxPerUser => 1,
            Outcome::Cooldown => 2,
            Outcome::Pending => 3,
            Outcome::Deferred { .. } => 4,
            Outcome::Capped => 5,
            Outcome::Control => 6,
            Outcome::Holdout => 7,
            Outcome::Sent { .. } => 8,
            Outcome::Stale => 9,
        }
    }

    /// Its name in the journal.
    pub fn name(&self) -> &'static str {
        Outcome::NAMES[self.index()]
    }
}

/// The user that a decision is about.
#[derive(Clone, Copy, Debug)]
pub struct DecisionSubject<'a> {
    /// The user's id: groups and variants are drawn from it.
    pub user: &'a str,
    /// The user's state at the instant of the decision.
    pub scope: EvaluationContext<'a>,
}

/// Decides about a campaign that a change has just triggered, and records the outcome.
pub fn decide(subject: &DecisionSubject<'_>, id: CampaignId, state: &mut CampaignState) -> Outcome {
    let campaign = campaign(subject.scope.rules, id);
    if let Some(outcome) = barred(subject, campaign, id, state) {
        return outcome;
    }
    if let Some(until) = campaign.quiet_hours.and_then(|quiet| quiet.ends_for(&subject.scope)) {
        return if state.is_deferred(id) { Outcome::Pending } else { Outcome::Deferred { until } };
    }
    expose(subject, campaign, id, state)
}

/// Decides again about a deferred decision whose quiet hours have ended: from the top, if the trigger still holds and
/// triggers the campaign by the current rules. Quiet hours count only for a user whose zone has changed since.
pub fn decide_deferred(
    subject: &DecisionSubject<'_>,
    deferred: &DeferredDecision,
    state: &mut CampaignState,
) -> Outcome {
    let campaign = campaign(subject.scope.rules, deferred.campaign);
    let is_in = subject.scope.profile.members.contains(campaign.segment);
    let trigger = Trigger { segment: campaign.segment, change: campaign.change };
    if deferred.trigger != Some(trigger) || is_in != (campaign.change == TransitionKind::Enter) {
        return Outcome::Stale;
    }
    if let Some(outcome) = barred(subject, campaign, deferred.campaign, state) {
        return outcome;
    }
    if let Some(quiet) = campaign.quiet_hours {
        let (zone, name) = zone_of(&subject.scope);
        let is_another = deferred.zone.as_deref() != Some(name.as_str());
        if let Some(until) = quiet.end_after(subject.scope.now, &zone).filter(|_| is_another) {
            return Outcome::Deferred { until };
        }
    }
    expose(subject, campaign, deferred.campaign, state)
}

fn campaign(rules: &Ruleset, id: CampaignId) -> &Campaign {
    &rules.campaigns[usize::from(id.0)]
}

fn barred(
    subject: &DecisionSubject<'_>,
    campaign: &Campaign,
    id: CampaignId,
    state: &CampaignState,
) -> Option<Outcome> {
    let now = subject.scope.now;
    let exposures = state.exposures_to(id);
    if campaign.condition.as_ref().is_some_and(|condition| !subject.scope.holds(condition)) {
        return Some(Outcome::Condition);
    }
    if campaign.max_per_user.is_some_and(|max| exposures.is_some_and(|exposures| exposures.count >= max)) {
        return Some(Outcome::MaxPerUser);
    }
    let cooling = campaign.cooldown.zip(exposures).is_some_and(|(cooldown, exposures)| now - exposures.last < cooldown);
    cooling.then_some(Outcome::Cooldown)
}

fn expose(subject: &DecisionSubject<'_>, campaign: &Campaign, id: CampaignId, state: &mut CampaignState) -> Outcome {
    let (rules, now) = (subject.scope.rules, subject.scope.now);
    if state.is_capped(&rules.caps, &campaign.channel, now) {
        return Outcome::Capped;
    }
    let ordinal = state.record_exposure(id, now);
    if groups::in_control(subject.user, rules.control) {
        return Outcome::Control;
    }
    if groups::in_holdout(&campaign.id, subject.user, campaign.holdout) {
        return Outcome::Holdout;
    }
    state.record_action(&rules.caps, &campaign.channel, now);
    let variant = groups::variant(&campaign.id, subject.user, &campaign.variants);
    Outcome::Sent { variant, ordinal: ordinal.into() }
}

/// The payload of an action: the campaign's fixed fields, the variant's in their place, and the computed ones (null
/// where there is no value). Durations are whole milliseconds.
pub fn payload(
    scope: &EvaluationContext<'_>,
    campaign: &Campaign,
    variant: Option<usize>,
) -> BTreeMap<String, JsonText> {
    let mut payload = campaign.payload.clone();
    if let Some(variant) = variant.and_then(|index| campaign.variants.get(index)) {
        payload.extend(variant.payload.clone());
    }
    for (name, term) in &campaign.payload_from {
        payload.insert(name.clone(), scope.value(term).to_json());
    }
    payload
}

/// The change that triggered a campaign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trigger {
    /// The segment.
    pub segment: SegmentId,
    /// How it changed.
    pub change: TransitionKind,
}

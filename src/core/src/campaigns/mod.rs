//! Campaigns: what follows from a segment's change or from a match, for one user at one instant. Pure.
//!
//! [`decide`] goes through the outcomes of semantics §12 in their order and yields the first that applies. What it
//! stores of a user is the user's [`CampaignState`]. When quiet hours end, the caller asks for the deferred decisions again.

mod ask;
mod deferred_codec;
pub mod groups;
mod path;
pub mod quiet_hours;
pub mod state;
mod steps;
mod stored_weights;
#[cfg(test)]
mod tests;
mod trigger;
mod weights;

use std::collections::BTreeMap;

use crate::engine::evaluate::EvaluationContext;
use crate::engine::local_time::zone_of;
use crate::json::JsonText;
use crate::points::Points;
use crate::rules::ruleset::{Campaign, CampaignId, CampaignPrice, Ruleset, TransitionKind};
use crate::secret::DrawSecret;
use crate::time::Timestamp;
pub use ask::{Ask, Asks, Funds};
pub use path::DecisionPath;
pub(crate) use state::TriggerLookup;
pub use state::{CampaignState, DeferredDecision};
pub use steps::{BudgetStanding, DecisionStep, StepRecording};
pub use stored_weights::StoredWeights;
pub use trigger::{MatchTrigger, TransitionTrigger, Trigger, TriggerOrigin};
pub use weights::{StandingWeights, VariantWeights};

/// The outcome of a triggered campaign.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// The match, or the deferral, was longer than `expires` ago.
    TooLate,
    /// The user does not consent to something that it `needs`.
    NoConsent,
    /// Its `if` is false.
    Condition,
    /// The user had `max_per_user` exposures to it already.
    MaxPerUser,
    /// The key had `max_per_key` exposures to it already.
    MaxPerKey,
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
    /// The user has fewer points than its `price`, or the price is none.
    Insufficient,
    /// A budget lacks the cost.
    Budget,
    /// Its draw (`chance`) is lost.
    NoLuck,
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
    pub const NAMES: [&'static str; 16] = [
        "too_late",
        "no_consent",
        "condition",
        "max_per_user",
        "max_per_key",
        "cooldown",
        "pending",
        "deferred",
        "capped",
        "insufficient",
        "budget",
        "no_luck",
        "control",
        "holdout",
        "sent",
        "stale",
    ];

    /// Its index in [`NAMES`](Outcome::NAMES). What is stored has names instead: there will be more.
    pub fn index(&self) -> usize {
        match self {
            Outcome::TooLate => 0,
            Outcome::NoConsent => 1,
            Outcome::Condition => 2,
            Outcome::MaxPerUser => 3,
            Outcome::MaxPerKey => 4,
            Outcome::Cooldown => 5,
            Outcome::Pending => 6,
            Outcome::Deferred { .. } => 7,
            Outcome::Capped => 8,
            Outcome::Insufficient => 9,
            Outcome::Budget => 10,
            Outcome::NoLuck => 11,
            Outcome::Control => 12,
            Outcome::Holdout => 13,
            Outcome::Sent { .. } => 14,
            Outcome::Stale => 15,
        }
    }

    /// Whether the campaign fired: it counts for `cooldown`, `max_per_user` and `max_per_key`.
    pub fn is_exposure(&self) -> bool {
        matches!(self, Outcome::NoLuck | Outcome::Control | Outcome::Holdout | Outcome::Sent { .. })
    }

    /// Its name in the journal.
    pub fn name(&self) -> &'static str {
        Outcome::NAMES[self.index()]
    }
}

/// The user that a decision is about, and what triggered it.
#[derive(Clone, Copy, Debug)]
pub struct DecisionSubject<'a> {
    /// The user's id: groups and variants are drawn from it.
    pub user: &'a str,
    /// The secret that draws depend on.
    pub secret: &'a DrawSecret,
    /// What triggered it.
    pub trigger: &'a Trigger,
    /// The weights of variants that stand.
    pub weights: &'a StandingWeights,
    /// The messageId of the event that did, if there is one.
    pub message_id: Option<&'a str>,
    /// The user's state at the instant of the decision, and what the campaign reads of the match.
    pub scope: EvaluationContext<'a>,
}

/// Decides about a campaign that was just triggered, and records the outcome.
pub fn decide(subject: &DecisionSubject<'_>, id: CampaignId, state: &mut CampaignState) -> Outcome {
    decide_at_once(subject, id, state, None)
}

fn decide_at_once(
    subject: &DecisionSubject<'_>,
    id: CampaignId,
    state: &mut CampaignState,
    funds: Option<&mut Funds<'_>>,
) -> Outcome {
    let campaign = campaign(subject.scope.rules, id);
    if let Trigger::Match(matched) = subject.trigger
        && subject.scope.now - matched.ts > campaign.expires
    {
        return Outcome::TooLate;
    }
    if let Some(outcome) = barred(subject, campaign, id, state) {
        return outcome;
    }
    if let Some(until) = campaign.quiet_hours.and_then(|quiet| quiet.ends_for(&subject.scope)) {
        return if state.is_deferred(id) { Outcome::Pending } else { Outcome::Deferred { until } };
    }
    expose(subject, id, state, funds)
}

/// Decides again about a deferred decision whose quiet hours have ended: from the top, if its trigger still holds. Quiet
/// hours count only for a user whose zone has changed since.
pub fn decide_deferred(
    subject: &DecisionSubject<'_>,
    deferred: &DeferredDecision,
    state: &mut CampaignState,
) -> Outcome {
    let campaign = campaign(subject.scope.rules, deferred.campaign);
    if !holds_still(subject, campaign) {
        return Outcome::Stale;
    }
    decide_again(subject, deferred, state, None)
}

/// Decides about an ask at the end of its beat: from the top, if its trigger still holds.
pub fn decide_ask(
    subject: &DecisionSubject<'_>,
    ask: &Ask,
    state: &mut CampaignState,
    funds: &mut Funds<'_>,
) -> Outcome {
    let Ask { decision, deferred_at } = ask;
    if !holds_still(subject, campaign(subject.scope.rules, decision.campaign)) {
        return Outcome::Stale;
    }
    match deferred_at {
        None => decide_at_once(subject, decision.campaign, state, Some(funds)),
        Some(at) => {
            let deferred = DeferredDecision { at: *at, ..decision.clone() };
            decide_again(subject, &deferred, state, Some(funds))
        }
    }
}

fn decide_again(
    subject: &DecisionSubject<'_>,
    deferred: &DeferredDecision,
    state: &mut CampaignState,
    funds: Option<&mut Funds<'_>>,
) -> Outcome {
    let campaign = campaign(subject.scope.rules, deferred.campaign);
    if subject.scope.now - deferred.at > campaign.expires {
        return Outcome::TooLate;
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
    expose(subject, deferred.campaign, state, funds)
}

/// Whether what triggered a deferred decision triggers the campaign by the current rules, and the user, or the instance of the
/// key, is still where the transition led. A match is what it was for good.
fn holds_still(subject: &DecisionSubject<'_>, campaign: &Campaign) -> bool {
    campaign.on == subject.trigger.on()
        && match subject.trigger {
            Trigger::Transition(TransitionTrigger { segment, change, key, .. }) => {
                let is_of_key = subject.scope.rules.segments[usize::from(segment.0)].per.is_some();
                let members = match key {
                    None => Some(&subject.scope.profile.members),
                    Some(_) => subject.scope.instance.map(|instance| &instance.members),
                };
                let is_in = members.map(|members| members.contains(*segment));
                is_of_key == key.is_some() && is_in == Some(*change == TransitionKind::Enter)
            }
            Trigger::Match(_) => true,
        }
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
    if subject.scope.profile.consents.first_lacking(&campaign.needs).is_some() {
        return Some(Outcome::NoConsent);
    }
    let exposures = state.exposures_to(id);
    if campaign.condition.as_ref().is_some_and(|condition| !subject.scope.holds(condition)) {
        return Some(Outcome::Condition);
    }
    if campaign.max_per_user.is_some_and(|max| exposures.is_some_and(|exposures| exposures.count >= max)) {
        return Some(Outcome::MaxPerUser);
    }
    if campaign
        .max_per_key
        .is_some_and(|max| subject.scope.instance.is_some_and(|instance| instance.exposures_to(id) >= max))
    {
        return Some(Outcome::MaxPerKey);
    }
    let cooling = campaign.cooldown.zip(exposures).is_some_and(|(cooldown, exposures)| now - exposures.last < cooldown);
    cooling.then_some(Outcome::Cooldown)
}

/// `funds` are those of a campaign that spends something.
fn expose(
    subject: &DecisionSubject<'_>,
    id: CampaignId,
    state: &mut CampaignState,
    funds: Option<&mut Funds<'_>>,
) -> Outcome {
    let (rules, now) = (subject.scope.rules, subject.scope.now);
    let campaign = campaign(rules, id);
    if state.is_capped(&rules.caps, &campaign.channel, now) {
        return Outcome::Capped;
    }
    if campaign.price.as_ref().is_some_and(|price| !is_affordable(&subject.scope, price)) {
        return Outcome::Insufficient;
    }
    if funds.is_some_and(|funds| !funds.cover(&subject.scope, campaign)) {
        return Outcome::Budget;
    }
    let ordinal = state.record_exposure(id, now);
    if campaign.chance.is_some_and(|chance| !is_won(subject, campaign, chance)) {
        return Outcome::NoLuck;
    }
    // Who pays, gets.
    if campaign.price.is_none() {
        if groups::in_control(subject.user, rules.control) {
            return Outcome::Control;
        }
        if groups::in_holdout(&campaign.id, subject.user, campaign.holdout) {
            return Outcome::Holdout;
        }
    }
    state.record_action(&rules.caps, &campaign.channel, now);
    let variant = match subject.weights.of(id).filter(|weights| weights.0.len() == campaign.variants.len()) {
        Some(weights) => groups::variant(&campaign.id, subject.user, weights.weights()),
        None => groups::variant(&campaign.id, subject.user, campaign.variants.iter().map(|variant| variant.weight)),
    };
    Outcome::Sent { variant, ordinal: ordinal.into() }
}

/// Whether the price is at least a point, and the balance covers it.
fn is_affordable(scope: &EvaluationContext<'_>, price: &CampaignPrice) -> bool {
    let amount = Points::of(&scope.value(&price.amount));
    amount > Points::ZERO && scope.profile.points.balance(price.ledger).covers(amount)
}

/// Whether the draw is won. The same trigger of the same user draws the same, whenever it is decided.
fn is_won(subject: &DecisionSubject<'_>, campaign: &Campaign, chance: f64) -> bool {
    let cause = subject.trigger.draw_cause(subject.scope.rules, subject.message_id);
    subject.secret.share(&format!("chance:{}:{}:{cause}", campaign.id, subject.user)) < chance
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

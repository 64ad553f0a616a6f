//! Decisions of campaigns: those that were triggered, those that were deferred, and reporting all of them.

use std::borrow::Cow;
use std::sync::Arc;

use super::points::PaidDecision;
use super::{EvaluationPoint, MatchedEvent, PendingTrigger, StepContext, TriggeredCampaign};
use crate::budgets::coupon::{self, CouponOwner};
use crate::campaigns::{
    self, Ask, DecisionPath, DecisionStep, DecisionSubject, DeferredDecision, Funds, MatchTrigger, Outcome, Trigger,
    TriggerOrigin,
};
use crate::engine::evaluate::EvaluationContext;
use crate::engine::key_instance::KeyInstance;
use crate::engine::local_time::zone_of;
use crate::engine::profile::UserProfile;
use crate::event::{FieldId, field_value};
use crate::partition::io::{Cause, DecisionOutput, Output, OutputKind};
use crate::partition::{ExecutionPlan, User};
use crate::rules::ruleset::{CampaignId, Ruleset};

/// A decision that was made, with the position in the log at which it was.
pub(super) struct MadeDecision<'t> {
    campaign: CampaignId,
    outcome: Outcome,
    /// `None`: it is gone from the rules.
    trigger: Option<&'t Trigger>,
    /// The cause of the trigger.
    cause: Cause,
    position: u64,
    steps: Vec<DecisionStep>,
}

/// What leads to a decision.
pub(super) enum DecisionOccasion<'d, 'b> {
    /// The campaign was just triggered.
    Trigger(CampaignId),
    /// Quiet hours have ended, for which it was deferred.
    QuietHoursEnd(&'d DeferredDecision),
    /// The beat has ended in which it asked budgets.
    BeatEnd(&'d Ask, &'d mut Funds<'b>),
}

/// An outcome, and how it came about.
pub(super) struct ReachedOutcome {
    pub(super) outcome: Outcome,
    /// Of a deferral, the zone of the quiet hours.
    pub(super) zone: Option<Arc<str>>,
    /// Empty if they are not recorded.
    pub(super) steps: Vec<DecisionStep>,
}

impl ReachedOutcome {
    /// Of a decision whose trigger the rules do not have any more.
    pub(super) fn stale() -> ReachedOutcome {
        ReachedOutcome { outcome: Outcome::Stale, zone: None, steps: Vec::new() }
    }
}

impl<'t> MadeDecision<'t> {
    /// Of a decision that had to wait.
    pub(super) fn of_deferred(
        deferred: &'t DeferredDecision,
        outcome: Outcome,
        position: u64,
        steps: Vec<DecisionStep>,
    ) -> MadeDecision<'t> {
        let cause = match (&deferred.trigger, &deferred.cause) {
            (Some(Trigger::Match(_)), id) => Cause::Event(id.clone()),
            (_, Some(id)) => Cause::Event(Some(Arc::clone(id))),
            (_, None) => Cause::Time,
        };
        let trigger = deferred.trigger.as_ref();
        MadeDecision { campaign: deferred.campaign, outcome, trigger, cause, position, steps }
    }
}

impl StepContext {
    /// Adds the campaigns that the event's matches trigger.
    pub(super) fn note_triggering_matches(&mut self, plan: &ExecutionPlan) {
        if self.decides_nothing {
            return;
        }
        for (index, found) in self.matches.iter().enumerate() {
            for campaign in plan.dispatch.campaigns_on_match(found.name) {
                let trigger = PendingTrigger::Match(index);
                self.triggered.push(TriggeredCampaign { campaign: *campaign, trigger });
            }
        }
    }

    /// The trigger with all that a decision about it needs. Of the values of a match these are what the campaign reads.
    fn trigger(
        &self,
        plan: &ExecutionPlan,
        triggered: TriggeredCampaign,
        matched: Option<MatchedEvent<'_>>,
    ) -> Option<Trigger> {
        let index = match triggered.trigger {
            PendingTrigger::Transition(transition) => return Some(Trigger::Transition(transition)),
            PendingTrigger::Match(index) => index,
        };
        let (found, MatchedEvent { event, values }) = (self.matches.get(index)?, matched?);
        let fields = found.fields(event, values);
        let read = |field: &FieldId| Some((*field, field_value(fields, *field)?.clone().into_owned()));
        let reads = &plan.rules.campaigns[usize::from(triggered.campaign.0)].reads;
        let values = reads.iter().filter_map(read).collect();
        Some(Trigger::Match(MatchTrigger {
            name: found.name,
            ordinal: found.ordinal.saturating_add(1),
            ts: found.ts,
            values,
        }))
    }

    /// Decides about all that was triggered: by priority, then file order; one campaign's as it happened.
    pub(super) fn decide_triggered(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        point: &EvaluationPoint<'_>,
        out: &mut Vec<Output>,
    ) {
        let (mut triggered, of_point) = (std::mem::take(&mut self.triggered), point.cause());
        triggered.sort_by_key(|triggered| plan.rules.decision_rank(triggered.campaign));
        for triggered in triggered.drain(..) {
            let campaign = triggered.campaign;
            // A match that a group gave has a messageId of its own.
            let told = match triggered.trigger {
                PendingTrigger::Match(index) => self.matches.get(index).and_then(|found| found.message_id.clone()),
                PendingTrigger::Transition(_) => None,
            };
            let cause = told.map_or_else(|| of_point.clone(), |id| Cause::Event(Some(id)));
            let Some(trigger) = self.trigger(plan, triggered, point.matched) else { continue };
            let message_id = match &cause {
                Cause::Time
                | Cause::Delivery
                | Cause::Ttl
                | Cause::Max
                | Cause::Points { .. }
                | Cause::Rules { .. } => None,
                Cause::Event(id) => id.as_ref(),
            };
            if plan.rules.campaigns[usize::from(campaign.0)].asks() {
                let (cause, at) = (message_id.cloned(), user.profile.now);
                let decision = DeferredDecision { campaign, trigger: Some(trigger), at, until: at, zone: None, cause };
                self.ask(user, decision, None, point.position);
                continue;
            }
            let occasion = DecisionOccasion::Trigger(campaign);
            let ReachedOutcome { outcome, zone, steps } =
                self.decide(plan, user, &trigger, message_id.map(AsRef::as_ref), occasion);
            let (cause, position) = (cause.clone(), point.position);
            let decision =
                MadeDecision { campaign, outcome: outcome.clone(), trigger: Some(&trigger), cause, position, steps };
            self.report_decision(plan, user, decision, out);
            if let Outcome::Deferred { until } = outcome {
                let (cause, at) = (message_id.cloned(), user.profile.now);
                user.campaigns.defer(DeferredDecision { campaign, trigger: Some(trigger), at, until, zone, cause });
            }
        }
        // Its memory serves the next event.
        self.triggered = triggered;
    }

    pub(super) fn decide_deferred(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        position: u64,
        out: &mut Vec<Output>,
    ) {
        let mut due = user.campaigns.release_deferred(user.profile.now);
        due.sort_by_key(|deferred| plan.rules.decision_rank(deferred.campaign));
        for deferred in due {
            if deferred.trigger.is_some() && plan.rules.campaigns[usize::from(deferred.campaign.0)].asks() {
                let deferred_at = deferred.at;
                self.ask(user, deferred, Some(deferred_at), position);
                continue;
            }
            let reached = deferred.trigger.as_ref().map_or_else(ReachedOutcome::stale, |trigger| {
                let occasion = DecisionOccasion::QuietHoursEnd(&deferred);
                self.decide(plan, user, trigger, deferred.cause.as_deref(), occasion)
            });
            let ReachedOutcome { outcome, zone, steps } = reached;
            let decision = MadeDecision::of_deferred(&deferred, outcome.clone(), position, steps);
            self.report_decision(plan, user, decision, out);
            if let Outcome::Deferred { until } = outcome {
                user.campaigns.defer(DeferredDecision { at: user.profile.now, until, zone, ..deferred });
            }
        }
    }

    /// Decides at the user's clock, and records the steps if they are.
    pub(super) fn decide(
        &self,
        plan: &ExecutionPlan,
        user: &mut User,
        trigger: &Trigger,
        message_id: Option<&str>,
        occasion: DecisionOccasion<'_, '_>,
    ) -> ReachedOutcome {
        let instance = instance_of(plan, &user.profile, Some(trigger));
        let scope = scope_of(plan, &user.profile, Some(trigger), instance.as_deref()).with_rows(&self.rows);
        let (secret, weights) = (&self.secret, &*self.weights);
        let subject = DecisionSubject { user: &user.id, secret, trigger, weights, message_id, scope };
        let (before, state) = (self.step_recording.begin(&user.campaigns), &mut user.campaigns);
        let (campaign, outcome, deferred, funds) = match occasion {
            DecisionOccasion::Trigger(campaign) => (campaign, campaigns::decide(&subject, campaign, state), None, None),
            DecisionOccasion::QuietHoursEnd(deferred) => {
                let outcome = campaigns::decide_deferred(&subject, deferred, state);
                (deferred.campaign, outcome, Some(Cow::Borrowed(deferred)), None)
            }
            DecisionOccasion::BeatEnd(ask, funds) => {
                let outcome = campaigns::decide_ask(&subject, ask, state, funds);
                let deferred = before.as_ref().and(ask.deferred_at);
                let deferred = deferred.map(|at| Cow::Owned(DeferredDecision { at, ..ask.decision.clone() }));
                let funds: &Funds<'_> = funds;
                (ask.decision.campaign, outcome, deferred, Some(funds))
            }
        };
        let steps = before.map_or_else(Vec::new, |before| {
            let deferred = deferred.as_deref();
            DecisionPath { campaign, outcome: &outcome, deferred, funds, before: &before }
                .steps(&subject, self.step_recording)
        });
        let zone = matches!(outcome, Outcome::Deferred { .. }).then(|| zone_of(&scope).1.into());
        ReachedOutcome { outcome, zone, steps }
    }

    /// Counts a decision and appends it to the outputs, after its price is paid. Returns the code of the coupon that is sent.
    pub(super) fn report_decision(
        &mut self,
        plan: &ExecutionPlan,
        user: &mut User,
        decision: MadeDecision<'_>,
        out: &mut Vec<Output>,
    ) -> Option<Arc<str>> {
        let MadeDecision { campaign: id, mut outcome, trigger, cause, position, steps } = decision;
        if let Some((per, key)) = trigger.and_then(|trigger| trigger.key(&plan.rules)).filter(|_| outcome.is_exposure())
        {
            user.profile.keys.record_exposure(per, key, id);
        }
        self.expose_to_goals(plan, user, id, &outcome);
        if let Some(trigger) = trigger {
            let paid = PaidDecision { campaign: id, outcome: &outcome, trigger, cause: &cause, position };
            self.pay_price(plan, user, paid, out);
        }
        let campaign = &plan.rules.campaigns[usize::from(id.0)];
        self.counts.decisions[usize::from(id.0)][outcome.index()] += 1;
        let coupon = campaign.coupon.as_ref().zip(match outcome {
            // This exposure counts too.
            Outcome::Sent { ordinal, .. } => Some(ordinal + 1),
            _ => None,
        });
        let code: Option<Arc<str>> = coupon.map(|(coupon, number)| {
            let owner = CouponOwner { campaign: &campaign.id, user: &user.id, number };
            coupon::code(&self.secret, coupon, owner).into()
        });
        if let (Outcome::Sent { ordinal, .. }, Some((latest_read, number))) = (&mut outcome, self.rules_change)
            && user.profile.now <= latest_read
        {
            // A campaign that was dropped and added again by rules changes counts from 0, perhaps at an instant of an earlier action.
            *ordinal += number << 32;
        }
        let payload = match outcome {
            Outcome::Sent { variant, .. } => {
                let instance = instance_of(plan, &user.profile, trigger);
                let scope = scope_of(plan, &user.profile, trigger, instance.as_deref()).with_rows(&self.rows);
                let mut payload = campaigns::payload(&scope, campaign, variant);
                let key = trigger.and_then(|trigger| trigger.key(&plan.rules)).map(|(_, key)| key);
                drop(instance);
                payload.extend(self.payload_picks(plan, user, campaign, key));
                if let (Some((coupon, _)), Some(code)) = (coupon, &code) {
                    let bears = coupon::payload(coupon, code, user.profile.now + coupon.valid);
                    payload.insert("coupon".to_owned(), bears);
                }
                Some(Box::new(payload))
            }
            _ => None,
        };
        let trigger = trigger.map_or_else(|| TriggerOrigin::of(campaign.on), Trigger::origin);
        let decided = DecisionOutput { campaign: id, outcome, trigger, cause, payload, steps };
        let decided = OutputKind::Decision(Box::new(decided));
        out.push(Output { at: user.profile.now, user: Arc::clone(&user.id), position, decided });
        code
    }
}

/// The instance of the key that a trigger is about.
pub(super) fn instance_of<'u>(
    plan: &ExecutionPlan,
    profile: &'u UserProfile,
    trigger: Option<&Trigger>,
) -> Option<Cow<'u, KeyInstance>> {
    let (per, key) = trigger?.key(&plan.rules)?;
    profile.keys.get(per, key)
}

/// What the terms of a campaign see: the user, the instance of the key, and what it reads of the match.
pub(super) fn scope_of<'a>(
    plan: &'a ExecutionPlan,
    profile: &'a UserProfile,
    trigger: Option<&'a Trigger>,
    instance: Option<&'a KeyInstance>,
) -> EvaluationContext<'a> {
    let fields = trigger.map(Trigger::values).unwrap_or_default();
    EvaluationContext { fields, instance, ..EvaluationContext::new(&plan.rules, profile, profile.now) }
}

impl Ruleset {
    /// The order of decisions of one instant: higher priority first, then file order.
    pub(super) fn decision_rank(&self, id: CampaignId) -> (std::cmp::Reverse<i64>, CampaignId) {
        (std::cmp::Reverse(self.campaigns[usize::from(id.0)].priority), id)
    }
}

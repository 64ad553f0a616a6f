//! Decisions of campaigns: those that were deferred, and reporting all of them.

use std::sync::Arc;

use super::StepContext;
use crate::campaigns::{self, DecisionSubject, DeferredDecision, Outcome, Trigger};
use crate::engine::evaluate::EvaluationContext;
use crate::engine::local_time::zone_of;
use crate::partition::io::{Cause, Output, OutputKind};
use crate::partition::{ExecutionPlan, User};
use crate::rules::ruleset::{CampaignId, Ruleset};

/// A decision that was made, with the position in the log at which it was.
pub(super) struct MadeDecision {
    pub(super) campaign: CampaignId,
    pub(super) outcome: Outcome,
    pub(super) trigger: Trigger,
    /// The cause of the trigger.
    pub(super) cause: Cause,
    pub(super) position: u64,
}

impl StepContext {
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
            let campaign = &plan.rules.campaigns[usize::from(deferred.campaign.0)];
            let of_campaign = Trigger { segment: campaign.segment, change: campaign.change };
            let scope = EvaluationContext::new(&plan.rules, &user.profile, user.profile.now);
            let outcome =
                campaigns::decide_deferred(&DecisionSubject { user: &user.id, scope }, &deferred, &mut user.campaigns);
            let trigger = deferred.trigger.unwrap_or(of_campaign);
            let cause = deferred.cause.clone().map_or(Cause::Time, |id| Cause::Event(Some(id)));
            let campaign = deferred.campaign;
            if let Outcome::Deferred { until } = outcome {
                let zone = Some(zone_of(&scope).1.into());
                user.campaigns.defer(DeferredDecision { until, zone, ..deferred });
            }
            self.report_decision(plan, user, MadeDecision { campaign, outcome, trigger, cause, position }, out);
        }
    }

    /// Counts a decision and appends it to the outputs.
    pub(super) fn report_decision(
        &mut self,
        plan: &ExecutionPlan,
        user: &User,
        decision: MadeDecision,
        out: &mut Vec<Output>,
    ) {
        let MadeDecision { campaign, mut outcome, trigger, cause, position } = decision;
        self.counts.decisions[usize::from(campaign.0)][outcome.index()] += 1;
        if let (Outcome::Sent { ordinal, .. }, Some((latest_read, number))) = (&mut outcome, self.rules_change)
            && user.profile.now <= latest_read
        {
            // A campaign that was dropped and added again by rules changes counts from 0, perhaps at an instant of an earlier action.
            *ordinal += number << 32;
        }
        let payload = match outcome {
            Outcome::Sent { variant, .. } => {
                let scope = EvaluationContext::new(&plan.rules, &user.profile, user.profile.now);
                let campaign = &plan.rules.campaigns[usize::from(campaign.0)];
                Some(Box::new(campaigns::payload(&scope, campaign, variant)))
            }
            _ => None,
        };
        let decided = OutputKind::Decision { campaign, outcome, trigger, cause, payload };
        out.push(Output { at: user.profile.now, user: Arc::clone(&user.id), position, decided });
    }
}

impl Ruleset {
    /// The order of decisions of one instant: higher priority first, then file order.
    pub(super) fn decision_rank(&self, id: CampaignId) -> (std::cmp::Reverse<i64>, CampaignId) {
        (std::cmp::Reverse(self.campaigns[usize::from(id.0)].priority), id)
    }
}

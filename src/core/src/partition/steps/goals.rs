//! Goals: who is exposed, what counts, and what becomes of it (semantics §15).

use std::sync::Arc;

use super::StepContext;
use super::matches::MatchValues;
use crate::campaigns::Outcome;
use crate::decimal::Decimal;
use crate::event::Event;
use crate::goals::{ExposingDecision, ExposureGroup, GoalExposure, GoalMatch, GoalTally, UpliftKey};
use crate::partition::io::{GoalOutcomeOutput, Output, OutputKind};
use crate::partition::{ExecutionPlan, User};
use crate::rules::ruleset::CampaignId;

impl StepContext {
    /// Counts the matches of an event in the exposures that are open.
    pub(super) fn count_goals(
        &self,
        plan: &ExecutionPlan,
        user: &mut User,
        event: &Event<'_>,
        values: &MatchValues<'_>,
    ) {
        if user.goals.open().is_empty() {
            return;
        }
        for found in &self.matches {
            let (name, ts, fields) = (found.name, found.ts, found.fields(event, values));
            user.goals.record(&plan.rules, GoalMatch { name, ts, fields });
        }
    }

    /// Exposes the user to the goals of a campaign, if this was a decision that does.
    pub(super) fn expose_to_goals(
        &self,
        plan: &ExecutionPlan,
        user: &mut User,
        campaign: CampaignId,
        outcome: &Outcome,
    ) {
        let group = match outcome {
            Outcome::Control => ExposureGroup::Control,
            Outcome::Holdout => ExposureGroup::Holdout,
            Outcome::Sent { .. } => ExposureGroup::Sent,
            _ => return,
        };
        let variants = &plan.rules.campaigns[usize::from(campaign.0)].variants;
        let variant = match outcome {
            Outcome::Sent { variant, .. } => variant.and_then(|index| variants.get(index)),
            _ => None,
        };
        let variant = variant.map(|variant| variant.id.as_str());
        user.goals.expose(&plan.rules, ExposingDecision { campaign, group, variant, at: user.profile.now });
    }

    /// Tells and counts the exposures that are mature at the user's clock.
    pub(super) fn mature_goals(&mut self, plan: &ExecutionPlan, user: &mut User, position: u64, out: &mut Vec<Output>) {
        for exposure in user.goals.take_mature(user.profile.now) {
            let GoalExposure { key, group, variant, exposed, count, value, messages, .. } = exposure;
            let (campaign, goal) = key.ids(&plan.rules);
            let value = Decimal::of_sum(value);
            let tally = GoalTally::of_user(count, value.unwrap_or_default().millionths(), messages);
            let key = UpliftKey { campaign, goal, group, variant };
            self.uplift.add(user.profile.now, key.clone(), &tally);
            let UpliftKey { campaign, goal, group, variant } = key;
            let outcome = GoalOutcomeOutput { campaign, goal, group, variant, exposed, count, value };
            let decided = OutputKind::GoalOutcome(Box::new(outcome));
            out.push(Output { at: user.profile.now, user: Arc::clone(&user.id), position, decided });
        }
    }
}

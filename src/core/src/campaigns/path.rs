//! Follows a decision that was made through the steps of semantics §12, as far as it came, in the state before it.

use super::groups::{in_control, in_holdout, share};
use super::state::{CampaignState, DeferredDecision};
use super::steps::{BudgetStanding, DecisionStep, StepRecording};
use super::{DecisionSubject, Funds, Outcome, Trigger, barred, is_affordable, is_won};
use crate::budgets::{BudgetPeriod, period_of};
use crate::decimal::Decimal;
use crate::engine::explained_condition::ConditionExplanation;
use crate::engine::local_time::zone_of;
use crate::points::Points;
use crate::rules::ruleset::{Campaign, CampaignId};
use crate::value::Value;

/// A decision that was made, with the state before it.
#[derive(Clone, Copy, Debug)]
pub struct DecisionPath<'d> {
    /// The campaign.
    pub campaign: CampaignId,
    /// What was decided.
    pub outcome: &'d Outcome,
    /// What was deferred before, with when and in which zone; `None`: it was decided at once.
    pub deferred: Option<&'d DeferredDecision>,
    /// What it asked budgets, if it spends something.
    pub funds: Option<&'d Funds<'d>>,
    /// The user's state before.
    pub before: &'d CampaignState,
}

impl DecisionPath<'_> {
    /// The steps up to the one that decided, in the order of semantics §12.
    pub(crate) fn steps(&self, subject: &DecisionSubject<'_>, recording: StepRecording) -> Vec<DecisionStep> {
        let campaign = super::campaign(subject.scope.rules, self.campaign);
        let mut steps = Vec::new();
        self.add_early(subject, campaign, recording, &mut steps);
        if self.is_past(&Outcome::Cooldown) {
            self.add_waiting(subject, campaign, &mut steps);
        }
        if !matches!(self.outcome, Outcome::Pending | Outcome::Deferred { .. }) && self.is_past(&Outcome::Cooldown) {
            self.add_late(subject, campaign, &mut steps);
        }
        steps
    }

    /// Whether the decision got beyond this outcome.
    fn is_past(&self, outcome: &Outcome) -> bool {
        *self.outcome != Outcome::Stale && self.outcome.index() > outcome.index()
    }

    /// Whether it got to this outcome.
    fn reaches(&self, outcome: &Outcome) -> bool {
        *self.outcome != Outcome::Stale && self.outcome.index() >= outcome.index()
    }

    /// What comes before quiet hours.
    fn add_early(
        &self,
        subject: &DecisionSubject<'_>,
        campaign: &Campaign,
        recording: StepRecording,
        steps: &mut Vec<DecisionStep>,
    ) {
        if (self.deferred.is_some() || self.funds.is_some()) && matches!(subject.trigger, Trigger::Transition(_)) {
            steps.push(DecisionStep::Trigger { holds: *self.outcome != Outcome::Stale });
        }
        if *self.outcome == Outcome::Stale {
            return;
        }
        let since = match (self.deferred, subject.trigger) {
            (Some(deferred), _) => Some(deferred.at),
            (None, Trigger::Match(matched)) => Some(matched.ts),
            (None, Trigger::Transition(_)) => None,
        };
        steps.extend(since.map(|since| DecisionStep::Age { since, expires: campaign.expires }));
        if !campaign.needs.is_empty() && self.reaches(&Outcome::NoConsent) {
            let lacks = subject.scope.profile.consents.first_lacking(&campaign.needs);
            steps.push(DecisionStep::Consent { lacks });
        }
        if let Some(condition) = campaign.condition.as_ref().filter(|_| self.reaches(&Outcome::Condition)) {
            let explained = (recording == StepRecording::Conditions)
                .then(|| Box::new(ConditionExplanation::new(&subject.scope, condition)));
            steps.push(DecisionStep::Condition { holds: *self.outcome != Outcome::Condition, explained });
        }
        let exposures = self.before.exposures_to(self.campaign);
        if let Some(max) = campaign.max_per_user.filter(|_| self.reaches(&Outcome::MaxPerUser)) {
            steps.push(DecisionStep::MaxPerUser { fired: exposures.map_or(0, |exposures| exposures.count), max });
        }
        if let (Some(max), Some(instance)) = (campaign.max_per_key, subject.scope.instance)
            && self.reaches(&Outcome::MaxPerKey)
        {
            steps.push(DecisionStep::MaxPerKey { fired: instance.exposures_to(self.campaign), max });
        }
        if let Some(cooldown) = campaign.cooldown.filter(|_| self.reaches(&Outcome::Cooldown)) {
            steps.push(DecisionStep::Cooldown { last: exposures.map(|exposures| exposures.last), cooldown });
        }
        debug_assert!(
            barred(subject, campaign, self.campaign, self.before).is_none() == self.is_past(&Outcome::Cooldown)
                || *self.outcome == Outcome::TooLate
        );
    }

    /// Quiet hours, and what waits for their end.
    fn add_waiting(&self, subject: &DecisionSubject<'_>, campaign: &Campaign, steps: &mut Vec<DecisionStep>) {
        let Some(hours) = campaign.quiet_hours else { return };
        let zone = zone_of(&subject.scope).1;
        match self.outcome {
            Outcome::Pending => {
                let waiting = self.before.deferred().iter().find(|deferred| deferred.campaign == self.campaign);
                steps.extend(waiting.map(|waiting| DecisionStep::Pending { hours, zone, until: waiting.until }));
            }
            Outcome::Deferred { until } => {
                steps.push(DecisionStep::QuietHours { hours, zone, until: Some(*until) });
            }
            _ => steps.push(DecisionStep::QuietHours { hours, zone, until: None }),
        }
    }

    /// What comes after quiet hours.
    fn add_late(&self, subject: &DecisionSubject<'_>, campaign: &Campaign, steps: &mut Vec<DecisionStep>) {
        let (rules, now) = (subject.scope.rules, subject.scope.now);
        for (index, cap) in (0..).zip(&rules.caps).filter(|(_, cap)| cap.counts(&campaign.channel)) {
            let times = self.before.times_within(index, cap, now);
            let free_at = times.len().checked_sub(cap.max as usize).and_then(|first| times.get(first));
            let free_at = free_at.map(|first| *first + cap.per);
            let sent = u32::try_from(times.len()).unwrap_or(u32::MAX);
            steps.push(DecisionStep::Cap { cap: index, sent, max: cap.max, free_at });
            if free_at.is_some() {
                return;
            }
        }
        if let Some(price) = &campaign.price {
            let amount = Points::of(&subject.scope.value(&price.amount));
            let balance = subject.scope.profile.points.balance(price.ledger);
            steps.push(DecisionStep::Price { ledger: price.ledger, price: amount, balance });
            if !is_affordable(&subject.scope, price) {
                return;
            }
        }
        if let Some(funds) = self.funds.filter(|_| self.reaches(&Outcome::Budget)) {
            self.add_budgets(subject, campaign, funds, steps);
        }
        if !self.is_past(&Outcome::Budget) {
            return;
        }
        if let Some(chance) = campaign.chance {
            let share = drawn(subject, campaign);
            debug_assert_eq!(is_won(subject, campaign, chance), share < chance);
            steps.push(DecisionStep::Draw { share, chance });
        }
        let is_paid = campaign.price.is_some();
        if rules.control > 0.0 && self.reaches(&Outcome::Control) && !is_paid {
            let user = subject.user;
            debug_assert_eq!(in_control(user, rules.control), *self.outcome == Outcome::Control);
            steps.push(DecisionStep::Control { share: share(&format!("control:{user}")), control: rules.control });
        }
        if campaign.holdout > 0.0 && self.reaches(&Outcome::Holdout) && !is_paid {
            let (id, user, holdout) = (&campaign.id, subject.user, campaign.holdout);
            debug_assert_eq!(in_holdout(id, user, holdout), *self.outcome == Outcome::Holdout);
            steps.push(DecisionStep::Holdout { share: share(&format!("holdout:{id}:{user}")), holdout });
        }
        if let Outcome::Sent { variant: Some(variant), .. } = self.outcome {
            let share = share(&format!("variant:{}:{}", campaign.id, subject.user));
            steps.push(DecisionStep::Variant { share, variant: *variant });
        }
    }

    /// Each budget up to the one that lacked the cost.
    fn add_budgets(
        &self,
        subject: &DecisionSubject<'_>,
        campaign: &Campaign,
        funds: &Funds<'_>,
        steps: &mut Vec<DecisionStep>,
    ) {
        let (rules, now) = (subject.scope.rules, subject.scope.now);
        for spend in &campaign.spends {
            let period = period_of(rules, spend.budget, now);
            let BudgetPeriod { spent, reserved } = funds.book().period(spend.budget, period);
            let cost = match subject.scope.value(&spend.cost) {
                Value::Number(cost) => Some(cost),
                _ => None,
            };
            steps.push(DecisionStep::Budget(BudgetStanding {
                budget: spend.budget,
                period,
                used: Decimal::from_millionths(spent.saturating_add(reserved)),
                limit: rules.budgets[usize::from(spend.budget.0)].limit,
                cost,
            }));
            if funds.refused == Some(spend.budget) {
                return;
            }
        }
    }
}

/// What the campaign's draw came to.
fn drawn(subject: &DecisionSubject<'_>, campaign: &Campaign) -> f64 {
    let cause = subject.trigger.draw_cause(subject.scope.rules, subject.message_id);
    subject.secret.share(&format!("chance:{}:{}:{cause}", campaign.id, subject.user))
}

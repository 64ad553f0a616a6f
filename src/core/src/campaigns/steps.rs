//! The steps of a decision, with the numbers it was made by: how far it came through the outcomes of semantics §12, and what
//! stood in its way.
//!
//! The outcome is that of the decision itself; a [`DecisionPath`] follows it as far as it came, in the state before it. Nothing of
//! this is computed unless it is asked for ([`StepRecording`]).

use super::groups::{in_control, in_holdout, share};
use super::state::{CampaignState, DeferredDecision};
use super::{DecisionSubject, Funds, Outcome, Trigger, barred, is_affordable, is_won};
use crate::budgets::{BudgetPeriod, period_of};
use crate::decimal::Decimal;
use crate::engine::explained_condition::ConditionExplanation;
use crate::engine::local_time::zone_of;
use crate::points::{Points, PointsBalance};
use crate::rules::ruleset::{BudgetId, Campaign, CampaignId, LedgerId, QuietHours};
use crate::time::{Span, Timestamp};
use crate::value::Value;

/// What outputs say of the steps of decisions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StepRecording {
    /// Nothing.
    #[default]
    Off,
    /// The steps with their numbers.
    Numbers,
    /// With the conditions of campaigns, part by part.
    Conditions,
}

/// One step of a decision. The last one decided; all others were passed.
#[derive(Clone, Debug, PartialEq)]
pub enum DecisionStep {
    /// What was deferred, or what asked a budget, still holds: the user is still where the transition led.
    Trigger {
        /// Whether it does.
        holds: bool,
    },
    /// `expires`.
    Age {
        /// The time of the match, or when the decision was deferred.
        since: Timestamp,
        /// How old it may be.
        expires: Span,
    },
    /// `if`.
    Condition {
        /// Whether it holds.
        holds: bool,
        /// Part by part, if that is recorded.
        explained: Option<Box<ConditionExplanation>>,
    },
    /// `max_per_user`.
    MaxPerUser {
        /// How often the campaign had fired.
        fired: u32,
        /// How often it may.
        max: u32,
    },
    /// `max_per_key`.
    MaxPerKey {
        /// How often the campaign had fired for the key.
        fired: u32,
        /// How often it may.
        max: u32,
    },
    /// `cooldown`.
    Cooldown {
        /// When the campaign had fired last; `None`: never.
        last: Option<Timestamp>,
        /// How long after that it does not.
        cooldown: Span,
    },
    /// `quiet_hours`.
    QuietHours {
        /// Which hours.
        hours: QuietHours,
        /// The user's time zone.
        zone: String,
        /// When they end; `None`: it is none of them, or they have been waited for.
        until: Option<Timestamp>,
    },
    /// Another decision of the campaign is deferred until the quiet hours end.
    Pending {
        /// Which hours.
        hours: QuietHours,
        /// The user's time zone.
        zone: String,
        /// Until when.
        until: Timestamp,
    },
    /// A cap that counts the channel.
    Cap {
        /// Its index in `[[caps]]`.
        cap: u16,
        /// How many actions there were within its `per`.
        sent: u32,
        /// How many there may be.
        max: u32,
        /// When there is room again; `None`: there is.
        free_at: Option<Timestamp>,
    },
    /// `price`.
    Price {
        /// In which points.
        ledger: LedgerId,
        /// How many; zero: the price is none.
        price: Points,
        /// How many the user had.
        balance: PointsBalance,
    },
    /// A budget of `spends`.
    Budget(BudgetStanding),
    /// `chance`.
    Draw {
        /// What was drawn; won below the chance.
        share: f64,
        /// The chance.
        chance: f64,
    },
    /// The global control group.
    Control {
        /// The user's share; in it below its size.
        share: f64,
        /// Its size.
        control: f64,
    },
    /// The campaign's holdout.
    Holdout {
        /// The user's share; in it below its size.
        share: f64,
        /// Its size.
        holdout: f64,
    },
    /// The variant is chosen.
    Variant {
        /// The user's share.
        share: f64,
        /// Its index.
        variant: usize,
    },
}

/// A budget when it was asked for a cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BudgetStanding {
    /// Which.
    pub budget: BudgetId,
    /// The beginning of the period; [`Timestamp::MIN`] of a budget without.
    pub period: Timestamp,
    /// What was spent and reserved of it.
    pub used: Decimal,
    /// What may be.
    pub limit: Decimal,
    /// What was asked for; `None`: the cost is none.
    pub cost: Option<Decimal>,
}

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

impl StepRecording {
    /// The state before a decision, if its steps are recorded.
    pub(crate) fn begin(self, state: &CampaignState) -> Option<CampaignState> {
        (self != StepRecording::Off).then(|| state.clone())
    }
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

impl DecisionStep {
    /// Its name: that of the outcome that it leads to where it is not passed.
    pub fn name(&self) -> &'static str {
        match self {
            DecisionStep::Trigger { .. } => "trigger",
            DecisionStep::Age { .. } => "expires",
            DecisionStep::Condition { .. } => "if",
            DecisionStep::MaxPerUser { .. } => "max_per_user",
            DecisionStep::MaxPerKey { .. } => "max_per_key",
            DecisionStep::Cooldown { .. } => "cooldown",
            DecisionStep::QuietHours { .. } => "quiet_hours",
            DecisionStep::Pending { .. } => "pending",
            DecisionStep::Cap { .. } => "cap",
            DecisionStep::Price { .. } => "price",
            DecisionStep::Budget(_) => "budget",
            DecisionStep::Draw { .. } => "chance",
            DecisionStep::Control { .. } => "control",
            DecisionStep::Holdout { .. } => "holdout",
            DecisionStep::Variant { .. } => "variant",
        }
    }

    /// The bytes it occupies, conditions apart.
    pub fn bytes(&self) -> usize {
        let zone = if let DecisionStep::QuietHours { zone, .. } | DecisionStep::Pending { zone, .. } = self {
            zone.capacity()
        } else {
            0
        };
        size_of::<DecisionStep>() + zone
    }

    /// Whether a decision at `now` goes on after it, by its numbers alone.
    pub fn is_passed(&self, now: Timestamp) -> bool {
        match self {
            DecisionStep::Trigger { holds } | DecisionStep::Condition { holds, .. } => *holds,
            DecisionStep::Age { since, expires } => now - *since <= *expires,
            DecisionStep::MaxPerUser { fired, max } | DecisionStep::MaxPerKey { fired, max } => fired < max,
            DecisionStep::Cooldown { last, cooldown } => last.is_none_or(|last| now - last >= *cooldown),
            DecisionStep::QuietHours { until, .. } => until.is_none(),
            DecisionStep::Pending { .. } => false,
            DecisionStep::Cap { sent, max, .. } => sent < max,
            DecisionStep::Price { price, balance, .. } => *price > Points::ZERO && balance.covers(*price),
            DecisionStep::Budget(standing) => standing.allows(),
            DecisionStep::Draw { share, chance } => share < chance,
            DecisionStep::Control { share, control: size } | DecisionStep::Holdout { share, holdout: size } => {
                share >= size
            }
            DecisionStep::Variant { .. } => true,
        }
    }
}

impl BudgetStanding {
    /// Whether the cost is within the limit.
    pub fn allows(&self) -> bool {
        self.cost.is_some_and(|cost| {
            let used = self.used.millionths().saturating_add(cost.millionths());
            (Decimal::ZERO..=Decimal::GIVEN_MAX).contains(&cost) && used <= self.limit.millionths()
        })
    }
}

impl QuietHours {
    /// As the rules write it: `22:00-08:00`.
    pub fn notation(&self) -> String {
        let clock = |minute: u16| format!("{:02}:{:02}", minute / 60, minute % 60);
        format!("{}-{}", clock(self.start_minute), clock(self.end_minute))
    }
}

//! The steps of a decision, with the numbers it was made by: how far it came through the outcomes of semantics §12, and what
//! stood in its way.
//!
//! The outcome is that of the decision itself; a [`DecisionPath`](super::DecisionPath) follows it as far as it came, in the state before it. Nothing of
//! this is computed unless it is asked for ([`StepRecording`]).

use super::state::CampaignState;
use crate::decimal::Decimal;
use crate::engine::explained_condition::ConditionExplanation;
use crate::points::{Points, PointsBalance};
use crate::rules::ruleset::{BudgetId, LedgerId, PurposeId, QuietHours};
use crate::time::{Span, Timestamp};

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
    /// `needs`.
    Consent {
        /// The first of them that the user does not consent to; `None`: it consents to all.
        lacks: Option<PurposeId>,
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

impl StepRecording {
    /// The state before a decision, if its steps are recorded.
    pub(crate) fn begin(self, state: &CampaignState) -> Option<CampaignState> {
        (self != StepRecording::Off).then(|| state.clone())
    }
}

impl DecisionStep {
    /// Its name: that of the outcome that it leads to where it is not passed.
    pub fn name(&self) -> &'static str {
        match self {
            DecisionStep::Trigger { .. } => "trigger",
            DecisionStep::Age { .. } => "expires",
            DecisionStep::Consent { .. } => "needs",
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
            DecisionStep::Consent { lacks } => lacks.is_none(),
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

//! What became of a campaign each time it was considered for a user: the outcome, the step that decided and those before it with
//! their numbers, what it cost, and whether its goals were reached.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::step::StepExplanation;
use crate::action::action_id;
use crate::budgets::BudgetChangeKind;
use crate::campaigns::Outcome;
use crate::decimal::Decimal;
use crate::encoding::RuleReference;
use crate::json::JsonText;
use crate::partition::{Cause, DecisionOutput, Output, OutputKind, PointsChange, User};
use crate::points::Points;
use crate::rules::ruleset::{CampaignTrigger, Ruleset};
use crate::time::Timestamp;

/// A campaign that was considered for a user.
#[derive(Clone, Debug, PartialEq)]
pub struct DecisionExplanation {
    /// The campaign's id.
    pub campaign: String,
    /// The instant.
    pub at: Timestamp,
    /// The name of the outcome.
    pub outcome: &'static str,
    /// What set it off, as the rules write it: `enter:dormant`, `event:order`.
    pub on: String,
    /// The key, where a segment with `per` did.
    pub key: Option<Arc<str>>,
    /// The cause of that.
    pub cause: Cause,
    /// The outcome and what decided, in a sentence.
    pub sentence: String,
    /// The steps, the last of which decided; empty if they were not recorded.
    pub steps: Vec<StepExplanation>,
    /// What was sent.
    pub action: Option<SentAction>,
    /// What became of its costs.
    pub costs: Vec<ActionCost>,
    /// The points that the user paid, with the ledger.
    pub paid: Option<PaidPrice>,
    /// The goals to which this decision exposed the user.
    pub goals: Vec<GoalStanding>,
}

/// An action that was sent.
#[derive(Clone, Debug, PartialEq)]
pub struct SentAction {
    /// Its id: that of its CloudEvent.
    pub id: String,
    /// Its channel.
    pub channel: String,
    /// The variant, if the campaign has any.
    pub variant: Option<String>,
    /// Its payload, where it is known still.
    pub payload: Option<BTreeMap<String, JsonText>>,
}

/// What an action, or the lack of one, changed of a budget.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActionCost {
    /// The budget's id.
    pub budget: String,
    /// How it changed.
    pub change: BudgetChangeKind,
    /// By how much.
    pub amount: Decimal,
    /// When.
    pub at: Timestamp,
}

/// Points that were paid for an action.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaidPrice {
    /// The ledger's id.
    pub ledger: String,
    /// How many.
    pub amount: Points,
}

/// How far a user is with a goal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoalStanding {
    /// The goal's id.
    pub goal: String,
    /// How many matches of it came.
    pub count: u64,
    /// Their sum; `None`: it is larger than 10^30 in size.
    pub value: Option<Decimal>,
    /// Until when matches count, or counted.
    pub matures: Timestamp,
    /// No more is counted.
    pub is_mature: bool,
}

impl DecisionExplanation {
    /// Explains the decisions among outputs about one user, in their order. What they cost and whether their goals were reached is
    /// found in the other outputs, and in the user's state.
    pub fn of_story(rules: &Ruleset, story: &[&Output], user: Option<&User>) -> Vec<DecisionExplanation> {
        let explain = |output: &&Output| match &output.decided {
            OutputKind::Decision(decision) => Some(DecisionExplanation::new(rules, output, decision, story, user)),
            _ => None,
        };
        story.iter().filter_map(explain).collect()
    }

    /// The segment whose change set it off.
    pub fn segment(&self) -> Option<&str> {
        self.on.split_once(':').filter(|(kind, _)| *kind != "event").map(|(_, segment)| segment)
    }

    fn new(
        rules: &Ruleset,
        output: &Output,
        decision: &DecisionOutput,
        story: &[&Output],
        user: Option<&User>,
    ) -> DecisionExplanation {
        let campaign = &rules.campaigns[usize::from(decision.campaign.0)];
        let variant = |index: Option<usize>| Some(campaign.variants.get(index?)?.id.clone());
        let action = match decision.outcome {
            Outcome::Sent { variant: index, ordinal } => Some(SentAction {
                id: action_id(&campaign.id, &output.user, output.at, ordinal),
                channel: campaign.channel.clone(),
                variant: variant(index),
                payload: decision.payload.as_deref().cloned(),
            }),
            _ => None,
        };
        let steps: Vec<_> =
            decision.steps.iter().map(|step| StepExplanation::new(rules, campaign, step, output.at)).collect();
        DecisionExplanation {
            campaign: campaign.id.clone(),
            at: output.at,
            outcome: decision.outcome.name(),
            on: on(rules, decision.trigger.on),
            key: decision.trigger.key.clone(),
            cause: decision.cause.clone(),
            sentence: sentence(&decision.outcome, action.as_ref(), &steps),
            costs: costs(rules, output, decision, story),
            paid: paid(rules, output, decision, story),
            goals: goals(rules, output, decision, story, user),
            steps,
            action,
        }
    }
}

/// What triggers a campaign, as the rules write it.
fn on(rules: &Ruleset, on: CampaignTrigger) -> String {
    match on {
        CampaignTrigger::Transition { segment, change } => {
            format!("{}:{}", change.name(), rules.segments[usize::from(segment.0)].id)
        }
        CampaignTrigger::Match(name) => format!("event:{}", rules.names[usize::from(name.0)].id),
    }
}

fn sentence(outcome: &Outcome, action: Option<&SentAction>, steps: &[StepExplanation]) -> String {
    let reason = steps.last().filter(|step| !step.is_passed).map(|step| step.sentence.as_str());
    match (outcome, action, reason) {
        (_, Some(SentAction { channel, variant: Some(variant), .. }), _) => {
            format!("sent by {channel}, variant {variant}")
        }
        (_, Some(SentAction { channel, .. }), _) => format!("sent by {channel}"),
        (_, None, Some(reason)) => reason.to_owned(),
        (Outcome::Deferred { until }, None, None) => format!("quiet hours: held until {until}"),
        (Outcome::TooLate, ..) => "what set it off was longer ago than its `expires`".to_owned(),
        (Outcome::NoConsent, ..) => "the user did not consent to what it needs".to_owned(),
        (Outcome::Condition, ..) => "its `if` did not hold".to_owned(),
        (Outcome::MaxPerUser, ..) => "it had fired `max_per_user` times for the user".to_owned(),
        (Outcome::MaxPerKey, ..) => "it had fired `max_per_key` times for the key".to_owned(),
        (Outcome::Cooldown, ..) => "it had fired less than its `cooldown` before".to_owned(),
        (Outcome::Pending, ..) => "quiet hours, and a decision of it was held already".to_owned(),
        (Outcome::Capped, ..) => "a cap was full".to_owned(),
        (Outcome::Insufficient, ..) => "the user had fewer points than its price, or the price was none".to_owned(),
        (Outcome::Budget, ..) => "a budget lacked its cost".to_owned(),
        (Outcome::NoLuck, ..) => "its draw was lost".to_owned(),
        (Outcome::Control, ..) => "the user is in the global control group".to_owned(),
        (Outcome::Holdout, ..) => "the user is in the campaign's holdout".to_owned(),
        (Outcome::Stale, ..) => "what set it off did not hold any more".to_owned(),
        (Outcome::Sent { .. }, ..) => "sent".to_owned(),
    }
}

fn costs(rules: &Ruleset, output: &Output, decision: &DecisionOutput, story: &[&Output]) -> Vec<ActionCost> {
    let Outcome::Sent { ordinal, .. } = decision.outcome else { return Vec::new() };
    // A change of rules adds to the reported part of the ordinal.
    let is_of_it = |(at, of): (Timestamp, u64)| (at, of & 0xffff_ffff) == (output.at, ordinal & 0xffff_ffff);
    let cost = |other: &&Output| match &other.decided {
        OutputKind::Budget(cost) if cost.campaign == decision.campaign && is_of_it(cost.action) => Some(ActionCost {
            budget: rules.budgets[usize::from(cost.budget.0)].id.clone(),
            change: cost.change,
            amount: cost.amount,
            at: other.at,
        }),
        _ => None,
    };
    story.iter().filter_map(cost).collect()
}

/// The price is told right before the decision.
fn paid(rules: &Ruleset, output: &Output, decision: &DecisionOutput, story: &[&Output]) -> Option<PaidPrice> {
    let place = story.iter().position(|other| std::ptr::eq(*other, output))?;
    match &story.get(place.checked_sub(1)?)?.decided {
        OutputKind::Points(points) if points.change == PointsChange::Spent => {
            points.price.as_ref().filter(|price| price.campaign == decision.campaign)?;
            let ledger = rules.ledgers[usize::from(points.ledger.0)].id.clone();
            Some(PaidPrice { ledger, amount: points.amount })
        }
        _ => None,
    }
}

/// Whether it exposes the user to goals.
fn exposes(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Control | Outcome::Holdout | Outcome::Sent { .. })
}

fn goals(
    rules: &Ruleset,
    output: &Output,
    decision: &DecisionOutput,
    story: &[&Output],
    user: Option<&User>,
) -> Vec<GoalStanding> {
    let campaign = &rules.campaigns[usize::from(decision.campaign.0)];
    // Of several decisions of one instant the first exposes the user.
    let exposes_before = |other: &&Output| match &other.decided {
        OutputKind::Decision(of) => of.campaign == decision.campaign && exposes(&of.outcome) && other.at == output.at,
        _ => false,
    };
    let first = story.iter().copied().find(exposes_before);
    if !exposes(&decision.outcome) || first.is_some_and(|first| !std::ptr::eq(first, output)) {
        return Vec::new();
    }
    let mature = story.iter().filter_map(|other| match &other.decided {
        OutputKind::GoalOutcome(of) if *of.campaign == *campaign.id && of.exposed == output.at => Some(GoalStanding {
            goal: of.goal.to_string(),
            count: of.count,
            value: of.value,
            matures: other.at,
            is_mature: true,
        }),
        _ => None,
    });
    let open = user.into_iter().flat_map(|user| user.goals.open()).filter_map(|open| {
        let RuleReference::Current(goal) = open.key.goal else { return None };
        let is_of_it = open.key.campaign == RuleReference::Current(decision.campaign.0) && open.exposed == output.at;
        is_of_it.then(|| GoalStanding {
            goal: rules.goals[usize::from(goal)].id.clone(),
            count: open.count,
            value: Decimal::of_sum(open.value),
            matures: open.matures,
            is_mature: false,
        })
    });
    mature.chain(open).collect()
}

//! Explanations of decisions as JSON.

use std::collections::BTreeMap;

use serde::Serialize;

use super::decision::{DecisionExplanation, GoalStanding, SentAction};
use super::document::ConditionDocument;
use super::step::StepExplanation;
use crate::json::JsonText;

/// What became of a campaign when it was considered for a user.
#[derive(Clone, Debug, Serialize)]
pub struct DecisionExplanationDocument<'e> {
    campaign: &'e str,
    at: String,
    outcome: &'e str,
    on: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'e str>,
    /// The messageId of the event that set it off, `time`, `ttl`, …; left out for an event without messageId.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'e str>,
    sentence: &'e str,
    /// The last one decided.
    steps: Vec<StepDocument<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    action: Option<ActionDocument<'e>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    costs: Vec<ActionCostDocument<'e>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    paid: Option<PaidDocument<'e>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    goals: Vec<GoalStandingDocument<'e>>,
}

#[derive(Clone, Debug, Serialize)]
struct StepDocument<'e> {
    step: &'e str,
    passed: bool,
    sentence: &'e str,
    #[serde(flatten)]
    numbers: &'e BTreeMap<&'static str, JsonText>,
    #[serde(skip_serializing_if = "Option::is_none")]
    condition: Option<ConditionDocument<'e>>,
}

#[derive(Clone, Debug, Serialize)]
struct ActionDocument<'e> {
    id: &'e str,
    channel: &'e str,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<&'e BTreeMap<String, JsonText>>,
}

#[derive(Clone, Debug, Serialize)]
struct ActionCostDocument<'e> {
    budget: &'e str,
    change: &'e str,
    amount: JsonText,
    at: String,
}

#[derive(Clone, Debug, Serialize)]
struct PaidDocument<'e> {
    ledger: &'e str,
    amount: JsonText,
}

#[derive(Clone, Debug, Serialize)]
struct GoalStandingDocument<'e> {
    goal: &'e str,
    reached: bool,
    count: u64,
    /// Null: larger than 10^30 in size.
    value: JsonText,
    /// Until when matches count, or counted.
    until: String,
    is_over: bool,
}

fn number(value: &impl ToString) -> JsonText {
    JsonText::from_text(&value.to_string()).unwrap_or_else(JsonText::null)
}

impl DecisionExplanation {
    /// The same as JSON.
    pub fn document(&self) -> DecisionExplanationDocument<'_> {
        let costs = self.costs.iter().map(|cost| ActionCostDocument {
            budget: &cost.budget,
            change: cost.change.name(),
            amount: number(&cost.amount),
            at: cost.at.to_string(),
        });
        DecisionExplanationDocument {
            campaign: &self.campaign,
            at: self.at.to_string(),
            outcome: self.outcome,
            on: &self.on,
            key: self.key.as_deref(),
            cause: self.cause.name(),
            sentence: &self.sentence,
            steps: self.steps.iter().map(StepDocument::new).collect(),
            action: self.action.as_ref().map(ActionDocument::new),
            costs: costs.collect(),
            paid: self.paid.as_ref().map(|paid| PaidDocument { ledger: &paid.ledger, amount: number(&paid.amount) }),
            goals: self.goals.iter().map(GoalStandingDocument::new).collect(),
        }
    }
}

impl<'e> StepDocument<'e> {
    fn new(step: &'e StepExplanation) -> StepDocument<'e> {
        StepDocument {
            step: step.step,
            passed: step.is_passed,
            sentence: &step.sentence,
            numbers: &step.numbers,
            condition: step.condition.as_deref().map(ConditionDocument::new),
        }
    }
}

impl<'e> ActionDocument<'e> {
    fn new(action: &'e SentAction) -> ActionDocument<'e> {
        ActionDocument {
            id: &action.id,
            channel: &action.channel,
            variant: action.variant.as_deref(),
            payload: action.payload.as_ref(),
        }
    }
}

impl<'e> GoalStandingDocument<'e> {
    fn new(standing: &'e GoalStanding) -> GoalStandingDocument<'e> {
        GoalStandingDocument {
            goal: &standing.goal,
            reached: standing.count > 0,
            count: standing.count,
            value: standing.value.map_or_else(JsonText::null, |value| number(&value)),
            until: standing.matures.to_string(),
            is_over: standing.is_mature,
        }
    }
}

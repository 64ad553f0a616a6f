//! What became of campaigns, for people.

use std::fmt::Write as _;

use super::text::in_words;
use crate::cli::terminal;
use rekindle_core::explanation::{DecisionExplanation, GoalStanding};

/// How many decisions are shown with all their steps: the latest.
const WITH_STEPS_MAX: usize = 20;

/// Every decision with the step that decided; the latest with all steps.
pub(super) fn text(decisions: &[DecisionExplanation], out: &mut String) {
    if decisions.is_empty() {
        out.push_str("no campaign was considered");
        return;
    }
    out.push_str("campaigns, each time they were considered\n");
    let first_with_steps = decisions.len().saturating_sub(WITH_STEPS_MAX);
    for (index, decision) in decisions.iter().enumerate() {
        let key = decision.key.as_ref().map(|key| format!(" for key {}", terminal::field(key))).unwrap_or_default();
        let DecisionExplanation { at, campaign, outcome, on, cause, sentence, .. } = decision;
        let _ = writeln!(out, "  {at} {campaign}{key}: {outcome} ({on}; {})", in_words(cause));
        let _ = writeln!(out, "      {}", terminal::field(sentence));
        if index >= first_with_steps {
            steps(decision, out);
        }
        consequences(decision, out);
    }
}

/// The steps that were passed.
fn steps(decision: &DecisionExplanation, out: &mut String) {
    for step in decision.steps.iter().filter(|step| step.is_passed) {
        let _ = writeln!(out, "      passed: {}", terminal::field(&step.sentence));
    }
}

fn consequences(decision: &DecisionExplanation, out: &mut String) {
    if let Some(paid) = &decision.paid {
        let _ = writeln!(out, "      the user paid {} of `{}`", paid.amount, paid.ledger);
    }
    for cost in &decision.costs {
        let _ =
            writeln!(out, "      {} {} of budget `{}` at {}", cost.change.name(), cost.amount, cost.budget, cost.at);
    }
    for goal in &decision.goals {
        let GoalStanding { goal, count, value, matures, is_mature } = goal;
        let value = value.map(|value| format!(", {value} in all")).unwrap_or_default();
        let reached = match (count, is_mature) {
            (0, true) => format!("not reached by {matures}"),
            (0, false) => format!("not reached yet; it counts until {matures}"),
            (count, true) => format!("reached: {count} times by {matures}{value}"),
            (count, false) => format!("reached: {count} times so far{value}; it counts until {matures}"),
        };
        let _ = writeln!(out, "      goal `{goal}`: {reached}");
    }
}

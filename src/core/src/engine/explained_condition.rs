//! A condition as a tree, with the values of each part.

use std::sync::Arc;

use super::evaluate::EvaluationContext;
use crate::json::JsonText;
use crate::rules::dependencies;
use crate::rules::notation;
use crate::rules::ruleset::{Condition, FeatureId, Term};
use crate::time::{Span, Timestamp};
use crate::value::Value;

/// A condition at one instant.
#[derive(Clone, Debug, PartialEq)]
pub struct ConditionExplanation {
    /// The condition, as the rules write it.
    pub text: String,
    /// Whether it holds.
    pub holds: bool,
    /// The first instant at which time alone may change that; `None`: it cannot.
    pub until: Option<Timestamp>,
    /// Whether the answer of the whole depends on it: false behind a part of `&&` that does not hold, or of `||` that does.
    pub is_needed: bool,
    /// What is compared, of a condition without parts; constants are left out.
    pub operands: Vec<OperandExplanation>,
    /// How its parts are joined.
    pub joint: ConditionJoint,
    /// The conditions that it consists of.
    pub parts: Vec<ConditionExplanation>,
}

/// How the parts of a condition are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionJoint {
    /// It has none.
    None,
    /// `!`
    Not,
    /// `&&`
    All,
    /// `||`
    Any,
}

/// A term with its value.
#[derive(Clone, Debug, PartialEq)]
pub struct OperandExplanation {
    /// The term, as the rules write it.
    pub text: String,
    /// Its value: durations in milliseconds; null where there is none, or it is infinite.
    pub value: JsonText,
    /// The same for people: `1d2h`, `never`, `missing`.
    pub shown: String,
    /// The features that it reads.
    pub features: Vec<FeatureId>,
    /// The events that its value is made of; `None`: that is not known.
    pub events: Option<OperandEvents>,
}

/// The events that a value is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OperandEvents {
    /// How many matches there are in all.
    pub matches: u64,
    /// The latest of the events, the latest first.
    pub latest: Vec<EventReference>,
    /// All matches are known that it may be made of.
    pub is_complete: bool,
}

/// Which event, and when it happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventReference {
    /// Its messageId.
    pub message_id: Option<Arc<str>>,
    /// Its own time.
    pub ts: Timestamp,
}

impl ConditionExplanation {
    /// Explains a condition in what it sees.
    pub fn new(scope: &EvaluationContext<'_>, condition: &Condition) -> ConditionExplanation {
        ConditionExplanation::of_part(scope, condition, true)
    }

    /// The conditions without parts, from left to right.
    pub fn leaves(&self) -> Vec<&ConditionExplanation> {
        match self.parts.as_slice() {
            [] => vec![self],
            parts => parts.iter().flat_map(ConditionExplanation::leaves).collect(),
        }
    }

    /// The fewest conditions without parts that would have to change, all of them together, for the whole to change.
    pub fn deciding(&self) -> Vec<&ConditionExplanation> {
        let parts = || self.parts.iter().filter(|part| part.holds == self.holds).map(ConditionExplanation::deciding);
        match (self.joint, self.holds) {
            (ConditionJoint::None, _) => vec![self],
            (ConditionJoint::Not, _) => self.parts.iter().flat_map(ConditionExplanation::deciding).collect(),
            (ConditionJoint::All, false) | (ConditionJoint::Any, true) => parts().flatten().collect(),
            (ConditionJoint::All, true) | (ConditionJoint::Any, false) => {
                parts().min_by_key(Vec::len).unwrap_or_default()
            }
        }
    }

    fn of_part(scope: &EvaluationContext<'_>, condition: &Condition, is_needed: bool) -> ConditionExplanation {
        let outlook = scope.outlook(condition);
        let joint = match condition {
            Condition::Not(_) => ConditionJoint::Not,
            Condition::All(_) => ConditionJoint::All,
            Condition::Any(_) => ConditionJoint::Any,
            _ => ConditionJoint::None,
        };
        let (operands, parts) = match condition {
            Condition::Not(inner) => (Vec::new(), vec![ConditionExplanation::of_part(scope, inner, is_needed)]),
            Condition::All(parts) => (Vec::new(), joined(scope, parts, is_needed, false)),
            Condition::Any(parts) => (Vec::new(), joined(scope, parts, is_needed, true)),
            leaf => (operands(scope, leaf), Vec::new()),
        };
        ConditionExplanation {
            text: notation::condition(scope.rules, condition),
            holds: outlook.holds,
            until: Some(outlook.until).filter(|until| *until < Timestamp::NEVER),
            is_needed,
            operands,
            joint,
            parts,
        }
    }
}

/// Parts of which the first that is `deciding` makes the others irrelevant.
fn joined(
    scope: &EvaluationContext<'_>,
    parts: &[Condition],
    is_needed: bool,
    deciding: bool,
) -> Vec<ConditionExplanation> {
    let mut is_needed = is_needed;
    let explain = |part| {
        let explained = ConditionExplanation::of_part(scope, part, is_needed);
        is_needed &= explained.holds != deciding;
        explained
    };
    parts.iter().map(explain).collect()
}

fn operands(scope: &EvaluationContext<'_>, leaf: &Condition) -> Vec<OperandExplanation> {
    operand_terms(leaf).into_iter().map(|term| OperandExplanation::new(scope, term)).collect()
}

/// What is compared, of a condition without parts, without constants: in the order of [`ConditionExplanation::operands`].
pub(crate) fn operand_terms(leaf: &Condition) -> Vec<&Term> {
    let terms: Vec<&Term> = match leaf {
        Condition::Compare { left, right, .. } => vec![left, right],
        Condition::Text { subject, argument, .. } => vec![subject, argument],
        Condition::In { item, list } => vec![item, list],
        Condition::Has(term) | Condition::IsTrue(term) | Condition::Anniversary(term) => vec![term],
        Condition::Matches { subject, .. } => vec![subject],
        Condition::Constant(_)
        | Condition::InSegment(_)
        | Condition::Not(_)
        | Condition::All(_)
        | Condition::Any(_) => Vec::new(),
    };
    let is_constant = |term: &&Term| matches!(term, Term::Constant(_) | Term::List(_) | Term::Duration(_));
    terms.into_iter().filter(|term| !is_constant(term)).collect()
}

impl OperandExplanation {
    fn new(scope: &EvaluationContext<'_>, term: &Term) -> OperandExplanation {
        let value = scope.value(term);
        let mut features = Vec::new();
        dependencies::each_in_term(term, &mut |inner| dependencies::features_of(inner, &mut |id| features.push(id)));
        features.sort_unstable();
        features.dedup();
        let text = notation::term(scope.rules, term);
        OperandExplanation { text, value: value.to_json(), shown: shown(&value), features, events: None }
    }
}

fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Missing => "missing".to_owned(),
        Value::Forever => "never".to_owned(),
        Value::MinusForever => "less than any duration".to_owned(),
        Value::Span(ms) => Span(*ms).to_string(),
        other => other.to_json().to_string(),
    }
}

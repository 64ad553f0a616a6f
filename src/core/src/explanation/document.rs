//! Explanations as JSON.

use serde::Serialize;

use super::condition::{ConditionExplanation, OperandExplanation};
use super::segment::SegmentExplanation;
use crate::json::JsonText;

/// Why a user, or a key, is in a segment, or is not.
#[derive(Clone, Debug, Serialize)]
pub struct SegmentExplanationDocument<'e> {
    segment: &'e str,
    /// Left out of segments of users.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'e str>,
    is_in: bool,
    at: String,
    condition: ConditionDocument<'e>,
    /// Null: not within 400 days.
    next_change: Option<NextChangeDocument>,
    /// Events that would change it, with how many of them at once, without properties.
    sufficient_events: Vec<SufficientEventsDocument<'e>>,
}

#[derive(Clone, Debug, Serialize)]
struct ConditionDocument<'e> {
    text: &'e str,
    holds: bool,
    /// The first instant at which time alone may change that; null: it cannot.
    until: Option<String>,
    /// Whether the answer of the whole depends on it.
    is_needed: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    operands: Vec<OperandDocument<'e>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    parts: Vec<ConditionDocument<'e>>,
}

#[derive(Clone, Debug, Serialize)]
struct OperandDocument<'e> {
    text: &'e str,
    value: &'e JsonText,
    shown: &'e str,
}

#[derive(Clone, Debug, Serialize)]
struct NextChangeDocument {
    change: &'static str,
    at: String,
}

#[derive(Clone, Debug, Serialize)]
struct SufficientEventsDocument<'e> {
    name: &'e str,
    count: usize,
}

impl SegmentExplanation {
    /// The same as JSON.
    pub fn document(&self) -> SegmentExplanationDocument<'_> {
        let next = self.next_change.as_ref();
        let sufficient = self.sufficient.iter();
        SegmentExplanationDocument {
            segment: &self.segment,
            key: self.key.as_deref(),
            is_in: self.is_in,
            at: self.at.to_string(),
            condition: ConditionDocument::new(&self.condition),
            next_change: next.map(|next| NextChangeDocument { change: next.change.name(), at: next.at.to_string() }),
            sufficient_events: sufficient
                .map(|events| SufficientEventsDocument { name: &events.name, count: events.count })
                .collect(),
        }
    }
}

impl<'e> ConditionDocument<'e> {
    fn new(condition: &'e ConditionExplanation) -> ConditionDocument<'e> {
        ConditionDocument {
            text: &condition.text,
            holds: condition.holds,
            until: condition.until.map(|until| until.to_string()),
            is_needed: condition.is_needed,
            operands: condition.operands.iter().map(OperandDocument::new).collect(),
            parts: condition.parts.iter().map(ConditionDocument::new).collect(),
        }
    }
}

impl<'e> OperandDocument<'e> {
    fn new(operand: &'e OperandExplanation) -> OperandDocument<'e> {
        OperandDocument { text: &operand.text, value: &operand.value, shown: &operand.shown }
    }
}

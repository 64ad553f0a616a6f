//! Explanations as JSON.

use serde::Serialize;

use super::nearest::ClauseDistance;
use super::segment::SegmentExplanation;
use crate::engine::explained_condition::{ConditionExplanation, EventReference, OperandExplanation};
use crate::json::JsonText;
use crate::partition::GroupCondition;

/// Why a user, or a key, is in a segment, or is not.
#[derive(Clone, Debug, Serialize)]
pub struct SegmentExplanationDocument<'e> {
    segment: &'e str,
    /// Left out of segments of users.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'e str>,
    is_in: bool,
    at: String,
    /// Since when; left out where it is not known, or has never been so.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<SinceDocument<'e>>,
    condition: ConditionDocument<'e>,
    /// Null: not within 400 days.
    next_change: Option<NextChangeDocument>,
    /// Events that would change it, with how many of them at once, without properties.
    sufficient_events: Vec<SufficientEventsDocument<'e>>,
    nearest: NearestDocument<'e>,
}

/// Why a group is in a segment, or is not.
#[derive(Clone, Debug, Serialize)]
pub struct GroupConditionDocument<'e> {
    segment: &'e str,
    is_in: bool,
    condition: ConditionDocument<'e>,
}

#[derive(Clone, Debug, Serialize)]
struct SinceDocument<'e> {
    at: String,
    /// The messageId of an event, `time`, `ttl`, …; left out for an event without messageId.
    #[serde(skip_serializing_if = "Option::is_none")]
    cause: Option<&'e str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<EventDocument<'e>>,
}

#[derive(Clone, Debug, Serialize)]
struct EventDocument<'e> {
    #[serde(skip_serializing_if = "Option::is_none")]
    message_id: Option<&'e str>,
    at: String,
}

/// The events that a value is made of.
#[derive(Clone, Debug, Serialize)]
struct OperandEventsDocument<'e> {
    matches: u64,
    /// Whether `matches` are all.
    is_complete: bool,
    latest: Vec<EventDocument<'e>>,
}

#[derive(Clone, Debug, Serialize)]
struct NearestDocument<'e> {
    sentence: &'e str,
    clauses: Vec<ClauseDocument<'e>>,
}

#[derive(Clone, Debug, Serialize)]
struct ClauseDocument<'e> {
    text: &'e str,
    holds: bool,
    distance: &'e str,
    until: Option<String>,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct ConditionDocument<'e> {
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
    /// Left out where they are not known, or there are none that it could be made of.
    #[serde(skip_serializing_if = "Option::is_none")]
    events: Option<OperandEventsDocument<'e>>,
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
            since: self.since.as_ref().map(|since| SinceDocument {
                at: since.at.to_string(),
                cause: since.cause.name(),
                event: since.event.as_ref().map(EventDocument::new),
            }),
            condition: ConditionDocument::new(&self.condition),
            next_change: next.map(|next| NextChangeDocument { change: next.change.name(), at: next.at.to_string() }),
            sufficient_events: sufficient
                .map(|events| SufficientEventsDocument { name: &events.name, count: events.count })
                .collect(),
            nearest: NearestDocument {
                sentence: &self.nearest.sentence,
                clauses: self.nearest.clauses.iter().map(ClauseDocument::new).collect(),
            },
        }
    }
}

impl<'e> GroupConditionDocument<'e> {
    /// What is known of a group and a segment.
    pub fn new(known: &'e GroupCondition) -> GroupConditionDocument<'e> {
        let condition = ConditionDocument::new(&known.condition);
        GroupConditionDocument { segment: &known.segment, is_in: known.is_in, condition }
    }
}

impl<'e> EventDocument<'e> {
    fn new(event: &'e EventReference) -> EventDocument<'e> {
        EventDocument { message_id: event.message_id.as_deref(), at: event.ts.to_string() }
    }
}

impl<'e> ClauseDocument<'e> {
    fn new(clause: &'e ClauseDistance) -> ClauseDocument<'e> {
        ClauseDocument {
            text: &clause.text,
            holds: clause.holds,
            distance: &clause.distance,
            until: clause.until.map(|until| until.to_string()),
        }
    }
}

impl<'e> ConditionDocument<'e> {
    pub(super) fn new(condition: &'e ConditionExplanation) -> ConditionDocument<'e> {
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
        let events = operand.events.as_ref().map(|events| OperandEventsDocument {
            matches: events.matches,
            is_complete: events.is_complete,
            latest: events.latest.iter().map(EventDocument::new).collect(),
        });
        OperandDocument { text: &operand.text, value: &operand.value, shown: &operand.shown, events }
    }
}

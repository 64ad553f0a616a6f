//! What the decoder, or its oracle, makes of one call, in a form that both can be compared in.

use std::collections::BTreeMap;

use rekindle_core::decode::Decoded;
use rekindle_core::event::{CallType, Event, EventTime, Scalar};
use rekindle_core::rules::ruleset::Projection;

/// What became of one call.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    Accepted(Box<AcceptedCall>),
    Rejected(&'static str),
}

/// An accepted call.
#[derive(Clone, Debug, PartialEq)]
pub struct AcceptedCall {
    pub(super) call: CallType,
    pub(super) texts: [Option<String>; 4],
    pub(super) times: OracleTimes,
    /// Values in words: `number 12.5`, `text x`, `json [1]`.
    pub(super) fields: BTreeMap<u16, String>,
    pub(super) traits: BTreeMap<u16, Option<String>>,
    pub(super) oversized: u16,
    pub(super) placeholder_ids: u8,
}

/// What it says of when it happened.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct OracleTimes {
    /// Whether there is both a `timestamp` and an `originalTimestamp`.
    pub(super) is_corrected: bool,
    pub(super) claimed: Option<i64>,
    /// Only where it matters: beside a claim that is not corrected.
    pub(super) sent: Option<i64>,
    pub(super) received: Option<i64>,
    /// The field that has something else.
    pub(super) unusable: Option<&'static str>,
}

impl Verdict {
    /// What it is called; of an accepted call, everything that there is to it.
    pub fn names(&self) -> Vec<String> {
        match self {
            Verdict::Rejected(reason) => vec![(*reason).to_owned()],
            Verdict::Accepted(content) => {
                let mut names = vec![format!("accepted {}", content.call.name())];
                let parts = [
                    ("fields", !content.fields.is_empty()),
                    ("traits", !content.traits.is_empty()),
                    ("placeholder ids", content.placeholder_ids > 0),
                ];
                names.extend(parts.iter().filter(|(_, there)| *there).map(|(what, _)| format!("accepted with {what}")));
                names
            }
        }
    }

    /// Without the properties of track events of which none are read: they may be there or not, as keys come in any order.
    pub fn without_unread(mut self, projection: &Projection) -> Verdict {
        if let (Verdict::Accepted(content), Some(events)) = (&mut self, &projection.property_events)
            && content.call == CallType::Track
            && content.texts[0].as_ref().is_none_or(|name| !events.contains(name))
        {
            content.fields.retain(|at, _| projection.fields[usize::from(*at)][0] != "properties");
        }
        self
    }
}

/// What the decoder said, in the same words.
pub fn of_decoded(decoded: &Decoded<'_>) -> Verdict {
    match decoded {
        Err(rejected) => Verdict::Rejected(rejected.reason.code()),
        Ok(event) => Verdict::Accepted(Box::new(of_event(event))),
    }
}

fn of_event(event: &Event<'_>) -> AcceptedCall {
    let own = |text: &Option<std::borrow::Cow<'_, str>>| text.as_deref().map(str::to_owned);
    AcceptedCall {
        call: event.call,
        texts: [own(&event.name), own(&event.user_id), own(&event.anonymous_id), own(&event.message_id)],
        times: of_times(event),
        fields: event.fields.iter().map(|(id, value)| (id.0, plain(value))).collect(),
        traits: event.traits.iter().map(|(id, value)| (id.0, value.as_ref().map(plain))).collect(),
        oversized: event.oversized,
        placeholder_ids: event.placeholder_ids,
    }
}

fn of_times(event: &Event<'_>) -> OracleTimes {
    let (is_corrected, claimed, sent) = match event.time {
        EventTime::Corrected(at) => (true, Some(at.0), None),
        EventTime::Claimed { at, sent_at } => (false, Some(at.0), sent_at.map(|at| at.0)),
        EventTime::Missing { .. } => (false, None, None),
    };
    let unusable = match &event.time {
        EventTime::Missing { unusable } => unusable.as_ref().map(|(field, _)| *field),
        _ => None,
    };
    OracleTimes { is_corrected, claimed, sent, received: event.received_at.map(|at| at.0), unusable }
}

pub(super) fn plain(scalar: &Scalar<'_>) -> String {
    match scalar {
        Scalar::Bool(value) => value.to_string(),
        Scalar::Number(number) => format!("number {}", number.millionths()),
        Scalar::Text(text) => format!("text {text}"),
        Scalar::Json(json) => format!("json {json}"),
    }
}

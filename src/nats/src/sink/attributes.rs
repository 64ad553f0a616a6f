//! The attributes of a CloudEvent in binary mode: headers, as the NATS protocol binding defines them.

use async_nats::header::{HeaderName, HeaderValue};

use super::message::MessageKind;
use rekindle_core::action::{Action, JSON, types};
use rekindle_core::time::Timestamp;

/// The attributes of an event.
pub(super) struct CloudEventAttributes<'a> {
    /// Its type.
    pub(super) kind: &'static str,
    pub(super) id: &'a str,
    /// The attribute `source`.
    pub(super) emitter: &'a str,
    /// The attribute `subject`: the user, or as whom a partner knows it.
    pub(super) user: Option<&'a str>,
    /// When it happened.
    pub(super) time: Option<String>,
}

impl<'a> CloudEventAttributes<'a> {
    /// Those of an output whose data has the form of a journal line.
    pub(super) fn new(kind: MessageKind, id: &'a str, emitter: &'a str) -> CloudEventAttributes<'a> {
        CloudEventAttributes { kind: event_type(kind), id, emitter, user: None, time: None }
    }

    /// The same, about this user at this time.
    pub(super) fn about(self, user: Option<&'a str>, at: Timestamp) -> CloudEventAttributes<'a> {
        CloudEventAttributes { user, time: Some(at.to_string()), ..self }
    }

    /// Those of an action.
    pub(super) fn of(action: &'a Action<'_>) -> CloudEventAttributes<'a> {
        let Action { id, source, subject, time, kind, .. } = action;
        CloudEventAttributes { kind, id, emitter: source, user: Some(subject), time: Some(time.clone()) }
    }

    /// The headers, among them that the payload is JSON.
    pub(super) fn headers(&self) -> Vec<(HeaderName, HeaderValue)> {
        let mut headers = vec![
            header("content-type", JSON),
            // The NATS binding maps this attribute like any other, and uses content-type for the mode of the event.
            header("ce-datacontenttype", JSON),
            header("ce-id", self.id),
            header("ce-source", &percent_encoded(self.emitter)),
            header("ce-specversion", "1.0"),
            header("ce-type", self.kind),
        ];
        headers.extend(self.user.map(|user| header("ce-subject", &percent_encoded(user))));
        headers.extend(self.time.as_deref().map(|time| header("ce-time", time)));
        headers
    }
}

fn event_type(kind: MessageKind) -> &'static str {
    match kind {
        MessageKind::Transition => types::TRANSITION,
        MessageKind::Action => types::ACTION,
        MessageKind::Decision => types::DECISION,
        MessageKind::Points => types::POINTS,
        MessageKind::Budget => types::BUDGET,
        MessageKind::Merged => types::MERGED,
        MessageKind::GoalOutcome => types::OUTCOME,
        MessageKind::Shared => types::SHARED,
        MessageKind::Weights => types::WEIGHTS,
        MessageKind::Rules => types::RULES,
        MessageKind::DeadLetter => types::DEAD_LETTER,
        // Progress records are no events: only the daemon reads them.
        MessageKind::Progress => "",
    }
}

pub(super) fn header(name: &'static str, value: &str) -> (HeaderName, HeaderValue) {
    (HeaderName::from_static(name), HeaderValue::from(value))
}

/// A header's value as CloudEvents encode it: blanks, quotes, percent signs and everything that is not printable ASCII as
/// the bytes of its UTF-8, `%E2%82%AC`.
fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'"' | b'%' => encoded.push_str(&format!("%{byte:02X}")),
            0x21..=0x7e => encoded.push(char::from(byte)),
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_values_are_percent_encoded_as_cloud_events_specify() {
        assert_eq!(percent_encoded("Euro € 😀 \"50%\"~"), "Euro%20%E2%82%AC%20%F0%9F%98%80%20%2250%25%22~");
        assert_eq!(percent_encoded("plain-id_7"), "plain-id_7");
        assert_eq!(percent_encoded("a\r\nX: y"), "a%0D%0AX:%20y");
    }
}

//! An output as it comes from the stream: a CloudEvent, in one JSON object or with its attributes in headers.

use async_nats::HeaderMap;
use rekindle_core::time::Timestamp;
use serde_json::{Map, Value};
use thiserror::Error;

/// An output that can be sent.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliverableEvent {
    /// Its id: a UUID.
    pub id: String,
    /// Whom it is about.
    pub user: Option<String>,
    /// From when on it must not be sent.
    pub expires: Option<Timestamp>,
    /// The CloudEvent in one object.
    pub event: Value,
}

/// Why a message can't be sent.
#[derive(Debug, Error)]
pub enum EventError {
    /// It is no JSON.
    #[error("the message is no JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// It is no CloudEvent.
    #[error("the message is no CloudEvent: it has no {0}")]
    Attribute(&'static str),
}

impl DeliverableEvent {
    /// Reads a message of the output stream.
    ///
    /// # Errors
    /// It is no CloudEvent.
    pub fn read(headers: Option<&HeaderMap>, payload: &[u8]) -> Result<DeliverableEvent, EventError> {
        let body: Value = serde_json::from_slice(payload)?;
        let is_binary = headers.is_some_and(|headers| headers.get("ce-id").is_some());
        let event = match headers {
            Some(headers) if is_binary => Value::Object(attributes(headers, body)),
            _ => body,
        };
        DeliverableEvent::of(event)
    }

    /// The output that a CloudEvent is.
    ///
    /// # Errors
    /// It has no id.
    pub fn of(event: Value) -> Result<DeliverableEvent, EventError> {
        let text = |name: &str| event.get(name).and_then(Value::as_str).map(str::to_owned);
        let id = text("id").filter(|id| !id.is_empty()).ok_or(EventError::Attribute("id"))?;
        let user = text("subject").or_else(|| event["data"]["user"].as_str().map(str::to_owned));
        let expires = event["data"]["expires"].as_str().and_then(Timestamp::parse_rfc3339);
        Ok(DeliverableEvent { id, user, expires, event })
    }

    /// Whether it must not be sent any more.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

fn attributes(headers: &HeaderMap, data: Value) -> Map<String, Value> {
    let mut event = Map::new();
    for (name, values) in headers.iter() {
        let name = name.to_string().to_ascii_lowercase();
        if let (Some(attribute), Some(value)) = (name.strip_prefix("ce-"), values.first()) {
            event.insert(attribute.to_owned(), Value::from(percent_decoded(value.as_str())));
        }
    }
    event.insert("data".to_owned(), data);
    event
}

/// A header's value without CloudEvents' encoding; what is not encoded properly stays as it is.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, more @ ..] = rest {
        let digits = more.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.filter(|_| *first == b'%').and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => (bytes.push(byte), rest = &more[2..]).1,
            None => (bytes.push(*first), rest = more).1,
        }
    }
    String::from_utf8(bytes).unwrap_or_else(|_| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_content_modes_give_the_same_event() {
        let data = serde_json::json!({ "user": "ü 1", "expires": "2026-03-09T00:00:00.000Z", "payload": {} });
        let structured = serde_json::json!({ "id": "i", "subject": "ü 1", "type": "t", "data": data });
        let mut headers = HeaderMap::new();
        for (name, value) in [("ce-id", "i"), ("ce-subject", "%C3%BC%201"), ("ce-type", "t"), ("Nats-Msg-Id", "x")] {
            headers.insert(name, value);
        }
        let one = DeliverableEvent::read(None, structured.to_string().as_bytes()).unwrap();
        let other = DeliverableEvent::read(Some(&headers), data.to_string().as_bytes()).unwrap();
        assert_eq!(one, other);
        assert_eq!(one.expires, Timestamp::parse_rfc3339("2026-03-09T00:00:00Z"));
        assert!(one.is_expired(one.expires.unwrap()) && !one.is_expired(Timestamp(0)));
    }

    #[test]
    fn what_is_no_event_is_refused() {
        for bad in ["", "[]", "{}", "{\"id\": 4}", "{\"id\": \"\"}", "nonsense"] {
            assert!(DeliverableEvent::read(None, bad.as_bytes()).is_err(), "{bad}");
        }
    }
}

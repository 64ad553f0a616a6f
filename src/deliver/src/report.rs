//! What became of a message, told to the log: the events `Message Delivered` and `Message Failed` of its user.
//!
//! They are calls like any other: rules can count them. The same message and result give the same `messageId`, so that what is
//! told twice counts once.

use async_nats::HeaderMap;
use rekindle_core::action::event_id;
use rekindle_core::time::Timestamp;
use rekindle_nats::NatsConnection;
use serde_json::{Value, json};

use crate::event::DeliverableEvent;
use crate::status::DeliveryResult;
use crate::undelivered::publish_stored;

/// What became of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct DeliveryReport {
    subject: String,
    id: String,
    call: Value,
}

impl DeliveryReport {
    /// The report of a message. `None`: it is about no user, or was not to be sent.
    pub fn new(
        place: &ReportPlace,
        event: &DeliverableEvent,
        result: DeliveryResult,
        reason: Option<&str>,
        now: Timestamp,
    ) -> Option<DeliveryReport> {
        let name = match result {
            DeliveryResult::Delivered => "Message Delivered",
            DeliveryResult::Failed | DeliveryResult::Expired => "Message Failed",
            DeliveryResult::Skipped => return None,
        };
        let ReportPlace { prefix, destination } = place;
        let user = event.user.as_deref()?;
        let id = event_id(&format!("{}\0{destination}\0{}", event.id, result.name()));
        let data = &event.event["data"];
        let mut properties = json!({ "destination": destination, "result": result.name(), "message": event.id });
        for key in ["campaign", "channel", "variant"] {
            if let Some(text) = data[key].as_str() {
                properties[key] = json!(text);
            }
        }
        if let Some(reason) = reason {
            properties["reason"] = json!(reason);
        }
        let call = json!({
            "type": "track", "event": name, "userId": user, "messageId": id, "timestamp": now.to_string(),
            "properties": properties,
        });
        Some(DeliveryReport { subject: format!("{prefix}.{destination}.{}", result.name()), id, call })
    }

    /// Publishes it; retries until the log has it.
    pub(crate) async fn publish(self, connection: &NatsConnection) {
        let mut headers = HeaderMap::new();
        headers.insert("Nats-Msg-Id", self.id.as_str());
        publish_stored(connection, &self.subject, headers, self.call.to_string().into_bytes()).await;
    }
}

/// Where reports go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReportPlace {
    /// What their subjects begin with.
    pub prefix: String,
    /// Who reports.
    pub destination: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_a_call_of_the_user() {
        let event =
            json!({ "id": "i", "subject": "u", "data": { "campaign": "hello", "channel": "email", "variant": null } });
        let event = DeliverableEvent::of(event).unwrap();
        let place = ReportPlace { prefix: "events.delivery".to_owned(), destination: "mail".to_owned() };
        let report = |result| DeliveryReport::new(&place, &event, result, Some("status 400"), Timestamp(0));
        let failed = report(DeliveryResult::Failed).unwrap();
        assert_eq!(failed.subject, "events.delivery.mail.failed");
        assert_eq!(failed.call["messageId"], failed.id);
        let expected = json!({
            "destination": "mail", "result": "failed", "message": "i", "campaign": "hello", "channel": "email",
            "reason": "status 400"
        });
        assert_eq!(failed.call["properties"], expected);
        assert_eq!((&failed.call["event"], &failed.call["userId"]), (&json!("Message Failed"), &json!("u")));
        assert_eq!(report(DeliveryResult::Delivered).unwrap().call["event"], "Message Delivered");
        assert_eq!(report(DeliveryResult::Skipped), None);
    }
}

use super::*;
use rekindle_core::time::Span;
use rekindle_settings::{CollectSettings, WriteKeySettings};
use serde_json::{Value, json};

use crate::write_keys::{NewWriteKey, WriteKeys};

/// 2026-03-05T10:00:00Z.
const NOW: Timestamp = Timestamp(1_772_704_800_000);

fn facts() -> RequestFacts {
    RequestFacts { received: NOW, ip: None, user_agent: Some("Browser/1".to_owned()), locale: Some("de-DE".to_owned()) }
}

/// The calls of a batch with this envelope, as they go into the log.
fn checked(key: WriteKeySettings, envelope: &str, calls: &[Value]) -> Vec<Result<(String, Value), CallRejection>> {
    let made = NewWriteKey::make().expect("random");
    let key = WriteKeySettings { sha256: vec![made.sha256], ..key };
    let settings = CollectSettings { keys: [("web".to_owned(), key)].into(), ..CollectSettings::default() };
    let keys = WriteKeys::new(&settings);
    let checker = CallChecker::new(&EngineSettings::default(), 1_000, &["Product Updated".to_owned()]);
    let (grant, facts) = (keys.grant(&made.key).expect("the key"), facts());
    let envelope = JsonObject::parse(envelope).expect("an envelope");
    let mut request = RequestCalls::new(grant, &facts, envelope, Some(CallType::Track));
    let check = |call: &Value| {
        let checked = checker.check(call.to_string().as_bytes(), &mut request)?;
        Ok((checked.id, serde_json::from_str(&checked.json).expect("JSON")))
    };
    calls.iter().map(check).collect()
}

fn only(key: WriteKeySettings, call: Value) -> Result<Value, CallRejection> {
    checked(key, "{}", &[call]).remove(0).map(|(_, call)| call)
}

fn server() -> WriteKeySettings {
    WriteKeySettings { trust: KeyTrust::Server, ..WriteKeySettings::default() }
}

fn client() -> WriteKeySettings {
    WriteKeySettings::default()
}

#[test]
fn a_call_is_marked_with_source_and_time_and_is_otherwise_as_it_came() {
    let call = json!({
        "event": "Order Completed", "userId": "u1", "messageId": "m1", "writeKey": "secret", "receivedAt": "2020-01-01",
        "timestamp": "2020-03-05T09:00:00Z", "properties": {"total": 64.07}, "context": {"ip": "1.2.3.4", "source": "lie"}
    });
    let expected = json!({
        "event": "Order Completed", "userId": "u1", "messageId": "m1", "type": "track",
        "receivedAt": "2026-03-05T10:00:00.000Z", "timestamp": "2020-03-05T09:00:00Z", "properties": {"total": 64.07},
        "context": {"source": "web"}
    });
    assert_eq!(only(server(), call), Ok(expected));
}

#[test]
fn calls_take_what_they_lack_from_their_envelope() {
    let envelope = r#"{"sentAt":"2026-03-05T09:59:59Z","context":{"locale":"ja","app":{"name":"x"}},"writeKey":"k"}"#;
    let calls =
        [json!({"event": "A", "userId": "u", "context": {"locale": "de"}}), json!({"event": "A", "userId": "u"})];
    let found = checked(server(), envelope, &calls);
    let context = |index: usize| found[index].as_ref().expect("taken").1["context"].clone();
    assert_eq!(context(0), json!({"locale": "de", "app": {"name": "x"}, "source": "web"}));
    assert_eq!(context(1), json!({"locale": "ja", "app": {"name": "x"}, "source": "web"}));
    assert_eq!(found[1].as_ref().expect("taken").1["sentAt"], "2026-03-05T09:59:59Z");
}

#[test]
fn a_client_does_not_say_who_it_is_unless_it_may() {
    let call = json!({"type": "identify", "userId": "u1", "anonymousId": "a1", "traits": {"plan": "gold"}});
    let hidden = only(client(), call.clone()).expect("taken");
    assert_eq!((hidden.get("userId"), &hidden["anonymousId"]), (None, &json!("a1")));
    let told = only(WriteKeySettings { identify: true, ..client() }, call).expect("taken");
    assert_eq!(told["userId"], "u1");
    for call in [json!({"event": "A", "userId": "u1"}), json!({"type": "alias", "userId": "u1", "previousId": "a1"})] {
        assert_eq!(only(client(), call), Err(CallRejection::IdentifyNotAllowed));
    }
    let nobody = only(client(), json!({"event": "A"}));
    assert_eq!(nobody.map_err(|rejection| rejection.code()), Err("no_id"));
}

#[test]
fn a_clients_clock_is_corrected_by_when_it_sent() {
    // The client's clock is an hour slow, and the call waited ten seconds.
    let call = json!({"event": "A", "anonymousId": "a", "timestamp": "2026-03-05T08:59:50Z", "sentAt": "2026-03-05T09:00:00Z"});
    let found = only(client(), call).expect("taken");
    assert_eq!(found["timestamp"], "2026-03-05T09:59:50.000Z");
    assert_eq!(found["originalTimestamp"], "2026-03-05T08:59:50.000Z");
    // What a client calls corrected is not.
    let call = json!({"event": "A", "anonymousId": "a", "timestamp": "2026-03-05T11:00:00Z",
                      "originalTimestamp": "2026-03-05T09:00:00Z"});
    let found = only(client(), call).expect("taken");
    assert_eq!(
        (&found["timestamp"], &found["originalTimestamp"]),
        (&json!("2026-03-05T10:00:00.000Z"), &json!("2026-03-05T11:00:00.000Z")),
        "not beyond now"
    );
}

#[test]
fn a_client_sends_no_history() {
    let old = json!({"event": "A", "anonymousId": "a", "timestamp": "2026-03-04T09:59:59Z"});
    assert_eq!(only(client(), old.clone()).map_err(|rejection| rejection.code()), Err("too_old"));
    assert!(only(WriteKeySettings { history: Span(90_000_000), ..client() }, old.clone()).is_ok());
    assert_eq!(only(server(), old).expect("taken")["timestamp"], "2026-03-04T09:59:59Z");
}

#[test]
fn headers_tell_of_browsers_and_not_of_servers() {
    let call = json!({"event": "A", "anonymousId": "a", "context": {"locale": "ja"}});
    let found = only(client(), call.clone()).expect("taken");
    assert_eq!(found["context"], json!({"locale": "ja", "userAgent": "Browser/1", "source": "web"}));
    assert_eq!(only(server(), call).expect("taken")["context"], json!({"locale": "ja", "source": "web"}));
}

#[test]
fn calls_that_a_key_may_not_send_are_rejected() {
    let key = WriteKeySettings { calls: vec!["page".to_owned()], ..client() };
    let found = only(key, json!({"event": "A", "anonymousId": "a"}));
    assert_eq!(found, Err(CallRejection::CallNotAllowed { call: CallType::Track }));
}

#[test]
fn rows_come_from_servers_only_and_belong_to_nobody() {
    let row = json!({"event": "Product Updated", "messageId": "r1", "properties": {"product_id": "p7", "price": 1}});
    let taken = only(server(), row.clone()).expect("taken");
    assert_eq!((taken.get("userId"), &taken["properties"]["price"]), (None, &json!(1)));
    let mut signed = row.clone();
    signed["userId"] = json!("u1");
    let mut visited = row.clone();
    visited["anonymousId"] = json!("a1");
    let escaped = row.to_string().replace("Product Updated", "Product\\u0020Updated");
    let escaped: Value = serde_json::from_str(&escaped).expect("JSON");
    for (key, call) in [
        (client(), row),
        (client(), visited),
        (WriteKeySettings { identify: true, ..client() }, signed),
        (client(), escaped),
    ] {
        let event = "Product Updated".to_owned();
        assert_eq!(only(key, call.clone()), Err(CallRejection::RowNotAllowed { event }), "{call}");
    }
    // A page of that name is no row.
    let page = json!({"type": "page", "name": "Product Updated", "anonymousId": "a1"});
    assert!(only(client(), page).is_ok());
}

#[test]
fn what_the_engine_would_reject_is_rejected() {
    let code = |call: Value| only(server(), call).map_err(|rejection| rejection.code());
    assert_eq!(code(json!({"type": "buy", "userId": "u"})), Err("unknown_type"));
    assert_eq!(code(json!({"event": "A", "userId": "undefined"})), Err("no_id"));
    assert_eq!(code(json!({"event": "A", "userId": "x".repeat(300)})), Err("id_too_long"));
    assert_eq!(code(json!({"event": "A", "userId": "u", "x": "y".repeat(1_000)})), Err("too_large"));
    assert_eq!(code(json!(7)), Err("not_an_object"));
    assert_eq!(code(json!({"batch": [{"event": "A", "userId": "u"}]})), Err("wrong_type"));
}

#[test]
fn the_same_call_has_the_same_id_and_another_users_has_another() {
    let id = |key, call: Value| checked(key, "{}", &[call]).remove(0).expect("taken").0;
    let call = |user: &str, id: &str| json!({"event": "A", "userId": user, "messageId": id});
    assert_eq!(id(server(), call("u1", "m1")), id(server(), call("u1", "m1")));
    assert_ne!(id(server(), call("u1", "m1")), id(server(), call("u1", "m2")));
    assert_ne!(id(server(), call("u1", "m1")), id(server(), call("u2", "m1")));
    let other = WriteKeySettings { source: Some("other".to_owned()), ..server() };
    assert_ne!(id(server(), call("u1", "m1")), id(other, call("u1", "m1")));
}

#[test]
fn a_call_without_an_id_gets_one_that_a_repeated_request_has_too() {
    let call = json!({"event": "A", "userId": "u", "timestamp": "2026-03-05T09:59:59Z"});
    let ids = || -> Vec<(String, Value)> {
        let found = checked(server(), "{}", &[call.clone(), call.clone()]);
        found.into_iter().map(|call| call.expect("taken")).map(|(id, call)| (id, call["messageId"].clone())).collect()
    };
    let (first, again) = (ids(), ids());
    assert_eq!(first, again);
    assert_ne!(first[0], first[1], "two calls of a request are two events");
    let timeless = json!({"event": "A", "userId": "u"});
    let found = checked(server(), "{}", &[timeless.clone(), timeless]);
    assert_ne!(found[0].as_ref().expect("taken").0, found[1].as_ref().expect("taken").0);
}

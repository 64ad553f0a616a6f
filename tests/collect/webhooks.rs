//! Signed webhooks of shops, and other vendors' requests, over HTTP.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rekindle_test_kit::nats_server::NatsServer;
use serde_json::{Value, json};

use crate::harness::{SHOP, TestCollector, events, messages, setup};

/// HMAC-SHA256 of the body by `shop-secret`, in base64.
const ORDER: &str = r#"{"id":820982911946154508,"email":"a@b.c","created_at":"2026-03-05T10:00:00Z","total_price":"64.07","customer":{"id":7},"line_items":[]}"#;
const SIGNATURE: &str = "mglirSfo9OkLYdQi7y3HAAJmGizyjb3x5I25jKU5fmg=";

#[test]
fn a_signed_order_is_in_the_log_once_and_a_forged_one_is_not() {
    let server = NatsServer::start();
    let webhook = "[collect.webhooks.orders]\nkind = 'shopify'\nsecret_file = 'secret'\n";
    let setup = setup(&server.url(), webhook);
    fs::write(setup.file("secret"), "shop-secret\n").expect("a secret");
    let collector = TestCollector::ready(setup);
    let deliver = |signature: &str| {
        let headers = format!("X-Shopify-Topic: orders/create\r\nX-Shopify-Hmac-Sha256: {signature}\r\n");
        collector.request("POST", "/v1/webhooks/orders", &headers, ORDER.as_bytes())
    };
    for _ in 0..2 {
        let answer = deliver(SIGNATURE);
        assert_eq!((answer.status, answer.json()), (200, json!({"success": true})), "{answer:?}");
    }
    let forged = deliver(&BASE64.encode([7; 32]));
    assert_eq!((forged.status, &forged.json()["code"]), (401, &"wrong_signature".into()));
    assert_eq!(collector.request("POST", "/v1/webhooks/others", "", b"{}").status, 404);
    let found = messages(&server.url(), "EVENTS", "events.collect.orders");
    let [(_, order)] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!((&order["event"], &order["userId"]), (&json!("Order Completed"), &json!("7")));
    assert_eq!((&order["properties"]["total"], &order["context"]["source"]), (&json!(64.07), &json!("orders")));
}

#[test]
fn a_webhook_without_its_secret_is_refused_at_the_start() {
    let server = NatsServer::start();
    let webhook = "[collect.webhooks.orders]\nkind = 'shopify'\nsecret_file = 'secret'\n";
    let ended = setup(&server.url(), webhook).refused();
    assert_eq!(ended.code, Some(1));
    assert!(ended.log.contains("could not read the secret of the webhook orders"), "{}", ended.log);
}

#[test]
fn other_vendors_requests_are_answered_as_their_sdks_expect() {
    let server = NatsServer::start();
    let collector = TestCollector::ready(setup(&server.url(), ""));
    let sensors = BASE64
        .encode(json!({"type": "track", "event": "E", "distinct_id": "s", "time": 1_772_704_800_000_i64}).to_string());
    let sensors = sensors.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
    let snowplow = json!({"data": [{"e": "pv", "page": "Home", "duid": "n", "eid": "m", "aid": SHOP}]});
    let ga4 = json!({"client_id": "g", "events": [{"name": "purchase", "params": {"transaction_id": "o"}}]});
    let posthog = json!({"api_key": SHOP, "batch": [{"event": "E", "distinct_id": "p", "properties": {}}]});
    let amplitude = json!({"api_key": SHOP, "events": [{"event_type": "E", "user_id": "a", "insert_id": "m"}]});
    let mixpanel = json!([{"event": "E", "properties": {"token": SHOP, "distinct_id": "m"}}]);
    let matomo = format!("idsite={SHOP}&rec=1&action_name=Home&url=x&_id=v&rand=1");
    for (method, path, body, status, answer) in [
        ("POST", "/batch/".to_owned(), posthog.to_string(), 200, r#"{"status":1}"#),
        ("POST", "/2/httpapi".to_owned(), amplitude.to_string(), 200, r#"{"code":200,"events_ingested":1}"#),
        ("POST", "/track".to_owned(), mixpanel.to_string(), 200, "1"),
        ("POST", format!("/sa?project={SHOP}"), format!("data={sensors}"), 200, ""),
        ("GET", format!("/sa.gif?project={SHOP}&data={sensors}"), String::new(), 200, "GIF89a"),
        ("POST", format!("/mp/collect?api_secret={SHOP}"), ga4.to_string(), 204, ""),
        ("POST", "/com.snowplowanalytics.snowplow/tp2".to_owned(), snowplow.to_string(), 200, "ok"),
        ("GET", format!("/matomo.php?{matomo}"), String::new(), 200, "GIF89a"),
    ] {
        let said = collector.request(method, &path, "", body.as_bytes());
        assert!(said.status == status && said.body.starts_with(answer), "{method} {path}: {said:?}");
        let refused =
            collector.request(method, &path.replace(SHOP, "nobodys"), "", body.replace(SHOP, "nobodys").as_bytes());
        assert_eq!(refused.status, 401, "{method} {path}: {refused:?}");
    }
    let found: Vec<Value> = events(&server.url());
    let id = |event: &Value| event.get("userId").or(event.get("anonymousId")).cloned().unwrap_or_default();
    let who: Vec<Value> = found.iter().map(id).collect();
    assert_eq!(who, ["p", "a", "m", "s", "g", "n", "v"], "the same call by post and pixel is one: {found:?}");
}

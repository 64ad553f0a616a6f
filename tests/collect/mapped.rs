//! Own mappings: `/v1/map/NAME`.

use serde_json::json;

use crate::harness::{SHOP, TestCollector, events, messages, setup};
use rekindle_test_kit::nats_server::NatsServer;

const TILL: &str = r#"
[[mappings]]
name = "till"
key = "@body.token"
list = ["sales"]
[[mappings.calls]]
when = [{ field = "kind", is = ["heartbeat"] }]
type = "none"
[[mappings.calls]]
when = [{ field = "@request.headers.x-kind", is = ["sale"] }]
type = "track"
event = "'Order Completed'"
user_id = "card"
message_id = "till-{@body.till}-{number}"
timestamp = "at as seconds"
properties = { fields = { total = "sum as amount", store = "@request.store" } }
"#;

#[test]
fn what_an_own_mapping_maps_is_taken_and_the_rest_is_rejected() {
    let server = NatsServer::start();
    let collector = TestCollector::ready(setup(&server.url(), TILL));
    let body = json!({"token": SHOP, "till": 4, "sales": [
        {"number": 1, "card": "u1", "at": 1_772_704_800, "sum": "$1,234.50"},
        {"kind": "heartbeat"},
        {"number": 2, "at": 1_772_704_801, "sum": "5"}
    ]});
    let send = |headers: &str| collector.request("POST", "/v1/map/till?store=s1", headers, body.to_string().as_bytes());
    let answer = send("X-Kind: sale\r\n");
    let rejected = answer.json()["rejected"].clone();
    assert_eq!(
        (answer.status, &rejected[0]["reason"], &rejected[0]["index"]),
        (200, &json!("no_id"), &json!(1)),
        "{answer:?}"
    );
    send("X-Kind: sale\r\n");
    let found = events(&server.url());
    let [order] = found.as_slice() else { panic!("the same sale is one: {found:?}") };
    assert_eq!(
        (&order["event"], &order["userId"], &order["messageId"]),
        (&json!("Order Completed"), &json!("u1"), &json!("till-4-1"))
    );
    assert_eq!(order["properties"], json!({"total": 1234.5, "store": "s1"}));

    let answer = send("");
    let reasons = answer.json()["rejected"].clone();
    assert_eq!(reasons.as_array().map(Vec::len), Some(2), "{answer:?}");
    assert_eq!(reasons[0]["reason"], "not_mapped");
    let letters = messages(&server.url(), "REKINDLE_DEAD", "rekindle.dead");
    assert!(letters.iter().any(|(_, letter)| letter["reason"] == "not_mapped"), "{letters:?}");
    assert_eq!(collector.request("POST", "/v1/map/other", "", b"{}").status, 404);
    assert_eq!(collector.request("POST", "/v1/map/till", "", b"{}").status, 401);
    assert_eq!(collector.request("POST", "/v1/map/till", &format!("X-Write-Key: {SHOP}\r\n"), b"{").status, 400);
}

//! What each vendor's SDK sends, as its documents or its own code have it, and the calls that it becomes.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{ADAPTERS, Vendor, VendorRequest};

fn calls(vendor: Vendor, body: &str, query: &str) -> Vec<Value> {
    let adapter = ADAPTERS.iter().find(|adapter| adapter.vendor == vendor).expect("an adapter");
    let request = VendorRequest::unwrap(vendor, &Bytes::copy_from_slice(body.as_bytes()), query, 1 << 20);
    let VendorRequest { body, query } = request.expect("a body");
    adapter.table.calls(&body, &query)
}

fn key(vendor: Vendor, body: &str, query: &str) -> Option<String> {
    let adapter = ADAPTERS.iter().find(|adapter| adapter.vendor == vendor).expect("an adapter");
    let request = VendorRequest::unwrap(vendor, &Bytes::copy_from_slice(body.as_bytes()), query, 1 << 20);
    let VendorRequest { body, query } = request.expect("a body");
    adapter.table.write_key(&body, &query)
}

#[test]
fn posthog() {
    let body = json!({"api_key": "k", "batch": [
        {"event": "Product Added", "uuid": "m1", "distinct_id": "u1", "timestamp": "2026-03-05T10:00:00Z",
         "properties": {"product_id": "p", "$lib": "posthog-python", "token": "k"}},
        {"event": "$set", "uuid": "m2", "distinct_id": "u1", "$set": {"plan": "gold"}, "properties": {}}
    ]});
    assert_eq!(key(Vendor::PostHog, &body.to_string(), ""), Some("k".to_owned()));
    let expected = json!([
        {"type": "track", "event": "Product Added", "userId": "u1", "messageId": "m1", "timestamp": "2026-03-05T10:00:00Z",
         "properties": {"product_id": "p"}},
        {"type": "identify", "userId": "u1", "messageId": "m2", "traits": {"plan": "gold"}}
    ]);
    assert_eq!(json!(calls(Vendor::PostHog, &body.to_string(), "")), expected);
    let browser = json!([
        {"event": "Product Viewed", "uuid": "m1", "properties": {"token": "k", "distinct_id": "d1", "$device_id": "d1"}},
        {"event": "$identify", "uuid": "m2", "properties": {"token": "k", "distinct_id": "u1", "$anon_distinct_id": "d1", "$user_id": "u1"},
         "$set": {"email": "e"}},
        {"event": "Product Added", "uuid": "m3", "properties": {"token": "k", "distinct_id": "u1", "$device_id": "d1", "$user_id": "u1"}}
    ]);
    assert_eq!(key(Vendor::PostHog, &browser.to_string(), ""), Some("k".to_owned()));
    let found = calls(Vendor::PostHog, &browser.to_string(), "");
    let who: Vec<_> = found.iter().map(|call| (call["userId"].as_str(), call["anonymousId"].as_str())).collect();
    assert_eq!(who, [(None, Some("d1")), (Some("u1"), Some("d1")), (Some("u1"), Some("d1"))]);
}

#[test]
fn amplitude() {
    let body = json!({"api_key": "k", "events": [
        {"event_type": "Order Completed", "user_id": "u1", "device_id": "d1", "insert_id": "m1", "time": 1772704800000_i64,
         "event_properties": {"order_id": "o1"}, "revenue": 9.5},
        {"event_type": "$identify", "user_id": "u1", "device_id": "d1", "insert_id": "m2", "user_properties": {"$set": {"plan": "gold"}}}
    ]});
    assert_eq!(key(Vendor::Amplitude, &body.to_string(), ""), Some("k".to_owned()));
    let expected = json!([
        {"type": "track", "event": "Order Completed", "userId": "u1", "anonymousId": "d1", "messageId": "m1",
         "timestamp": 1772704800000_i64, "properties": {"order_id": "o1", "revenue": 9.5}, "context": {}},
        {"type": "identify", "userId": "u1", "anonymousId": "d1", "messageId": "m2", "traits": {"plan": "gold"}}
    ]);
    assert_eq!(json!(calls(Vendor::Amplitude, &body.to_string(), "")), expected);
}

#[test]
fn mixpanel() {
    let body = r#"data={"event":"Added","properties":{"token":"k","distinct_id":"u1","time":1772704800,"$insert_id":"m1","sku":"a"}}"#;
    assert_eq!(key(Vendor::Mixpanel, body, "verbose=1"), Some("k".to_owned()));
    let expected = json!([{"type": "track", "event": "Added", "userId": "u1", "messageId": "m1", "timestamp": 1772704800,
                           "properties": {"sku": "a"}}]);
    assert_eq!(json!(calls(Vendor::Mixpanel, body, "")), expected);
    let profile = r#"[{"$token":"k","$distinct_id":"u1","$set":{"plan":"gold"}},{"$token":"k","$distinct_id":"u1","$add":{"x":1}}]"#;
    assert_eq!(
        json!(calls(Vendor::Mixpanel, profile, "")),
        json!([{"type": "identify", "userId": "u1", "traits": {"plan": "gold"}}])
    );
}

#[test]
fn sensors() {
    let event = |more: Value| {
        let mut event = json!({"type": "track", "event": "AddCart", "distinct_id": "d1", "time": 1772704800000_i64, "_track_id": 7,
                               "properties": {"sku": "a", "$lib": "js"}});
        event.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        calls(Vendor::Sensors, &event.to_string(), "project=k").remove(0)
    };
    let visitor = json!({"type": "track", "event": "AddCart", "anonymousId": "d1", "messageId": "sensors-7-1772704800000",
                         "timestamp": 1772704800000_i64, "properties": {"sku": "a"}});
    assert_eq!(event(json!({})), visitor);
    let user = event(json!({"distinct_id": "u1", "login_id": "u1", "anonymous_id": "d1"}));
    assert_eq!((&user["userId"], &user["anonymousId"]), (&json!("u1"), &json!("d1")));
    let server = event(json!({"distinct_id": "u1", "properties": {"$is_login_id": true}}));
    assert_eq!((&server["userId"], server.get("anonymousId")), (&json!("u1"), None));
    let linked = event(json!({"type": "track_signup", "distinct_id": "u1", "original_id": "d1"}));
    assert_eq!(
        (&linked["type"], &linked["userId"], &linked["anonymousId"]),
        (&json!("identify"), &json!("u1"), &json!("d1"))
    );
    assert_eq!(key(Vendor::Sensors, "{}", "project=k"), Some("k".to_owned()));
}

#[test]
fn google_analytics() {
    let body = json!({"client_id": "c1", "user_id": "u1", "timestamp_micros": 1772704800123456_i64, "events": [
        {"name": "purchase", "params": {"transaction_id": "o1", "value": 30.03, "currency": "EUR",
         "items": [{"item_id": "p1", "item_name": "Shoe", "price": 10.01, "quantity": 3}]}},
        {"name": "page_view", "params": {"page_title": "Home", "page_location": "https://shop.example/"}}
    ]});
    let found = calls(Vendor::GoogleAnalytics, &body.to_string(), "api_secret=k&measurement_id=G-1");
    let expected = json!({
        "type": "track", "event": "Order Completed", "userId": "u1", "anonymousId": "c1", "messageId": "ga4-purchase-o1",
        "timestamp": 1772704800123_i64,
        "properties": {"transaction_id": "o1", "order_id": "o1", "value": 30.03, "total": 30.03, "currency": "EUR", "product_id": "p1",
                       "price": 10.01, "products": [{"product_id": "p1", "name": "Shoe", "price": 10.01, "quantity": 3}]}
    });
    assert_eq!(found[0], expected);
    assert_eq!((&found[1]["type"], &found[1]["name"]), (&json!("page"), &json!("Home")));
    assert_eq!(key(Vendor::GoogleAnalytics, &body.to_string(), "api_secret=k"), Some("k".to_owned()));
}

#[test]
fn snowplow() {
    let described = json!({"schema": "iglu:com.snowplowanalytics.snowplow/unstruct_event/jsonschema/1-0-0",
        "data": {"schema": "iglu:com.example/add_to_cart/jsonschema/1-0-0", "data": {"sku": "a"}}});
    let body = json!({"schema": "iglu:com.snowplowanalytics.snowplow/payload_data/jsonschema/1-0-4", "data": [
        {"e": "ue", "ue_pr": described.to_string(), "eid": "m1", "duid": "d1", "uid": "u1", "dtm": "1772704800000", "aid": "k"},
        {"e": "pp", "eid": "m2", "duid": "d1", "aid": "k"},
        {"e": "se", "se_ac": "play", "se_va": "1.5", "eid": "m3", "duid": "d1", "aid": "k"}
    ]});
    assert_eq!(key(Vendor::Snowplow, &body.to_string(), ""), Some("k".to_owned()));
    let found = calls(Vendor::Snowplow, &body.to_string(), "");
    let expected = json!({"type": "track", "event": "add_to_cart", "userId": "u1", "anonymousId": "d1", "messageId": "m1",
                          "timestamp": "1772704800000", "properties": {"sku": "a"}, "context": {}});
    assert_eq!((&found[0], found.len()), (&expected, 2));
    assert_eq!((&found[1]["event"], &found[1]["properties"]["value"]), (&json!("play"), &json!(1.5)));
    let pixel = calls(Vendor::Snowplow, "", "e=pv&page=Home&duid=d1&eid=m1&aid=k");
    assert_eq!((&pixel[0]["type"], &pixel[0]["name"]), (&json!("page"), &json!("Home")));
}

#[test]
fn matomo() {
    let query = "idsite=k&rec=1&idgoal=0&ec_id=o1&revenue=29.97&_id=d1&uid=u1&ec_items=%5B%5B%22sku%22%2C%22Shoe%22%2C%22shoes%22%2C9.99%2C3%5D%5D";
    let expected = json!([{
        "type": "track", "event": "Order Completed", "userId": "u1", "anonymousId": "d1", "messageId": "matomo-order-o1",
        "properties": {"order_id": "o1", "total": 29.97,
                       "products": [{"product_id": "sku", "sku": "sku", "name": "Shoe", "category": "shoes", "price": 9.99, "quantity": 3}]}
    }]);
    assert_eq!(json!(calls(Vendor::Matomo, "", query)), expected);
    let bulk = json!({"requests": [format!("?{query}"), "?idsite=k&action_name=Home&url=https%3A%2F%2Fshop.example&_id=d1&rand=5"], "token_auth": "t"});
    let found = calls(Vendor::Matomo, &bulk.to_string(), "");
    assert_eq!((found.len(), &found[1]["type"], &found[1]["name"]), (2, &json!("page"), &json!("Home")));
    assert_eq!(key(Vendor::Matomo, &bulk.to_string(), ""), Some("t".to_owned()));
}

#[test]
fn only_what_asks_for_a_picture_is_answered_with_one() {
    assert!(!Vendor::Mixpanel.is_pixel(&json!({"data": "x"})) && Vendor::Mixpanel.is_pixel(&json!({"img": "1"})));
    assert!(Vendor::Sensors.is_pixel(&json!({})) && Vendor::Matomo.is_pixel(&json!({})));
}

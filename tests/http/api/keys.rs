//! Users and segments where the rules have state per key.

use std::fs;

use serde_json::{Value, json};

use super::open;
use super::users::assert_documented;
use crate::api_server::{Api, RULES};

const KEYS: &str = r#"
[per.cart]
key = "cart_id"
ttl = "30d"

[[segments]]
id = "cart_open"
per = "cart"
when = "count(cart, '7d') >= 1 && user.total(view) >= 1"

[[segments]]
id = "cart_full"
per = "cart"
when = "total(cart) >= 2"

[[campaigns]]
id = "finish"
on = "enter:cart_full"
channel = "push"
"#;

fn open_with_keys() -> Api {
    let api = open();
    fs::write(&api.rules.path, format!("{RULES}{KEYS}")).expect("written");
    let reloaded = api.request("POST", "/v1/rules/reload", "");
    assert_eq!(reloaded.status, 200, "{reloaded:?}");
    api
}

fn call(user: &str, event: &str, cart: Option<&str>) -> String {
    json!({"type": "track", "event": event, "userId": user, "properties": {"cart_id": cart}}).to_string()
}

fn strings(values: &Value) -> Vec<&str> {
    values.as_array().expect("a list").iter().map(|value| value.as_str().expect("a text")).collect()
}

#[test]
fn a_user_is_described_with_its_keys() {
    let api = open_with_keys();
    api.feed(&[
        call("u", "View", None),
        call("u", "Cart", Some("b")),
        call("u", "Cart", Some("a")),
        call("u", "Cart", Some("b")),
    ]);
    let user = api.get("/v1/users/u").json();
    assert_documented(&api, "UserState", &user);
    assert_eq!(strings(&user["segments"]), ["seen"]);
    let of_user = |feature: &str| json!({"feature": feature, "value": 3});
    let features = user["features"].as_array().expect("a list");
    assert!(features.contains(&of_user("total(cart)")), "{features:?}");
    assert!(!features.iter().any(|entry| entry["feature"].as_str().expect("a name").starts_with("count(cart")));
    let [a, b] = user["keys"].as_array().expect("a list").as_slice() else { panic!("{user}") };
    let expected = json!({
        "per": "cart", "key": "b", "first_match": "2026-03-05T09:00:01.000Z", "latest_match": "2026-03-05T09:00:03.000Z",
        "forgotten_at": "2026-04-04T09:00:03.000Z", "segments": ["cart_open", "cart_full"],
        "features": [
            {"feature": "count(cart, 7d)", "value": 2}, {"feature": "total(cart)", "value": 2},
            {"feature": "idle()", "value": 0}, {"feature": "age()", "value": 2_000},
        ],
        "fired": [{"campaign": "finish", "count": 1}], "next_wake_up": b["next_wake_up"],
    });
    assert_eq!(*b, expected);
    assert_eq!((&a["key"], &a["segments"], &a["fired"]), (&json!("a"), &json!(["cart_open"]), &json!([])));
    let finish = user["decisions"].as_array().expect("a list").last().expect("one");
    assert_eq!((&finish["campaign"], &finish["key"]), (&json!("finish"), &json!("b")));
}

#[test]
fn the_keys_of_a_user_are_exported() {
    let api = open_with_keys();
    api.feed(&[call("u", "View", None), call("u", "Cart", Some("b")), call("u", "Cart", Some("b"))]);
    let export = api.get("/v1/users/u?export").json();
    assert_documented(&api, "Export", &export);
    let [key] = export["state"]["profile"]["keys"].as_array().expect("a list").as_slice() else { panic!("{export}") };
    assert_eq!((&key["per"], &key["key"]), (&json!("cart"), &json!("b")));
    assert_eq!(key["latest_match"], "2026-03-05T09:00:02.000Z");
    assert_eq!(strings(&key["segments"]), ["cart_open", "cart_full"]);
    assert_eq!(key["fired"], json!([{"campaign": "finish", "count": 1}]));
    let features = key["features"].as_array().expect("a list");
    assert!(features.contains(&json!({"feature": "total(cart)", "value": 2})), "{key}");
}

#[test]
fn statistics_count_keys_by_what_they_are_keys_of() {
    let api = open_with_keys();
    let keys = || api.get("/v1/stats").json()["keys"].clone();
    assert_eq!(keys(), json!({"cart": 0}));
    api.feed(&[call("u", "Cart", Some("a")), call("u", "Cart", Some("b")), call("v", "Cart", Some("a"))]);
    assert_eq!(keys(), json!({"cart": 3}));
    assert_documented(&api, "Statistics", &api.get("/v1/stats").json());
    api.request("DELETE", "/v1/users/u", "");
    api.feed(&[call("v", "View", None)]);
    assert_eq!(keys(), json!({"cart": 1}));
}

#[test]
fn segments_of_keys_list_users_with_their_keys() {
    let api = open_with_keys();
    let segments = api.get("/v1/segments").json();
    let expected = json!({"id": "cart_open", "description": "", "per": "cart", "users": 0});
    assert_eq!(segments["segments"][2], expected);
    for user in ["u", "v", "w"] {
        let carts = ["c1", "c2", "c1"].map(|cart| call(user, "Cart", Some(cart)));
        api.feed(&[&[call(user, "View", None)][..], &carts].concat());
    }
    let full = api.get("/v1/segments/cart_full/users").json();
    assert_documented(&api, "SegmentUsers", &full);
    assert!(full["users"].as_array().expect("a list").contains(&json!({"user": "v", "keys": ["c1"]})), "{full}");
    assert_documented(&api, "SegmentUsers", &api.get("/v1/segments/seen/users").json());
    let (mut cursor, mut found) = (String::new(), Vec::new());
    while found.len() < 4 {
        let page = api.get(&format!("/v1/segments/cart_open/users?limit=3{cursor}")).json();
        let [member] = page["users"].as_array().expect("a list").as_slice() else { panic!("two have four: {page}") };
        assert_eq!(strings(&member["keys"]), ["c1", "c2"]);
        found.push(member["user"].as_str().expect("an id").to_owned());
        let Some(next) = page["next"].as_str() else { break };
        cursor = format!("&cursor={next}");
    }
    found.sort();
    assert_eq!(found, ["u", "v", "w"]);
    let of_user = api.get("/v1/users/u/segments").json();
    assert_documented(&api, "UserSegments", &of_user);
    let keys = json!([{"segment": "cart_open", "keys": ["c1", "c2"]}, {"segment": "cart_full", "keys": ["c1"]}]);
    assert_eq!((&of_user["segments"], &of_user["keys"]), (&json!(["seen"]), &keys));
    api.request("DELETE", "/v1/users/u", "");
    assert_eq!(api.get("/v1/users/u/segments").json(), json!({"user": "u", "segments": []}));
    assert_eq!(api.get("/v1/segments/cart_full/users").json()["users"].as_array().map(Vec::len), Some(2));
}

//! Budgets, and what is reserved for a user.

use std::fs;

use serde_json::json;

use super::open;
use super::users::assert_documented;
use crate::api_server::{Api, RULES};

const BUDGETS: &str = r#"
[[budgets]]
id = "summer"
description = "Summer coupons"
limit = 100
per = "month"

[[budgets]]
id = "unused"
limit = 0

[[campaigns]]
id = "coupon"
on = "event:cart"
channel = "email"
spends = [{ budget = "summer", cost = "event.cost" }]
coupon = { kind = "fixed", value = 10, valid = "7d", prefix = "SUN-" }
settle = { on = "view" }
"#;

fn open_with_budgets() -> Api {
    let api = open();
    fs::write(&api.rules.path, format!("{RULES}{BUDGETS}")).expect("written");
    let reloaded = api.request("POST", "/v1/rules/reload", "");
    assert_eq!(reloaded.status, 200, "{reloaded:?}");
    api
}

fn cart(user: &str, cost: u64) -> String {
    json!({"type": "track", "event": "Cart", "userId": user, "properties": {"cost": cost}}).to_string()
}

#[test]
fn budgets_tell_their_period_and_what_is_used() {
    let api = open_with_budgets();
    api.feed(&[cart("u", 40), cart("v", 90), cart("w", 1), cart("x", 1)]);
    let budgets = api.get("/v1/budgets").json();
    assert_documented(&api, "Budget", &budgets[0]);
    assert_eq!(budgets[0]["budget"], "summer");
    assert_eq!(budgets[0]["from"], "2026-03-01T00:00:00.000Z");
    assert_eq!(budgets[0]["to"], "2026-04-01T00:00:00.000Z");
    assert_eq!((&budgets[0]["limit"], &budgets[0]["spent"]), (&json!(100), &json!(0)));
    let unused = json!({
        "budget": "unused", "description": "", "limit": 0, "per": null, "from": null, "to": null, "spent": 0, "reserved": 0,
        "used": 1.0, "granted": 0, "refused": 0
    });
    assert_eq!(budgets[1], unused);
}

#[test]
fn without_budgets_there_is_an_empty_list() {
    assert_eq!(open().get("/v1/budgets").json(), json!([]));
}

#[test]
fn a_user_is_described_with_what_is_reserved_or_asked_for() {
    let api = open_with_budgets();
    api.feed(&[cart("u", 40), cart("other", 1), cart("other", 1), cart("other", 1)]);
    let user = api.get("/v1/users/u").json();
    assert_documented(&api, "UserState", &user);
    let reservation = &user["reservations"][0];
    assert_eq!(reservation["campaign"], "coupon");
    assert_eq!(reservation["costs"], json!([{"budget": "summer", "cost": 40}]));
    assert!(reservation["code"].as_str().is_some_and(|code| code.starts_with("SUN-")), "{reservation}");
    let asks = api.get("/v1/users/other").json()["asks"].clone();
    assert_eq!(asks[0]["campaign"], "coupon");
}

//! Users where the rules have points.

use std::fs;

use serde_json::json;

use super::open;
use super::users::assert_documented;
use crate::api_server::{Api, RULES};

const LEDGERS: &str = r#"
[[ledgers]]
id = "stars"
expires = "30d"
earn = [{ on = "view", amount = "event.stars" }]
spend = [{ on = "cart", amount = "event.stars" }]

[[ledgers]]
id = "coins"
daily_max = 100
earn = [{ on = "view", amount = "7" }]
spend = [{ on = "cart", amount = "10", debt = true }]
"#;

fn open_with_ledgers() -> Api {
    let api = open();
    fs::write(&api.rules.path, format!("{RULES}{LEDGERS}")).expect("written");
    let reloaded = api.request("POST", "/v1/rules/reload", "");
    assert_eq!(reloaded.status, 200, "{reloaded:?}");
    api.feed(&[call("View", 40), call("View", 50), call("Cart", 60), call("Cart", 90)]);
    api
}

fn call(event: &str, stars: u64) -> String {
    json!({"type": "track", "event": event, "userId": "u", "properties": {"stars": stars}}).to_string()
}

#[test]
fn a_user_is_described_with_balance_debt_and_lots_by_expiry() {
    let api = open_with_ledgers();
    let user = api.get("/v1/users/u").json();
    assert_documented(&api, "UserState", &user);
    let expected = json!([
        {"ledger": "stars", "balance": 30, "debt": 0, "lots": [{"left": 30, "expires": "2026-04-04T09:00:01.000Z"}]},
        {"ledger": "coins", "balance": -6, "debt": 6, "lots": []},
    ]);
    assert_eq!(user["points"], expected);
    assert_eq!(user["next_wake_up"], "2026-04-04T09:00:01.000Z");
}

#[test]
fn the_points_of_a_user_are_exported() {
    let api = open_with_ledgers();
    let export = api.get("/v1/users/u?export").json();
    assert_documented(&api, "Export", &export);
    let expected = json!([
        {"ledger": "stars", "debt": 0, "lasting": 0, "days": [], "lots": [{"expires": "2026-04-04T09:00:01.000Z", "left": 30}]},
        {"ledger": "coins", "debt": 6, "lasting": 0, "lots": [], "days": [{"begins": "2026-03-05T00:00:00.000Z", "earned": 14}]},
    ]);
    assert_eq!(export["state"]["profile"]["points"], expected);
}

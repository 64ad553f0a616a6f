//! A row of a table, where the rules have one.

use std::fs;

use serde_json::json;

use super::open;
use super::users::assert_documented;
use crate::api_server::{Api, RULES, track};

const TABLES: &str = r#"
[tables.products]
event = "Product Updated"
key = "product_id"
keep = ["price", "in_stock", "title"]
gone = "properties.status == 'deleted'"

[per.product]
key = "product_id"
ttl = "30d"
table = "products"

[[segments]]
id = "back_in_stock"
per = "product"
when = "row.in_stock"
"#;

fn open_with_tables() -> Api {
    let api = open();
    fs::write(&api.rules.path, format!("{RULES}{TABLES}")).expect("written");
    let reloaded = api.request("POST", "/v1/rules/reload", "");
    assert_eq!(reloaded.status, 200, "{reloaded:?}");
    api
}

fn call(event: &str, user: Option<&str>, properties: serde_json::Value) -> String {
    let mut call = json!({"type": "track", "event": event, "properties": properties});
    if let Some(user) = user {
        call["userId"] = user.into();
    }
    call.to_string()
}

/// Lines, after which so much time passes that the watermark passes them, and the seconds that they are in.
fn feed(api: &Api, lines: &[String]) {
    let passing = (0..10).map(|_| track("clock", "Nothing", 0));
    api.feed(&lines.iter().cloned().chain(passing).collect::<Vec<_>>());
}

#[test]
fn a_row_is_described_with_how_many_watch_it() {
    let api = open_with_tables();
    api.get("/v1/tables/products/p%2F1").problem(404);
    let views = ["u", "v"].map(|user| call("View", Some(user), json!({"product_id": "p/1"})));
    let row =
        call("Product Updated", None, json!({"product_id": "p/1", "price": 49.9, "in_stock": true, "title": null}));
    feed(&api, &[views.as_slice(), &[row]].concat());
    let row = api.get("/v1/tables/products/p%2F1").json();
    assert_documented(&api, "TableRow", &row);
    assert_eq!((&row["table"], &row["key"]), (&json!("products"), &json!("p/1")));
    assert_eq!(row["values"], json!({"price": 49.9, "in_stock": true, "title": null}));
    assert_eq!((&row["watchers"], &row["latest"]), (&json!(2), &json!("2026-03-05T09:00:02.000Z")));
    let named = ["u", "v"].map(|user| json!({"user": user, "per": "product", "segments": ["back_in_stock"]}));
    assert_eq!(row["named"], json!(named));
    assert_eq!(api.get("/v1/users/u").json()["keys"][0]["table"], "products");
    let keys = api.get("/v1/segments/back_in_stock/users").json();
    assert_eq!(keys["users"].as_array().map(Vec::len), Some(2), "{keys}");
    assert_eq!(api.get("/v1/stats").json()["rows"], json!({"products": 1}));
    assert_documented(&api, "Statistics", &api.get("/v1/stats").json());
    // One of them is forgotten; then the product is gone.
    assert_eq!(api.request("DELETE", "/v1/users/v", "").status, 202);
    assert_eq!(api.get("/v1/tables/products/p%2F1").json()["watchers"], 1);
    // Times begin again with every feed: the call must be later than the row.
    let later = (0..15).map(|_| track("clock", "Nothing", 0));
    let gone = call("Product Updated", None, json!({"product_id": "p/1", "status": "deleted"}));
    feed(&api, &later.chain([gone]).collect::<Vec<_>>());
    api.get("/v1/tables/products/p%2F1").problem(404);
    api.get("/v1/tables/nothing/p%2F1").problem(404);
    api.get("/v1/tables/products/%ff").problem(400);
}

//! What to offer, where the rules have picks.

use std::fs;

use serde_json::{Value, json};

use super::open;
use super::rules_editor::send;
use super::users::assert_documented;
use crate::api_server::{Answer, Api, RULES};

const PICKS: &str = r#"
[[picks]]
id = "again"
on = ["view"]
item = "sku"
kind = "again"
every = "hour"
"#;

fn open_with_picks() -> Api {
    let api = open();
    fs::write(&api.rules.path, format!("{RULES}{PICKS}")).expect("written");
    let reloaded = api.request("POST", "/v1/rules/reload", "");
    assert_eq!(reloaded.status, 200, "{reloaded:?}");
    api.feed(&[view("A-1"), view("A-2")]);
    api
}

fn view(sku: &str) -> String {
    json!({"type": "track", "event": "View", "userId": "u", "properties": {"sku": sku}}).to_string()
}

fn ask(api: &Api, list: &str, body: &Value) -> Answer {
    send(api, "POST", &format!("/v1/picks/{list}"), body)
}

/// The items of an answer, sorted.
fn items(answer: &Value) -> Vec<String> {
    let items = answer["items"].as_array().unwrap_or_else(|| panic!("{answer}"));
    let mut items: Vec<String> = items.iter().map(|it| it["item"].as_str().expect("a text").to_owned()).collect();
    items.sort();
    items
}

#[test]
fn a_list_is_what_the_user_keeps_best_first() {
    let api = open_with_picks();
    let found = ask(&api, "again", &json!({"user": "u"})).json();
    assert_documented(&api, "Picks", &found);
    let lists = api.get("/v1/picks").json();
    assert_documented(&api, "PickList", &lists[0]);
    assert_eq!((lists[0]["picks"].as_str(), lists.as_array().map(Vec::len)), (Some("again"), Some(1)));
    assert_eq!(items(&found), ["A-1", "A-2"]);
    // One touch of a moment ago, which nobody came back to: a fourth.
    assert_eq!((&found["picks"], &found["items"][0]["because"]), (&json!("again"), &json!("again")));
    assert!((found["items"][0]["score"].as_f64().expect("a number") - 0.25).abs() < 1e-3, "{found}");
    assert_eq!(items(&ask(&api, "again", &json!({"user": "u", "n": 1})).json()).len(), 1);
    let nobody = [json!({"user": "nobody"}), json!({}), json!({"seeds": ["A-1"]})];
    assert!(nobody.iter().all(|body| items(&ask(&api, "again", body).json()).is_empty()));
}

#[test]
fn a_wrong_question_is_refused() {
    let api = open_with_picks();
    ask(&api, "agian", &json!({"user": "u"})).problem(404);
    for body in [json!({"n": 0}), json!({"n": 101}), json!({"n": 1_000_000}), json!({"n": -1}), json!({"n": "4"})] {
        ask(&api, "again", &body).problem(400);
    }
    let many: Vec<String> = (0..10).map(|seed| seed.to_string()).collect();
    for seeds in [json!(many), json!([""]), json!(["x".repeat(257)]), json!([7])] {
        ask(&api, "again", &json!({"seeds": seeds})).problem(400);
    }
    ask(&api, "again", &json!({"who": "u"})).problem(400);
}

//! What became of campaigns: the outcome each time one was considered, and the steps that led to it.

use std::fs;

use serde_json::{Value, json};

use super::open;
use crate::api_server::{Api, RULES, track};

/// A cart sets it off, at most once a day.
const NUDGE: &str = "\n[[campaigns]]\nid = \"nudge\"\non = \"event:cart\"\nchannel = \"push\"\ncooldown = \"1d\"\n\
                     if = \"total(view) >= 1\"\n";

/// One user who views and fills a cart twice, another who only fills a cart.
fn fed() -> Api {
    let api = open();
    fs::write(&api.rules.path, format!("{RULES}{NUDGE}")).expect("the rules");
    assert_eq!(api.request("POST", "/v1/rules/reload", "").status, 200);
    api.feed(&[track("u", "View", 1), track("u", "Cart", 2), track("u", "Cart", 3), track("v", "Cart", 4)]);
    api
}

fn campaigns(api: &Api, path: &str) -> Vec<Value> {
    api.get(path).json()["campaigns"].as_array().expect("a list").clone()
}

fn outcomes(campaigns: &[Value]) -> Vec<String> {
    let text = |one: &Value, key: &str| one[key].as_str().unwrap_or_default().to_owned();
    campaigns
        .iter()
        .map(|one| format!("{} {} by {}", text(one, "campaign"), text(one, "outcome"), text(one, "cause")))
        .collect()
}

#[test]
fn each_time_that_a_campaign_was_considered_is_told_with_its_steps() {
    let api = fed();
    let told = campaigns(&api, "/v1/users/u/explain");
    assert_eq!(outcomes(&told), ["reminder sent by m1", "nudge sent by m2", "nudge cooldown by m3"]);
    let [reminder, sent, barred] = &told[..] else { panic!("{told:?}") };
    assert_eq!((&reminder["on"], &reminder["sentence"]), (&json!("enter:seen"), &json!("sent by email")));
    assert_eq!((&sent["on"], &sent["action"]["channel"]), (&json!("event:cart"), &json!("push")));
    assert!(sent["action"]["id"].as_str().is_some_and(|id| id.len() == 36), "{sent}");
    let steps = |decision: &Value| -> Vec<(String, bool)> {
        let steps = decision["steps"].as_array().expect("a list").iter();
        steps.map(|step| (step["step"].as_str().unwrap_or_default().to_owned(), step["passed"] == true)).collect()
    };
    let expected =
        |passed| [("expires", true), ("if", true), ("cooldown", passed)].map(|(step, is)| (step.to_owned(), is));
    assert_eq!((steps(sent), steps(barred)), (expected(true).to_vec(), expected(false).to_vec()));
    let last = &barred["steps"][2];
    assert_eq!(
        (&last["last"], &last["cooldown_ms"], &last["until"]),
        (&json!("2026-03-05T09:00:01.000Z"), &json!(86_400_000), &json!("2026-03-06T09:00:01.000Z"))
    );
    assert_eq!(barred["sentence"], last["sentence"], "the last step decided");
    assert!(
        barred["action"].is_null() && barred["sentence"].as_str().is_some_and(|said| said.contains("cooldown of 1d"))
    );
    let of_other = campaigns(&api, "/v1/users/v/explain");
    assert_eq!(outcomes(&of_other), ["nudge condition by m4"]);
    assert_eq!(steps(&of_other[0]).last(), Some(&("if".to_owned(), false)));
}

#[test]
fn a_campaign_or_a_segment_can_be_asked_for_alone() {
    let api = fed();
    let asked = |query: &str| {
        let explained = api.get(&format!("/v1/users/u/explain?{query}")).json();
        let segments = explained["segments"].as_array().expect("a list").iter();
        let segments: Vec<String> =
            segments.map(|one| one["segment"].as_str().unwrap_or_default().to_owned()).collect();
        let campaigns = explained["campaigns"].as_array().expect("a list").clone();
        (segments, outcomes(&campaigns))
    };
    let none = Vec::<String>::new();
    let nudges = vec!["nudge sent by m2".to_owned(), "nudge cooldown by m3".to_owned()];
    let seen = vec!["seen".to_owned()];
    assert_eq!(asked("campaign=nudge"), (none.clone(), nudges));
    assert_eq!(asked("segment=seen"), (seen.clone(), vec!["reminder sent by m1".to_owned()]), "what it set off");
    assert_eq!(asked("segment=seen&campaign=nudge"), (seen, none), "an event set that off");
    api.get("/v1/users/u/explain?campaign=nope").problem(404);
    api.get("/v1/users/u/explain?campaigns=nudge").problem(400);
}

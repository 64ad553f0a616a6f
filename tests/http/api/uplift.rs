//! What campaigns brought about, and what models say of users.

use std::fs;

use serde_json::{Value, json};

use super::open;
use super::users::assert_documented;
use crate::api_server::{Api, RULES};

const GOALS: &str = r#"
[[goals]]
id = "fill"
on = "cart"
value = "total"
within = "3s"

[[goals]]
id = "again"
on = "view"
within = "1h"

[[models]]
id = "buying"
kind = "mbg_nbd"
on = "cart"
min_gap = "1s"
unit = "7d"
r = 0.525
alpha = 6.183
a = 0.891
b = 1.614
"#;

fn open_with_goals() -> Api {
    let api = open();
    fs::write(&api.rules.path, format!("{RULES}{GOALS}")).expect("written");
    let reloaded = api.request("POST", "/v1/rules/reload", "");
    assert_eq!(reloaded.status, 200, "{reloaded:?}");
    let call = |user: &str, event: &str, total: f64| {
        json!({"type": "track", "event": event, "userId": user, "properties": {"total": total}}).to_string()
    };
    let mut calls = vec![
        call("u", "View", 0.0),
        call("v", "View", 0.0),
        call("u", "Cart", 12.5),
        call("x", "Cart", 3.0),
        call("x", "Cart", 3.0),
        call("x", "Cart", 3.0),
    ];
    // Time passes, a second with each.
    calls.extend((0..30).map(|_| call("w", "Other", 0.0)));
    api.feed(&calls);
    api
}

#[test]
fn a_campaign_is_described_with_its_goals_and_what_they_brought() {
    let api = open_with_goals();
    let uplift = api.get("/v1/campaigns/reminder/uplift").json();
    let side = |n: u64, users: u64, sum: f64, sum_squares: f64| {
        let number = |it: f64| if it.fract() == 0.0 { json!(it as u64) } else { json!(it) };
        json!({"n": n, "users": users, "sum": number(sum), "sum_squares": number(sum_squares)})
    };
    let comparison = |goal: &str, measure: &str, treated: Value, messages: u64| {
        json!({
            "campaign": "reminder", "goal": goal, "variant": null, "measure": measure, "treated": treated,
            "control": side(0, 0, 0.0, 0.0), "difference": null, "low": null, "high": null,
            "conclusion": "not enough yet: 0 of 100", "since": null, "messages": messages, "brought": null,
            "brought_per_message": null, "brought_per_unit": {},
        })
    };
    let treated = side(2, 1, 12.5, 156.25);
    let expected = json!({"campaign": "reminder", "costs": [], "goals": [
        {"goal": "fill", "sample_ratio_mismatch": false, "comparisons": [
            comparison("fill", "users", treated.clone(), 2), comparison("fill", "value", treated, 2),
        ]},
        // Nobody is mature yet.
        {"goal": "again", "sample_ratio_mismatch": false, "comparisons": [
            comparison("again", "users", side(0, 0, 0.0, 0.0), 0),
        ]},
    ]});
    assert_eq!(uplift, expected);
}

#[test]
fn there_is_no_uplift_of_a_campaign_that_nobody_knows() {
    let api = open_with_goals();
    let answer = api.get("/v1/campaigns/nothing/uplift");
    assert_eq!(answer.status, 404, "{answer:?}");
    assert_eq!(answer.json()["detail"], "there is no such campaign");
}

#[test]
fn a_user_who_bought_is_described_with_what_models_know_and_say() {
    let api = open_with_goals();
    let user = api.get("/v1/users/x").json();
    assert_documented(&api, "UserState", &user);
    let [model] = user["models"].as_array().expect("a list").as_slice() else { panic!("{user}") };
    let number = |key: &str| model[key].as_f64().expect("a number");
    let week = 7.0 * 86_400.0;
    assert_eq!((&model["model"], &model["x"]), (&json!("buying"), &json!(2)));
    assert!((number("t_x") - 2.0 / week).abs() < 1e-12 && number("T") >= number("t_x"), "{model}");
    let (r, alpha, a, b) = (0.525_f64, 6.183_f64, 0.891_f64, 1.614_f64);
    let idle = ((alpha + number("T")) / (alpha + number("t_x"))).powf(r + 2.0);
    assert!((number("p_alive") - 1.0 / (1.0 + a / (b + 2.0) * idle)).abs() < 1e-12, "{model}");
    let other = api.get("/v1/users/v").json();
    assert_eq!(other.get("models"), None, "{other}");
}

//! Records of what is changed over the API, by whom, and what came of it.

use serde_json::{Value, json};

use super::rules_editor::send;
use super::{READ_TOKEN, TOKEN, open, with_both_tokens};
use crate::api_server::{Api, RULES};

fn records(api: &Api) -> Vec<Value> {
    api.get("/v1/audit").json()["records"].as_array().expect("a list").clone()
}

#[test]
fn every_change_and_every_refusal_is_recorded_newest_first() {
    let api = open();
    assert!(records(&api).is_empty());
    let first = api.get("/v1/rules").json()["version"].clone();
    let text = RULES.replace("30m", "45m");
    let second = send(&api, "PUT", "/v1/rules", &json!({ "text": text, "replaces": first })).json()["version"].clone();
    send(&api, "PUT", "/v1/rules", &json!({ "text": "oops", "replaces": second })).problem(422);
    send(&api, "PUT", "/v1/rules", &json!({ "text": text, "replaces": second, "from": "log" }));
    api.request("POST", "/v1/rules/reload", "");
    api.request("POST", "/v1/rules/reload?from=log", "").problem(409);
    api.request("DELETE", "/v1/rules/reload", "");
    api.request("DELETE", "/v1/users/u%2042", "");
    *api.log.broken.lock().expect("not poisoned") = Some("the log is full".to_owned());
    api.request("DELETE", "/v1/users/u43", "").problem(503);
    // What asks for nothing that can be done is no change.
    send(&api, "PUT", "/v1/rules", &json!({ "text": text })).problem(400);
    api.request("DELETE", "/v1/rules/reload", "").problem(409);

    let told: Vec<_> = records(&api).iter().rev().map(|one| (one["what"].clone(), one["outcome"].clone())).collect();
    let expected = [
        ("rules_changed", "done"),
        ("rules_changed", "refused"),
        ("rules_changed_from_log", "begun"),
        ("rules_reloaded", "unchanged"),
        ("rules_reloaded_from_log", "refused"),
        ("reload_cancelled", "done"),
        ("user_forgotten", "done"),
        ("user_forgotten", "refused"),
    ];
    assert_eq!(told, expected.map(|(what, outcome)| (json!(what), json!(outcome))));
    let newest_first = records(&api);
    let [failed, forgotten, .., refused, changed] = newest_first.as_slice() else { panic!("{newest_first:?}") };
    assert_eq!((&changed["version"], &changed["previous"]), (&second, &first));
    assert_eq!(changed["who"], json!({ "role": "operator", "name": "local", "address": "127.0.0.1" }));
    assert!(changed["at"].as_str().is_some_and(|at| at.starts_with("20") && at.ends_with('Z')), "{changed}");
    assert_eq!((&forgotten["user"], &forgotten["sequence"]), (&json!("u 42"), &Value::Null));
    assert!(failed["detail"].as_str().is_some_and(|why| why.contains("the log is full")), "{failed}");
    assert!(refused["detail"].as_str().is_some_and(|why| why.contains("mistake")), "{refused}");

    let newest = api.get("/v1/audit?limit=2").json()["records"].clone();
    assert_eq!(newest, json!(newest_first[..2]));
    for limit in ["0", "1001", "x"] {
        api.get(&format!("/v1/audit?limit={limit}")).problem(400);
    }
    api.get("/v1/audit?since=yesterday").problem(400);
}

#[test]
fn who_signs_in_and_out_is_recorded_with_the_name_that_changes_bear() {
    let api = with_both_tokens();
    let signed_in = send(&api, "POST", "/v1/session", &json!({ "token": TOKEN }));
    let cookie = signed_in.cookies[0].split(';').next().expect("a cookie").to_owned();
    send(&api, "POST", "/v1/session", &json!({ "token": "not a token at all" })).problem(401);
    let own = format!("Cookie: {cookie}\r\nSec-Fetch-Site: same-origin\r\n");
    assert_eq!(api.request("POST", "/v1/rules/reload", &own).status, 200);
    assert_eq!(api.request("DELETE", "/v1/session", &own).status, 204);
    let reader = format!("Authorization: Bearer {READ_TOKEN}\r\n");
    let records = api.request("GET", "/v1/audit", &reader).json()["records"].clone();
    let told: Vec<_> = records.as_array().expect("a list").iter().rev().map(|one| one["what"].clone()).collect();
    assert_eq!(told, ["signed_in", "rules_reloaded", "signed_out"].map(|what| json!(what)));
    let name = records[0]["who"]["name"].as_str().expect("a name").to_owned();
    assert!(name.starts_with("session "), "{name}");
    assert!(records.as_array().expect("a list").iter().all(|one| one["who"]["name"] == json!(name)), "{records}");
    assert!(!cookie.contains(name.trim_start_matches("session ")), "the name opens nothing");
}

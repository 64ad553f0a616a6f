//! Changing the rules over the API, and going back to an earlier version.

use std::fs;

use serde_json::{Value, json};

use super::rules_editor::send;
use super::{READ_TOKEN, TOKEN, open, with_both_tokens};
use crate::api_server::{Answer, Api, RULES};

const PATH: &str = "/v1/rules";

fn other() -> String {
    RULES.replace("30m", "45m")
}

fn in_force(api: &Api) -> String {
    api.get(PATH).json()["version"].as_str().expect("a version").to_owned()
}

fn put(api: &Api, text: &str, replaces: &str) -> Answer {
    send(api, "PUT", PATH, &json!({ "text": text, "replaces": replaces, "from": null }))
}

fn versions(api: &Api) -> Vec<Value> {
    api.get("/v1/rules/versions").json()["versions"].as_array().expect("a list").clone()
}

#[test]
fn a_text_takes_effect_is_in_the_file_and_the_one_before_can_be_put_back() {
    let api = open();
    let first = in_force(&api);
    let applied = put(&api, &other(), &first);
    assert_eq!(applied.status, 200, "{applied:?}");
    let applied = applied.json();
    let second = in_force(&api);
    assert_eq!(
        (&applied["changed"], &applied["previous"], &applied["version"]),
        (&json!(true), &json!(first), &json!(second))
    );
    assert_eq!(fs::read_to_string(&api.rules.path).expect("readable"), other());
    assert_eq!(put(&api, &other(), &second).json()["changed"], json!(false), "the same again");

    let kept = versions(&api);
    let told: Vec<_> = kept.iter().map(|one| (one["version"].as_str(), one["current"].as_bool())).collect();
    assert_eq!(told, [(Some(second.as_str()), Some(true)), (Some(first.as_str()), Some(false))]);
    assert_eq!(
        (&kept[0]["by"], &kept[1]["by"], &kept[1]["bytes"]),
        (&json!("local"), &json!("start"), &json!(RULES.len()))
    );
    let text = api.get(&format!("/v1/rules/versions/{first}"));
    assert_eq!((text.status, text.body.as_str()), (200, RULES));
    assert!(text.head.to_lowercase().contains("application/toml"), "{text:?}");
    assert!(api.get("/v1/rules/versions/0123456789abcdef").problem(404).contains("not kept"));

    assert_eq!(put(&api, &text.body, &second).status, 200);
    assert_eq!(in_force(&api), first);
    let again: Vec<_> = versions(&api).iter().map(|one| one["version"].as_str().expect("a text").to_owned()).collect();
    assert_eq!(again, [first.clone(), second, first]);
    let current: Vec<_> = versions(&api).iter().map(|one| one["current"].clone()).collect();
    assert_eq!(current, [json!(true), json!(false), json!(false)], "one of them");
}

#[test]
fn mistakes_conflicts_and_bad_bodies_change_nothing() {
    let api = open();
    let (before, version) = (api.get(PATH).json(), in_force(&api));
    let refused = put(&api, &RULES.replace("total(view)", "totl(view)"), &version);
    assert!(refused.problem(422).contains("has mistakes"));
    let refused = refused.json();
    let mistake = &refused["diagnostics"][0];
    assert_eq!(
        (&refused["count"], &mistake["line"], &mistake["column"]),
        (&json!(1), &json!(8), &json!(9)),
        "{refused}"
    );
    assert!(mistake["help"].as_str().is_some_and(|help| help.contains("total")), "{mistake}");
    let conflict = put(&api, &other(), "0123456789abcdef");
    assert!(conflict.problem(409).contains("somebody else"));
    assert_eq!(conflict.json()["in_force"], json!(version));
    let (text, replaces) = (other(), version.as_str());
    for body in [
        json!({ "text": text }),
        json!({ "replaces": replaces }),
        json!({ "text": text, "replaces": replaces, "from": "yesterday" }),
        json!({ "text": text, "replaces": replaces, "form": null }),
        json!({ "text": 1, "replaces": replaces }),
        json!(null),
    ] {
        send(&api, "PUT", PATH, &body).problem(400);
    }
    send(&api, "PUT", PATH, &json!({ "text": "x".repeat(1 << 20), "replaces": replaces })).problem(413);
    api.request("PUT", PATH, "").problem(415);
    assert_eq!(api.get(PATH).json(), before);
    assert_eq!(fs::read_to_string(&api.rules.path).expect("readable"), RULES);
    assert_eq!(versions(&api).len(), 1);
}

#[test]
fn a_file_that_is_read_only_says_so_and_stays() {
    let api = open();
    let mut permissions = fs::metadata(&api.rules.path).expect("it is there").permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&api.rules.path, permissions).expect("it is ours");
    assert!(put(&api, &other(), &in_force(&api)).problem(409).contains("is read-only"));
    assert_eq!(fs::read_to_string(&api.rules.path).expect("readable"), RULES);
}

#[test]
fn with_the_past_the_answer_comes_when_the_log_is_being_read() {
    let api = open();
    let body = json!({ "text": other(), "replaces": in_force(&api), "from": "log" });
    let begun = send(&api, "PUT", PATH, &body);
    assert_eq!((begun.status, &begun.json()["state"]), (202, &json!("reading")));
    assert!(send(&api, "PUT", PATH, &body).problem(409).contains("is being read"));
}

#[test]
fn readers_read_versions_and_change_nothing() {
    let api = with_both_tokens();
    let send = |token: &str, method: &str, path: &str, body: &str| {
        let head = format!(
            "Host: {}\r\nConnection: close\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
            api.address,
            body.len()
        );
        api.raw(&format!("{method} {path} HTTP/1.1\r\n{head}\r\n{body}"))
    };
    let version = send(READ_TOKEN, "GET", PATH, "").json()["version"].clone();
    let body = json!({ "text": other(), "replaces": version }).to_string();
    assert!(send(READ_TOKEN, "PUT", PATH, &body).problem(403).contains("operators"));
    assert_eq!(send(READ_TOKEN, "GET", "/v1/rules/versions", "").json()["versions"][0]["version"], version);
    assert_eq!(send(TOKEN, "PUT", PATH, &body).status, 200);
    assert_eq!(send(READ_TOKEN, "GET", "/v1/rules/versions", "").json()["versions"][0]["by"], json!("token"));
}

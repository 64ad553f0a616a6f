//! Rules tried on the past over HTTP.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::rules_editor::send;
use super::{READ_TOKEN, TOKEN, open, with_both_tokens};
use crate::api_server::{Answer, Api, RULES, track};
use rekindle::backtests::PastLogError;

const PATH: &str = "/v1/rules/backtest";

/// The reminder goes to those who put something into a cart instead.
fn edited() -> String {
    RULES.replace("on = \"enter:seen\"", "on = \"event:cart\"").replace("total(view) >= 1", "total(view) >= 2")
}

fn begin(api: &Api, body: &Value) -> String {
    let begun = send(api, "POST", PATH, body);
    assert_eq!((begun.status, &begun.json()["result"]), (202, &json!(null)), "{begun:?}");
    begun.json()["id"].as_str().expect("an id").to_owned()
}

fn of(id: &str) -> String {
    format!("{PATH}/{id}")
}

fn wait_for_end(api: &Api, id: &str) -> Value {
    let began = Instant::now();
    loop {
        let job = api.get(&of(id)).json();
        if job["state"] != "running" {
            return job;
        }
        assert!(began.elapsed() < Duration::from_secs(20), "it does not end: {job}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn fed() -> Api {
    let api = open();
    api.feed(&[track("u", "View", 1), track("v", "View", 2), track("v", "View", 3), track("w", "Cart", 4)]);
    api
}

#[test]
fn edited_rules_are_tried_on_the_log_against_those_in_force() {
    let api = fed();
    let job = wait_for_end(&api, &begin(&api, &json!({ "text": edited() })));
    let result = &job["result"];
    assert_eq!((&job["state"], &job["progress"], &job["note"]), (&json!("done"), &json!(1.0), &json!("it is a test")));
    assert_eq!((&job["events"], &result["events"]), (&json!(4), &json!(4)), "{job}");
    let in_force = api.get("/v1/rules").json()["version"].clone();
    assert_eq!((&result["rules"]["new"], &result["rules"]["old"]), (&job["version"], &in_force));
    let sent = |side: &str| result["campaigns"][0]["outcomes"][side]["sent"].clone();
    assert_eq!((sent("new"), sent("old")), (json!(1), json!(2)), "{result}");
    let seen = &result["segments"][0];
    let members = ["both", "only_new", "only_old"].map(|key| seen["members"][key].clone());
    assert_eq!((&seen["segment"], members), (&json!("seen"), [json!(1), json!(0), json!(1)]));
    assert_eq!(seen["members"]["people_only_old"], json!(["u"]));
    let differences = &result["differences"];
    assert_eq!((&differences["more_messages"], &differences["fewer_messages"]), (&json!(1), &json!(2)));
    let kinds = differences["kinds"].as_array().expect("a list");
    assert!(kinds.iter().all(|kind| !kind["reason"].as_str().expect("a reason").is_empty()), "{kinds:?}");
    assert!(kinds.iter().any(|kind| kind["people"][0]["user"] == "w"), "{kinds:?}");
    // Nothing has changed.
    assert_eq!(api.get("/v1/rules").json()["text"], RULES);
    assert_eq!(api.get("/v1/segments/seen/users").json()["users"].as_array().map(Vec::len), Some(2));
    assert_eq!(api.get("/v1/stats").json()["events"]["accepted"], json!(4));
}

#[test]
fn only_the_period_counts() {
    let api = fed();
    // The events are a second apart, from nine o'clock on.
    let period = json!({ "text": RULES, "from": "2026-03-05T09:00:01Z", "to": "2026-03-05T09:00:02Z" });
    let job = wait_for_end(&api, &begin(&api, &period));
    let result = &job["result"];
    assert_eq!(
        (&result["from"], &result["to"]),
        (&json!("2026-03-05T09:00:01.000Z"), &json!("2026-03-05T09:00:02.000Z"))
    );
    assert_eq!((&result["events"], &result["differences"]["people"]), (&json!(3), &json!(0)), "{result}");
    assert_eq!(result["segments"][0]["figures"]["new"], json!({"size": 2, "entered": 1, "left": 0}));
}

#[test]
fn what_can_not_be_tried_is_refused() {
    let api = open();
    let refused = |body: Value, status: u16| -> Answer {
        let answer = send(&api, "POST", PATH, &body);
        answer.problem(status);
        answer
    };
    let mistakes = refused(json!({ "text": RULES.replace("total(view)", "totl(view)") }), 422);
    assert_eq!((&mistakes.json()["count"], &mistakes.json()["problems"][0]["line"]), (&json!(1), &json!(8)));
    assert!(mistakes.json()["rendered"].as_str().is_some_and(|text| text.contains("there is no function `totl`")));
    for (wrong, said) in [
        (json!({ "txt": RULES }), "fields"),
        (json!({ "text": RULES, "until": "2026-03-05" }), "fields"),
        (json!({ "text": RULES, "from": "yesterday" }), "`from` must be a time"),
        (json!({ "text": RULES, "to": "2026-13-01" }), "`to` must be a time"),
        (json!({ "text": RULES, "from": "2026-03-06", "to": "2026-03-05" }), "not before"),
    ] {
        assert!(refused(wrong.clone(), 400).body.contains(said), "{wrong}");
    }
    assert!(api.request("POST", PATH, "Content-Length: 0\r\n").problem(415).contains("application/json"));
    let large = "x".repeat(1 << 20);
    refused(json!({ "text": large }), 413);
    *api.past.closed.lock().expect("not poisoned") = Some(PastLogError::NoLog);
    refused(json!({ "text": RULES }), 409);
    *api.past.closed.lock().expect("not poisoned") = Some(PastLogError::Unavailable("it is away".to_owned()));
    assert!(refused(json!({ "text": RULES }), 503).body.contains("it is away"));
    for method in ["GET", "DELETE"] {
        assert!(api.request(method, &of("no-such-id"), "").problem(404).contains("there is no such backtest"));
    }
}

#[test]
fn one_runs_at_a_time_and_can_be_cancelled() {
    let api = fed();
    api.past.is_held.store(true, Ordering::Relaxed);
    let id = begin(&api, &json!({ "text": edited() }));
    let running = api.get(&of(&id)).json();
    assert_eq!((&running["state"], &running["result"]), (&json!("running"), &json!(null)));
    assert!(send(&api, "POST", PATH, &json!({ "text": RULES })).problem(409).contains(&id));
    assert!(api.request("POST", "/v1/rules/reload?from=log&dry_run=true", "").problem(409).contains(&id));
    assert_eq!(api.request("DELETE", &of(&id), "").status, 202);
    assert_eq!(wait_for_end(&api, &id)["state"], "cancelled");
    assert!(api.request("DELETE", &of(&id), "").problem(409).contains("has ended"));
    api.past.is_held.store(false, Ordering::Relaxed);
    *api.past.broken.lock().expect("not poisoned") = Some("its middle is gone".to_owned());
    let failed = wait_for_end(&api, &begin(&api, &json!({ "text": RULES })));
    assert_eq!(failed["state"], "failed");
    assert!(failed["error"].as_str().is_some_and(|why| why.contains("its middle is gone")), "{failed}");
    *api.past.broken.lock().expect("not poisoned") = None;
    let next = begin(&api, &json!({ "text": RULES }));
    assert_eq!(wait_for_end(&api, &next)["state"], "done");
    assert_eq!(api.get(&of(&id)).json()["state"], "cancelled", "those before are still there");
}

#[test]
fn a_dry_run_of_a_reload_tries_the_rules_of_the_file() {
    let api = fed();
    std::fs::write(&api.rules.path, edited()).expect("written");
    assert!(api.request("POST", "/v1/rules/reload?dry_run=true", "").problem(400).contains("needs `from=log`"));
    assert!(api.request("POST", "/v1/rules/reload?from=log&dry_run=1", "").problem(400).contains("true or false"));
    let begun = api.request("POST", "/v1/rules/reload?from=log&dry_run", "");
    assert_eq!(begun.status, 202, "{begun:?}");
    let job = wait_for_end(&api, begun.json()["id"].as_str().expect("an id"));
    assert_eq!(job["result"]["differences"]["fewer_messages"], json!(2), "{job}");
    assert_eq!(api.get("/v1/rules").json()["text"], RULES);
    api.get("/v1/rules/reload").problem(404);
    std::fs::write(&api.rules.path, "[events]\nview = 1\n").expect("written");
    api.request("POST", "/v1/rules/reload?from=log&dry_run=true", "").problem(422);
}

#[test]
fn who_may_read_may_try_rules() {
    let api = with_both_tokens();
    let body = json!({ "text": RULES }).to_string();
    let ask = |token: Option<&str>| {
        let token = token.map_or_else(String::new, |token| format!("Authorization: Bearer {token}\r\n"));
        let length = body.len();
        let head = format!("Content-Type: application/json\r\nContent-Length: {length}\r\n{token}");
        let start = format!("POST {PATH} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", api.address);
        api.raw(&format!("{start}{head}\r\n{body}"))
    };
    ask(None).problem(401);
    for token in [READ_TOKEN, TOKEN] {
        let begun = ask(Some(token));
        assert_eq!(begun.status, 202, "{begun:?}");
        let (path, head) =
            (of(begun.json()["id"].as_str().expect("an id")), format!("Authorization: Bearer {token}\r\n"));
        api.get(&path).problem(401);
        let began = Instant::now();
        while api.request("GET", &path, &head).json()["state"] == "running" {
            assert!(began.elapsed() < Duration::from_secs(20), "it does not end");
            std::thread::sleep(Duration::from_millis(10));
        }
        api.request("DELETE", &path, &head).problem(409);
    }
    // A dry run is on the way to a reload.
    let head = format!("Authorization: Bearer {READ_TOKEN}\r\n");
    api.request("POST", "/v1/rules/reload?from=log&dry_run=true", &head).problem(403);
}

//! What an editor of rules asks for.

use serde_json::{Value, json};

use super::open;
use crate::api_server::{Answer, Api, RULES, track};

pub(super) fn send(api: &Api, method: &str, path: &str, body: &Value) -> Answer {
    let body = body.to_string();
    let head = format!("Content-Type: application/json\r\nContent-Length: {}\r\n", body.len());
    let start = format!("{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n", api.address);
    api.raw(&format!("{start}{head}\r\n{body}"))
}

fn check(api: &Api, text: &str) -> Value {
    let answer = send(api, "POST", "/v1/rules/check", &json!({ "text": text }));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

#[test]
fn mistakes_are_at_their_places_and_nothing_changes() {
    let api = open();
    assert_eq!(check(&api, RULES)["diagnostics"], json!([]));
    let text = "[events]\nview = 'View'\n[[segments]]\nid = 'ä'\nwhen = 'totl(view) > 1'\n";
    let found = check(&api, text)["diagnostics"].clone();
    let [id, function] = found.as_array().expect("a list").as_slice() else { panic!("{found}") };
    assert_eq!((&id["line"], &id["column"], &id["severity"]), (&4.into(), &6.into(), &"error".into()));
    let place = ["line", "column", "end_line", "end_column"].map(|key| function[key].as_u64().expect("a number"));
    assert_eq!(place, [5, 9, 5, 13], "{function}");
    assert!(function["help"].as_str().is_some_and(|help| help.contains("total")), "{function}");
    assert_eq!(api.get("/v1/rules").json()["text"], RULES);
    // Rules are larger than other bodies may be.
    let long = format!("{RULES}\n{}", "# x\n".repeat(200_000));
    assert_eq!(check(&api, &long)["diagnostics"], json!([]));
    let longer = "x".repeat(1 << 20);
    send(&api, "POST", "/v1/rules/check", &json!({ "text": longer })).problem(413);
    send(&api, "POST", "/v1/rules/check", &json!({ "txt": "" })).problem(400);
}

#[test]
fn names_are_those_of_the_text_and_of_the_log() {
    let api = open();
    api.feed(&[track("u", "Something Else", 1)]);
    // The engine publishes what it counts a few times a second.
    let names = std::iter::repeat_with(|| check(&api, &format!("{RULES}when = 'oops")))
        .map(|found| found["names"].clone())
        .find(|names| names["log_events"] == json!(["Something Else"]))
        .expect("it is counted");
    assert_eq!(names["events"], json!(["view", "cart"]), "no TOML: those in force");
    assert_eq!(names["traits"], json!(["plan"]));
    let text = "[events]\nbuy = 'B'\n[[segments]]\nid = 'rich'\nwhen = \"sum(buy.total, '1d') > 5 && traits.tier == 'x' && oops(\"\n";
    let names = check(&api, text)["names"].clone();
    assert_eq!((&names["events"], &names["segments"]), (&json!(["buy"]), &json!(["rich"])));
    assert_eq!((&names["properties"], &names["traits"]), (&json!({"buy": ["total"]}), &json!(["plan", "tier"])));
}

#[test]
fn the_reference_is_there_as_a_whole_and_in_pieces() {
    let reference = open().get("/v1/rules/reference").json();
    assert!(reference["markdown"].as_str().is_some_and(|text| text.starts_with("# The rules language")));
    let has = |list: &str, key: &str, value: &str| {
        reference[list].as_array().is_some_and(|all| all.iter().any(|one| one[key] == value))
    };
    assert!(has("functions", "form", "count(E, W)") && has("tables", "heading", "[[segments]]"));
}

//! Partners, those who are shared with them, and consent that is given and withdrawn over the API.

use std::fs;

use rstest::rstest;
use serde_json::{Value, json};

use super::open;
use super::users::assert_documented;
use crate::api_server::{Answer, Api, RULES};

const PARTNERS: &str = r#"
[[partners]]
id = "acme"
needs = ["partner_acme"]
subject = "traits.email"
segments = ["seen", "cart_abandoned"]

[[partners]]
id = "zeta"
segments = ["seen"]
"#;

fn open_with_partners() -> Api {
    let api = open();
    fs::write(&api.rules.path, format!("{RULES}{PARTNERS}")).expect("written");
    let reloaded = api.request("POST", "/v1/rules/reload", "");
    assert_eq!(reloaded.status, 200, "{reloaded:?}");
    api
}

fn view(user: &str, email: Option<&str>, consent: bool) -> [String; 2] {
    let consent = json!({"consent": {"categoryPreferences": {"partner_acme": consent}}});
    [
        json!({"type": "identify", "userId": user, "traits": {"email": email}, "context": consent}).to_string(),
        json!({"type": "track", "event": "View", "userId": user}).to_string(),
    ]
}

fn post(api: &Api, path: &str, body: &str) -> Answer {
    let head = "Content-Type: application/json\r\nConnection: close";
    let (address, bytes) = (api.address, body.len());
    api.raw(&format!("POST {path} HTTP/1.1\r\nHost: {address}\r\n{head}\r\nContent-Length: {bytes}\r\n\r\n{body}"))
}

#[test]
fn partners_are_listed_with_what_they_know() {
    let api = open_with_partners();
    let people = [view("ana", Some("ana@shop.example"), true), view("bob", Some("bob@shop.example"), false)];
    api.feed(&people.concat());
    let answer = api.get("/v1/partners").json();
    assert_documented(&api, "Partners", &answer);
    assert_eq!(
        answer["partners"],
        json!([
            {
                "id": "acme", "needs": ["partner_acme"], "subject": "traits.email", "segments": ["seen", "cart_abandoned"],
                "shared": 1, "entered": 1, "left": 0
            },
            {"id": "zeta", "needs": [], "subject": null, "segments": ["seen"], "shared": 2, "entered": 2, "left": 0}
        ])
    );
    let none = open().get("/v1/partners").json();
    assert_eq!(none, json!({"partners": []}));
}

#[test]
fn subjects_are_listed_page_by_page_and_name_no_user() {
    let api = open_with_partners();
    let people: Vec<String> = (0..25)
        .flat_map(|number| view(&format!("u{number}"), Some(&format!("u{number}@shop.example")), number % 2 == 0))
        .chain(view("nobody", None, true))
        .collect();
    api.feed(&people);
    let (mut subjects, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = api.get(&format!("/v1/partners/acme/seen?limit=7{cursor}")).json();
        assert_documented(&api, "PartnerSubjects", &page);
        assert_eq!((&page["partner"], &page["segment"]), (&json!("acme"), &json!("seen")));
        subjects.extend(
            page["subjects"].as_array().expect("a list").iter().map(|one| one.as_str().expect("a text").to_owned()),
        );
        pages += 1;
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    subjects.sort();
    subjects.dedup();
    assert_eq!(subjects.len(), 13, "who consents and has an address");
    assert!(
        pages > 2 && subjects.iter().all(|one| one.len() == 32 && one.bytes().all(|byte| byte.is_ascii_hexdigit()))
    );
    assert_eq!(api.get("/v1/partners/acme/cart_abandoned").json()["subjects"], json!([]));
    for unknown in ["/v1/partners/nobody/seen", "/v1/partners/zeta/cart_abandoned", "/v1/partners/acme/reminder"] {
        assert!(api.get(unknown).problem(404).contains("/v1/partners lists all"), "{unknown}");
    }
    api.get("/v1/partners/acme/seen?limit=0").problem(400);
    api.get("/v1/partners/acme/seen?cursor=%00").problem(400);
}

#[test]
fn consent_is_put_into_the_log_for_those_whom_the_id_stands_for() {
    let api = open_with_partners();
    let linked = json!({"type": "identify", "anonymousId": "anon", "userId": "ana"}).to_string();
    api.feed(&[view("ana", Some("ana@shop.example"), true).to_vec(), vec![linked]].concat());
    let answer = post(&api, "/v1/users/anon/consent", r#"{"purposes": {"partner_acme": false, "marketing": true}}"#);
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_documented(&api, "ConsentLogged", &answer.json());
    assert_eq!(answer.json(), json!({"user": "anon", "applies_to": ["ana"], "sequence": 43}));
    let answer = post(&api, "/v1/users/new/consent", r#"{"purposes": {"marketing": true}}"#).json();
    assert_eq!(answer["applies_to"], json!(["new"]));
    let known = |path: &str| api.get(path).json();
    let wait = std::time::Instant::now();
    while known("/v1/partners/acme/seen")["subjects"] != json!([]) {
        assert!(wait.elapsed().as_secs() < 20, "the withdrawal has no effect");
        std::thread::yield_now();
    }
    let records = known("/v1/audit")["records"].clone();
    let said: Vec<[&Value; 4]> = records
        .as_array()
        .expect("a list")
        .iter()
        .filter(|one| one["what"] == "consent_recorded")
        .map(|one| [&one["user"], &one["outcome"], &one["detail"], &one["who"]["role"]])
        .collect();
    assert_eq!(
        said,
        [
            [&json!("new"), &json!("done"), &json!("marketing: true"), &json!("operator")],
            [&json!("anon"), &json!("done"), &json!("marketing: true, partner_acme: false"), &json!("operator")]
        ]
    );
    *api.log.broken.lock().expect("not poisoned") = Some("the broker is away".to_owned());
    let why = post(&api, "/v1/users/ana/consent", r#"{"purposes": {"marketing": true}}"#).problem(503);
    assert!(why.contains("the broker is away") && why.contains("ask again"), "{why}");
}

#[rstest]
#[case::nothing("{}", "does not have the fields")]
#[case::none(r#"{"purposes": {}}"#, "1 to 64 purposes")]
#[case::no_name(r#"{"purposes": {"": true}}"#, "1 to 128 bytes")]
#[case::a_text(r#"{"purposes": {"marketing": "yes"}}"#, "does not have the fields")]
#[case::more(r#"{"purposes": {"marketing": true}, "at": "2020-01-01T00:00:00Z"}"#, "does not have the fields")]
#[case::broken("{", "is no JSON")]
fn consent_that_says_nothing_is_refused(#[case] body: &str, #[case] detail: &str) {
    let why = post(&open(), "/v1/users/ana/consent", body).problem(400);
    assert!(why.contains(detail), "{why}");
}

#[test]
fn consent_needs_a_known_size_and_a_type() {
    let api = open();
    let many: serde_json::Map<String, Value> = (0..65).map(|number| (number.to_string(), json!(true))).collect();
    post(&api, "/v1/users/ana/consent", &json!({ "purposes": many }).to_string()).problem(400);
    post(&api, "/v1/users/ana/consent", &json!({"purposes": {"x".repeat(129): true}}).to_string()).problem(400);
    post(&api, &format!("/v1/users/{}/consent", "x".repeat(600)), r#"{"purposes": {"a": true}}"#).problem(400);
    api.request("POST", "/v1/users/ana/consent", "Content-Length: 0\r\n").problem(415);
}

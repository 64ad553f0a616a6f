//! Users: their state, export, segments, and forgetting them.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::json;

use super::{open, with_token};
use crate::api_server::{Api, RULES, identify, track};

#[test]
fn a_user_is_described_with_its_whole_state() {
    let api = open();
    api.feed(&[identify("u", "gold"), track("u", "View", 1), track("u", "Cart", 2)]);
    let user = api.get("/v1/users/u");
    assert_eq!(user.status, 200, "{user:?}");
    assert!(user.head.contains("\r\ncache-control: no-store"), "{user:?}");
    assert!(user.head.contains("\r\nx-content-type-options: nosniff"), "{user:?}");
    let user = user.json();
    assert_eq!(
        (&user["user"], &user["segments"], &user["traits"]),
        (&json!("u"), &json!(["seen"]), &json!({"plan": "gold"}))
    );
    assert_eq!(user["first_event"], "2026-03-05T09:00:00.000Z");
    assert_eq!(user["latest_event"], "2026-03-05T09:00:02.000Z");
    assert_eq!(user["next_wake_up"], "2026-03-05T09:30:02.000Z");
    assert_eq!(user["fired"], json!([{"campaign": "reminder", "count": 1, "last": "2026-03-05T09:00:01.000Z"}]));
    assert!(
        user["features"].as_array().expect("a list").contains(&json!({"feature": "total(view)", "value": 1})),
        "{user}"
    );
    let decision = &user["decisions"][0];
    assert_eq!(
        (&decision["kind"], &decision["outcome"], &decision["cause"]),
        (&json!("decision"), &json!("sent"), &json!("m1"))
    );
}

#[test]
fn why_a_user_is_in_a_segment_or_not_is_explained() {
    let api = open();
    api.feed(&[identify("u", "gold"), track("u", "View", 1), track("u", "Cart", 2)]);
    let explained = api.get("/v1/users/u/explain?segment=cart_abandoned").json();
    assert_eq!((&explained["user"], explained["segments"].as_array().map(Vec::len)), (&json!("u"), Some(1)));
    let segment = &explained["segments"][0];
    assert_eq!((&segment["segment"], &segment["is_in"]), (&json!("cart_abandoned"), &json!(false)));
    let parts = segment["condition"]["parts"].as_array().expect("a list");
    let told: Vec<_> = parts.iter().map(|part| (&part["text"], &part["holds"], &part["is_needed"])).collect();
    let expected = [
        (&json!("total(cart) >= 1"), &json!(true), &json!(true)),
        (&json!("since(cart) >= 30m"), &json!(false), &json!(true)),
        (&json!("traits.plan != 'none'"), &json!(true), &json!(false)),
    ];
    assert_eq!(told, expected);
    assert_eq!(parts[2]["operands"], json!([{"text": "traits.plan", "value": "gold", "shown": "\"gold\""}]));
    assert_eq!(segment["next_change"], json!({"change": "enter", "at": "2026-03-05T09:30:02.000Z"}));
    let seen = &api.get("/v1/users/u/explain").json()["segments"][0];
    assert_eq!((&seen["is_in"], &seen["next_change"]), (&json!(true), &json!(null)));
    for (path, status) in [
        ("/v1/users/nobody/explain", 404),
        ("/v1/users/u/explain?segment=nope", 404),
        ("/v1/users/u/explain?at=1", 400),
        ("/v1/users/%ff/explain", 400),
    ] {
        assert_eq!(api.get(path).status, status, "{path}");
    }
}

/// A visitor's link is stored too, though all of its state is the user's.
#[test]
fn everything_stored_about_a_user_is_exported() {
    let api = open();
    let link = json!({"type": "page", "userId": "u", "anonymousId": "a", "messageId": "m3"}).to_string();
    api.feed(&[identify("u", "gold"), track("u", "View", 1), track("u", "Cart", 2), link]);
    for path in ["/v1/users/u?export", "/v1/users/u?export=true"] {
        let export = api.get(path);
        assert_eq!(export.status, 200, "{export:?}");
        let export = export.json();
        assert_eq!(export["user"], "u");
        assert_eq!(export["links"], json!({"user": null, "visitors": ["a"]}));
        let profile = &export["state"]["profile"];
        assert_eq!((&profile["segments"], &profile["traits"]), (&json!(["seen"]), &json!({"plan": "gold"})));
        let total = json!({"feature": "total(view)", "value": 1});
        assert!(profile["features"].as_array().expect("a list").contains(&total), "{profile}");
        assert_eq!(profile["message_ids"].as_array().map(Vec::len), Some(3));
        let fired = json!([{"campaign": "reminder", "count": 1, "last": "2026-03-05T09:00:01.000Z"}]);
        assert_eq!(export["state"]["memory"]["fired"], fired);
        assert_eq!(export["decisions"][0]["outcome"], "sent");
        assert_documented(&api, "Export", &export);
    }
    let visitor = api.get("/v1/users/a?export").json();
    assert_eq!((&visitor["state"], &visitor["links"]["user"]), (&json!(null), &json!("u")));
    assert_documented(&api, "Export", &visitor);
    assert_documented(&api, "UserState", &api.get("/v1/users/u?export=false").json());
    assert_eq!(api.get("/v1/users/nobody?export").problem(404), "nothing is known of this user");
    for query in ["export=yes", "export=1", "exports", "export&export"] {
        api.get(&format!("/v1/users/u?{query}")).problem(400);
    }
}

/// Checks an answer against its schema in the OpenAPI document.
#[track_caller]
pub(super) fn assert_documented(api: &Api, schema: &str, answer: &serde_json::Value) {
    let document = api.get("/v1/openapi.json").json();
    let root = json!({"$ref": format!("#/components/schemas/{schema}"), "components": document["components"]});
    let validator = jsonschema::validator_for(&root).expect("a schema");
    let mistakes: Vec<String> = validator.iter_errors(answer).map(|error| error.to_string()).collect();
    assert_eq!(mistakes, [""; 0], "{answer}");
}

#[test]
fn a_forgotten_user_is_unknown() {
    let api = open();
    api.feed(&[track("u", "View", 1), track("v", "View", 2)]);
    let gone = api.request("DELETE", "/v1/users/u", "");
    assert_eq!((gone.status, gone.json()), (202, json!({"user": "u", "forgets": ["u"], "sequence": 42})));
    api.get("/v1/users/u").problem(404);
    api.get("/v1/users/u?export").problem(404);
    assert_eq!(api.get("/v1/users/u/segments").json()["segments"], json!([]));
    assert_eq!(api.get("/v1/segments/seen/users").json()["users"], json!(["v"]));
    assert_eq!(api.live.decisions_of("u").len(), 0);
    assert_eq!(api.live.decisions_of("v").len(), 1);
    // Statistics are a moment old.
    let started = Instant::now();
    while api.live.stats().totals.forgotten == 0 {
        assert!(started.elapsed() < Duration::from_secs(10), "nobody is counted");
    }
    assert_eq!(api.live.stats().totals.counts.sizes[0], 1);
    // The id is unknown now: a second request forgets no user.
    let nobody = api.request("DELETE", "/v1/users/u", "");
    assert_eq!((nobody.status, nobody.json()), (202, json!({"user": "u", "forgets": [], "sequence": 42})));
    api.feed(&[track("u", "View", 1)]);
    let user = api.get("/v1/users/u").json();
    assert_eq!((&user["segments"], user["decisions"].as_array().map(Vec::len)), (&json!(["seen"]), Some(1)));
}

#[test]
fn forgetting_a_visitor_forgets_the_linked_user_and_all_decisions_about_both() {
    let api = open();
    let anonymous = |name: &str, second: u64| track("a", name, second).replace("userId", "anonymousId");
    let link = json!({"type": "page", "userId": "u", "anonymousId": "a", "messageId": "m9"}).to_string();
    api.feed(&[anonymous("View", 1), anonymous("Cart", 2), link, track("u", "Cart", 3), track("v", "Cart", 4)]);
    let export = api.get("/v1/users/u?export").json();
    let about: Vec<_> = export["decisions"].as_array().expect("a list").iter().map(|it| it["user"].clone()).collect();
    assert!(about.contains(&json!("a")), "what was decided about the visitor is in the user's export: {about:?}");
    assert!(!api.live.decisions_of("a").is_empty());
    let gone = api.request("DELETE", "/v1/users/a", "");
    assert_eq!((gone.status, gone.json()), (202, json!({"user": "a", "forgets": ["u"], "sequence": 42})));
    assert_documented(&api, "WillBeForgotten", &gone.json());
    for id in ["u", "a"] {
        api.get(&format!("/v1/users/{id}?export")).problem(404);
        assert_eq!(api.get(&format!("/v1/users/{id}/segments")).json()["segments"], json!([]), "{id}");
        assert_eq!(api.live.decisions_of(id).len(), 0, "{id}");
    }
    assert_eq!(api.get("/v1/users/v?export").status, 200);
}

#[test]
fn no_user_is_forgotten_unless_the_request_is_in_the_log() {
    let api = with_token();
    api.feed(&[track("u", "View", 1)]);
    let (token, long) = ("Authorization: Bearer s3cret-s3cret-s3cret\r\n", "x".repeat(257));
    api.request("DELETE", "/v1/users/u", "").problem(401);
    assert!(api.request("DELETE", &format!("/v1/users/{long}"), token).problem(400).contains("256"));
    api.request("DELETE", "/v1/users/%FF", token).problem(400);
    *api.log.broken.lock().expect("not poisoned") = Some("there is no connection to NATS".to_owned());
    let refused = api.request("DELETE", "/v1/users/u", token);
    let why = refused.problem(503);
    assert!(why.contains("there is no connection to NATS") && why.contains("nothing comes of it"), "{why}");
    assert!(refused.head.contains("\r\nretry-after: 1"), "{refused:?}");
    assert_eq!(api.request("GET", "/v1/users/u", token).status, 200);
}

#[test]
fn an_unknown_user_is_not_found_and_in_no_segment() {
    let api = open();
    assert_eq!(api.get("/v1/users/nobody").problem(404), "nothing is known of this user");
    let segments = api.get("/v1/users/nobody/segments");
    assert_eq!((segments.status, segments.json()), (200, json!({"user": "nobody", "segments": []})));
}

#[test]
fn ids_are_any_text_percent_encoded() {
    let api = open();
    api.feed(&[track("a/b c", "View", 1), track("Zoë?", "View", 2), track("%2F", "View", 3)]);
    for (path, user) in [("a%2Fb%20c", "a/b c"), ("Zo%C3%AB%3f", "Zoë?"), ("%252F", "%2F")] {
        let segments = api.get(&format!("/v1/users/{path}/segments"));
        assert_eq!(segments.json(), json!({"user": user, "segments": ["seen"]}), "{path}");
        assert_eq!(api.get(&format!("/v1/users/{path}")).json()["user"], user);
    }
    for path in ["/v1/users/%FF", "/v1/users/%FF/segments", "/v1/segments/%C3/users"] {
        api.get(path).problem(400);
    }
}

/// The engine has ended: requests that need it are refused, and the view answers as before.
#[test]
fn segments_of_a_user_do_not_need_the_engine() {
    let mut api = open();
    api.feed(&[track("u", "View", 1)]);
    api.end_engine();
    let refused = api.get("/v1/users/u");
    assert!(refused.problem(503).contains("stopping"), "{refused:?}");
    assert!(refused.head.contains("\r\nretry-after: 1"), "{refused:?}");
    assert_eq!(api.get("/v1/users/u/segments").json()["segments"], json!(["seen"]));
    fs::write(&api.rules.path, format!("{RULES}\n")).expect("written");
    api.request("POST", "/v1/rules/reload", "").problem(503);
}

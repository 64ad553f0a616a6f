//! Finding users, and the past of a user.

use serde_json::{Value, json};

use super::open;
use crate::api_server::{Api, identify, track};

fn found(api: &Api, query: &str) -> Value {
    let answer = api.get(&format!("/v1/users?query={query}"));
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

fn user(id: &str, matched: &str, of_trait: Value) -> Value {
    json!({"user": id, "matched": matched, "trait": of_trait})
}

#[test]
fn users_are_found_by_id_visitor_beginning_and_trait() {
    let api = open();
    let linked = json!({"type": "identify", "userId": "u1", "anonymousId": "a-7", "traits": {}}).to_string();
    api.feed(&[identify("u2", "gold"), track("u10", "View", 1), linked, track("gold", "View", 2), identify("x", "u1")]);
    let by_id = found(&api, "u1");
    let expected =
        json!([user("u1", "id", Value::Null), user("u10", "id", Value::Null), user("x", "trait", json!("plan"))]);
    assert_eq!((&by_id["users"], &by_id["more"], &by_id["cut_off"]), (&expected, &json!(false), &json!(false)));
    assert_eq!(found(&api, "a-7")["users"], json!([user("u1", "anonymous_id", Value::Null)]));
    assert_eq!(
        found(&api, "gold")["users"],
        json!([user("gold", "id", Value::Null), user("u2", "trait", json!("plan"))])
    );
    assert_eq!(found(&api, "nobody")["users"], json!([]));
    let page = found(&api, "u&limit=2");
    assert_eq!((page["users"].as_array().map(Vec::len), &page["more"]), (Some(2), &json!(true)));
}

#[test]
fn a_search_without_a_text_or_with_a_wrong_limit_is_refused() {
    let api = open();
    for query in ["", "?query=", "?query=u&limit=0", "?query=u&limit=101", "?query=u&other=1"] {
        api.get(&format!("/v1/users{query}")).problem(400);
    }
}

#[test]
fn without_a_log_the_past_is_not_known_and_it_is_said() {
    let api = open();
    api.feed(&[track("u", "View", 1)]);
    for path in ["/v1/users/u/timeline", "/v1/users/u/explain?at=2026-03-05"] {
        assert!(api.get(path).problem(404).contains("plain NATS"), "{path}");
    }
    for path in ["/v1/users/u/timeline?limit=0", "/v1/users/u/timeline?before=soon", "/v1/users/u/explain?at=soon"] {
        api.get(path).problem(400);
    }
}

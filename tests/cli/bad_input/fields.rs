//! Fields of the wrong type, calls that are not known, and what may be missing.

use crate::bad_input::command::{accepts, lines_of, rejects, view};

fn with(field: &str, value: &str) -> String {
    view("u1", 9).replacen("\"properties\"", &format!("\"{field}\":{value},\"properties\""), 1)
}

#[test]
fn a_field_of_the_wrong_type_is_rejected() {
    const TEXTS: [&str; 2] = ["type", "event"];
    const IDS: [&str; 4] = ["userId", "anonymousId", "previousId", "messageId"];
    const TIMES: [&str; 4] = ["timestamp", "originalTimestamp", "sentAt", "receivedAt"];
    let mut lines = Vec::new();
    for field in TEXTS {
        lines.extend(["5", "-1.5", "true", "{}", "[\"u1\"]"].map(|value| with(field, value)));
    }
    for field in TIMES {
        lines.extend(["true", "{}", "[\"2026-03-05T09:00:00Z\"]"].map(|value| with(field, value)));
    }
    for field in IDS {
        lines.extend(["-1.5", "1e-3", "true", "{}", "[]", "[\"u1\"]"].map(|value| with(field, value)));
    }
    for field in ["context", "traits"] {
        lines.extend(["5", "false", "\"gold\"", "[{}]"].map(|value| with(field, value)));
    }
    for value in ["5", "false", "\"shoes\"", "[{\"price\":60}]"] {
        lines.push(view("u1", 9).replacen("{\"price\":60,\"category\":\"shoes\"}", value, 1));
    }
    let lines: Vec<_> = lines.iter().map(|line| (line.as_bytes(), "wrong_type")).collect();
    rejects(&lines);
}

#[test]
fn a_field_that_is_null_is_missing() {
    let nulls = ["anonymousId", "previousId", "messageId", "originalTimestamp", "sentAt", "context", "traits", "event"];
    let lines: Vec<_> = nulls.iter().map(|field| with(field, "null").into_bytes()).collect();
    let journal = accepts(&lines);
    assert!(!lines_of(&journal, "u1").is_empty(), "{journal}");
    rejects(&[
        (with("event", "null,\"type\":null").as_bytes(), "unknown_type"),
        (with("userId", "null").as_bytes(), "no_id"),
        (with("timestamp", "null").as_bytes(), "no_time"),
    ]);
}

#[test]
fn calls_that_are_not_known_are_rejected() {
    let lines = ["", "track ", "trac", "groups", "delete", "ťrack", "identify\\u0000", "轨迹"]
        .map(|call| with("type", &format!("\"{call}\"")));
    let lines: Vec<_> = lines.iter().map(|line| (line.as_bytes(), "unknown_type")).collect();
    rejects(&lines);
}

#[test]
fn a_call_is_known_in_any_case_and_what_has_an_event_is_a_track() {
    let expected = accepts(&[view("u1", 9).into_bytes()]);
    for call in ["\"Track\"", "\"TRACK\"", "null", "\"\\u0054rack\""] {
        assert_eq!(accepts(&[with("type", call).into_bytes()]), expected, "{call}");
    }
    assert_eq!(accepts(&[view("u1", 9).replace("\"type\":\"track\",", "").into_bytes()]), expected);
    let page = view("u1", 9).replace("track", "PAGE");
    assert!(accepts(&[page.into_bytes()]).contains("\"reader\""));
}

#[test]
fn a_group_call_is_an_event_of_no_name() {
    let group =
        r#"{"type":"group","groupId":"g","userId":"u1","timestamp":"2026-03-05T09:00:00Z","traits":{"tier":"gold"}}"#;
    let journal = accepts(&[group.as_bytes().to_vec()]);
    let segments: Vec<_> = lines_of(&journal, "u1").iter().map(|record| record["segment"].clone()).collect();
    assert_eq!(segments, ["quiet"], "it was there, and its traits are the group's: {journal}");
}

#[test]
fn null_and_an_array_without_elements_stand_for_an_object_without_members() {
    for field in ["context", "traits", "properties"] {
        for nothing in ["null", "[]", "[ ]", "{}"] {
            accepts(&[with(field, nothing).into_bytes()]);
        }
    }
    let identify = |traits: &str| {
        let line = r#"{"type":"identify","userId":"u1","timestamp":"2026-03-05T09:00:00Z","traits":TRAITS}"#;
        line.replace("TRAITS", traits).into_bytes()
    };
    assert_eq!(accepts(&[identify("[]")]), accepts(&[identify("{}")]));
}

#[test]
fn properties_of_other_types_than_the_rules_expect_are_passed_over() {
    let priced = |user: &str, price: &str| view(user, 9).replace(":60", &format!(":{price}")).into_bytes();
    let prices = ["\"1000\"", "true", "null", "{\"amount\":1000}", "[1000]", "101"];
    let users = ["text", "bool", "missing", "object", "list", "number"];
    let journal = accepts(&users.iter().zip(prices).map(|(user, price)| priced(user, price)).collect::<Vec<_>>());
    let is_pricey = |user: &str| lines_of(&journal, user).iter().any(|record| record["segment"] == "pricey");
    assert_eq!(users.map(is_pricey), [false, false, false, false, false, true], "{journal}");
}

#[test]
fn a_track_without_a_name_is_an_event_of_no_name() {
    let nameless = view("u1", 9).replacen("\"event\":\"Viewed\",", "", 1);
    let journal = accepts(&[nameless.into_bytes()]);
    let segments: Vec<_> = lines_of(&journal, "u1").iter().map(|record| record["segment"].clone()).collect();
    assert_eq!(segments, ["quiet"], "it was there, and then it was not: {journal}");
}

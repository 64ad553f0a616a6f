//! The history of segments, and campaigns with their outcomes.

use serde_json::json;

use super::open;
use crate::api_server::{Api, track};

/// With what the engine publishes some time after it took the lines in.
fn fed() -> Api {
    let api = open();
    api.feed(&[track("u42", "View", 1), track("u7", "View", 2), track("u7", "View", 3)]);
    api
}

#[test]
fn a_segment_has_its_size_and_its_transitions_by_hour() {
    let api = fed();
    let history = api.get("/v1/segments/seen/history").json();
    // The watermark is some seconds behind the log, in the hour before.
    let at = "2026-03-05T08:00:00.000Z";
    let expected = json!({"segment": "seen", "points": [{"at": at, "size": 2, "entered": 2, "left": 0}]});
    assert_eq!(history, expected);
    let of =
        |query: &str| api.get(&format!("/v1/segments/seen/history?{query}")).json()["points"].as_array().map(Vec::len);
    assert_eq!(of("from=2026-03-05T08:00:00Z&to=2026-03-05T09:00:00Z"), Some(1));
    assert_eq!([of("from=2026-03-05&to=2026-03-06"), of("from=2026-03-06")], [Some(1), Some(0)], "dates");
    assert_eq!([of("from=2026-03-05T08:00:01Z"), of("to=2026-03-05T08:00:00Z")], [Some(0), Some(0)]);
    api.get("/v1/segments/nothing/history").problem(404);
    for query in ["from=yesterday", "to=1", "until=2026-03-05T09:00:00Z"] {
        api.get(&format!("/v1/segments/seen/history?{query}")).problem(400);
    }
}

#[test]
fn campaigns_are_listed_with_how_they_were_decided() {
    let api = fed();
    let expected = json!([{
        "campaign": "reminder", "description": "", "trigger": "enter:seen", "channel": "email", "outcomes": {"sent": 2},
        "variants": [], "goals": [], "budgets": []
    }]);
    assert_eq!(api.get("/v1/campaigns").json(), expected);
}

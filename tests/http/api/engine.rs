//! Segments, statistics, rules, readiness, metrics and growth numbers.

use std::collections::BTreeSet;
use std::fs;
use std::time::{Duration, Instant};

use serde_json::json;

use super::open;
use crate::api_server::{RULES, identify, track};

#[test]
fn segments_have_their_sizes_and_descriptions() {
    let api = open();
    api.feed(&[track("u", "View", 1), track("v", "View", 2)]);
    let expected = json!({"segments": [
        {"id": "seen", "description": "", "users": 2},
        {"id": "cart_abandoned", "description": "A cart untouched for 30 minutes", "users": 0},
    ]});
    assert_eq!(api.get("/v1/segments").json(), expected);
}

#[test]
fn pages_hold_every_user_of_a_segment_once() {
    let api = open();
    let users: BTreeSet<String> = (0..250).map(|n| format!("ü{n}")).collect();
    api.feed(&users.iter().enumerate().map(|(n, user)| track(user, "View", n as u64)).collect::<Vec<_>>());
    for limit in [7, 100, 10_000] {
        let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
        loop {
            let page = api.get(&format!("/v1/segments/seen/users?limit={limit}{cursor}")).json();
            let found = page["users"].as_array().expect("a list").iter();
            seen.extend(found.map(|user| user.as_str().expect("an id").to_owned()));
            pages += 1;
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!((seen.len(), pages), (250, 250usize.div_ceil(limit)), "limit {limit}");
        assert_eq!(seen.into_iter().collect::<BTreeSet<_>>(), users);
    }
    assert_eq!(api.get("/v1/segments/seen/users").json()["users"].as_array().expect("a list").len(), 100);
}

#[test]
fn invalid_page_parameters_are_refused() {
    let api = open();
    assert!(api.get("/v1/segments/none/users").problem(404).contains("/v1/segments"));
    for query in [
        "limit=0",
        "limit=10001",
        "limit=x",
        "limit=",
        "limit=-1",
        "limit=1&limit=2",
        "cursor=",
        "cursor=!",
        "cursor=MTp",
        "limt=3",
    ] {
        api.get(&format!("/v1/segments/seen/users?{query}")).problem(400);
    }
}

#[test]
fn statistics_count_events_users_and_rejections() {
    let api = open();
    let before = api.get("/v1/stats").json();
    assert_eq!((&before["watermark"], &before["users"]), (&json!(null), &json!(0)));
    api.feed(&[track("u", "View", 1), track("u", "View", 1), identify("v", "gold"), "junk".to_owned()]);
    let stats = api.get("/v1/stats").json();
    let events = &stats["events"];
    assert_eq!((&events["accepted"], &events["duplicates"], &events["late"]), (&json!(3), &json!(1), &json!(0)));
    assert_eq!((&events["by_call"]["track"], &events["by_call"]["identify"]), (&json!(2), &json!(1)));
    let rejected = events["rejected"].as_object().expect("a map").values().filter_map(|count| count.as_u64());
    assert_eq!((rejected.sum::<u64>(), &stats["users"]), (1, &json!(2)));
    assert_eq!(stats["watermark"], "2026-03-05T08:59:58.000Z");
    assert_eq!(
        (&stats["version"], &stats["queues"]),
        (&json!(env!("CARGO_PKG_VERSION")), &json!({"batches": 0, "emissions": 0}))
    );
    assert_eq!(stats["rules"], api.get("/v1/rules").json()["version"]);
}

#[test]
fn rules_are_shown_and_reloaded() {
    let api = open();
    api.feed(&[track("u", "View", 1)]);
    let before = api.get("/v1/rules").json();
    assert_eq!((&before["text"], &before["loaded_at"]), (&json!(RULES), &json!("2026-03-05T09:00:00.000Z")));
    let changed = RULES.replace("id = \"seen\"", "id = \"visited\"").replace("enter:seen", "enter:visited");
    fs::write(&api.rules.path, &changed).expect("written");
    let reloaded = api.request("POST", "/v1/rules/reload", "");
    assert_eq!((reloaded.status, &reloaded.json()["previous"]), (200, &before["version"]), "{reloaded:?}");
    let after = api.get("/v1/rules").json();
    assert_eq!((&after["text"], &after["version"]), (&json!(changed), &reloaded.json()["version"]));
    assert_eq!(api.get("/v1/users/u/segments").json()["segments"], json!(["visited"]));
    assert_eq!(reloaded.json()["changed"], json!(true));
    let empty = json!([{"what": "total(view)", "blind": "for good", "read_by": ["segment seen"]}]);
    assert_eq!(reloaded.json()["begins_empty"], empty);
    let again = api.request("POST", "/v1/rules/reload", "").json();
    assert_eq!((&again["changed"], &again["begins_empty"]), (&json!(false), &json!([])));
    fs::write(&api.rules.path, "").expect("written");
    assert!(api.request("POST", "/v1/rules/reload", "").problem(422).contains("no segments"));
    assert!(api.request("POST", "/v1/rules/reload?allow_empty=maybe", "").problem(400).contains("true or false"));
    assert_eq!(api.request("POST", "/v1/rules/reload?allow_empty=true", "").json()["changed"], json!(true));
}

#[test]
fn bad_rules_change_nothing_and_every_mistake_is_reported() {
    let api = open();
    let before = api.get("/v1/rules").json();
    fs::write(&api.rules.path, RULES.replace("total(view)", "totl(view)").replace("'30m'", "'30x'")).expect("written");
    let refused = api.request("POST", "/v1/rules/reload", "");
    assert!(refused.problem(422).contains("mistakes"));
    let problems = refused.json()["problems"].clone();
    assert_eq!(
        problems[0],
        json!({"message": "there is no function `totl`", "help": "did you mean `total`?", "line": 8, "column": 9})
    );
    assert_eq!((problems.as_array().map(Vec::len), &refused.json()["count"]), (Some(2), &json!(2)), "{problems}");
    assert!(refused.json()["rendered"].as_str().expect("text").starts_with("rules.toml:8:9: there is no"));
    fs::remove_file(&api.rules.path).expect("removed");
    let unreadable = api.request("POST", "/v1/rules/reload", "").problem(503);
    assert!(unreadable.contains("rules.toml could not be read"), "{unreadable}");
    assert_eq!(api.get("/v1/rules").json(), before);
}

#[test]
fn readiness_names_the_parts_that_fail() {
    let api = open();
    let ready = json!({"ready": true, "reasons": {}, "notes": {}});
    assert_eq!((api.get("/readyz").status, api.get("/readyz").json()), (200, ready));
    let source = api.health.part("source");
    source.failing("no server at nats://x");
    let unready = api.get("/readyz");
    assert_eq!(
        (unready.status, unready.json()),
        (503, json!({"ready": false, "reasons": {"source": "no server at nats://x"}, "notes": {}}))
    );
    assert_eq!(api.get("/healthz").body, "ok\n");
    source.works();
    api.health.note("guarantees", "at most once");
    let noted = api.get("/readyz");
    assert_eq!((noted.status, &noted.json()["notes"]["guarantees"]), (200, &json!("at most once")));
}

#[test]
fn metrics_are_text_unless_the_scraper_asks_for_the_binary_format() {
    let api = open();
    let text = api.get("/metrics");
    assert_eq!((text.status, text.body.as_str()), (200, "rekindle_x 1\n"));
    assert!(text.head.contains("content-type: text/plain; version=0.0.4"), "{text:?}");
    let accept = "Accept: application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;q=0.6,*/*;q=0.1\r\n";
    let binary = api.request("GET", "/metrics", accept);
    assert!(binary.head.contains("content-type: application/vnd.google.protobuf"), "{binary:?}");
    assert_eq!(binary.body, "binary");
}

#[test]
fn unknown_paths_and_methods_are_problems() {
    let api = open();
    for path in ["//", "/index.html", "/v1", "/v1/users/", "/v1/users/a/b", "/v2/stats", "/metrics/"] {
        api.get(path).problem(404);
    }
    for (method, path, allowed) in
        [("DELETE", "/v1/segments", "get"), ("PUT", "/v1/rules/reload", "post"), ("POST", "/metrics", "get")]
    {
        let refused = api.request(method, path, "");
        refused.problem(405);
        assert!(refused.head.contains(&format!("\r\nallow: {allowed}")), "{refused:?}");
    }
}

#[test]
fn a_reload_from_the_log_is_begun_watched_and_cancelled() {
    let api = open();
    const PATH: &str = "/v1/rules/reload";
    assert!(api.get(PATH).problem(404).contains("since the daemon started"));
    assert_eq!(api.get("/v1/rules").json()["reload"], json!(null));
    api.request("DELETE", PATH, "").problem(409);
    assert!(api.request("POST", "/v1/rules/reload?from=yesterday", "").problem(400).contains("`log` only"));
    let begun = api.request("POST", "/v1/rules/reload?from=log", "");
    assert_eq!(
        (begun.status, &begun.json()["state"], &begun.json()["progress"]),
        (202, &json!("reading"), &json!(0.25))
    );
    assert!(api.request("POST", "/v1/rules/reload?from=log", "").problem(409).contains("is being read"));
    assert_eq!(api.get(PATH).json()["sequence"], json!(21));
    assert_eq!(api.get("/v1/rules").json()["reload"], api.get(PATH).json());
    assert_eq!(api.request("DELETE", PATH, "").json()["state"], json!("cancelled"));
    api.request("DELETE", PATH, "").problem(409);
    assert_eq!(api.get(PATH).json()["error"], json!(null));
    assert_eq!(api.request("POST", "/v1/rules/reload?from=log", "").status, 202, "there may be another one now");
}

#[test]
fn growth_numbers_are_served_whole_and_by_kind() {
    let api = open();
    assert!(api.get("/v1/growth").problem(404).contains("no event was read"));
    api.feed(&[track("u", "View", 1), track("u", "Cart", 2), track("v", "View", 3)]);
    let began = Instant::now();
    let whole = loop {
        let answer = api.get("/v1/growth");
        if answer.status == 200 || began.elapsed() > Duration::from_secs(10) {
            break answer.json();
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!((&whole["days"][0]["all"]["active"], &whole["days"][0]["all"]["buyers"]), (&json!(2), &json!(1)));
    assert_eq!(whole["channels"], json!(["search", "social", "email", "ads", "direct", "other"]));
    for kind in ["users", "days", "hours", "retention", "lifecycle", "funnels", "commerce", "promotions", "targets"] {
        let one = api.get(&format!("/v1/growth/{kind}")).json();
        assert_eq!((&one["numbers"], &one["today"]), (&whole[kind], &whole["today"]), "{kind}");
    }
    assert!(api.get("/v1/growth/nothing").problem(404).contains("there are users, days, hours"));
}

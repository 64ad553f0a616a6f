//! The API, as its clients see it.

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::api_server::{Answer, Api, RULES, identify, track};
use rekindle::api::{ApiError, HttpServer, MetricsCache, Routes};
use rekindle_core::time::Span;
use rekindle_settings::{HttpSettings, Secret};
use serde_json::json;

/// What guards the API where it is guarded.
const TOKEN: &str = "s3cret-s3cret-s3cret";

fn open() -> Api {
    Api::start(&HttpSettings::default())
}

fn with_token() -> Api {
    Api::start(&HttpSettings { token: Some(Secret::Environment(format!(" {TOKEN}\n"))), ..HttpSettings::default() })
}

fn impatient() -> HttpSettings {
    HttpSettings { timeout: Span(300), max_body_bytes: 1_000, max_concurrency: 1, ..HttpSettings::default() }
}

#[test]
fn a_user_is_told_with_all_that_is_known() {
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

/// A visitor's link is held too, though all that is known of the visitor is the user's.
#[test]
fn everything_held_about_a_user_is_exported() {
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

/// Holds an answer to the schema of the OpenAPI document.
#[track_caller]
fn assert_documented(api: &Api, schema: &str, answer: &serde_json::Value) {
    let document = api.get("/v1/openapi.json").json();
    let root = json!({"$ref": format!("#/components/schemas/{schema}"), "components": document["components"]});
    let validator = jsonschema::validator_for(&root).expect("a schema");
    let mistakes: Vec<String> = validator.iter_errors(answer).map(|error| error.to_string()).collect();
    assert_eq!(mistakes, [""; 0], "{answer}");
}

#[test]
fn a_user_who_is_forgotten_is_nobody_any_more() {
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
    // What is told of in statistics is a moment old.
    let started = Instant::now();
    while api.live.stats().totals.forgotten == 0 {
        assert!(started.elapsed() < Duration::from_secs(10), "nobody is counted");
    }
    assert_eq!(api.live.stats().totals.counts.sizes[0], 1);
    // Someone new, of whom nothing is known, a second time in vain.
    let nobody = api.request("DELETE", "/v1/users/u", "");
    assert_eq!((nobody.status, nobody.json()), (202, json!({"user": "u", "forgets": [], "sequence": 42})));
    api.feed(&[track("u", "View", 1)]);
    let user = api.get("/v1/users/u").json();
    assert_eq!((&user["segments"], user["decisions"].as_array().map(Vec::len)), (&json!(["seen"]), Some(1)));
}

#[test]
fn a_visitors_id_forgets_the_user_it_became_with_all_that_was_decided_about_either() {
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
fn nobody_is_forgotten_whom_the_log_does_not_name() {
    let api = with_token();
    api.feed(&[track("u", "View", 1)]);
    let (token, long) = ("Authorization: Bearer s3cret-s3cret-s3cret\r\n", "x".repeat(257));
    api.request("DELETE", "/v1/users/u", "").problem(401);
    assert!(api.request("DELETE", &format!("/v1/users/{long}"), token).problem(400).contains("256"));
    api.request("DELETE", "/v1/users/%FF", token).problem(400);
    *api.log.broken.lock().expect("not poisoned") = Some("there is no connection to NATS".to_owned());
    let refused = api.request("DELETE", "/v1/users/u", token);
    let why = refused.problem(503);
    assert!(why.contains("there is no connection to NATS") && why.contains("nobody is forgotten"), "{why}");
    assert!(refused.head.contains("\r\nretry-after: 1"), "{refused:?}");
    assert_eq!(api.request("GET", "/v1/users/u", token).status, 200);
}

#[test]
fn nobody_knows_an_unknown_user_and_it_is_in_no_segment() {
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

/// The engine has ended: whoever would have to ask it is told so, and the view answers as before.
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
fn a_page_that_cannot_be_is_refused() {
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
fn statistics_say_what_came_in() {
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
fn rules_are_told_and_read_anew() {
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
fn bad_rules_change_nothing_and_every_mistake_is_told() {
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
    for path in ["/", "/v1", "/v1/users/", "/v1/users/a/b", "/v2/stats", "/metrics/"] {
        api.get(path).problem(404);
    }
    for (method, path, allowed) in
        [("DELETE", "/v1/segments", "get"), ("GET", "/v1/rules/reload", "post"), ("POST", "/metrics", "get")]
    {
        let refused = api.request(method, path, "");
        refused.problem(405);
        assert!(refused.head.contains(&format!("\r\nallow: {allowed}")), "{refused:?}");
    }
}

#[test]
fn a_token_guards_all_but_metrics_and_health() {
    let api = with_token();
    for path in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(api.get(path).status, 200, "{path}");
    }
    let wrong = [
        "",
        "Authorization: Bearer s3cre\r\n",
        "Authorization: Bearer s3cret-s3cret-s3cret2\r\n",
        "Authorization: Basic s3cret-s3cret-s3cret\r\n",
        "Authorization: \r\n",
    ];
    for path in ["/v1/stats", "/v1/users/u/segments", "/v1/openapi.json", "/nothing", "/metrics/", "//metrics"] {
        for head in wrong {
            let refused = api.request("GET", path, head);
            refused.problem(401);
            assert!(refused.head.contains("\r\nwww-authenticate: bearer"), "{refused:?}");
        }
    }
    api.request("POST", "/v1/rules/reload", "").problem(401);
    for scheme in ["Bearer", "bearer"] {
        assert_eq!(
            api.request("GET", "/v1/stats", &format!("Authorization: {scheme} s3cret-s3cret-s3cret\r\n")).status,
            200
        );
    }
    // Whoever has the token may come by any name.
    let named = "GET /v1/stats HTTP/1.1\r\nHost: rekindle.example\r\nAuthorization: Bearer s3cret-s3cret-s3cret\r\nConnection: close\r\n\r\n";
    assert_eq!(api.raw(named).status, 200);
}

#[test]
fn without_a_token_web_pages_are_refused() {
    let api = open();
    let from = |host: &str| api.raw(&format!("GET /v1/stats HTTP/1.1\r\nConnection: close\r\n{host}\r\n"));
    for host in ["127.0.0.1", "localhost:1", "LocalHost", "[::1]:9464", "127.8.8.8", "[::ffff:127.0.0.1]"] {
        assert_eq!(from(&format!("Host: {host}\r\n")).status, 200, "{host}");
    }
    for host in [
        "evil.example",
        "localhost.evil.example",
        "10.0.0.1:9464",
        "",
        "a b",
        "127.0.0.1\r\nHost: evil.example",
        "user@evil.example",
    ] {
        from(&format!("Host: {host}\r\n")).problem(403);
    }
    from("").problem(403);
    api.raw("GET http://evil.example/v1/stats HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").problem(403);

    for head in [
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Site: same-site\r\n",
        "Origin: https://evil.example\r\n",
        "Origin: null\r\n",
    ] {
        api.request("POST", "/v1/rules/reload", head).problem(403);
        api.request("DELETE", "/v1/users/u", head).problem(403);
    }
    let own = format!("Origin: http://{}\r\nSec-Fetch-Site: same-origin\r\n", api.address);
    assert_eq!(api.request("POST", "/v1/rules/reload", &own).status, 200);
}

/// Of two headers, a proxy may have looked at the one and this server at the other.
#[test]
fn who_asks_is_said_once_or_not_at_all() {
    let open = open();
    let origin = format!("Origin: http://{}\r\n", open.address);
    for twice in [
        format!("{origin}Origin: https://evil.example\r\n"),
        format!("Origin: https://evil.example\r\n{origin}"),
        format!("{origin}{origin}"),
        "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site\r\n".to_owned(),
    ] {
        for (method, path) in
            [("POST", "/v1/rules/reload"), ("DELETE", "/v1/users/u"), ("GET", "/v1/stats"), ("GET", "/metrics")]
        {
            let refused = open.request(method, path, &twice);
            assert!(refused.problem(403).contains("at most"), "{method} {path} {twice}");
            assert!(refused.head.contains("\r\nx-content-type-options: nosniff"), "{refused:?}");
        }
        assert_eq!(open.request("GET", "/healthz", &twice).status, 200);
    }
    let guarded = with_token();
    let (right, wrong) = (format!("Authorization: Bearer {TOKEN}\r\n"), "Authorization: Bearer x\r\n");
    for twice in [format!("{right}{wrong}"), format!("{wrong}{right}"), format!("{right}{origin}{origin}")] {
        guarded.request("GET", "/v1/stats", &twice).problem(403);
    }
    assert_eq!(guarded.request("GET", "/v1/stats", &format!("{right}{origin}")).status, 200);
}

/// They bear business figures.
#[test]
fn metrics_are_not_for_web_pages_and_may_need_the_token() {
    let settings = || HttpSettings { token: Some(Secret::Environment(TOKEN.to_owned())), ..HttpSettings::default() };
    let right = format!("Authorization: Bearer {TOKEN}\r\n");
    let ask = |api: &Api, host: &str, head: &str| {
        api.raw(&format!("GET /metrics HTTP/1.1\r\nConnection: close\r\nHost: {host}\r\n{head}\r\n"))
    };
    // A name that a hostile name server points to this machine.
    for api in [open(), Api::start(&settings())] {
        ask(&api, "evil.example", "").problem(403);
        assert_eq!(ask(&api, "localhost", "").status, 200);
    }
    let api = Api::start(&settings());
    assert_eq!(ask(&api, "metrics.example", &right).status, 200, "whoever has the token may come by any name");
    let everywhere = Api::start(&HttpSettings { listen: SocketAddr::from(([0, 0, 0, 0], 0)), ..settings() });
    assert_eq!(ask(&everywhere, "metrics.example", "").status, 200, "who can reach it");
    let closed = Api::start(&HttpSettings { open_metrics: false, ..settings() });
    for (host, head) in [("localhost", ""), ("evil.example", ""), ("localhost", "Authorization: Bearer x\r\n")] {
        ask(&closed, host, head).problem(401);
    }
    assert_eq!(ask(&closed, "localhost", &right).status, 200);
    assert_eq!(closed.get("/healthz").status, 200);
    assert_eq!(closed.get("/readyz").status, 200);
}

/// Connections that ask for a page of metrics of so many bytes, and read nothing of it.
fn deaf(api: &Api, number: usize, bytes: u64) -> Vec<std::net::TcpStream> {
    api.scrapes.padding.store(bytes, Ordering::Relaxed);
    let ask = format!("GET /metrics HTTP/1.1\r\nHost: {}\r\n\r\n", api.address);
    (0..number)
        .map(|_| {
            let mut stream = api.connect();
            // The server may have closed it already: it is one too many.
            let _ = stream.write_all(ask.as_bytes());
            stream
        })
        .collect()
}

/// They come from one address, and all but its share are told so. None of them keeps anybody from asking about health.
#[test]
fn health_is_answered_whoever_holds_connections() {
    let api = Api::start(&HttpSettings {
        max_connections_per_address: 100,
        timeout: Span(60_000),
        ..HttpSettings::default()
    });
    let held = deaf(&api, 1_024, 1 << 18);
    for path in ["/healthz", "/readyz"] {
        for _ in 0..20 {
            assert_eq!(api.get(path).status, 200, "{path}");
        }
    }
    let refused = api.get("/v1/stats");
    assert!(refused.problem(503).contains("too many connections"), "{refused:?}");
    assert!(
        refused.head.contains("\r\nretry-after: 1") && refused.head.contains("\r\nconnection: close"),
        "{refused:?}"
    );
    assert!(api.get("/metrics").problem(503).contains("too many connections"));
    assert!(api.scrapes.made.load(Ordering::SeqCst) < 20, "they were answered one by one");
    // Who says nothing at all takes up the reserve, and makes room for who asks.
    let silent: Vec<_> = (0..200).map(|_| api.connect()).collect();
    assert_eq!(api.get("/healthz").status, 200);
    drop((held, silent));
    let started = Instant::now();
    while api.get("/v1/stats").status != 200 {
        assert!(started.elapsed() < Duration::from_secs(20), "their share is never given back");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn all_addresses_together_have_their_share_too() {
    let api = Api::start(&HttpSettings { max_connections: 3, timeout: Span(60_000), ..HttpSettings::default() });
    let held = deaf(&api, 3, 1 << 18);
    let started = Instant::now();
    while api.scrapes.made.load(Ordering::SeqCst) == 0 {
        assert!(started.elapsed() < Duration::from_secs(20), "nobody asks");
    }
    assert!(api.get("/v1/stats").problem(503).contains("too many connections"));
    assert_eq!(api.get("/healthz").status, 200);
    drop(held);
}

/// Their connections are closed by the server, which thereby has room for others.
#[test]
fn who_does_not_read_an_answer_loses_the_connection() {
    let api =
        Api::start(&HttpSettings { timeout: Span(300), max_connections_per_address: 8, ..HttpSettings::default() });
    // Far more than the system keeps for them.
    let bytes = 32 << 20;
    let held = deaf(&api, 8, bytes);
    let started = Instant::now();
    while api.get("/v1/stats").status != 200 {
        assert!(started.elapsed() < Duration::from_secs(20), "they are kept for good");
        std::thread::sleep(Duration::from_millis(20));
    }
    for mut stream in held {
        let mut answer = Vec::new();
        // What was on its way may still be there, or be reset with the connection.
        let _ = stream.read_to_end(&mut answer);
        assert!((answer.len() as u64) < bytes, "all of it came");
    }
}

#[test]
fn a_page_of_metrics_is_made_once_for_all_who_ask_within_a_second() {
    let api = Api::start(&HttpSettings { max_connections_per_address: 64, ..HttpSettings::default() });
    api.scrapes.delay_ms.store(300, Ordering::Relaxed);
    let ask = format!("GET /metrics HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", api.address);
    // The one whose question has it made does not wait for it.
    drop(api.connect().write_all(ask.as_bytes()));
    let mut asking: Vec<_> = (0..50).map(|_| api.connect()).collect();
    asking.iter_mut().for_each(|stream| stream.write_all(ask.as_bytes()).expect("sent"));
    let pages: BTreeSet<String> = asking.iter_mut().map(|stream| Answer::read(stream).body).collect();
    let made = api.scrapes.made.load(Ordering::SeqCst);
    assert!(made <= 3 && pages.len() <= 3, "{made} were made for 51, and answered with {pages:?}");
    let began = Instant::now();
    while api.scrapes.made.load(Ordering::SeqCst) == made {
        assert_eq!(api.get("/metrics").status, 200);
        assert!(began.elapsed() < Duration::from_secs(20), "the page is never made anew");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(api.get("/metrics").body.starts_with("rekindle_x "));
}

fn refusal(settings: &HttpSettings) -> String {
    let api = open();
    let services = rekindle::api::ApiServices {
        live: api.live.clone(),
        health: api.health.clone(),
        rules: api.rules.clone(),
        forget: api.log.clone(),
        started: Instant::now(),
    };
    Routes::new(services, MetricsCache::new(|_| Vec::new()), settings).expect_err("the settings are bad").to_string()
}

#[test]
fn a_token_that_cannot_be_used_is_an_error_at_the_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token");
    let settings = HttpSettings { token: Some(Secret::File(file.clone())), ..HttpSettings::default() };
    assert!(refusal(&settings).starts_with(&format!("could not read the API's token from {}", file.display())));
    for (text, why) in
        [(" \n", "is empty"), ("two words", "has blanks"), ("tökén", "has blanks"), ("fifteen-letters", "is shorter")]
    {
        fs::write(&file, text).expect("written");
        let said = refusal(&settings);
        assert!(said.contains(why) && !said.contains(text), "{said}");
    }
    fs::write(&file, "fine-fine-fine-f\n").expect("written");
    let api = Api::start(&settings);
    assert_eq!(api.request("GET", "/v1/stats", "Authorization: Bearer fine-fine-fine-f\r\n").status, 200);
}

#[test]
fn without_a_token_no_address_is_served_that_others_can_reach() {
    let everywhere = SocketAddr::from(([0, 0, 0, 0], 0));
    assert!(refusal(&HttpSettings { listen: everywhere, ..HttpSettings::default() }).contains("http.token_file"));
    let api = open();
    let services = rekindle::api::ApiServices {
        live: api.live.clone(),
        health: api.health.clone(),
        rules: api.rules.clone(),
        forget: api.log.clone(),
        started: Instant::now(),
    };
    let routes = Routes::new(services, MetricsCache::new(|_| Vec::new()), &HttpSettings::default()).expect("loopback");
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let served =
        runtime.block_on(async { HttpServer::bind(everywhere).await?.serve(routes, std::future::pending()).await });
    assert!(matches!(served, Err(ApiError::Exposed(_))), "{served:?}");
}

#[test]
fn a_body_too_large_is_refused_before_it_is_read() {
    let api = Api::start(&impatient());
    let head = |more: &str| {
        format!("POST /v1/rules/reload HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{more}\r\n", api.address)
    };
    api.raw(&head("Content-Length: 1001\r\n")).problem(413);
    let chunk = format!("3e9\r\n{}\r\n", "x".repeat(1_001));
    api.raw(&(head("Transfer-Encoding: chunked\r\n") + &chunk)).problem(413);
    assert_eq!(api.raw(&(head("Content-Length: 1000\r\n") + &"x".repeat(1_000))).status, 200);
    api.raw(&(head("Transfer-Encoding: chunked\r\n") + "nonsense\r\n")).problem(400);
}

#[test]
fn slow_clients_are_not_waited_for() {
    let api = Api::start(&impatient());
    let started = Instant::now();
    let body =
        api.raw(&format!("POST /v1/rules/reload HTTP/1.1\r\nHost: {}\r\nContent-Length: 5\r\n\r\nx", api.address));
    body.problem(408);
    // A head that does not end, and a connection that says nothing.
    for head in ["GET /healthz HTTP/1.1\r\nHost: x\r\n", ""] {
        let mut stream = api.connect();
        stream.write_all(head.as_bytes()).expect("sent");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("the server closes");
        assert!(started.elapsed() < Duration::from_secs(10), "after {:?}", started.elapsed());
    }
}

#[test]
fn a_slow_answer_is_broken_off_and_the_reload_is_not() {
    let api = Api::start(&impatient());
    let before = api.get("/v1/rules").json()["version"].clone();
    fs::write(&api.rules.path, RULES.replace("7d", "8d")).expect("written");
    api.rules.delay_ms.store(900, Ordering::Relaxed);
    assert!(api.request("POST", "/v1/rules/reload", "").problem(503).contains("too long"));
    let started = Instant::now();
    while api.get("/v1/rules").json()["version"] == before {
        assert!(started.elapsed() < Duration::from_secs(10), "the reload was left half done");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn too_many_requests_are_turned_away_and_health_is_not() {
    let api = Api::start(&HttpSettings { timeout: Span(5_000), max_concurrency: 1, ..HttpSettings::default() });
    let head = format!(
        "POST /v1/rules/reload HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: 2\r\n\r\nx",
        api.address
    );
    let started = Instant::now();
    // A slow request that comes while another question is being answered is turned away itself: then the next one is slow.
    let (mut slow, refused) = loop {
        let mut slow = api.connect();
        slow.write_all(head.as_bytes()).expect("sent");
        std::thread::sleep(Duration::from_millis(50));
        let answer = api.get("/v1/stats");
        if answer.status == 503 {
            break (slow, answer);
        }
        assert!(started.elapsed() < Duration::from_secs(20), "{answer:?}");
    };
    assert!(refused.problem(503).contains("too many"));
    assert!(refused.head.contains("\r\nretry-after: 1"), "{refused:?}");
    for path in ["/metrics", "/healthz", "/readyz"] {
        assert_eq!(api.get(path).status, 200, "{path}");
    }
    slow.write_all(b"x").expect("sent");
    assert_eq!(Answer::read(&mut slow).status, 200);
    assert_eq!(api.get("/v1/stats").status, 200);
}

#[test]
fn a_panic_is_an_answer_and_no_end() {
    let api = open();
    api.rules.broken.store(true, Ordering::Relaxed);
    let broken = api.get("/v1/rules");
    assert!(!broken.problem(500).contains("broken for a test"), "{broken:?}");
    assert_eq!(api.get("/v1/stats").status, 200);
}

#[test]
fn told_to_stop_it_answers_what_it_has_and_ends() {
    let mut api = open();
    api.rules.delay_ms.store(500, Ordering::Relaxed);
    let mut idle = api.connect();
    idle.write_all(format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", api.address).as_bytes()).expect("sent");
    let mut first = [0; 12];
    idle.read_exact(&mut first).expect("an answer");
    let silent = api.connect();
    let mut asking = api.connect();
    let request = format!("POST /v1/rules/reload HTTP/1.1\r\nHost: {}\r\n\r\n", api.address);
    asking.write_all(request.as_bytes()).expect("sent");
    std::thread::sleep(Duration::from_millis(200));
    api.stop();
    assert_eq!(Answer::read(&mut asking).status, 200);
    let started = Instant::now();
    api.serving.take().expect("serving").join().expect("it ends well");
    assert!(started.elapsed() < Duration::from_secs(2), "idle connections held it up for {:?}", started.elapsed());
    assert!(std::net::TcpStream::connect(api.address).is_err(), "nobody listens any more");
    drop((idle, silent));
}

#[test]
fn growth_numbers_are_told_whole_and_by_kind() {
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

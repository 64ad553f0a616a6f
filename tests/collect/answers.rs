//! What requests are answered with, and what is then in the log.

use std::fs;
use std::io::Write as _;

use rekindle_test_kit::nats_server::NatsServer;
use serde_json::{Value, json};

use crate::harness::{BOUND, LIMITED, SHOP, TestCollector, WEB, events, messages, setup};

fn track(user: &str, id: &str) -> Value {
    json!({"type": "track", "event": "Viewed", "userId": user, "messageId": id})
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(text.as_bytes()).expect("to memory");
    packer.finish().expect("to memory")
}

#[test]
fn every_sdks_way_to_send_ends_in_the_log() {
    let server = NatsServer::start();
    let collector = TestCollector::ready(setup(&server.url(), ""));
    let send = |path: &str, headers: &str, body: &[u8]| {
        let answer = collector.request("POST", path, headers, body);
        assert_eq!((answer.status, answer.json()), (200, json!({"success": true})), "{path} {headers}: {answer:?}");
    };
    let key = format!("X-Write-Key: {SHOP}\r\n");
    let call = |id: &str| json!({"userId": "u", "anonymousId": "a", "previousId": "p", "messageId": id, "event": "E"});
    let mut expected = Vec::new();
    for (path, call_type) in [
        ("/v1/track", "track"),
        ("/v1/t", "track"),
        ("/v1/identify", "identify"),
        ("/v1/i", "identify"),
        ("/v1/page", "page"),
        ("/v1/p", "page"),
        ("/v1/screen", "screen"),
        ("/v1/s", "screen"),
        ("/v1/group", "group"),
        ("/v1/g", "group"),
        ("/v1/alias", "alias"),
        ("/v1/a", "alias"),
        ("/api/s/page", "page"),
        ("/api/s/s2s/track", "track"),
    ] {
        send(path, &key, call(path).to_string().as_bytes());
        expected.push((path.to_owned(), call_type.to_owned()));
    }
    for path in ["/v1/batch", "/v1/b", "/v1/import", "/v1/batch/", "/beacon/v1/batch"] {
        let batch =
            json!({"batch": [{"type": "PAGE", "userId": "u", "messageId": path}], "sentAt": "2026-03-05T10:00:00Z"});
        send(path, &key, batch.to_string().as_bytes());
        expected.push((path.to_owned(), "PAGE".to_owned()));
    }
    let basic = "Authorization: Basic c2hvcC1rZXk6\r\n";
    for (number, headers) in [
        format!("{basic}Content-Type: text/plain\r\n"),
        format!("{basic}Content-Type: application/x-www-form-urlencoded\r\nContent-Encoding: gzip\r\n"),
        format!("{basic}Content-Type: application/json\r\n"),
        "Content-Type: text/plain;charset=UTF-8\r\n".to_owned(),
    ]
    .into_iter()
    .enumerate()
    {
        let id = format!("kind {number}");
        let mut body = json!({"batch": [{"type": "page", "userId": "u", "messageId": id}]});
        if !headers.contains("Basic") {
            body["writeKey"] = SHOP.into();
        }
        let body = body.to_string();
        let packed = if number % 2 == 1 { gzip(&body) } else { body.into_bytes() };
        send("/v1/b", &headers, &packed);
        expected.push((id, "page".to_owned()));
    }
    let found: Vec<(String, String)> = events(&server.url())
        .iter()
        .map(|event| (event["messageId"].as_str().unwrap_or_default(), event["type"].as_str().unwrap_or_default()))
        .map(|(id, call_type)| (id.to_owned(), call_type.to_owned()))
        .collect();
    assert_eq!(found, expected);
}

#[test]
fn a_bad_call_costs_its_batch_nothing_and_lies_in_the_dead_letters() {
    let server = NatsServer::start();
    let collector = TestCollector::ready(setup(&server.url(), ""));
    let large = json!({"type": "track", "event": "E", "userId": "u", "x": "y".repeat(32 * 1024)});
    let batch = format!(
        r#"{{"batch":[{},{{"type":"track","event":"E"}},{{"type":"track",}},{large},{}]}}"#,
        track("u1", "m1"),
        track("u2", "m2")
    );
    let answer = collector.request("POST", "/v1/batch", &format!("X-Write-Key: {SHOP}\r\n"), batch.as_bytes());
    let rejected = answer.json()["rejected"].as_array().cloned().unwrap_or_default();
    let reasons: Vec<(u64, &str)> = rejected
        .iter()
        .map(|rejected| (rejected["index"].as_u64().expect("an index"), rejected["reason"].as_str().expect("a reason")))
        .collect();
    assert_eq!((answer.status, reasons), (200, vec![(1, "no_id"), (2, "not_json"), (3, "too_large")]), "{answer:?}");
    let ids: Vec<Value> = events(&server.url()).into_iter().map(|event| event["messageId"].clone()).collect();
    assert_eq!(ids, ["m1", "m2"]);
    let letters = messages(&server.url(), "REKINDLE_DEAD", "rekindle.dead");
    let reasons: Vec<&str> = letters.iter().map(|(_, letter)| letter["reason"].as_str().expect("a reason")).collect();
    assert_eq!(reasons, ["no_id", "not_json", "too_large"]);
    assert_eq!(
        (&letters[0].1["source"], &letters[0].1["original"]),
        (&"shop".into(), &r#"{"type":"track","event":"E"}"#.into())
    );
    // The only call of a request is the request.
    let single = collector.post("/v1/track", SHOP, &json!({"event": "E"}));
    assert_eq!((single.status, &single.json()["code"]), (400, &"no_id".into()));
    let single = collector.post("/v1/track", SHOP, &large);
    assert_eq!((single.status, &single.json()["code"]), (413, &"too_large".into()));
    assert_eq!(collector.process.metric("rekindle_collect_calls_total{source=\"shop\",answer=\"accepted\"}"), 2.0);
    assert_eq!(collector.process.metric("rekindle_collect_rejected_total{reason=\"no_id\"}"), 2.0);
    assert_eq!(collector.process.metric("rekindle_collect_requests_total{status=\"413\"}"), 1.0);
}

#[test]
fn what_cannot_be_taken_is_refused_with_a_code_and_a_message() {
    let server = NatsServer::start();
    let collector = TestCollector::ready(setup(&server.url(), ""));
    let key = |key: &str| format!("X-Write-Key: {key}\r\n");
    let check = |path: &str, headers: &str, body: &[u8], status: u16, code: &str| {
        let answer = collector.request("POST", path, headers, body);
        let document = answer.json();
        assert_eq!((answer.status, &document["code"]), (status, &code.into()), "{path} {headers}: {answer:?}");
        assert!(document["message"].as_str().is_some_and(|message| message.len() > 10), "{document}");
    };
    check("/v1/batch", &key(SHOP), b"{\"batch\":[", 400, "not_json");
    check("/v1/batch", &key(SHOP), b"", 400, "not_json");
    check("/v1/batch", &key(SHOP), b"7", 400, "not_an_object");
    check("/v1/batch", &format!("{}Content-Encoding: gzip\r\n", key(SHOP)), b"\x1f\x8bx", 400, "not_gzip");
    check("/v1/batch", &key("nobodys"), b"{\"batch\":[]}", 401, "unknown_key");
    check("/v1/batch", "", b"{\"batch\":[],\"writeKey\":\"nobodys\"}", 401, "unknown_key");
    check("/v1/batch", "", b"{\"batch\":[]}", 401, "unknown_key");
    check("/v1/buy", &key(SHOP), b"{}", 404, "unknown_path");
    check("/v2/batch", &key(SHOP), b"{}", 404, "unknown_path");
    let bound = format!("{}Origin: https://evil.example\r\n", key(BOUND));
    check("/v1/batch", &bound, b"{\"batch\":[]}", 403, "origin_not_allowed");
    check("/v1/batch", &key(SHOP), &gzip(&" ".repeat(5 << 20)), 413, "too_large");
    check("/v1/batch", &key(SHOP), &vec![b' '; 5 << 20], 413, "too_large");
    check("/v1/batch", &key(SHOP), format!("[{}1]", "1,".repeat(10_000)).as_bytes(), 413, "too_many_calls");
    let wrong = collector.request("GET", "/v1/batch", "", b"");
    assert_eq!((wrong.status, &wrong.json()["code"]), (405, &"wrong_method".into()));
    assert_eq!(events(&server.url()).len(), 0);
}

#[test]
fn a_key_sends_what_its_settings_allow_as_often_as_they_allow() {
    let server = NatsServer::start();
    let collector = TestCollector::ready(setup(&server.url(), ""));
    let batch: Vec<Value> = (0..15).map(|number| track("u", &format!("m{number}"))).collect();
    let mixed = json!([{"type": "page", "anonymousId": "a"}, {"type": "track", "event": "E", "anonymousId": "a"}]);
    let answer = collector.post("/v1/batch", LIMITED, &mixed);
    assert_eq!(answer.json()["rejected"][0]["reason"], "call_not_allowed", "{answer:?}");
    let client = json!([{"type": "track", "event": "E", "userId": "u"}]);
    assert_eq!(collector.post("/v1/batch", LIMITED, &client).json()["rejected"][0]["reason"], "identify_not_allowed");
    let row = json!([{"type": "track", "event": "Product Updated", "properties": {"product_id": "p7", "price": 1}}]);
    assert_eq!(collector.post("/v1/batch", LIMITED, &row).json()["rejected"][0]["reason"], "row_not_allowed");
    let taken = collector.post("/v1/batch", SHOP, &row);
    assert_eq!((taken.status, taken.json().get("rejected")), (200, None), "{taken:?}");
    assert_eq!(collector.post("/v1/batch", LIMITED, &json!(batch)).status, 200, "a batch is taken whole");
    let throttled = collector.post("/v1/batch", LIMITED, &json!(batch));
    assert_eq!((throttled.status, &throttled.json()["code"]), (429, &"too_many_requests".into()));
    let wait: u64 = throttled.header("Retry-After").and_then(|wait| wait.parse().ok()).expect("a number");
    assert!((1..=10).contains(&wait), "{wait}");
    assert_eq!(collector.post("/v1/batch", SHOP, &json!(batch)).status, 200, "other keys are not concerned");
}

#[test]
fn pages_may_read_answers_and_send_the_headers_they_ask_for() {
    let server = NatsServer::start();
    let collector = TestCollector::ready(setup(&server.url(), ""));
    let asked = "Origin: https://shop.example\r\nAccess-Control-Request-Method: POST\r\n\
                 Access-Control-Request-Headers: content-type,rsa-retry-reason,anonymousid\r\n";
    let preflight = collector.request("OPTIONS", "/v1/batch", asked, b"");
    assert_eq!(preflight.status, 204, "{preflight:?}");
    assert_eq!(preflight.header("Access-Control-Allow-Origin"), Some("https://shop.example"));
    assert_eq!(preflight.header("Access-Control-Allow-Headers"), Some("content-type,rsa-retry-reason,anonymousid"));
    assert!(preflight.header("Access-Control-Allow-Methods").is_some_and(|methods| methods.contains("POST")));
    let headers = format!("Origin: https://shop.example\r\nX-Write-Key: {WEB}\r\n");
    let answer = collector.request("POST", "/v1/page", &headers, b"{\"anonymousId\":\"a\"}");
    assert_eq!((answer.status, answer.header("Access-Control-Allow-Origin")), (200, Some("https://shop.example")));
    let refused = collector.request("POST", "/v1/page", "Origin: https://shop.example\r\n", b"{}");
    assert_eq!((refused.status, refused.header("Access-Control-Allow-Origin")), (401, Some("https://shop.example")));
}

#[test]
fn browser_sdks_find_their_settings() {
    let server = NatsServer::start();
    let collector = TestCollector::ready(setup(&server.url(), ""));
    let segment =
        collector.request("GET", &format!("/v1/projects/{WEB}/settings"), "X-Forwarded-Proto: https\r\n", b"");
    let document = segment.json();
    let destination = &document["integrations"]["Segment.io"];
    assert_eq!(
        (&destination["apiKey"], &destination["apiHost"], &destination["protocol"]),
        (&WEB.into(), &"c/v1".into(), &"https".into())
    );
    let rudder = collector.request("GET", &format!("/sourceConfig/?p=npm&writeKey={WEB}"), "", b"").json();
    assert_eq!((&rudder["source"]["enabled"], &rudder["source"]["destinations"]), (&true.into(), &json!([])));
    for path in ["/v1/projects/nobodys/settings", "/sourceConfig?writeKey=nobodys"] {
        assert_eq!(collector.request("GET", path, "", b"").status, 401, "{path}");
    }
}

#[test]
fn what_a_browser_tells_of_its_user_is_kept_without_the_address_unless_told() {
    let server = NatsServer::start();
    let send = |collector: &TestCollector, id: &str| {
        let headers = format!("X-Write-Key: {WEB}\r\nUser-Agent: Browser/1\r\nAccept-Language: ja-JP,ja;q=0.9\r\n");
        let body = json!({"anonymousId": "a", "messageId": id, "context": {"ip": "1.2.3.4"}});
        assert_eq!(collector.request("POST", "/v1/page", &headers, body.to_string().as_bytes()).status, 200);
    };
    send(&TestCollector::ready(setup(&server.url(), "")), "m1");
    send(&TestCollector::ready(setup(&server.url(), "").set("COLLECT_KEEP_IP", true)), "m2");
    let found: Vec<Value> = events(&server.url()).into_iter().map(|event| event["context"].clone()).collect();
    let without = json!({"source": "web", "userAgent": "Browser/1", "locale": "ja-JP"});
    let mut with = without.clone();
    with["ip"] = "127.0.0.1".into();
    assert_eq!(found, [without, with]);
}

#[test]
fn metrics_of_a_collector_need_the_token_unless_they_are_open() {
    const TOKEN: &str = "a-token-of-thirty-two-characters";
    let server = NatsServer::start();
    let answers = |open: bool| {
        let setup = setup(&server.url(), "").set("HTTP_OPEN_METRICS", open);
        fs::write(setup.file("token"), TOKEN).expect("a token");
        let file = setup.file("token").display().to_string();
        let collector = TestCollector::start(setup.set("HTTP_TOKEN_FILE", file));
        let uri = format!("http://{}/metrics", collector.process.address());
        let shown = ureq::get(uri).header("Authorization", format!("Bearer {TOKEN}")).call();
        let shown = shown.expect("an answer").status().as_u16();
        (collector.process.ask("GET", "/metrics").0, shown, collector.process.ask("GET", "/healthz").0)
    };
    assert_eq!(answers(false), (401, 200, 200));
    assert_eq!(answers(true), (200, 200, 200));
}

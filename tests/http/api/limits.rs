//! The limits of one request, panics, and the end of a server.

use std::fs;
use std::io::{Read, Write};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rekindle_core::time::Span;
use rekindle_settings::HttpSettings;

use super::{open, short_limits};
use crate::api_server::{Answer, Api, RULES};

#[test]
fn a_body_too_large_is_refused_before_it_is_read() {
    let api = Api::start(&short_limits());
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
    let api = Api::start(&short_limits());
    let started = Instant::now();
    let body =
        api.raw(&format!("POST /v1/rules/reload HTTP/1.1\r\nHost: {}\r\nContent-Length: 5\r\n\r\nx", api.address));
    body.problem(408);
    // A head that does not end, and a silent connection.
    for head in ["GET /healthz HTTP/1.1\r\nHost: x\r\n", ""] {
        let mut stream = api.connect();
        stream.write_all(head.as_bytes()).expect("sent");
        let mut rest = Vec::new();
        stream.read_to_end(&mut rest).expect("the server closes");
        assert!(started.elapsed() < Duration::from_secs(10), "after {:?}", started.elapsed());
    }
}

#[test]
fn a_slow_answer_times_out_and_the_reload_completes() {
    let api = Api::start(&short_limits());
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
fn requests_beyond_the_limit_are_refused_but_health_is_answered() {
    let api = Api::start(&HttpSettings { timeout: Span(5_000), max_concurrency: 1, ..HttpSettings::default() });
    let head = format!(
        "POST /v1/rules/reload HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: 2\r\n\r\nx",
        api.address
    );
    let started = Instant::now();
    // A slow request that arrives while another one is answered is refused itself: then the next one is slow.
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
fn a_panic_in_a_handler_is_answered_and_ends_nothing_else() {
    let api = open();
    api.rules.broken.store(true, Ordering::Relaxed);
    let broken = api.get("/v1/rules");
    assert!(!broken.problem(500).contains("broken for a test"), "{broken:?}");
    assert_eq!(api.get("/v1/stats").status, 200);
}

#[test]
fn a_stopped_server_answers_requests_in_progress_and_ends() {
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

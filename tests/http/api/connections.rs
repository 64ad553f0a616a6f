//! The limits of connections, and scrapes that share a page.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rekindle_core::time::Span;
use rekindle_settings::HttpSettings;

use crate::api_server::{Answer, Api};

/// Connections that request a page of metrics of this size, and read nothing of it.
fn unread_scrapes(api: &Api, number: usize, bytes: u64) -> Vec<std::net::TcpStream> {
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

/// They come from one address, and all beyond its limit are refused. None of them prevents requests about health.
#[test]
fn health_is_answered_while_other_clients_hold_all_connections() {
    let api = Api::start(&HttpSettings {
        max_connections_per_address: 100,
        timeout: Span(60_000),
        ..HttpSettings::default()
    });
    let held = unread_scrapes(&api, 1_024, 1 << 18);
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
    // Silent connections fill the reserve, and make room for a request.
    let silent: Vec<_> = (0..200).map(|_| api.connect()).collect();
    assert_eq!(api.get("/healthz").status, 200);
    drop((held, silent));
    let started = Instant::now();
    while api.get("/v1/stats").status != 200 {
        assert!(started.elapsed() < Duration::from_secs(20), "their slots are never released");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn connections_of_all_addresses_together_are_limited_too() {
    let api = Api::start(&HttpSettings { max_connections: 3, timeout: Span(60_000), ..HttpSettings::default() });
    let held = unread_scrapes(&api, 3, 1 << 18);
    let started = Instant::now();
    while api.scrapes.made.load(Ordering::SeqCst) == 0 {
        assert!(started.elapsed() < Duration::from_secs(20), "no request arrives");
    }
    assert!(api.get("/v1/stats").problem(503).contains("too many connections"));
    assert_eq!(api.get("/healthz").status, 200);
    drop(held);
}

/// The server closes their connections, which makes room for others.
#[test]
fn a_client_that_does_not_read_its_answer_is_disconnected() {
    let api =
        Api::start(&HttpSettings { timeout: Span(300), max_connections_per_address: 8, ..HttpSettings::default() });
    // Far more than the system buffers.
    let bytes = 32 << 20;
    let held = unread_scrapes(&api, 8, bytes);
    let started = Instant::now();
    while api.get("/v1/stats").status != 200 {
        assert!(started.elapsed() < Duration::from_secs(20), "they are never closed");
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
fn a_page_of_metrics_is_rendered_once_for_all_scrapes_within_a_second() {
    let api = Api::start(&HttpSettings { max_connections_per_address: 64, ..HttpSettings::default() });
    api.scrapes.delay_ms.store(300, Ordering::Relaxed);
    let ask = format!("GET /metrics HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", api.address);
    // The client whose request triggers the rendering disconnects.
    drop(api.connect().write_all(ask.as_bytes()));
    let mut asking: Vec<_> = (0..50).map(|_| api.connect()).collect();
    asking.iter_mut().for_each(|stream| stream.write_all(ask.as_bytes()).expect("sent"));
    let pages: BTreeSet<String> = asking.iter_mut().map(|stream| Answer::read(stream).body).collect();
    let made = api.scrapes.made.load(Ordering::SeqCst);
    assert!(made <= 3 && pages.len() <= 3, "{made} were made for 51, and answered with {pages:?}");
    let began = Instant::now();
    while api.scrapes.made.load(Ordering::SeqCst) == made {
        assert_eq!(api.get("/metrics").status, 200);
        assert!(began.elapsed() < Duration::from_secs(20), "the page is never rendered again");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert!(api.get("/metrics").body.starts_with("rekindle_x "));
}

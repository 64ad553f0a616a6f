//! A broker that is away, slow, or killed: nothing is lost, and nothing is there twice.

use std::collections::BTreeSet;
use std::time::Duration;

use rekindle_test_kit::nats_server::NatsServer;
use rekindle_test_kit::nats_server::proxy::Proxy;
use serde_json::{Value, json};

use crate::harness::{SHOP, TestCollector, events, setup};

fn batch(from: usize, calls: usize) -> Value {
    let call = |id: usize| json!({"type": "track", "event": "E", "userId": format!("u{}", id % 7), "messageId": format!("m{id}")});
    json!({"batch": (from..from + calls).map(call).collect::<Vec<_>>()})
}

/// Sends as an SDK does: the same request again, until it is taken. Returns how often it was not.
fn send_until_taken(collector: &TestCollector, batch: &Value) -> usize {
    let mut refused = 0;
    rekindle_test_kit::daemon::harness::wait_until("the batch is taken", || {
        let answer = collector.post("/v1/batch", SHOP, batch);
        if answer.status == 200 {
            return true;
        }
        assert_eq!((answer.status, &answer.json()["code"]), (503, &"unavailable".into()), "{answer:?}");
        assert!(answer.header("Retry-After").is_some(), "{answer:?}");
        refused += 1;
        false
    });
    refused
}

fn ids(server: &NatsServer) -> Vec<String> {
    events(&server.url()).iter().map(|event| event["messageId"].as_str().expect("an id").to_owned()).collect()
}

fn assert_each_once(server: &NatsServer, calls: usize) {
    let found = ids(server);
    let each: BTreeSet<String> = found.iter().cloned().collect();
    assert_eq!(each, (0..calls).map(|id| format!("m{id}")).collect(), "none is lost");
    assert_eq!(found.len(), calls, "none is there twice");
}

#[test]
fn while_the_broker_is_away_clients_are_asked_to_send_again() {
    let mut server = NatsServer::start();
    let collector = TestCollector::ready(setup(&server.url(), ""));
    assert_eq!(collector.post("/v1/batch", SHOP, &batch(0, 10)).status, 200);
    server.kill();
    let answer = collector.post("/v1/batch", SHOP, &batch(10, 10));
    assert_eq!((answer.status, &answer.json()["code"]), (503, &"unavailable".into()), "{answer:?}");
    assert!(answer.header("Retry-After").is_some());
    assert_eq!(collector.request("GET", "/readyz", "", b"").status, 503);
    assert_eq!(collector.request("GET", "/healthz", "", b"").status, 200);
    server.start_again();
    send_until_taken(&collector, &batch(10, 10));
    assert_each_once(&server, 20);
}

#[test]
fn a_collector_that_starts_before_its_broker_waits_for_it() {
    let mut server = NatsServer::start();
    server.kill();
    let collector = TestCollector::start(setup(&server.url(), ""));
    assert_eq!(collector.post("/v1/batch", SHOP, &batch(0, 1)).status, 503);
    server.start_again();
    send_until_taken(&collector, &batch(0, 5));
    assert_each_once(&server, 5);
}

#[test]
fn kills_and_cuts_lose_nothing_and_count_nothing_twice() {
    const CLIENTS: usize = 4;
    const BATCHES: usize = 30;
    const CALLS: usize = 20;
    let mut server = NatsServer::start();
    let proxy = Proxy::to(server.port());
    let collector = TestCollector::ready(setup(&proxy.url(), "").set("COLLECT_TIMEOUT", "1s"));
    let refused: usize = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let collector = &collector;
                scope.spawn(move || {
                    let batches = (0..BATCHES).map(|number| batch((client * BATCHES + number) * CALLS, CALLS));
                    batches.map(|batch| send_until_taken(collector, &batch)).sum::<usize>()
                })
            })
            .collect();
        // Each fault comes while calls are under way: after a part of them is in the stream.
        for (fault, part) in [1, 2, 3].into_iter().zip([0.1, 0.3, 0.6]) {
            let reached = (CLIENTS * BATCHES * CALLS) as f64 * part;
            rekindle_test_kit::daemon::harness::wait_until("calls are taken", || ids(&server).len() as f64 >= reached);
            if fault == 2 {
                server.kill();
                server.start_again();
            } else {
                proxy.cut();
            }
        }
        clients.into_iter().map(|client| client.join().expect("no panic")).sum()
    });
    assert_each_once(&server, CLIENTS * BATCHES * CALLS);
    eprintln!("{refused} requests were sent again");
}

#[test]
fn a_broker_that_hangs_gets_no_more_calls_than_the_settings_allow() {
    let server = NatsServer::start();
    let proxy = Proxy::to(server.port());
    let setup = setup(&proxy.url(), "").set("COLLECT_TIMEOUT", "2s").set("COLLECT_MAX_IN_FLIGHT", 50);
    let collector = TestCollector::ready(setup);
    assert_eq!(collector.post("/v1/batch", SHOP, &batch(0, 100)).status, 200, "a larger batch has the room for itself");
    proxy.pause();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| collector.post("/v1/batch", SHOP, &batch(100, 50)));
        rekindle_test_kit::daemon::harness::wait_until("calls wait", || {
            collector.process.metric("rekindle_collect_in_flight") == 50.0
        });
        let began = std::time::Instant::now();
        let answer = collector.post("/v1/batch", SHOP, &batch(150, 1));
        assert_eq!((answer.status, answer.header("Retry-After")), (503, Some("2")), "{answer:?}");
        assert!(began.elapsed() < Duration::from_secs(1), "it is refused at once");
        assert_eq!(waiting.join().expect("no panic").status, 503, "what is not acknowledged in time is not taken");
    });
    proxy.resume();
    send_until_taken(&collector, &batch(100, 51));
    assert_each_once(&server, 151);
}

#[test]
fn requests_under_way_are_answered_at_the_end() {
    let server = NatsServer::start();
    let proxy = Proxy::to(server.port());
    let collector = TestCollector::ready(setup(&proxy.url(), ""));
    proxy.pause();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| collector.post("/v1/batch", SHOP, &batch(0, 10)));
        rekindle_test_kit::daemon::harness::wait_until("calls wait", || {
            collector.process.metric("rekindle_collect_in_flight") == 10.0
        });
        collector.process.signal("TERM");
        collector.process.wait_for_log("stopping");
        proxy.resume();
        assert_eq!(waiting.join().expect("no panic").status, 200);
    });
    assert_each_once(&server, 10);
    collector.process.stop();
}

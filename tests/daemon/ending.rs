//! Draining under load: what was read is published within the deadline; what could not be is reported; a second signal
//! ends the daemon at once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use serde_json::Value;

use crate::streams::settings;
use rekindle_test_kit::daemon::broker::Broker;
use rekindle_test_kit::daemon::harness::{TestDaemon, TestDaemonSetup};
use rekindle_test_kit::nats_server::NatsServer;
use rekindle_test_kit::nats_server::proxy::Proxy;

/// The number of users, each with one event.
const SHOPPERS: usize = 60_000;

/// Each user enters a segment, independently of all others.
fn views() -> Vec<Bytes> {
    let view = |n| format!(r#"{{"type":"track","event":"View","userId":"{n}","timestamp":"2026-03-02T10:00:00Z"}}"#);
    (1..=SHOPPERS).map(|n| Bytes::from(view(n))).collect()
}

/// How often each shopper entered, by number.
async fn entered(broker: &Broker) -> BTreeMap<usize, usize> {
    let mut entered = BTreeMap::new();
    for stored in broker.read("REKINDLE").await.iter().filter(|stored| stored.subject == "rekindle.segments.seen.enter")
    {
        let fields: Value = serde_json::from_slice(&stored.payload).expect("JSON");
        let user = fields["user"].as_str().and_then(|user| user.parse().ok()).expect("a number");
        *entered.entry(user).or_default() += 1;
    }
    entered
}

/// Starts a daemon on a stream that is full, and waits until it is among the events.
async fn among_the_events(settings: TestDaemonSetup, broker: &Broker) -> TestDaemon {
    let daemon = settings.start();
    broker.wait_for_outputs(1).await;
    daemon
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_signal_under_load_drains_what_was_read_and_the_next_start_continues_there() {
    let server = NatsServer::start();
    let broker = Broker::with_events(&server.url()).await;
    broker.publish(&views(), None).await;
    let daemon = among_the_events(settings(&server.url()).set("SHUTDOWN_DEADLINE", "20s"), &broker).await;
    let asked = Instant::now();
    let ended = daemon.stop();
    assert!(asked.elapsed() < Duration::from_secs(20), "it took {:?}", asked.elapsed());
    assert!(ended.log.contains("everything that was read is processed and published"), "{}", ended.log);
    let first = entered(&broker).await;
    assert!(first.len() < SHOPPERS, "it was done before it was told to stop");
    assert!(first.keys().copied().eq(1..=first.len()), "what was taken in is the beginning of the log, without a hole");
    let daemon = ended.settings.start();
    broker.wait_for_outputs(SHOPPERS as u64).await;
    daemon.stop();
    let all = entered(&broker).await;
    assert_eq!(all.len(), SHOPPERS);
    assert!(all.values().all(|&times| times == 1), "somebody entered twice");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn work_that_is_unfinished_at_the_deadline_is_reported() {
    let server = NatsServer::start();
    let proxy = Proxy::to(server.port());
    let broker = Broker::with_events(&server.url()).await;
    broker.publish(&views(), None).await;
    let daemon = among_the_events(settings(&proxy.url()).set("SHUTDOWN_DEADLINE", "1s"), &broker).await;
    proxy.pause();
    daemon.signal("TERM");
    let asked = Instant::now();
    let ended = daemon.wait_for_end();
    assert!(asked.elapsed() < Duration::from_secs(8), "it took {:?}", asked.elapsed());
    assert_eq!(ended.code, Some(1), "{}", ended.log);
    assert!(ended.log.contains("stopped after 1000 ms with work unfinished"), "{}", ended.log);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_signal_ends_at_once() {
    let server = NatsServer::start();
    let proxy = Proxy::to(server.port());
    let broker = Broker::with_events(&server.url()).await;
    broker.publish(&views(), None).await;
    let daemon = among_the_events(settings(&proxy.url()).set("SHUTDOWN_DEADLINE", "1m"), &broker).await;
    proxy.pause();
    daemon.signal("TERM");
    daemon.wait_for_log("stopping: no more events are read");
    daemon.signal("TERM");
    let asked = Instant::now();
    let ended = daemon.wait_for_end();
    assert!(asked.elapsed() < Duration::from_secs(5), "it took {:?}", asked.elapsed());
    assert_eq!(ended.code, Some(1), "{}", ended.log);
    assert!(ended.log.contains("ended at once by the second signal"), "{}", ended.log);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_waits_for_the_output_stream_has_nothing_to_drain() {
    let server = NatsServer::start();
    let daemon = settings(&server.url()).set("OUTPUT_CREATE", false).start();
    daemon.wait_until_unready("there is no stream REKINDLE: create it");
    daemon.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_may_not_take_over_the_outputs_has_nothing_to_drain() {
    let user = "{ user: rekindle, password: s3cr3t, permissions: { publish: { deny: [\"rekindle.progress\"] } } }";
    let server = NatsServer::with_config(&format!("authorization {{ users = [ {user} ] }}"));
    let daemon = settings(&server.url()).set("NATS_USER", "rekindle").set("NATS_PASSWORD", "s3cr3t").start();
    daemon.wait_until_unready("does not permit this user to publish to rekindle.progress");
    daemon.stop();
}

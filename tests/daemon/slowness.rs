//! Backpressure: a slow part slows the others down; nothing is dropped, and memory is bounded.

use std::time::Duration;

use bytes::Bytes;

use rekindle_test_kit::daemon::broker::Broker;
use rekindle_test_kit::daemon::harness::{TestDaemon, TestDaemonSetup};
use rekindle_test_kit::daemon::log::{ReplayedLog, THE_END, a_month, assert_same, per_user, starter_pack};
use rekindle_test_kit::nats_server::NatsServer;
use rekindle_test_kit::nats_server::proxy::Proxy;

/// How many bytes are published while the sink is blocked …
const WAITING: usize = 32 << 20;
/// … and how much memory may grow meanwhile.
const GROWTH_MAX: u64 = 8 << 20;

/// Waits until no more events are read, and returns the number of messages read.
async fn standstill(daemon: &TestDaemon) -> f64 {
    let (mut before, mut since) = (-1.0, 0);
    for _ in 0..300 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let now = daemon.metric("rekindle_source_messages_total");
        since = if now == before { since + 1 } else { 0 };
        before = now;
        if since == 10 {
            return now;
        }
    }
    panic!("the daemon reads on and on: {before} messages");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_blocked_sink_blocks_the_source_and_memory_does_not_grow() {
    let granted = "publish: { allow: [\">\"] }";
    let revoked = "publish: { allow: [\">\"], deny: [\"rekindle.segments.>\"] }";
    let users = format!(
        "authorization {{ users = [ {{ user: test, password: test }}, \
         {{ user: rekindle, password: s3cr3t, permissions: {{ {granted} }} }} ] }}"
    );
    let (server, log) = (NatsServer::with_config(&users), a_month());
    let options = async_nats::ConnectOptions::with_user_and_password("test".to_owned(), "test".to_owned());
    let broker = Broker::connect_with(options, &server.url()).await;
    let daemon = TestDaemonSetup::new(&server.url(), &starter_pack())
        .set("NATS_USER", "rekindle")
        .set("NATS_PASSWORD", "s3cr3t")
        .set("SOURCE_BATCH", 100)
        .start();
    daemon.wait_until_ready();
    server.reconfigure(granted, revoked);
    let (first, second) = log.messages.split_at(log.messages.len() / 2);
    broker.publish(first, None).await;
    let (read, memory) = (standstill(&daemon).await, daemon.rss_bytes());
    assert!(read < first.len() as f64 / 2.0, "{read} messages of {} were read", first.len());
    broker.publish(&vec![large_event(); WAITING / large_event().len()], None).await;
    broker.publish(second, None).await;
    assert_eq!(standstill(&daemon).await, read);
    let growth = daemon.rss_bytes().saturating_sub(memory);
    assert!(growth < GROWTH_MAX, "memory grew by {growth} bytes while {WAITING} waited");
    assert!(daemon.metric("rekindle_queue_length{queue=\"emissions\"}") > 0.0);
    server.reconfigure(revoked, granted);
    broker.wait_for_subject(THE_END).await;
    daemon.stop();
    let log = ReplayedLog::as_stored(&starter_pack(), broker.read("EVENTS").await, "2026-02-20T00:00:00Z");
    assert_same(&per_user(&broker.read("REKINDLE").await), &log.expected);
}

/// About nobody that matters.
fn large_event() -> Bytes {
    let text = "x".repeat(32 << 10);
    Bytes::from(format!(
        r#"{{"type":"track","event":"Read","userId":"reader","timestamp":"2026-01-02T00:00:00Z","properties":{{"text":"{text}"}}}}"#
    ))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_a_slow_connection_everything_arrives_late_and_complete() {
    let (server, log) = (NatsServer::start(), a_month());
    let proxy = Proxy::to(server.port());
    let daemon = TestDaemonSetup::new(&proxy.url(), &starter_pack()).start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    proxy.throttle(500_000);
    broker.publish(&log.messages, None).await;
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let read = daemon.metric("rekindle_source_messages_total");
    assert!(read < log.messages.len() as f64 / 2.0, "{read} messages came through");
    proxy.throttle(0);
    broker.wait_for_subject(THE_END).await;
    assert_eq!(daemon.metric("rekindle_nats_slow_consumer_events_total"), 0.0, "nothing was dropped on the way");
    daemon.stop();
    assert_same(&per_user(&broker.read("REKINDLE").await), &log.expected);
}

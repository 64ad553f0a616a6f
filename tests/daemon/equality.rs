//! What is published equals `replay` over the same log, however its events are put into messages, and at any speed.

use std::time::Instant;

use bytes::Bytes;
use rstest::rstest;

use rekindle_test_kit::daemon::broker::Broker;
use rekindle_test_kit::daemon::harness::TestDaemonSetup;
use rekindle_test_kit::daemon::log::{ReplayedLog, THE_END, a_month, assert_same, lines, per_user, starter_pack};
use rekindle_test_kit::nats_server::NatsServer;

/// Starts a daemon, publishes a log as it reads, and compares.
async fn compare(what: &str, log: &ReplayedLog, per_second: Option<u32>) {
    let server = NatsServer::start();
    let daemon = TestDaemonSetup::new(&server.url(), &starter_pack()).start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    let started = Instant::now();
    broker.publish(&log.messages, per_second).await;
    let published = started.elapsed();
    broker.wait_for_subject(THE_END).await;
    let speed = |seconds: f64| log.events as f64 / seconds;
    eprintln!(
        "{what}: {} events published at {:.0} events/s, decided and published at {:.0} events/s, {} outputs",
        log.events,
        speed(published.as_secs_f64()),
        speed(started.elapsed().as_secs_f64()),
        log.outputs()
    );
    daemon.stop();
    assert_same(&per_user(&broker.read("REKINDLE").await), &log.expected);
    assert_eq!(broker.count("REKINDLE_DEAD").await, 0);
}

#[rstest]
#[case::at_10_000_events_per_second(Some(10_000))]
#[case::flat_out(None)]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_event_per_message(#[case] per_second: Option<u32>) {
    let what = if per_second.is_some() { "10,000 events/s" } else { "flat out" };
    compare(what, a_month(), per_second).await;
}

/// Of a log of its own each.
#[rstest]
#[case::batch_envelopes(2, |lines: &[String]| format!(r#"{{"batch":[{}]}}"#, lines.join(",")))]
#[case::several_lines(3, |lines: &[String]| lines.join("\n") + if lines.len().is_multiple_of(2) { "\n" } else { "" })]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_events_per_message(#[case] seed: u64, #[case] message: impl Fn(&[String]) -> String) {
    let lines = lines(seed, 20);
    let (mut rest, mut messages) = (lines.as_slice(), Vec::new());
    while !rest.is_empty() {
        // From 1 to 17, and each number once in a while.
        let (some, more) = rest.split_at(rest.len().min(1 + messages.len() % 17));
        messages.push(Bytes::from(message(some)));
        rest = more;
    }
    let log = ReplayedLog::new(&starter_pack(), messages, "2026-02-20T00:00:00Z");
    assert_eq!(log.events, lines.len(), "every line is an event of its own");
    compare("several events per message, flat out", &log, None).await;
}

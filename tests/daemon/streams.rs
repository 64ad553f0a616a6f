//! Streams that are missing or do not fit, and a server that is not running yet: reported, with what to do; and the daemon
//! continues by itself once the cause is gone.

use rekindle_test_kit::daemon::broker::Broker;
use rekindle_test_kit::daemon::harness::{TestDaemon, TestDaemonSetup, wait_until};
use rekindle_test_kit::nats_server::NatsServer;

const RULES: &str = "[events]\nview = 'View'\n[[segments]]\nid = 'seen'\nwhen = 'total(view) >= 1'\n";
const VIEW: &str = r#"{"type":"track","event":"View","userId":"u","timestamp":"2026-03-02T10:00:00Z"}"#;
const SEEN: &str = "rekindle.segments.seen.enter";

/// It becomes ready, and an event comes through.
pub(crate) async fn works(daemon: TestDaemon, broker: &Broker) {
    daemon.wait_until_ready();
    broker.publish_one(VIEW).await;
    broker.wait_for_subject(SEEN).await;
    daemon.stop();
}

pub(crate) fn settings(server: &str) -> TestDaemonSetup {
    TestDaemonSetup::new(server, RULES)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_stream_of_events_is_named_until_it_is_there() {
    let server = NatsServer::start();
    let daemon = settings(&server.url()).set("SOURCE_CREATE", false).start();
    daemon.wait_until_unready("there is no stream EVENTS: create it (nats stream add EVENTS");
    let broker = Broker::with_events(&server.url()).await;
    works(daemon, &broker).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn missing_output_streams_are_named_until_they_are_there() {
    let server = NatsServer::start();
    let daemon = settings(&server.url()).set("OUTPUT_CREATE", false).start();
    daemon.wait_until_unready("there is no stream REKINDLE: create it");
    let broker = Broker::connect(&server.url()).await;
    let subjects = [
        "segments.>",
        "actions.>",
        "decisions.>",
        "points.>",
        "outcomes.>",
        "budgets.>",
        "partners.>",
        "merged",
        "rules",
        "progress",
    ]
    .map(|name| format!("rekindle.{name}"));
    broker.create("REKINDLE", &subjects.each_ref().map(String::as_str)).await;
    daemon.wait_until_unready("there is no stream REKINDLE_DEAD: create it");
    broker.create("REKINDLE_DEAD", &["rekindle.dead"]).await;
    works(daemon, &broker).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_that_takes_in_other_subjects_is_named_until_it_is_edited() {
    let server = NatsServer::start();
    let broker = Broker::connect(&server.url()).await;
    broker.create("EVENTS", &["shop.>"]).await;
    let daemon = settings(&server.url()).start();
    daemon.wait_until_unready("it does not take in events.> (it takes in shop.>)");
    daemon.wait_until_unready("it does not take in rekindle.tick");
    let mut config = broker.info("EVENTS").await.expect("the stream").config;
    config.subjects = ["events.>", "rekindle.tick", "rekindle.control.forget"].map(str::to_owned).into();
    broker.jetstream.update_stream(config).await.expect("it can be edited");
    works(daemon, &broker).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_waits_for_a_server_that_is_down() {
    let mut server = NatsServer::start();
    server.kill();
    let daemon = settings(&server.url()).start();
    daemon.wait_until_unready("nobody listens there: is nats-server running?");
    server.start_again();
    let broker = Broker::connect(&server.url()).await;
    works(daemon, &broker).await;
}

/// A line that was logged once is hard to find an hour later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_never_reached_is_logged_repeatedly_and_shown_in_metrics() {
    let mut server = NatsServer::start();
    server.kill();
    let daemon = settings(&server.url()).start();
    daemon.wait_for_log("still not ready after 5 s: nats: no connection to NATS at nats://127.0.0.1:");
    daemon.wait_for_log("still not ready after 15 s");
    assert_eq!(daemon.metric("rekindle_ready"), 0.0);
    assert_eq!(daemon.metric("rekindle_nats_connected"), 0.0);
    server.start_again();
    daemon.wait_until_ready();
    wait_until("the metrics to say so", || daemon.metric("rekindle_ready") == 1.0);
    daemon.wait_for_log("ready: every part works");
    daemon.stop();
}

//! Who owns the outputs, and when another daemon may take them over.

use std::fs;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::streams::settings;
use rekindle_test_kit::daemon::broker::{Broker, BrokerMessage};
use rekindle_test_kit::daemon::harness::{TestDaemon, TestDaemonSetup, wait_until};
use rekindle_test_kit::nats_server::NatsServer;

/// Checkpoints every second, the shortest there is.
fn often(server: &NatsServer) -> TestDaemonSetup {
    settings(&server.url()).set("CHECKPOINT_INTERVAL", "1s")
}

/// As another supervisor would start it: the same streams, and the same checkpoints.
fn beside(server: &NatsServer, daemon: &TestDaemon) -> TestDaemonSetup {
    often(server).set("CHECKPOINT_STORE", daemon.file("checkpoints").display())
}

fn view(user: &str) -> String {
    format!(r#"{{"type":"track","event":"View","userId":"{user}","timestamp":"2026-03-02T10:00:00Z"}}"#)
}

async fn users(broker: &Broker) -> Vec<String> {
    let user = |stored: &BrokerMessage| {
        let fields: Value = serde_json::from_slice(&stored.payload).expect("JSON");
        fields["user"].as_str().unwrap_or_default().to_owned()
    };
    let stored = broker.read("REKINDLE").await;
    stored.iter().filter(|stored| stored.subject == "rekindle.segments.seen.enter").map(user).collect()
}

fn checkpoints(daemon: &TestDaemon) -> f64 {
    ["base", "delta"].iter().map(|kind| daemon.metric(&format!("rekindle_checkpoints_total{{kind=\"{kind}\"}}"))).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_cannot_work_takes_nothing_from_one_that_does() {
    let users = "{ user: test, password: test }, \
                 { user: reader, password: s, permissions: { publish: { deny: [\"rekindle.progress\"] } } }, \
                 { user: writer, password: s, permissions: { publish: { deny: [\"$JS.API.CONSUMER.>\"] } } }";
    let server = NatsServer::with_config(&format!("authorization {{ users = [ {users} ] }}"));
    let as_user = |settings: TestDaemonSetup, user: &str, password: &str| {
        settings.set("NATS_USER", user).set("NATS_PASSWORD", password).set("OUTPUT_TAKEOVER", "now")
    };
    let options = async_nats::ConnectOptions::with_user_and_password("test".to_owned(), "test".to_owned());
    let broker = Broker::connect_with(options, &server.url()).await;
    broker.create("EVENTS", &["events.>", "rekindle.tick", "rekindle.control.forget"]).await;
    let mut first = as_user(often(&server), "test", "test").start();
    broker.publish_one(view("a")).await;
    broker.wait_for_outputs(1).await;
    wait_until("a checkpoint", || checkpoints(&first) > 0.0);
    // Long enough for it to be replaced by one that could work.
    tokio::time::sleep(Duration::from_secs(11)).await;
    let folder = first.file("checkpoints");
    let other = |user, password| as_user(often(&server).set("CHECKPOINT_STORE", folder.display()), user, password);
    let no_server = other("test", "test").set("NATS_SERVERS", "nats://127.0.0.1:1").start();
    let no_subjects = other("test", "test").set("SOURCE_SUBJECTS", "shop.>").start();
    let no_stream = other("test", "test").set("SOURCE_STREAM", "SHOP").set("SOURCE_CREATE", false).start();
    let no_reading = other("writer", "s").start();
    let no_writing = other("reader", "s").start();
    no_server.wait_until_unready("nobody listens there");
    no_subjects.wait_until_unready("it does not take in shop.>");
    no_stream.wait_until_unready("there is no stream SHOP");
    no_reading.wait_until_unready("does not permit this user to publish to $JS.API.CONSUMER.");
    no_writing.wait_until_unready("does not permit this user to publish to rekindle.progress");
    let refused = other("test", "test").set("CHECKPOINT_STORE", "elsewhere").refused();
    assert!(refused.log.contains("there are no checkpoints of them"), "{}", refused.log);
    let before = checkpoints(&first);
    broker.publish_one(view("b")).await;
    broker.wait_for_outputs(2).await;
    wait_until("another checkpoint", || checkpoints(&first) > before + 1.0);
    assert!(first.runs());
    // What works takes over.
    let good = other("test", "test").start();
    good.wait_until_ready();
    let ended = first.wait_for_end();
    assert_eq!(ended.code, Some(3), "{}", ended.log);
    broker.publish_one(view("c")).await;
    broker.wait_for_outputs(3).await;
    good.stop();
    assert_eq!(self::users(&broker).await, ["a", "b", "c"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_waits_for_the_current_owner_and_continues_from_its_last_commit() {
    let server = NatsServer::start();
    let broker = Broker::with_events(&server.url()).await;
    let first = often(&server).start();
    broker.publish_one(view("a")).await;
    broker.wait_for_outputs(1).await;
    let second = beside(&server, &first).start();
    second.wait_until_unready("waiting for the outputs: another daemon owns the stream REKINDLE");
    for user in ["b", "c"] {
        broker.publish_one(view(user)).await;
        // Nothing comes for longer than a silent owner is waited for.
        tokio::time::sleep(Duration::from_secs(7)).await;
    }
    let before = checkpoints(&first);
    wait_until("another checkpoint", || checkpoints(&first) > before + 1.0);
    assert_eq!(second.readiness().status, 503, "the first is there, though it has nothing to say");
    // The folder of its settings holds the checkpoints of both.
    let _settings = first.kill();
    second.wait_until_ready();
    // Not what it had read when it began to wait.
    let line = second.wait_for_log("restoring a checkpoint");
    let line: Value = serde_json::from_str(&line).expect("JSON");
    assert!(line["sequence"].as_u64() > Some(1), "{line}");
    for user in ["a", "b", "c", "d"] {
        broker.publish_one(view(user)).await;
    }
    broker.wait_for_outputs(4).await;
    second.stop();
    assert_eq!(users(&broker).await, ["a", "b", "c", "d"]);
}

/// If it continues afterwards, it finds that it was replaced.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_hangs_is_replaced_once_it_has_been_silent_for_long_enough() {
    let server = NatsServer::start();
    let broker = Broker::with_events(&server.url()).await;
    // Not while it writes a checkpoint: it would keep that lock as well.
    let first = often(&server).set("CHECKPOINT_INTERVAL", "1h").start();
    first.wait_until_ready();
    broker.publish_one(view("a")).await;
    broker.wait_for_outputs(1).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    first.signal("STOP");
    let second = beside(&server, &first).start();
    second.wait_until_unready("waiting for the outputs");
    broker.publish_one(view("b")).await;
    second.wait_until_ready();
    broker.wait_for_outputs(2).await;
    first.signal("CONT");
    let ended = first.wait_for_end();
    assert_eq!(ended.code, Some(3), "{}", ended.log);
    broker.publish_one(view("c")).await;
    broker.wait_for_outputs(3).await;
    second.stop();
    assert_eq!(users(&broker).await, ["a", "b", "c"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_that_drains_is_replaced_by_the_daemon_that_waits() {
    let server = NatsServer::start();
    let broker = Broker::with_events(&server.url()).await;
    let first = often(&server).start();
    first.wait_until_ready();
    let second = beside(&server, &first).start();
    second.wait_until_unready("waiting for the outputs");
    broker.publish_one(view("a")).await;
    broker.wait_for_outputs(1).await;
    let ended = first.stop();
    assert!(!ended.log.contains("taken over"), "{}", ended.log);
    second.wait_until_ready();
    broker.publish_one(view("a")).await;
    broker.publish_one(view("b")).await;
    broker.wait_for_outputs(2).await;
    second.stop();
    assert_eq!(users(&broker).await, ["a", "b"]);
}

/// Two supervisors, each of which starts its daemon again whenever that ends.
async fn evictions(takeover: &str) -> usize {
    let server = NatsServer::start();
    let broker = Broker::with_events(&server.url()).await;
    let begun = Instant::now();
    let mut first = often(&server).set("OUTPUT_TAKEOVER", takeover).start();
    let folder = first.file("checkpoints");
    let mut second = often(&server).set("OUTPUT_TAKEOVER", takeover).set("CHECKPOINT_STORE", folder.display()).start();
    let (mut evictions, mut number) = (0, 0);
    while begun.elapsed() < Duration::from_secs(14) {
        for daemon in [&mut first, &mut second] {
            if !daemon.runs() {
                let fresh = often(&server).set("OUTPUT_TAKEOVER", takeover).set("CHECKPOINT_STORE", folder.display());
                let ended = std::mem::replace(daemon, fresh.start()).wait_for_end();
                assert_eq!(ended.code, Some(3), "{}", ended.log);
                // The folder of the first holds the checkpoints of both.
                std::mem::forget(ended.settings);
                evictions += 1;
            }
        }
        number += 1;
        broker.publish_one(view(&format!("u{number}"))).await;
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    broker.wait_for_outputs(number).await;
    let expected: Vec<String> = (1..=number).map(|number| format!("u{number}")).collect();
    assert_eq!(users(&broker).await, expected, "{takeover}");
    let _ = fs::metadata(&folder).expect("the checkpoints are there still");
    evictions
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_daemons_that_are_restarted_whenever_they_end_do_not_evict_each_other() {
    assert_eq!(evictions("wait").await, 0);
    let evicted = evictions("now").await;
    assert!(evicted <= 2, "{evicted} evictions in 14 seconds");
}

//! Starts that continue from the state of an earlier run, and starts that are refused.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::streams::settings;
use rekindle_test_kit::daemon::broker::{Broker, BrokerMessage};
use rekindle_test_kit::daemon::harness::{DaemonExit, TestDaemonSetup, wait_until};
use rekindle_test_kit::nats_server::NatsServer;

/// Checkpoints every second, the shortest there is.
fn often(server: &NatsServer) -> TestDaemonSetup {
    settings(&server.url()).set("CHECKPOINT_INTERVAL", "1s")
}

fn view(user: &str) -> String {
    format!(r#"{{"type":"track","event":"View","userId":"{user}","timestamp":"2026-03-02T10:00:00Z"}}"#)
}

/// A daemon that has seen some users, written a checkpoint, and was killed; and what it was started with.
async fn killed(server: &NatsServer, broker: &Broker) -> TestDaemonSetup {
    let daemon = often(server).start();
    for user in ["a", "b", "c"] {
        broker.publish_one(view(user)).await;
    }
    broker.wait_for_outputs(3).await;
    let before = checkpoints(&daemon);
    wait_until("another checkpoint", || checkpoints(&daemon) > before + 1.0);
    daemon.kill()
}

fn checkpoints(daemon: &rekindle_test_kit::daemon::harness::TestDaemon) -> f64 {
    ["base", "delta"].iter().map(|kind| daemon.metric(&format!("rekindle_checkpoints_total{{kind=\"{kind}\"}}"))).sum()
}

fn copy(from: &Path, to: &Path) {
    let done = Command::new("cp").arg("-a").arg(from).arg(to).status().expect("cp runs");
    assert!(done.success());
}

fn assert_refused(ended: &DaemonExit, why: &str) {
    assert_eq!(ended.code, Some(1), "{}", ended.log);
    assert!(ended.log.contains(why), "not `{why}`:\n{}", ended.log);
}

async fn users(broker: &Broker) -> Vec<String> {
    let user = |stored: &BrokerMessage| {
        let fields: serde_json::Value = serde_json::from_slice(&stored.payload).expect("JSON");
        fields["user"].as_str().unwrap_or_default().to_owned()
    };
    let stored = broker.read("REKINDLE").await;
    stored.iter().filter(|stored| stored.subject == "rekindle.segments.seen.enter").map(user).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_daemon_resumes_from_its_checkpoint_and_repeats_nothing() {
    let server = NatsServer::start();
    let broker = Broker::with_events(&server.url()).await;
    let settings = killed(&server, &broker).await;
    broker.publish_one(view("d")).await;
    let daemon = settings.start();
    daemon.wait_for_log("restoring a checkpoint");
    broker.wait_for_outputs(4).await;
    // It knows these users: they do not enter again.
    for user in ["a", "b", "e"] {
        broker.publish_one(view(user)).await;
    }
    broker.wait_for_outputs(5).await;
    daemon.stop();
    assert_eq!(users(&broker).await, ["a", "b", "c", "d", "e"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_changed_while_the_daemon_was_down_take_effect_after_the_committed_position() {
    let server = NatsServer::start();
    let broker = Broker::with_events(&server.url()).await;
    let settings = killed(&server, &broker).await;
    let more = "\n[[segments]]\nid = 'again'\nwhen = 'total(view) >= 2'\n";
    let rules = fs::read_to_string(settings.file("rules.toml")).expect("the rules") + more;
    fs::write(settings.file("rules.toml"), rules).expect("the rules");
    let daemon = settings.start();
    let said = daemon.wait_for_log("features by whether they keep their state");
    assert!(said.contains("\"kept\":1") && said.contains("\"new\":0"), "{said}");
    broker.publish_one(view("a")).await;
    broker.wait_for_subject("rekindle.segments.again.enter").await;
    // The text is kept with the checkpoints: a start goes through the change again.
    let daemon = daemon.kill().start();
    broker.publish_one(view("b")).await;
    broker.wait_for_outputs(5).await;
    daemon.stop();
    assert_eq!(broker.count_of("rekindle.segments.again.enter").await, 2);
    assert_eq!(broker.count_of("rekindle.rules").await, 1, "the rules changed once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_without_its_checkpoints_is_refused() {
    let server = NatsServer::start();
    let broker = Broker::with_events(&server.url()).await;
    let settings = killed(&server, &broker).await;
    fs::remove_dir_all(settings.file("checkpoints")).expect("they were there");
    let ended = settings.refused();
    assert_refused(&ended, "there are no checkpoints of them in [checkpoint] store");
    fs::remove_dir_all(ended.settings.file("checkpoints")).expect("it was made");
    let daemon = ended.settings.start_with(&["--from-start"]);
    broker.publish_one(view("d")).await;
    broker.wait_for_outputs(4).await;
    daemon.stop();
    assert_eq!(users(&broker).await, ["a", "b", "c", "d"], "published outputs are not published again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_created_again_under_its_name_is_refused() {
    let server = NatsServer::start();
    let broker = Broker::with_events(&server.url()).await;
    let settings = killed(&server, &broker).await;
    broker.jetstream.delete_stream("EVENTS").await.expect("deleted");
    broker.create("EVENTS", &["events.>", "rekindle.tick", "rekindle.control.forget"]).await;
    for n in 0..100 {
        broker.publish_one(view(&format!("u{n}"))).await;
    }
    let ended = settings.refused();
    assert_refused(&ended, "whose sequence numbers mean something else");
    let daemon = ended.settings.start_with(&["--from-start"]);
    broker.wait_for_outputs(103).await;
    daemon.stop();
}

/// Also on its first run, in which the daemon itself made the stream.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_created_again_and_refilled_ends_a_daemon_and_refuses_a_start() {
    for (is_first_run, pause) in [(true, 0), (true, 100), (false, 0)] {
        let server = NatsServer::start();
        let broker = Broker::connect(&server.url()).await;
        let mut daemon = often(&server).start();
        daemon.wait_until_ready();
        broker.publish_one(view("a")).await;
        broker.wait_for_outputs(1).await;
        if !is_first_run {
            daemon = daemon.stop().settings.start();
            daemon.wait_until_ready();
        }
        let last = broker.info("EVENTS").await.expect("the stream").state.last_sequence;
        broker.jetstream.delete_stream("EVENTS").await.expect("deleted");
        tokio::time::sleep(std::time::Duration::from_millis(pause)).await;
        broker.create("EVENTS", &["events.>", "rekindle.tick", "rekindle.control.forget"]).await;
        let views: Vec<_> = (0..last + 200).map(|n| view(&format!("u{n}")).into()).collect();
        broker.publish(&views, None).await;
        let ended = daemon.wait_for_end();
        assert_refused(
            &ended,
            "whose sequence numbers mean something else; restore that stream, or start over with --from-start",
        );
        assert_eq!(users(&broker).await, ["a"], "nothing of it was read");
        let ended = ended.settings.refused();
        assert_refused(&ended, "whose sequence numbers mean something else");
        let daemon = ended.settings.start_with(&["--from-start"]);
        broker.wait_for_outputs(1 + last + 200).await;
        daemon.stop();
    }
}

/// The broker's disk is restored to an earlier state: events and outputs that it had acknowledged are lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_lost_acknowledged_messages_is_detected() {
    let mut server = NatsServer::start();
    let broker = Broker::with_events(&server.url()).await;
    let daemon = often(&server).start();
    broker.publish_one(view("before")).await;
    broker.wait_for_outputs(1).await;
    let settings = daemon.kill();
    server.kill();
    let (now, before) = (server.folder().join("jetstream"), server.folder().join("before"));
    copy(&now, &before);
    server.start_again();
    let broker = Broker::connect(&server.url()).await;
    let daemon = settings.start();
    for user in ["a", "b", "c"] {
        broker.publish_one(view(user)).await;
    }
    broker.wait_for_outputs(4).await;
    let first = checkpoints(&daemon);
    wait_until("a checkpoint", || checkpoints(&daemon) > first + 1.0);
    let settings = daemon.kill();
    server.kill();
    fs::remove_dir_all(&now).expect("it is there");
    fs::rename(&before, &now).expect("it is there");
    server.start_again();
    assert_refused(&settings.refused(), "the broker has lost some; start over with --from-start");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_purged_output_stream_has_no_progress_record_and_is_refused_unless_repeats_are_accepted() {
    let server = NatsServer::start();
    let broker = Broker::with_events(&server.url()).await;
    let settings = killed(&server, &broker).await;
    // Published, and in no checkpoint.
    let daemon = settings.set("CHECKPOINT_INTERVAL", "1h").start();
    broker.publish_one(view("d")).await;
    broker.wait_for_outputs(4).await;
    let settings = daemon.kill();
    broker.stream("REKINDLE").await.purge().await.expect("purged");
    let ended = settings.refused();
    assert_refused(&ended, "continue with --accept-repeats");
    let daemon = ended.settings.start_with(&["--accept-repeats"]);
    broker.wait_for_outputs(1).await;
    daemon.stop();
    assert_eq!(broker.count_of("rekindle.segments.seen.enter").await, 1, "only what no checkpoint has comes again");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn settings_that_affect_outputs_can_change_only_if_a_checkpoint_covers_all_published_outputs() {
    let server = NatsServer::start();
    let broker = Broker::with_events(&server.url()).await;
    let settings = killed(&server, &broker).await;
    let daemon = settings.set("CHECKPOINT_INTERVAL", "1h").start();
    broker.publish_one(view("d")).await;
    broker.wait_for_outputs(4).await;
    let settings = daemon.kill().set("ENGINE_MAX_DISORDER", "30s");
    let ended = settings.refused();
    assert_refused(&ended, "start once with the former settings and stop with SIGTERM");
    assert!(ended.log.contains("max_disorder 5s") && ended.log.contains("max_disorder 30s"), "{}", ended.log);
    let daemon = ended.settings.set("ENGINE_MAX_DISORDER", "5s").start();
    daemon.wait_until_ready();
    let settings = daemon.stop().settings.set("ENGINE_MAX_DISORDER", "30s");
    let daemon = settings.start();
    broker.publish_one(view("e")).await;
    broker.wait_for_outputs(5).await;
    daemon.stop();
    assert_eq!(users(&broker).await, ["a", "b", "c", "d", "e"]);
}

/// And neither secret is shown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_start_with_another_secret_than_that_of_the_checkpoint_is_refused() {
    let server = NatsServer::start();
    let broker = Broker::with_events(&server.url()).await;
    let settings = often(&server);
    let (first, second) = ("correct horse battery staple", "incorrect donkey charger clip");
    let daemon = settings.set("ENGINE_SECRET", first).start();
    broker.publish_one(view("a")).await;
    broker.wait_for_outputs(1).await;
    let ended = daemon.stop().settings.set("ENGINE_SECRET", second).refused();
    assert_refused(&ended, "the checkpoint was written with another secret");
    assert!(![first, second].iter().any(|secret| ended.log.contains(secret)), "{}", ended.log);
    let daemon = ended.settings.set("ENGINE_SECRET", first).start();
    broker.publish_one(view("b")).await;
    broker.wait_for_outputs(2).await;
    daemon.stop();
    assert_eq!(users(&broker).await, ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn checkpoints_that_cannot_be_written_are_reported_and_retried_while_processing_continues() {
    let server = NatsServer::start();
    let broker = Broker::with_events(&server.url()).await;
    let daemon = often(&server).start();
    let folder = daemon.file("checkpoints");
    wait_until("a checkpoint", || checkpoints(&daemon) > 0.0);
    let aside = daemon.file("aside");
    fs::rename(&folder, &aside).expect("it is there");
    fs::write(&folder, "in the way").expect("a file");
    wait_until("a failure", || daemon.metric("rekindle_checkpoint_failures_total") > 0.0);
    daemon.wait_for_log("no checkpoint was written");
    broker.publish_one(view("a")).await;
    broker.wait_for_outputs(1).await;
    let readiness = daemon.readiness();
    assert!(readiness.status == 200 && readiness.body.contains("the last attempt failed"), "{}", readiness.body);
    fs::remove_file(&folder).expect("it is there");
    fs::rename(&aside, &folder).expect("it is there");
    let failed = checkpoints(&daemon);
    wait_until("a checkpoint", || checkpoints(&daemon) > failed);
    wait_until("it says no more of it", || !daemon.readiness().body.contains("the last attempt failed"));
    let daemon = daemon.kill().start();
    broker.publish_one(view("b")).await;
    broker.wait_for_outputs(2).await;
    daemon.stop();
    assert_eq!(users(&broker).await, ["a", "b"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_daemon_takes_over_and_the_first_ends() {
    let server = NatsServer::start();
    let broker = Broker::with_events(&server.url()).await;
    let first = often(&server).start();
    broker.publish_one(view("a")).await;
    broker.wait_for_outputs(1).await;
    // Checkpoints of its own, as by mistake: only the stream of outputs is the same.
    let second = often(&server).set("OUTPUT_TAKEOVER", "now").start_with(&["--from-start"]);
    second.wait_until_ready();
    for user in ["b", "c"] {
        broker.publish_one(view(user)).await;
    }
    broker.wait_for_outputs(3).await;
    let ended = first.wait_for_end();
    assert_eq!(ended.code, Some(3), "{}", ended.log);
    assert!(ended.log.contains("another daemon has taken over stream REKINDLE"), "{}", ended.log);
    second.stop();
    assert_eq!(users(&broker).await, ["a", "b", "c"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn weaker_guarantees_are_reported() {
    let server = NatsServer::start();
    let settings = settings(&server.url()).set("SOURCE_KIND", "nats").set("SOURCE_CREATE", false);
    let daemon = settings.set("OUTPUT_JETSTREAM", false).set("OUTPUT_CREATE", false).start();
    daemon.wait_until_ready();
    daemon.wait_for_log("events come on plain NATS, at most once");
    wait_until("a note in /readyz", || {
        let body = daemon.readiness().body;
        body.contains("events come on plain NATS, at most once") && body.contains("outputs are published on plain NATS")
    });
    daemon.stop();
}

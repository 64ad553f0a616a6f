//! Records of changes in the log: where they stand there, that they survive restarts, and that nothing is computed of them.

use serde_json::{Value, json};

use rekindle_test_kit::daemon::broker::Broker;
use rekindle_test_kit::daemon::harness::{TestDaemon, TestDaemonSetup, wait_until};
use rekindle_test_kit::nats_server::NatsServer;

const SUBJECT: &str = "rekindle.control.audit";

fn rules(views: u32) -> String {
    format!(
        "[events]\nview = 'View'\n[[segments]]\nid = 'viewer'\nwhen = 'total(view) >= {views}'\n\
         [[campaigns]]\nid = 'hello'\non = 'enter:viewer'\nchannel = 'email'\n"
    )
}

fn view(user: usize) -> String {
    format!(r#"{{"type":"track","event":"View","userId":"u{user}","timestamp":"2026-03-02T10:00:{user:02}Z"}}"#)
}

fn records(daemon: &TestDaemon) -> Vec<Value> {
    let (status, body) = daemon.ask("GET", "/v1/audit");
    assert_eq!(status, 200, "{body}");
    let answer: Value = serde_json::from_str(&body).expect("JSON");
    answer["records"].as_array().expect("a list").clone()
}

/// Waits until all of them are in the log.
fn wait_until_logged(daemon: &TestDaemon, count: usize) -> Vec<Value> {
    let mut found = Vec::new();
    wait_until(&format!("{count} records in the log"), || {
        found = records(daemon);
        found.len() == count && found.iter().all(|one| one["sequence"].is_u64())
    });
    found
}

fn apply(daemon: &TestDaemon, text: &str) {
    let version = serde_json::from_str::<Value>(&daemon.ask("GET", "/v1/rules").1).expect("JSON")["version"].clone();
    let (status, answer) = daemon.put("/v1/rules", &json!({ "text": text, "replaces": version }));
    assert_eq!(status, 200, "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn records_stand_in_the_log_survive_restarts_and_change_nothing_of_a_replay() {
    let server = NatsServer::start();
    let daemon = TestDaemonSetup::new(&server.url(), &rules(1)).set("CHECKPOINT_STORE", "checkpoints").start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    for user in 0..3 {
        broker.publish_one(view(user)).await;
    }
    broker.wait_for_subject("rekindle.actions.email.hello").await;
    apply(&daemon, &rules(2));
    assert_eq!(daemon.ask("DELETE", "/v1/users/u1").0, 202);
    let before = wait_until_logged(&daemon, 2);
    let whats: Vec<_> = before.iter().map(|one| (one["what"].clone(), one["user"].clone())).collect();
    assert_eq!(whats, [(json!("user_forgotten"), json!("u1")), (json!("rules_changed"), Value::Null)]);
    let stored = broker.read("EVENTS").await;
    assert_eq!(stored.iter().filter(|stored| stored.subject == SUBJECT).count(), 2);
    broker.publish_one(view(1)).await;
    broker.publish_one(view(1)).await;
    wait_until("the events", || daemon.metric("rekindle_events_total{call=\"track\"}") >= 5.0);
    assert_eq!(daemon.metric("rekindle_rejected_total{reason=\"json\"}").max(0.0), 0.0, "they are no events");

    let daemon = daemon.stop().settings.start();
    daemon.wait_until_ready();
    assert_eq!(records(&daemon), before, "after a restart");

    // All of the log again, with the records between the events.
    let daemon = daemon.stop().settings.start_with(&["--from-start"]);
    daemon.wait_until_ready();
    apply(&daemon, &rules(3));
    assert_eq!(wait_until_logged(&daemon, 3)[1..], before);
    wait_until("all events", || daemon.metric("rekindle_events_total{call=\"track\"}") >= 5.0);
    assert!(
        broker.info("REKINDLE_DEAD").await.is_none_or(|dead| dead.state.messages == 0),
        "no record is a dead letter"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_the_stream_takes_none_in_changes_are_made_and_it_is_said() {
    let server = NatsServer::start();
    let broker = Broker::connect(&server.url()).await;
    broker.create("EVENTS", &["events.>", "rekindle.tick", "rekindle.control.forget"]).await;
    let daemon = TestDaemonSetup::new(&server.url(), &rules(1)).start();
    daemon.wait_until_ready();
    daemon.wait_for_log("does not take in rekindle.control.audit");
    apply(&daemon, &rules(2));
    wait_until("a note", || daemon.readiness().body.contains("records of changes can't be put into the log"));
    let waiting = records(&daemon);
    assert_eq!(
        (waiting.len(), &waiting[0]["what"], &waiting[0]["sequence"]),
        (1, &json!("rules_changed"), &Value::Null)
    );

    // As soon as it does they are there.
    let mut config = broker.info("EVENTS").await.expect("the stream").config;
    config.subjects.push(SUBJECT.into());
    broker.jetstream.update_stream(config).await.expect("it can be edited");
    wait_until_logged(&daemon, 1);
    wait_until("no note", || !daemon.readiness().body.contains("records of changes"));
}

/// What, by whom, what came of it, which version: newest first.
fn summaries(found: &[Value]) -> Vec<[Value; 4]> {
    let summary = |one: &Value| [&one["what"], &one["who"]["name"], &one["outcome"], &one["version"]].map(Value::clone);
    found.iter().map(summary).collect()
}

fn version(daemon: &TestDaemon) -> Value {
    serde_json::from_str::<Value>(&daemon.ask("GET", "/v1/rules").1).expect("JSON")["version"].clone()
}

#[test]
fn reloads_by_a_signal_are_recorded_with_what_came_of_them() {
    let server = NatsServer::start();
    let daemon = TestDaemonSetup::new(&server.url(), &rules(1)).start();
    daemon.wait_until_ready();
    daemon.reload(&rules(2));
    let found = wait_until_logged(&daemon, 1);
    let second = version(&daemon);
    assert_eq!(summaries(&found), [[json!("rules_reloaded"), json!("signal"), json!("done"), second]]);
    daemon.reload("oops");
    let found = wait_until_logged(&daemon, 2);
    assert_eq!((&found[0]["who"]["role"], &found[0]["outcome"]), (&json!("daemon"), &json!("refused")));
    assert!(found[0]["detail"].as_str().is_some_and(|why| why.contains("mistake")), "{found:?}");
}

#[test]
fn the_end_of_a_change_from_the_log_is_recorded_too() {
    let server = NatsServer::start();
    let daemon = TestDaemonSetup::new(&server.url(), &rules(1)).start();
    daemon.wait_until_ready();
    let first = version(&daemon);
    let body = json!({ "text": rules(2), "replaces": first, "from": "log" });
    let (status, answer) = daemon.put("/v1/rules", &body);
    assert_eq!(status, 202, "{answer}");
    let found = wait_until_logged(&daemon, 2);
    let (what, by, second) = (json!("rules_changed_from_log"), json!("local"), version(&daemon));
    let outcomes = [json!("done"), json!("begun")].map(|outcome| [what.clone(), by.clone(), outcome, second.clone()]);
    assert_eq!(summaries(&found), outcomes);
    assert_eq!(found[0]["previous"], first);
}

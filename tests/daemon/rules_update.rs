//! Rules that come over the API: they are in the file after a restart, earlier versions are kept, and what fails is put back.

use std::fs;

use serde_json::{Value, json};

use rekindle_test_kit::daemon::broker::Broker;
use rekindle_test_kit::daemon::harness::{TestDaemon, TestDaemonSetup, wait_until};
use rekindle_test_kit::nats_server::NatsServer;

const EVENTS: &str = "[events]\nview = 'View'\n";

fn rules(views: u32) -> String {
    format!("{EVENTS}[[segments]]\nid = 'viewer'\nwhen = 'total(view) >= {views}'\n")
}

fn get(daemon: &TestDaemon, path: &str) -> Value {
    let (status, body) = daemon.ask("GET", path);
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).expect("JSON")
}

fn in_force(daemon: &TestDaemon) -> Value {
    get(daemon, "/v1/rules")["version"].clone()
}

fn put(daemon: &TestDaemon, text: &str, from: Option<&str>) -> (u16, Value) {
    daemon.put("/v1/rules", &json!({ "text": text, "replaces": in_force(daemon), "from": from }))
}

fn file(daemon: &TestDaemon) -> String {
    fs::read_to_string(daemon.file("rules.toml")).expect("the rules")
}

/// The versions, newest first, with who put them in force.
fn versions(daemon: &TestDaemon) -> Vec<(Value, Value)> {
    let answer = get(daemon, "/v1/rules/versions");
    let versions = answer["versions"].as_array().expect("a list").iter();
    versions.map(|one| (one["version"].clone(), one["by"].clone())).collect()
}

fn wait_for_end(daemon: &TestDaemon, state: &str) {
    wait_until(&format!("the state {state}"), || get(daemon, "/v1/rules/reload")["state"] == state);
}

#[test]
fn rules_survive_restarts_with_the_versions_before_them() {
    let server = NatsServer::start();
    let daemon = TestDaemonSetup::new(&server.url(), &rules(1)).set("CHECKPOINT_STORE", "checkpoints").start();
    daemon.wait_until_ready();
    let first = in_force(&daemon);
    let (status, applied) = put(&daemon, &rules(2), None);
    assert_eq!((status, &applied["changed"]), (200, &json!(true)), "{applied}");
    let second = in_force(&daemon);
    assert_eq!(file(&daemon), rules(2));
    wait_until("both versions", || versions(&daemon).len() == 2);

    let daemon = daemon.stop().settings.start();
    daemon.wait_until_ready();
    assert_eq!(in_force(&daemon), second);
    assert_eq!(versions(&daemon), [(second.clone(), json!("local")), (first.clone(), json!("start"))]);
    let text = daemon.ask("GET", &format!("/v1/rules/versions/{}", first.as_str().expect("a text"))).1;
    assert_eq!(text, rules(1));

    // Undone, with the state that they would have had all along.
    let (status, begun) = put(&daemon, &text, Some("log"));
    assert_eq!(status, 202, "{begun}");
    wait_for_end(&daemon, "applied");
    assert_eq!((in_force(&daemon), file(&daemon)), (first.clone(), rules(1)));
    wait_until("three versions", || versions(&daemon).len() == 3);
    assert_eq!(versions(&daemon)[0], (first, json!("local")));
}

#[test]
fn an_edit_that_was_not_reloaded_is_not_overwritten() {
    let server = NatsServer::start();
    let daemon = TestDaemonSetup::new(&server.url(), &rules(1)).start();
    daemon.wait_until_ready();
    fs::write(daemon.file("rules.toml"), rules(9)).expect("there is room");
    let (status, refused) = put(&daemon, &rules(2), None);
    assert!(status == 409 && refused["detail"].as_str().is_some_and(|why| why.contains("edited it")), "{refused}");
    assert_eq!(file(&daemon), rules(9));
    assert_eq!(daemon.ask("POST", "/v1/rules/reload").0, 200);
    assert_eq!(put(&daemon, &rules(2), None).0, 200);
    assert_eq!(file(&daemon), rules(2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_from_the_log_that_is_cancelled_puts_the_file_back() {
    let server = NatsServer::start();
    // As slow as it may be, so that it does not end by itself.
    let daemon = TestDaemonSetup::new(&server.url(), &rules(1)).set("ENGINE_RELOAD_SHARE", 1).start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    let event = |number: usize| {
        let user = number % 50;
        format!(r#"{{"type":"track","event":"View","userId":"u{user}","timestamp":"2026-03-02T10:00:00Z"}}"#).into()
    };
    let events: Vec<_> = (0..60_000).map(event).collect();
    broker.publish(&events, None).await;
    wait_until("the events", || daemon.metric("rekindle_events_total{call=\"track\"}") >= events.len() as f64);
    let before = in_force(&daemon);
    let (status, begun) = put(&daemon, &rules(2), Some("log"));
    assert_eq!(status, 202, "{begun}");
    assert_eq!(file(&daemon), rules(2));
    assert_eq!(daemon.ask("DELETE", "/v1/rules/reload").0, 202);
    wait_for_end(&daemon, "cancelled");
    assert_eq!((in_force(&daemon), file(&daemon)), (before, rules(1)));

    // Others that take effect meanwhile are not put back.
    assert_eq!(put(&daemon, &rules(2), Some("log")).0, 202);
    assert_eq!(put(&daemon, &rules(3), None).0, 200);
    wait_for_end(&daemon, "failed");
    assert_eq!(file(&daemon), rules(3));
}

/// As root a process may write every file: its mode decides.
#[test]
fn a_read_only_file_is_named_and_nothing_changes() {
    let server = NatsServer::start();
    let daemon = TestDaemonSetup::new(&server.url(), &rules(1)).start();
    daemon.wait_until_ready();
    let before = in_force(&daemon);
    let mut permissions = fs::metadata(daemon.file("rules.toml")).expect("it is there").permissions();
    permissions.set_readonly(true);
    fs::set_permissions(daemon.file("rules.toml"), permissions).expect("it is ours");
    let (status, refused) = put(&daemon, &rules(2), None);
    assert!(status == 409 && refused["detail"].as_str().is_some_and(|why| why.contains("read-only")), "{refused}");
    assert_eq!((in_force(&daemon), file(&daemon)), (before, rules(1)));
}

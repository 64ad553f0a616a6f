//! Reloads from the log: the rules know the past when they take effect, what happened stays, and no kill changes what is published.

use std::fs;
use std::process::Command;

use bytes::Bytes;
use serde_json::Value;

use rekindle_test_kit::daemon::broker::{Broker, BrokerMessage};
use rekindle_test_kit::daemon::harness::{TestDaemon, TestDaemonSetup, wait_until};
use rekindle_test_kit::nats_server::NatsServer;

const EVENTS: &str = "[events]\norder = 'Order'\nview = 'View'\n";
const BUYERS: &str = "[[segments]]\nid = 'buyer'\nwhen = 'total(order) >= 1'\n\
                      [[campaigns]]\nid = 'thanks'\non = 'enter:buyer'\nchannel = 'email'\ncooldown = '365d'\n";
const VIEWERS: &str = "[[segments]]\nid = 'viewer'\nwhen = 'total(view) >= 2'\n\
                       [[campaigns]]\nid = 'hello'\non = 'enter:viewer'\nchannel = 'email'\n";
const PATH: &str = "/v1/rules/reload";

pub(crate) fn before() -> String {
    format!("{EVENTS}{BUYERS}")
}

pub(crate) fn after() -> String {
    format!("{EVENTS}{BUYERS}{VIEWERS}")
}

pub(crate) fn event(name: &str, user: usize, second: usize) -> Bytes {
    let at = format!("2026-03-02T{:02}:{:02}:{:02}Z", second / 3_600, second / 60 % 60, second % 60);
    let id = format!("{name}-{user}-{second}");
    Bytes::from(format!(
        r#"{{"type":"track","event":"{name}","userId":"u{user}","messageId":"{id}","timestamp":"{at}"}}"#
    ))
}

/// Everybody views once, every other one twice, and every third one orders.
pub(crate) fn past(users: usize) -> Vec<Bytes> {
    let mut events = Vec::new();
    for user in 0..users {
        events.push(event("View", user, user));
        events.extend((user % 2 == 0).then(|| event("View", user, users + user)));
        events.extend((user % 3 == 0).then(|| event("Order", user, 2 * users + user)));
    }
    events
}

/// Many views of a few users.
fn busy(events: usize) -> Vec<Bytes> {
    let without_id = |event: Bytes| {
        let mut fields: Value = serde_json::from_slice(&event).expect("JSON");
        fields.as_object_mut().expect("an object").remove("messageId");
        Bytes::from(fields.to_string())
    };
    (0..events).map(|number| without_id(event("View", number % 100, number))).collect()
}

pub(crate) fn write_rules(daemon: &TestDaemon, rules: &str) {
    fs::write(daemon.file("rules.toml"), rules).expect("the rules");
}

pub(crate) fn reload(daemon: &TestDaemon) -> Value {
    serde_json::from_str(&daemon.ask("GET", PATH).1).expect("JSON")
}

/// Whether `rekindle reload` succeeds, and what it says.
fn command(daemon: &TestDaemon, options: &[&str]) -> (bool, String) {
    let output = Command::new(rekindle_test_kit::binary("rekindle"))
        .args(["reload", "--url", &format!("http://{}/", daemon.address())])
        .args(options)
        .output()
        .expect("the binary starts");
    let said = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&said).into_owned())
}

pub(crate) fn wait_for_state(daemon: &TestDaemon, state: &str) -> Value {
    let mut last = Value::Null;
    wait_until(&format!("the state {state}"), || {
        last = reload(daemon);
        last["state"] == state
    });
    last
}

/// Writes these rules, and reloads them from the log.
pub(crate) fn reload_from_log(daemon: &TestDaemon, rules: &str) -> Value {
    write_rules(daemon, rules);
    let (status, answer) = daemon.ask("POST", "/v1/rules/reload?from=log");
    assert_eq!(status, 202, "{answer}");
    wait_for_state(daemon, "applied")
}

/// `subject cause user`
pub(crate) fn line(stored: &BrokerMessage) -> String {
    let fields: Value = serde_json::from_slice(&stored.payload).expect("JSON");
    let part = |name: &str| fields[name].as_str().unwrap_or("-").to_owned();
    format!("{} {} {}", stored.subject.trim_start_matches("rekindle."), part("cause"), part("user"))
}

/// What was published, without progress records.
pub(crate) async fn published(broker: &Broker) -> Vec<BrokerMessage> {
    let stored = broker.read("REKINDLE").await;
    stored.into_iter().filter(|stored| !stored.subject.ends_with("progress")).collect()
}

pub(crate) fn matching(lines: &[String], part: &str) -> usize {
    lines.iter().filter(|line| line.contains(part)).count()
}

pub(crate) fn segments(daemon: &TestDaemon, user: &str) -> Value {
    let (_, answer) = daemon.ask("GET", &format!("/v1/users/{user}"));
    let user: Value = serde_json::from_str(&answer).expect("JSON");
    user["segments"].clone()
}

pub(crate) async fn publish_and_wait(daemon: &TestDaemon, broker: &Broker, events: &[Bytes]) {
    let before = daemon.metric("rekindle_events_total{call=\"track\"}");
    let before = if before.is_nan() { 0.0 } else { before };
    broker.publish(events, None).await;
    wait_until("the events", || daemon.metric("rekindle_events_total{call=\"track\"}") >= before + events.len() as f64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rules_that_are_reloaded_from_the_log_know_it_and_set_off_no_campaign() {
    let server = NatsServer::start();
    let daemon = TestDaemonSetup::new(&server.url(), &before()).start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    let users = 3_000;
    publish_and_wait(&daemon, &broker, &past(users)).await;
    let applied = reload_from_log(&daemon, &after());
    assert_eq!((&applied["progress"], &applied["first_sequence"]), (&Value::from(1.0), &Value::from(1)), "{applied}");
    assert_eq!(
        (segments(&daemon, "u0"), segments(&daemon, "u2")),
        (serde_json::json!(["buyer", "viewer"]), serde_json::json!(["viewer"]))
    );
    assert!(!daemon.readiness().body.contains("started empty"), "{}", daemon.readiness().body);
    assert_eq!(daemon.metric("rekindle_rules_reload_progress"), 1.0);
    // Everybody's second view, and the first order of those who had none: what happens from here on sets off campaigns.
    publish_and_wait(
        &daemon,
        &broker,
        &[event("View", 1, 50_000), event("Order", 0, 50_001), event("Order", 1, 50_002)],
    )
    .await;
    broker.wait_for_subject("rekindle.actions.email.hello").await;
    // The same rules once more: nothing changes, and it is told.
    let (worked, said) = command(&daemon, &["--from-log"]);
    assert!(worked && said.contains("and know the past"), "{said}");
    let again = reload(&daemon);
    assert_eq!((&again["state"], &again["previous"]), (&Value::from("applied"), &again["version"]));
    let (worked, said) = command(&daemon, &[]);
    assert!(worked && said.contains("nothing changes"), "{said}");
    let (worked, said) = command(&daemon, &["--cancel"]);
    assert!(!worked && said.contains("no reload from the log is running"), "{said}");
    write_rules(&daemon, &after().replace("total(view)", "totl(view)"));
    let (worked, said) = command(&daemon, &["--from-log"]);
    assert!(!worked && said.contains("there is no function `totl`"), "{said}");
    daemon.stop();
    let stored = published(&broker).await;
    let lines: Vec<String> = stored.iter().map(line).collect();
    assert_eq!(matching(&lines, "segments.viewer.enter rules"), users / 2);
    assert_eq!(matching(&lines, "actions.email.hello"), 1, "only who became a viewer afterwards");
    assert_eq!(matching(&lines, "actions.email.thanks"), users.div_ceil(3) + 1, "each is thanked once");
    let told: Vec<Value> = stored
        .iter()
        .filter(|stored| stored.subject == "rekindle.rules")
        .map(|stored| serde_json::from_slice(&stored.payload).expect("JSON"))
        .collect();
    assert_eq!(told.iter().map(|told| told["from"].clone()).collect::<Vec<_>>(), ["log", "log"]);
}

/// What two daemons publish: one that is never killed, and one that is killed right after the rules took effect, with no
/// checkpoint since the beginning.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_after_a_reload_from_the_log_changes_nothing_that_is_published() {
    let mut runs = Vec::new();
    for kill in [false, true] {
        let server = NatsServer::start();
        let daemon = TestDaemonSetup::new(&server.url(), &before()).set("CHECKPOINT_INTERVAL", "1h").start();
        daemon.wait_until_ready();
        let broker = Broker::connect(&server.url()).await;
        publish_and_wait(&daemon, &broker, &past(900)).await;
        reload_from_log(&daemon, &after());
        let daemon = if kill {
            let settings = daemon.kill();
            let daemon = settings.start();
            daemon.wait_until_ready();
            daemon
        } else {
            daemon
        };
        publish_and_wait(&daemon, &broker, &[event("View", 1, 50_000), event("Order", 2, 50_001)]).await;
        broker.wait_for_subject("rekindle.actions.email.hello").await;
        assert_eq!(segments(&daemon, "u2"), serde_json::json!(["buyer", "viewer"]));
        // The rules of the file are in force: they are not reloaded again.
        let (_, rules) = daemon.ask("GET", "/v1/rules");
        assert!(rules.contains("viewer"), "{rules}");
        daemon.stop();
        let stored = published(&broker).await;
        runs.push(stored.iter().map(|stored| (line(stored), stored.payload.clone())).collect::<Vec<_>>());
    }
    assert_eq!(runs[0].len(), runs[1].len());
    for (expected, found) in runs[0].iter().zip(&runs[1]) {
        assert_eq!(expected.0, found.0);
    }
    let sorted = |run: &[(String, Bytes)]| {
        let mut lines: Vec<Bytes> = run.iter().map(|(_, payload)| payload.clone()).collect();
        lines.sort();
        lines
    };
    assert_eq!(sorted(&runs[0]), sorted(&runs[1]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_daemon_that_is_killed_while_it_reads_the_log_reads_it_again() {
    let server = NatsServer::start();
    // So slow that it does not end by itself.
    let daemon = TestDaemonSetup::new(&server.url(), &before()).set("ENGINE_RELOAD_SHARE", "1").start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    publish_and_wait(&daemon, &broker, &past(9_000)).await;
    write_rules(&daemon, &after());
    assert_eq!(daemon.ask("POST", "/v1/rules/reload?from=log").0, 202);
    assert_eq!(daemon.ask("POST", "/v1/rules/reload?from=log").0, 409, "one at a time");
    wait_until("some of the log to be read", || reload(&daemon)["events"].as_u64() > Some(0));
    assert_eq!(reload(&daemon)["state"], "reading");
    let daemon = daemon.kill().set("ENGINE_RELOAD_SHARE", "100").start();
    daemon.wait_for_log("it is read again");
    wait_for_state(&daemon, "applied");
    assert_eq!(segments(&daemon, "u2"), serde_json::json!(["viewer"]));
    daemon.stop();
    let lines: Vec<String> = published(&broker).await.iter().map(line).collect();
    assert_eq!(matching(&lines, "segments.viewer.enter rules"), 4_500);
    assert_eq!(matching(&lines, "actions.email.hello"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_from_the_log_that_fails_or_is_cancelled_changes_nothing() {
    let server = NatsServer::start();
    let setup = TestDaemonSetup::new(&server.url(), &before()).set("ENGINE_RELOAD_SHARE", "1");
    let daemon = setup.set("ENGINE_RELOAD_MEMORY", "1048576").start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    publish_and_wait(&daemon, &broker, &busy(20_000)).await;
    let version = |daemon: &TestDaemon| -> Value {
        serde_json::from_str::<Value>(&daemon.ask("GET", "/v1/rules").1).expect("JSON")["version"].clone()
    };
    let in_use = version(&daemon);
    write_rules(&daemon, "[events]\nview = 'View'\n[[segments]]\nid = 's'\nwhen = 'totl(view) > 1'\n");
    let (status, answer) = daemon.ask("POST", "/v1/rules/reload?from=log");
    assert!(status == 422 && answer.contains("there is no function `totl`"), "{answer}");
    write_rules(&daemon, &after());
    assert_eq!(daemon.ask("POST", "/v1/rules/reload?from=log").0, 202);
    assert_eq!(daemon.ask("DELETE", PATH).0, 202);
    wait_for_state(&daemon, "cancelled");
    // An ordinary reload ends it, too.
    assert_eq!(daemon.ask("POST", "/v1/rules/reload?from=log").0, 202);
    assert_eq!(version(&daemon), in_use);
    assert_eq!(daemon.ask("POST", PATH).0, 200);
    let failed = wait_for_state(&daemon, "failed");
    assert!(failed["error"].as_str().is_some_and(|why| why.contains("other rules took effect")), "{failed}");
    // More state than it may have.
    publish_and_wait(&daemon, &broker, &past(8_000)).await;
    wait_until("the state to be counted", || daemon.metric("rekindle_state_bytes") > 1_048_576.0);
    let (status, answer) = daemon.ask("POST", "/v1/rules/reload?from=log");
    assert!(status == 503 && answer.contains("raise [engine] reload_memory"), "{answer}");
    let lines: Vec<String> = published(&broker).await.iter().map(line).collect();
    assert_eq!(
        matching(&lines, "rules - -"),
        1,
        "{:?}",
        lines.iter().filter(|line| line.contains("rules - -")).collect::<Vec<_>>()
    );
    daemon.stop();
}

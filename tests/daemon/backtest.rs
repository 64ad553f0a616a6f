//! Rules tried on the daemon's own log: the result is that of the command over the same events as a file, whatever happens to the
//! broker meanwhile, and it takes no more than it may.

use std::fs;
use std::process::Command;

use bytes::Bytes;
use serde_json::{Value, json};

use rekindle_test_kit::daemon::broker::Broker;
use rekindle_test_kit::daemon::harness::{TestDaemon, TestDaemonSetup, wait_until};
use rekindle_test_kit::daemon::log::lines;
use rekindle_test_kit::nats_server::NatsServer;

const RULES: &str = include_str!("../../config/rules.toml");
const PATH: &str = "/v1/rules/backtest";
const FROM: &str = "2026-01-03T00:00:00Z";
const TO: &str = "2026-01-05T12:00:00Z";

/// A segment asks less.
fn edited() -> String {
    let edited = RULES.replacen("count(view, '30m') >= 6", "count(view, '30m') >= 3", 1);
    assert_ne!(edited, RULES, "the starter pack is another");
    edited
}

fn send(daemon: &TestDaemon, body: &Value) -> (u16, Value) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let request = agent.post(format!("http://{}{PATH}", daemon.address())).content_type("application/json");
    let mut answer = request.send(body.to_string()).expect("the daemon answers");
    let read = answer.body_mut().read_to_string().expect("a body");
    (answer.status().as_u16(), serde_json::from_str(&read).expect("JSON"))
}

fn begin(daemon: &TestDaemon, body: &Value) -> String {
    let (status, begun) = send(daemon, body);
    assert_eq!(status, 202, "{begun}");
    format!("{PATH}/{}", begun["id"].as_str().expect("an id"))
}

fn job(daemon: &TestDaemon, path: &str) -> Value {
    serde_json::from_str(&daemon.ask("GET", path).1).expect("JSON")
}

fn wait_for_end(daemon: &TestDaemon, path: &str) -> Value {
    // As long as it goes on.
    loop {
        let before = job(daemon, path);
        let mut last = Value::Null;
        wait_until("the backtest to go on", || {
            last = job(daemon, path);
            last["state"] != "running" || last["events"] != before["events"]
        });
        if last["state"] != "running" {
            return last;
        }
    }
}

/// What the binary prints for these arguments, in the daemon's folder.
fn command(daemon: &TestDaemon, arguments: &[&str]) -> String {
    let mut command = Command::new(rekindle_test_kit::binary("rekindle"));
    let output = command.current_dir(daemon.file("")).args(arguments).output().expect("the binary starts");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    said
}

fn json_of(text: &str) -> Value {
    let line = text.lines().find(|line| line.starts_with('{')).expect("a line of JSON");
    serde_json::from_str(line).expect("JSON")
}

/// Publishes some days of a shop, and writes the same into the file that the command reads.
async fn publish(daemon: &TestDaemon, broker: &Broker, days: i64) {
    let lines = lines(3, days);
    let messages: Vec<Bytes> = lines.chunks(50).map(|some| some.join("\n").into()).collect();
    fs::write(daemon.file("events.jsonl"), lines.join("\n") + "\n").expect("the events");
    fs::write(daemon.file("edited.toml"), edited()).expect("the rules");
    broker.publish(&messages, None).await;
    let taken_in = || {
        let stats: Value = serde_json::from_str(&daemon.ask("GET", "/v1/stats").1).expect("JSON");
        let events = &stats["events"];
        let rejected = events["rejected"].as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64());
        events["accepted"].as_u64().unwrap_or(0) + rejected.sum::<u64>()
    };
    wait_until("the events", || taken_in() >= lines.len() as u64);
}

const FILE: [&str; 7] = ["backtest", "--rules", "edited.toml", "--against", "rules.toml", "--json", "events.jsonl"];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backtest_over_the_stream_is_that_of_the_command_over_the_same_events() {
    let server = NatsServer::start();
    let daemon = TestDaemonSetup::new(&server.url(), RULES).set("ENGINE_BACKTEST_SHARE", "100").start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    publish(&daemon, &broker, 6).await;
    let done = wait_for_end(&daemon, &begin(&daemon, &json!({ "text": edited(), "from": FROM, "to": TO })));
    let from_file = json_of(&command(&daemon, &[&FILE[..], &["--from", FROM, "--to", TO]].concat()));
    assert!(from_file["differences"]["exact"].as_u64() > Some(0), "nothing differs: {from_file}");
    assert_eq!((&done["state"], &done["note"], &done["result"]), (&json!("done"), &Value::Null, &from_file));
    // Without a period all counts; the command over the stream says the same, and so does a dry run of the file's rules.
    let whole = json_of(&command(&daemon, &FILE));
    let stream =
        ["backtest", "--nats", "--config", "rekindle.toml", "--rules", "edited.toml", "--against", "rules.toml"];
    assert_eq!(json_of(&command(&daemon, &[&stream[..], &["--json"]].concat())), whole);
    fs::write(daemon.file("rules.toml"), edited()).expect("the rules");
    let url = format!("http://{}", daemon.address());
    let dry_run = ["reload", "--from-log", "--dry-run", "--url", &url];
    assert_eq!(json_of(&command(&daemon, &[&dry_run[..], &["--json"]].concat())), whole);
    let said = command(&daemon, &dry_run);
    assert!(said.contains("WHAT DIFFERS, and why") && said.contains("GET /v1/users/USER/explain"), "{said}");
    // Nothing took effect, and the engine went on.
    let in_force: Value = serde_json::from_str(&daemon.ask("GET", "/v1/rules").1).expect("JSON");
    assert_eq!((&in_force["version"], &in_force["reload"]), (&whole["rules"]["old"], &Value::Null));
    daemon.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_away_while_the_log_is_read_changes_nothing() {
    let mut server = NatsServer::start();
    // So slow, and so few messages at a time, that the broker goes away in the middle.
    let setup = TestDaemonSetup::new(&server.url(), RULES).set("ENGINE_BACKTEST_SHARE", "10");
    let daemon = setup.set("SOURCE_BATCH", "10").start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    publish(&daemon, &broker, 6).await;
    let path = begin(&daemon, &json!({ "text": edited() }));
    wait_until("some of the log to be read", || job(&daemon, &path)["events"].as_u64() > Some(0));
    let before = job(&daemon, &path);
    assert_eq!(before["state"], "running", "{before}");
    server.kill();
    daemon.wait_until_unready("nats");
    assert_eq!(job(&daemon, &path)["state"], "running", "it was read before the broker was away");
    server.start_again();
    let done = wait_for_end(&daemon, &path);
    assert_eq!((&done["state"], &done["error"]), (&json!("done"), &Value::Null));
    assert_eq!(done["result"], json_of(&command(&daemon, &FILE)));
    daemon.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backtest_takes_no_more_than_it_may_and_ends_when_it_is_cancelled() {
    let server = NatsServer::start();
    let setup = TestDaemonSetup::new(&server.url(), RULES).set("ENGINE_BACKTEST_SHARE", "1");
    let daemon = setup.set("ENGINE_BACKTEST_MEMORY", "1048576").start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    publish(&daemon, &broker, 1).await;
    let path = begin(&daemon, &json!({ "text": edited() }));
    assert_eq!(send(&daemon, &json!({ "text": edited() })).0, 409, "one at a time");
    assert_eq!(daemon.ask("DELETE", &path).0, 202);
    assert_eq!(wait_for_end(&daemon, &path)["state"], "cancelled");
    // Within a few days the engines have more state than they may.
    publish(&daemon, &broker, 4).await;
    let (status, answer) = send(&daemon, &json!({ "text": edited() }));
    let why = if status == 202 {
        let failed = wait_for_end(&daemon, &format!("{PATH}/{}", answer["id"].as_str().expect("an id")));
        assert_eq!(failed["state"], "failed", "{failed}");
        failed["error"].clone()
    } else {
        answer["detail"].clone()
    };
    assert!(why.as_str().is_some_and(|why| why.contains("raise [engine] backtest_memory")), "{why}");
    daemon.stop();
}

//! `rekindle simulate` on a real server: what it publishes is whole, near the present, and the same for the same seed.

use std::collections::HashSet;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use async_nats::jetstream::{self, Context, stream};
use futures_util::StreamExt;
use rekindle_core::decode::Decoder;
use rekindle_core::rules;
use rekindle_core::time::Timestamp;
use rekindle_test_kit::free_port;
use rekindle_test_kit::nats_server::NatsServer;
use serde_json::Value;

fn simulate(server: &NatsServer, args: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_rekindle"))
        .args(["simulate", "--server", &server.url()])
        .args(args)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts")
}

fn end(child: Child) -> String {
    let Output { status, stdout, stderr } = child.wait_with_output().expect("it ends");
    assert!(status.success(), "{}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).expect("text")
}

/// The number before a word of the summary.
fn said(summary: &str, word: &str) -> u64 {
    let before = summary.split(word).next().expect("a part").trim_end();
    let number = before.rsplit([' ', '\n']).next().expect("a word").replace(',', "");
    number.parse().unwrap_or_else(|_| panic!("no number before {word} in {summary}"))
}

async fn with_stream(server: &NatsServer) -> Context {
    let context = jetstream::new(async_nats::connect(server.url()).await.expect("it accepts"));
    let config =
        stream::Config { name: "EVENTS".to_owned(), subjects: vec!["events.>".to_owned()], ..Default::default() };
    context.create_stream(config).await.expect("created");
    context
}

/// Waits until the stream holds this many messages.
async fn wait_for_messages(context: &Context, count: u64) {
    let done = async {
        let mut stream = context.get_stream("EVENTS").await.expect("the stream");
        while stream.info().await.expect("its state").state.messages < count {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), done).await.expect("the messages are published");
}

/// Every line of the stream, with the time the server received it.
async fn lines(context: &Context) -> Vec<(Timestamp, Vec<u8>)> {
    let stream = context.get_stream("EVENTS").await.expect("the stream");
    let messages = stream.get_info().await.expect("its state").state.messages;
    let config =
        jetstream::consumer::pull::Config { ack_policy: jetstream::consumer::AckPolicy::None, ..Default::default() };
    let consumer = stream.create_consumer(config).await.expect("a consumer");
    let (mut found, mut seen) = (Vec::new(), 0);
    while seen < messages {
        let mut batch = consumer.fetch().max_messages(500).messages().await.expect("messages");
        while let Some(message) = batch.next().await {
            let message = message.expect("a message");
            let received = message.info().expect("its info").published.unix_timestamp_nanos() / 1_000_000;
            let received = Timestamp(i64::try_from(received).expect("a time"));
            found.extend(message.payload.split(|byte| *byte == b'\n').map(|line| (received, line.to_vec())));
            seen += 1;
        }
    }
    found
}

fn event(line: &[u8]) -> Value {
    serde_json::from_slice(line).expect("JSON")
}

fn text(event: &Value, field: &str) -> String {
    event[field].as_str().unwrap_or_default().to_owned()
}

/// How far behind the server's time of receipt an event's own is, in milliseconds.
fn behind((received, line): &(Timestamp, Vec<u8>)) -> i64 {
    let stamp = Timestamp::parse_rfc3339(&text(&event(line), "timestamp")).expect("a time");
    (*received - stamp).0
}

#[tokio::test]
async fn messages_reported_as_published_are_in_the_stream_and_can_be_read() {
    let server = NatsServer::start();
    let context = with_stream(&server).await;
    let summary = end(simulate(&server, &["--rate", "3000", "--seconds", "3", "--batch", "7", "--users", "300"]));
    assert!(summary.contains("into the stream EVENTS"), "{summary}");
    assert_eq!(said(&summary, "messages unacknowledged"), 0);
    let lines = lines(&context).await;
    show(&summary);
    assert_eq!(lines.len() as u64, said(&summary, "events in"));
    assert!(lines.len() > 1_000, "{summary}");
    let rules = rules::compile("[[segments]]\nid = 's'\nwhen = 'age() > duration(\"1d\")'\n").expect("sound");
    let decoder = Decoder::new(&rules.projection, 1 << 20);
    for (_, line) in &lines {
        let mut calls = Vec::new();
        decoder.decode(line, &mut calls);
        assert!(calls.len() == 1 && calls[0].is_ok(), "{}", String::from_utf8_lossy(line));
    }
    let far: Vec<i64> = lines.iter().map(behind).filter(|behind| !(-50..2_000).contains(behind)).collect();
    assert!(far.is_empty(), "timestamps are near the time of receipt: {far:?}");
}

fn show(summary: &str) {
    eprintln!("{}", summary.trim());
}

#[tokio::test]
async fn without_a_rate_timestamps_are_current_except_for_late_events() {
    let server = NatsServer::start();
    let context = with_stream(&server).await;
    end(simulate(&server, &["--users", "400000", "--seconds", "6"]));
    let lines = lines(&context).await;
    assert!(lines.len() > 3, "400,000 shoppers do something in six seconds: {}", lines.len());
    let mut behind: Vec<i64> = lines.iter().map(behind).collect();
    behind.sort_unstable();
    assert!(behind.iter().all(|behind| (-50..32_000).contains(behind)), "{behind:?}");
    assert!(behind[behind.len() / 2] < 500, "most are in time: {behind:?}");
}

#[tokio::test]
async fn the_same_seed_does_the_same_under_other_message_ids() {
    let (mut runs, mut ids) = (Vec::new(), HashSet::new());
    for seed in ["5", "5", "6"] {
        let server = NatsServer::start();
        let context = with_stream(&server).await;
        end(simulate(&server, &["--rate", "1000", "--seconds", "2", "--users", "100", "--seed", seed]));
        let lines: Vec<Value> = lines(&context).await.iter().map(|(_, line)| event(line)).collect();
        let own: HashSet<String> = lines.iter().map(|event| text(event, "messageId")).collect();
        assert!(ids.is_disjoint(&own), "a run has the messageIds of another");
        ids.extend(own);
        let done = lines.iter().take(500).map(|event| {
            (text(event, "anonymousId"), text(event, "userId"), text(event, "type"), text(event, "event"))
        });
        let done: Vec<_> = done.collect();
        assert_eq!(done.len(), 500);
        runs.push(done);
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}

#[tokio::test]
async fn a_server_that_restarts_has_all_acknowledged_messages() {
    let mut server = NatsServer::start();
    let context = with_stream(&server).await;
    let child = simulate(&server, &["--rate", "2000", "--seconds", "8", "--users", "200"]);
    wait_for_messages(&context, 2_000).await;
    drop(context);
    server.kill();
    tokio::time::sleep(Duration::from_secs(1)).await;
    server.start_again();
    let summary = end(child);
    assert!(said(&summary, "reconnect") >= 1, "{summary}");
    assert_eq!(said(&summary, "messages unacknowledged"), 0, "{summary}");
    let context = jetstream::new(async_nats::connect(server.url()).await.expect("it accepts"));
    let lines = lines(&context).await;
    assert_eq!(lines.len() as u64, said(&summary, "events in"), "{summary}");
    let far = lines.iter().map(behind).filter(|behind| *behind > 2_000).count();
    assert!(far <= 1_000, "{far} of {} bear a time of the outage: more than were on their way", lines.len());
}

#[tokio::test]
async fn without_a_stream_it_publishes_at_most_once_and_says_so() {
    let server = NatsServer::start();
    let client = async_nats::connect(server.url()).await.expect("it accepts");
    let mut heard = client.subscribe("my.shop").await.expect("subscribed");
    client.flush().await.expect("written");
    let summary = end(simulate(&server, &["--rate", "500", "--seconds", "1", "--subject", "my.shop"]));
    assert!(summary.contains("on my.shop, which no known stream has: published at most once"), "{summary}");
    let mut count = 0;
    while let Ok(Some(_)) = tokio::time::timeout(Duration::from_millis(300), heard.next()).await {
        count += 1;
    }
    assert_eq!(count, said(&summary, "events in"));
}

#[tokio::test]
async fn flat_out_and_ctrl_c_end_in_a_summary() {
    let server = NatsServer::start();
    let context = with_stream(&server).await;
    let child = simulate(&server, &["--rate", "max", "--batch", "50"]);
    wait_for_messages(&context, 100).await;
    let killed = Command::new("kill").args(["-INT", &child.id().to_string()]).status().expect("kill runs");
    assert!(killed.success());
    let summary = end(child);
    show(&summary);
    assert_eq!(said(&summary, "messages unacknowledged"), 0);
    assert_eq!(lines(&context).await.len() as u64, said(&summary, "events in"));
}

#[test]
fn errors_say_what_to_do() {
    let nowhere = format!("nats://127.0.0.1:{}", free_port());
    for (args, said) in [
        (vec!["--server", nowhere.as_str()], "no connection to NATS at nats://127.0.0.1:"),
        (vec!["--subject", "events.>"], "can't publish on `events.>`"),
        (vec!["--rate", "fast"], "write a number from"),
        (vec!["--speed", "0"], "write a factor from"),
        (vec!["--config", "/nowhere/rekindle.toml"], "/nowhere/rekindle.toml"),
    ] {
        let output =
            Command::new(env!("CARGO_BIN_EXE_rekindle")).arg("simulate").args(&args).output().expect("it runs");
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && message.contains(said), "{args:?}: {message}");
    }
}

//! What is published equals `replay` over the same log, however its events are put into messages, and at any speed.

use std::collections::BTreeSet;
use std::time::Instant;

use bytes::Bytes;
use rstest::rstest;
use serde_json::Value;

use rekindle_test_kit::daemon::broker::Broker;
use rekindle_test_kit::daemon::harness::TestDaemonSetup;
use rekindle_test_kit::daemon::log::{
    ReplayedLog, THE_END, a_month, assert_same, lines, per_user, starter_pack, with_the_end,
};
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

const CARTS: &str = r#"
[events]
cart = "Cart"
bought = "Bought"

[per.cart]
key = "cart_id"
ttl = "30d"

[[segments]]
id = "left"
per = "cart"
when = "total(cart) >= 1 && total(bought) == 0 && idle() >= duration('30m')"

[[campaigns]]
id = "remind"
on = "enter:left"
channel = "push"
"#;

/// The broker drops messages with an id that it knows: what several keys of a user come to at once must differ in it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn outputs_of_keys_tell_the_key_and_none_is_taken_for_a_repeat_of_another() {
    let call = |user: u32, event: &str, cart: u32, minute: u32| {
        let time = format!("2026-03-02T10:{minute:02}:00Z");
        Bytes::from(format!(
            r#"{{"type":"track","event":"{event}","userId":"u{user}","timestamp":"{time}","properties":{{"cart_id":"c{cart}"}}}}"#
        ))
    };
    let mut messages = Vec::new();
    // At one instant all carts are left but the second of each.
    for user in 0..40 {
        messages.extend((1..=4).map(|cart| call(user, "Cart", cart, 0)));
    }
    messages.extend((0..40).map(|user| call(user, "Bought", 2, 1)));
    let (rules, server) = (with_the_end(CARTS), NatsServer::start());
    let log = ReplayedLog::new(&rules, messages, "2026-03-03T00:00:00Z");
    let daemon = TestDaemonSetup::new(&server.url(), &rules).start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    broker.publish(&log.messages, None).await;
    broker.wait_for_subject(THE_END).await;
    daemon.stop();
    let stored = broker.read("REKINDLE").await;
    assert_same(&per_user(&stored), &log.expected);
    let actions: Vec<Value> = stored
        .iter()
        .filter(|stored| stored.subject == "rekindle.actions.push.remind")
        .map(|stored| serde_json::from_slice(&stored.payload).expect("JSON"))
        .collect();
    let text = |action: &Value, pointer: &str| action.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let of_keys: BTreeSet<_> =
        actions.iter().map(|action| (text(action, "/subject"), text(action, "/data/key"))).collect();
    let ids: BTreeSet<_> = actions.iter().map(|action| text(action, "/id")).collect();
    assert_eq!((actions.len(), of_keys.len(), ids.len()), (120, 120, 120));
    assert!(of_keys.contains(&(Some("u7".to_owned()), Some("c3".to_owned()))), "{of_keys:?}");
}

//! Other rules while events pour in: no event is lost, and what is about unchanged rules is as if nothing had happened.

use std::time::Duration;

use serde_json::Value;

use crate::broker::{Broker, Stored};
use crate::harness::{Daemon, Settings, wait_until};
use crate::log::{PerUser, THE_END, a_month, assert_same, per_user, starter_pack};
use crate::nats_server::NatsServer;

/// The segments that the other rules have changed. No campaign looks at them.
const CHANGED: &[&str] = &["rekindle.segments.medium_value.", "rekindle.segments.bargain_hunter."];

/// A segment more, and another with a bound of its own.
fn other_rules() -> String {
    let rules = starter_pack().replace("sum(order.total, '365d') >= 150.0", "sum(order.total, '365d') >= 120.0");
    assert_ne!(rules, starter_pack());
    let segment = "id = 'bargain_hunter'\nwhen = \"count(coupon_order, '90d') >= 1\"";
    format!("{rules}\n[[segments]]\n{segment}\n")
}

/// Without what is about the rules that were changed, and without the version in actions.
fn unchanged(outputs: &PerUser) -> PerUser {
    let mut all = PerUser::new();
    for (user, outputs) in outputs {
        let mut kept = Vec::new();
        for (subject, payload) in outputs {
            if CHANGED.iter().any(|part| subject.starts_with(part)) {
                continue;
            }
            let mut fields: Value = serde_json::from_str(payload).expect("JSON");
            if let Some(rules) = fields.pointer_mut("/data/rules") {
                *rules = Value::Null;
            }
            kept.push((subject.clone(), fields.to_string()));
        }
        if !kept.is_empty() {
            all.insert(user.clone(), kept);
        }
    }
    all
}

fn reloads(daemon: &Daemon, result: &str) -> f64 {
    daemon.metric(&format!("rekindle_rules_reloads_total{{result=\"{result}\"}}"))
}

fn text(stored: &Stored, name: &str) -> String {
    let fields: Value = serde_json::from_slice(&stored.payload).expect("JSON");
    fields[name].as_str().expect("text").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_under_load_lose_nothing_and_leave_what_is_unchanged_alone() {
    let (server, log) = (NatsServer::start(), a_month());
    let daemon = Settings::new(&server.url(), &starter_pack()).start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    let publishing = {
        let broker = Broker { jetstream: broker.jetstream.clone() };
        tokio::spawn(async move { broker.publish(&log.messages, Some(12_000)).await })
    };
    // There and back, each time among the events.
    let mut read = Vec::new();
    for number in 0..4_u32 {
        let before = daemon.metric("rekindle_source_messages_total");
        wait_until("more events", || daemon.metric("rekindle_source_messages_total") > before + 500.0);
        daemon.reload(&if number.is_multiple_of(2) { other_rules() } else { starter_pack() });
        wait_until("the reload", || reloads(&daemon, "applied") > f64::from(number));
        read.push(daemon.metric("rekindle_source_messages_total"));
    }
    assert!(!publishing.is_finished(), "it was over after {read:?} messages");
    publishing.await.expect("no panic");
    broker.wait_for_subject(THE_END).await;
    assert_eq!((reloads(&daemon, "applied"), reloads(&daemon, "refused")), (4.0, 0.0));
    // The engine says so a few times a second.
    wait_until("every event", || taken_in(&daemon) == log.messages.len() as f64);
    daemon.stop();
    let stored = broker.read("REKINDLE").await;
    let found = per_user(&stored);
    assert_same(&unchanged(&found), &unchanged(&log.expected));
    assert!(found.values().flatten().any(|(subject, _)| subject.contains("bargain_hunter")), "the other rules ran too");
    // Each began where the one before it ended.
    let journaled: Vec<_> = stored.iter().filter(|stored| stored.subject == "rekindle.rules").collect();
    assert_eq!(journaled.len(), 4);
    for pair in journaled.windows(2) {
        assert_eq!(text(pair[0], "rules"), text(pair[1], "previous"));
    }
    assert_eq!(text(journaled[0], "previous"), text(journaled[3], "rules"), "there and back");
}

/// Events of every kind.
fn taken_in(daemon: &Daemon) -> f64 {
    let value = |series: &str| series.rsplit(' ').next().and_then(|value| value.parse().ok());
    let page = daemon.metrics();
    let series = page.lines().filter(|line| line.starts_with("rekindle_events_total{"));
    series.map(|series| value(series).unwrap_or(f64::NAN)).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_file_changes_nothing_and_says_why() {
    let (server, log) = (NatsServer::start(), a_month());
    let daemon = Settings::new(&server.url(), &starter_pack()).start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    let version = rules_in_use(&daemon);
    let reload = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        daemon.reload(&starter_pack().replace("total(order) >= 2", "totl(order) >= 2"));
        wait_until("the refusal", || reloads(&daemon, "refused") == 1.0);
    };
    tokio::join!(broker.publish(&log.messages, Some(20_000)), reload);
    broker.wait_for_subject(THE_END).await;
    let said = daemon.wait_for_log("1 mistakes; the rules are as they were");
    let line = 1 + starter_pack().lines().position(|line| line.contains("total(order) >= 2")).expect("it is there");
    assert!(said.contains(&format!("in line {line}: there is no function `totl`")), "{said}");
    assert_eq!((rules_in_use(&daemon), reloads(&daemon, "applied")), (version, 0.0));
    daemon.stop();
    let stored = broker.read("REKINDLE").await;
    assert!(!stored.iter().any(|stored| stored.subject == "rekindle.rules"), "nothing was reloaded");
    assert_same(&per_user(&stored), &log.expected);
}

fn rules_in_use(daemon: &Daemon) -> String {
    let page = daemon.metrics();
    page.lines().find(|line| line.starts_with("rekindle_rules_info{")).expect("it is there").to_owned()
}

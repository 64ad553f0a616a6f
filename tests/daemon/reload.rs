//! Reloads under load: no event is lost, and the outputs of unchanged rules are the same as without a reload.

use serde_json::Value;

use rekindle_test_kit::daemon::broker::{Broker, BrokerMessage};
use rekindle_test_kit::daemon::harness::{TestDaemon, TestDaemonSetup, wait_until};
use rekindle_test_kit::daemon::log::{PublishedByUser, THE_END, a_month, assert_same, per_user, starter_pack};
use rekindle_test_kit::nats_server::NatsServer;

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
fn unchanged(outputs: &PublishedByUser) -> PublishedByUser {
    let mut all = PublishedByUser::new();
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

fn reloads(daemon: &TestDaemon, result: &str) -> f64 {
    daemon.metric(&format!("rekindle_rules_reloads_total{{result=\"{result}\"}}"))
}

fn text(stored: &BrokerMessage, name: &str) -> String {
    let fields: Value = serde_json::from_slice(&stored.payload).expect("JSON");
    fields[name].as_str().expect("text").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn reloads_under_load_lose_nothing_and_do_not_affect_unchanged_rules() {
    let (server, log) = (NatsServer::start(), a_month());
    let daemon = TestDaemonSetup::new(&server.url(), &starter_pack()).start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    let publishing = {
        let broker = Broker { jetstream: broker.jetstream.clone() };
        tokio::spawn(async move { broker.publish(&log.messages, Some(1_200)).await })
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
fn taken_in(daemon: &TestDaemon) -> f64 {
    let value = |series: &str| series.rsplit(' ').next().and_then(|value| value.parse().ok());
    let page = daemon.metrics();
    let series = page.lines().filter(|line| line.starts_with("rekindle_events_total{"));
    series.map(|series| value(series).unwrap_or(f64::NAN)).sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_file_changes_nothing_and_is_reported() {
    let (server, log) = (NatsServer::start(), a_month());
    let daemon = TestDaemonSetup::new(&server.url(), &starter_pack()).start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    let version = rules_in_use(&daemon);
    let reload = async {
        broker.wait_for_outputs(1).await;
        daemon.reload(&starter_pack().replacen("total(order) >= 2", "totl(order) >= 2", 1));
        wait_until("the refusal", || reloads(&daemon, "refused") == 1.0);
    };
    tokio::join!(broker.publish(&log.messages, Some(20_000)), reload);
    broker.wait_for_subject(THE_END).await;
    let said = daemon.wait_for_log("1 mistake; the rules in force remain");
    let line = 1 + starter_pack().lines().position(|line| line.contains("total(order) >= 2")).expect("it is there");
    assert!(said.contains(&format!("in line {line}: there is no function `totl`")), "{said}");
    assert_eq!((rules_in_use(&daemon), reloads(&daemon, "applied")), (version, 0.0));
    daemon.stop();
    let stored = broker.read("REKINDLE").await;
    assert!(!stored.iter().any(|stored| stored.subject == "rekindle.rules"), "nothing was reloaded");
    assert_same(&per_user(&stored), &log.expected);
}

fn rules_in_use(daemon: &TestDaemon) -> String {
    let page = daemon.metrics();
    page.lines().find(|line| line.starts_with("rekindle_rules_info{")).expect("it is there").to_owned()
}

const ORDERS: &str = "[events]\norder = 'Order'\n[[segments]]\nid = 'buyer'\nwhen = 'total(order) >= 1'\n\
                      [[campaigns]]\nid = 'thanks'\non = 'enter:buyer'\nchannel = 'email'\n";

/// A win-back for users without an order for this number of days: a feature that the rules before did not have.
fn with_win_back(days: u32) -> String {
    let segment = format!("[[segments]]\nid = 'gone{days}'\nwhen = \"since(order) >= duration('{days}d')\"\n");
    let campaign = format!("[[campaigns]]\nid = 'win_back{days}'\non = 'enter:gone{days}'\nchannel = 'email'\n");
    format!("{ORDERS}{segment}{campaign}")
}

fn order(user: &str) -> String {
    format!(
        r#"{{"type":"track","event":"Order","userId":"{user}","messageId":"m-{user}","timestamp":"2026-03-02T10:00:00Z"}}"#
    )
}

/// What was published, `subject cause user`.
async fn published(broker: &Broker) -> Vec<String> {
    let line = |stored: &BrokerMessage| {
        let fields: Value = serde_json::from_slice(&stored.payload).expect("JSON");
        let part = |name: &str| fields[name].as_str().unwrap_or("-").to_owned();
        format!("{} {} {}", stored.subject.trim_start_matches("rekindle."), part("cause"), part("user"))
    };
    broker.read("REKINDLE").await.iter().filter(|stored| !stored.subject.ends_with("progress")).map(line).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cold_start_triggers_no_campaign_after_a_reload_or_a_restart() {
    let server = NatsServer::start();
    let daemon = TestDaemonSetup::new(&server.url(), ORDERS).start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    broker.publish_one(order("u")).await;
    broker.wait_for_subject("rekindle.actions.email.thanks").await;
    daemon.reload(&with_win_back(60));
    broker.wait_for_subject("rekindle.segments.gone60.enter").await;
    wait_until("the reload", || reloads(&daemon, "applied") == 1.0);
    daemon.wait_for_log("these start empty, and do not know the past: since(order): for good, in segment gone60");
    let ready = daemon.readiness();
    assert_eq!(ready.status, 200);
    assert!(ready.body.contains("since(order): for good, in segment gone60"), "{}", ready.body);
    // A restart with other rules is a change of rules too. Both reads of `since(order)` are one feature, and it is kept.
    let settings = daemon.stop().settings;
    std::fs::write(settings.file("rules.toml"), with_win_back(90)).expect("the rules");
    let daemon = settings.start();
    broker.wait_for_subject("rekindle.segments.gone90.enter").await;
    wait_until("the reload", || reloads(&daemon, "applied") == 1.0);
    // The next event of the user finds nothing new.
    broker.publish_one(order("u").replace("m-u", "m2").replace("Order", "Other")).await;
    broker.publish_one(order("v").replace("Order", "Other")).await;
    broker.wait_for_outputs(8).await;
    daemon.stop();
    let published = published(&broker).await;
    let about =
        |part: &str| published.iter().filter(|line| line.contains(part)).map(String::as_str).collect::<Vec<_>>();
    assert_eq!(about("segments.gone60.enter"), ["segments.gone60.enter rules u"]);
    assert_eq!(about("segments.gone90.enter"), ["segments.gone90.enter rules u", "segments.gone90.enter m-v v"]);
    assert_eq!(about("actions.email.win_back60"), [""; 0], "{published:?}");
    assert_eq!(about("actions.email.win_back90").len(), 1, "{published:?}");
    assert_eq!(about("rules - -").len(), 2, "{published:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_without_segments_is_refused_unless_allowed_and_an_unchanged_one_does_nothing() {
    let server = NatsServer::start();
    let daemon = TestDaemonSetup::new(&server.url(), ORDERS).start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    let version = rules_in_use(&daemon);
    for (refusals, cut) in [(1.0, String::new()), (2.0, ORDERS.split("[[").next().expect("a beginning").to_owned())] {
        daemon.reload(&cut);
        wait_until("the refusal", || reloads(&daemon, "refused") == refusals);
    }
    let said = daemon.wait_for_log("has no events and no segments and no campaigns any more");
    assert!(said.contains("allow_empty=true"), "{said}");
    daemon.wait_for_log("has no segments and no campaigns any more");
    let (status, answer) = daemon.ask("POST", "/v1/rules/reload");
    assert!(status == 422 && answer.contains("has no segments and no campaigns any more"), "{answer}");
    assert!(daemon.readiness().body.contains("it may be truncated"), "{}", daemon.readiness().body);
    assert_eq!(rules_in_use(&daemon), version);
    // The rules in use once more: nothing happens, and nothing is published.
    daemon.reload(ORDERS);
    daemon.wait_for_log("the rules file holds the rules in force");
    let (status, answer) = daemon.ask("POST", "/v1/rules/reload");
    assert!(status == 200 && answer.contains("\"changed\":false"), "{answer}");
    wait_until("both reloads to be counted", || reloads(&daemon, "unchanged") == 2.0);
    assert_eq!(reloads(&daemon, "applied"), 0.0);
    assert!(!daemon.readiness().body.contains("cut short"), "{}", daemon.readiness().body);
    assert_eq!(published(&broker).await, [""; 0]);
    std::fs::write(daemon.file("rules.toml"), "").expect("the rules");
    let (status, answer) = daemon.ask("POST", "/v1/rules/reload?allow_empty=true");
    assert!(status == 200 && answer.contains("\"changed\":true"), "{answer}");
    wait_until("other rules to be in use", || rules_in_use(&daemon) != version);
    daemon.stop();
}

/// While the broker is down, the committed position is unknown.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reload_signal_during_recovery_takes_effect_after_it() {
    let mut server = NatsServer::start();
    let broker = Broker::with_events(&server.url()).await;
    let daemon = TestDaemonSetup::new(&server.url(), ORDERS).start();
    daemon.wait_until_ready();
    broker.publish_one(order("u")).await;
    broker.wait_for_subject("rekindle.actions.email.thanks").await;
    let settings = daemon.stop().settings;
    server.kill();
    let daemon = settings.start();
    daemon.reload(&with_win_back(60));
    daemon.wait_for_log("the rules will be reloaded when the replay is complete");
    let (status, answer) = daemon.ask("POST", "/v1/rules/reload");
    assert!(status == 503 && answer.contains("the daemon is recovering"), "{answer}");
    server.start_again();
    wait_until("the reload", || reloads(&daemon, "applied") == 1.0);
    let broker = Broker::connect(&server.url()).await;
    broker.wait_for_subject("rekindle.segments.gone60.enter").await;
    daemon.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_missing_event_name_is_reported_with_the_similar_one_that_occurs() {
    let server = NatsServer::start();
    let misspelt = ORDERS.replace("order = 'Order'", "order = 'Order Complete'");
    let daemon = TestDaemonSetup::new(&server.url(), &misspelt).set("ENGINE_UNSEEN_AFTER", "1s").start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    let placed = |user: usize| order(&format!("u{user}")).replace("\"Order\"", "\"Order Completed\"");
    broker.publish_one((0..1_200).map(placed).collect::<Vec<_>>().join("\n")).await;
    let said = daemon.wait_for_log("no event matched `order`");
    assert!(said.contains(r#"the log has \"Order Completed\" 1,200 times"#), "{said}");
    let series = "rekindle_rules_unseen{kind=\"event\",name=\"order\"}";
    wait_until("the metric", || daemon.metric(series) == 1.0);
    assert!(daemon.readiness().body.contains("no event matched `order`"), "{}", daemon.readiness().body);
    daemon.reload(&ORDERS.replace("order = 'Order'", "order = 'Order Completed'"));
    wait_until("the reload", || reloads(&daemon, "applied") == 1.0);
    wait_until("the new rules to be watched", || daemon.metric(series).is_nan());
    daemon.stop();
}

//! Reloads from a log whose beginning is gone, with a broker that goes away, a daemon that is killed at the worst moment, or another
//! one that takes over; and rules that are new in what they remember.

use serde_json::{Value, json};

use crate::from_log::{
    after, before, event, line, matching, past, publish_and_wait, published, reload, reload_from_log, segments,
    wait_for_state, write_rules,
};
use rekindle_test_kit::daemon::broker::Broker;
use rekindle_test_kit::daemon::harness::{TestDaemon, TestDaemonSetup, wait_until};
use rekindle_test_kit::nats_server::NatsServer;

const FROM_LOG: &str = "/v1/rules/reload?from=log";

/// A daemon that has read the past of these users under the rules before, and published what came of it.
async fn with_past(setup: TestDaemonSetup, server: &NatsServer, users: usize) -> (TestDaemon, Broker) {
    let daemon = setup.start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    publish_and_wait(&daemon, &broker, &past(users)).await;
    // Transitions, decisions and actions of those who ordered.
    broker.wait_for_outputs(3 * users.div_ceil(3) as u64).await;
    (daemon, broker)
}

fn setup(server: &NatsServer) -> TestDaemonSetup {
    TestDaemonSetup::new(&server.url(), &before())
}

fn begin(daemon: &TestDaemon, rules: &str) {
    write_rules(daemon, rules);
    let (status, answer) = daemon.ask("POST", FROM_LOG);
    assert_eq!(status, 202, "{answer}");
}

/// Everybody who viewed twice is a viewer once, by the rules, and nobody is greeted for the past.
async fn assert_known_once(broker: &Broker, users: usize) {
    let lines: Vec<String> = published(broker).await.iter().map(line).collect();
    assert_eq!(matching(&lines, "segments.viewer.enter rules"), users / 2);
    assert_eq!(matching(&lines, "segments.viewer.enter"), users / 2);
    assert_eq!(matching(&lines, "actions.email.thanks"), users.div_ceil(3), "each is thanked once");
    assert_eq!(matching(&lines, "actions.email.hello"), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_a_stream_whose_beginning_is_gone_what_is_left_is_read_and_it_is_said_where_it_begins() {
    let server = NatsServer::start();
    let users = 300;
    let (daemon, broker) = with_past(setup(&server), &server, users).await;
    let events = past(users);
    let kept_from = events.len() as u64 / 2;
    broker.stream("EVENTS").await.purge().sequence(kept_from).await.expect("the beginning goes");
    let applied = reload_from_log(&daemon, &after());
    assert_eq!(applied["first_sequence"], json!(kept_from), "{applied}");
    let (mut views, mut viewers) = (std::collections::BTreeMap::<String, usize>::new(), 0);
    for message in &events[usize::try_from(kept_from).expect("few") - 1..] {
        let fields: Value = serde_json::from_slice(message).expect("JSON");
        if fields["event"] == "View" {
            let count = views.entry(fields["userId"].as_str().expect("a user").to_owned()).or_default();
            *count += 1;
            viewers += usize::from(*count == 2);
        }
    }
    assert!(viewers > 0 && viewers < users / 2, "{viewers} have both of their views in what is left");
    // What was known of orders stays, though the log has not all of them.
    assert_eq!(segments(&daemon, "u0"), json!(["buyer"]));
    daemon.stop();
    let lines: Vec<String> = published(&broker).await.iter().map(line).collect();
    assert_eq!(matching(&lines, "segments.viewer.enter rules"), viewers);
    assert_eq!(matching(&lines, "segments.buyer.exit"), 0);
    assert_eq!(matching(&lines, "actions.email.thanks"), users.div_ceil(3));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_is_away_while_the_log_is_read_only_delays_it() {
    let mut server = NatsServer::start();
    let users = 3_000;
    let (daemon, broker) = with_past(setup(&server).set("ENGINE_RELOAD_SHARE", "10"), &server, users).await;
    begin(&daemon, &after());
    server.kill();
    daemon.wait_until_unready("NATS");
    assert_ne!(reload(&daemon)["state"], "failed");
    server.start_again();
    daemon.wait_until_ready();
    wait_for_state(&daemon, "applied");
    assert_eq!(segments(&daemon, "u2"), json!(["viewer"]));
    daemon.stop();
    assert_known_once(&broker, users).await;
}

/// Whether the kill comes while it is stored, right before or right after depends on the machine: what is published does not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_while_what_was_read_is_stored_changes_nothing_that_is_published() {
    let server = NatsServer::start();
    let users = 3_000;
    let (daemon, broker) = with_past(setup(&server), &server, users).await;
    begin(&daemon, &after());
    wait_until("the log to be read", || {
        let now = reload(&daemon);
        now["state"] != "reading" || now["progress"].as_f64() >= Some(0.99)
    });
    let daemon = daemon.kill().start();
    daemon.wait_until_ready();
    wait_until("the rules", || segments(&daemon, "u2") == json!(["viewer"]));
    daemon.stop();
    assert_known_once(&broker, users).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_daemon_refuses_until_it_takes_over_and_then_reads_the_log_again() {
    let server = NatsServer::start();
    let users = 6_000;
    let (first, broker) = with_past(setup(&server).set("ENGINE_RELOAD_SHARE", "1"), &server, users).await;
    let store = first.file("checkpoints");
    let second = TestDaemonSetup::new(&server.url(), &after()).set("CHECKPOINT_STORE", store.display()).start();
    second.wait_until_unready("another daemon owns the stream REKINDLE");
    begin(&first, &after());
    wait_until("some of the log to be read", || reload(&first)["events"].as_u64() > Some(0));
    // Of the checkpoints, which are not its own, the second must not write what it reads.
    let (status, answer) = second.ask("POST", FROM_LOG);
    assert!(status == 503 || status == 409, "{status} {answer}");
    assert_eq!(reload(&first)["state"], "reading");
    // The checkpoints of both are in the folder of its settings.
    let _folder = first.kill();
    second.wait_until_ready();
    second.wait_for_log("it is read again");
    wait_for_state(&second, "applied");
    assert_eq!(segments(&second, "u2"), json!(["viewer"]));
    second.stop();
    assert_known_once(&broker, users).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_new_ledger_has_the_points_of_the_past_and_says_nothing_of_them() {
    let rich = "[[segments]]\nid = 'rich'\nwhen = \"balance('stars') >= 3\"\n\
                [[campaigns]]\nid = 'cheers'\non = 'enter:rich'\nchannel = 'email'\n";
    let ledger = "[[ledgers]]\nid = 'stars'\nearn = [{ on = 'view', amount = '1' }, { on = 'order', amount = '2' }]\n";
    let server = NatsServer::start();
    let users = 300;
    let (daemon, broker) = with_past(setup(&server), &server, users).await;
    reload_from_log(&daemon, &format!("{}{ledger}{rich}", before()));
    let balance = |user: &str| {
        let user: Value = serde_json::from_str(&daemon.ask("GET", &format!("/v1/users/{user}")).1).expect("JSON");
        user["points"][0]["balance"].clone()
    };
    // Both views and the order; both views; one view and the order; one view.
    assert_eq!(["u0", "u2", "u3", "u1"].map(balance), [json!(4), json!(2), json!(3), json!(1)]);
    assert_eq!(segments(&daemon, "u0"), json!(["buyer", "rich"]));
    let of_the_past: Vec<String> = published(&broker).await.iter().map(line).collect();
    assert_eq!(matching(&of_the_past, "segments.rich.enter rules"), users.div_ceil(3), "every buyer");
    assert_eq!((matching(&of_the_past, "points."), matching(&of_the_past, "cheers")), (0, 0), "{of_the_past:?}");
    // From here on it speaks.
    publish_and_wait(&daemon, &broker, &[event("View", 2, 50_000)]).await;
    broker.wait_for_subject("rekindle.actions.email.cheers").await;
    daemon.stop();
    let lines: Vec<String> = published(&broker).await.iter().map(line).collect();
    assert_eq!(matching(&lines, "actions.email.cheers"), 1);
    assert_eq!(
        matching(&lines, "points."),
        1,
        "{:?}",
        lines.iter().filter(|line| line.contains("points")).collect::<Vec<_>>()
    );
}

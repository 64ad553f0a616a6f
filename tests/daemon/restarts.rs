//! What is kept of the past to tell why and how many outlives the daemon: the recent decisions, and the hours of segments.

use std::fs;

use bytes::Bytes;
use serde_json::{Value, json};

use rekindle_test_kit::daemon::broker::Broker;
use rekindle_test_kit::daemon::harness::{TestDaemon, TestDaemonSetup, wait_until};
use rekindle_test_kit::nats_server::NatsServer;

const RULES: &str = "[events]\nview = 'View'\n[[segments]]\nid = 'hot'\nwhen = 'total(view) >= 2'\n\
                     [[campaigns]]\nid = 'offer'\non = 'enter:hot'\nchannel = 'push'\nmax_per_user = 1\n\
                     [[campaigns]]\nid = 'hint'\non = 'event:view'\nchannel = 'email'\ncooldown = '7d'\n";

fn view(user: &str, second: usize) -> Bytes {
    let at = format!("2026-03-02T{:02}:{:02}:{:02}Z", 10 + second / 3_600, second / 60 % 60, second % 60);
    let call = json!({"type": "track", "event": "View", "userId": user, "timestamp": at, "messageId": format!("{user}-{second}")});
    Bytes::from(call.to_string())
}

fn setup(server: &NatsServer) -> TestDaemonSetup {
    TestDaemonSetup::new(&server.url(), RULES).set("CHECKPOINT_INTERVAL", "1s")
}

fn checkpoints(daemon: &TestDaemon) -> f64 {
    ["base", "delta"].iter().map(|kind| daemon.metric(&format!("rekindle_checkpoints_total{{kind=\"{kind}\"}}"))).sum()
}

/// A checkpoint that was begun from here on has everything that happened until now.
fn wait_for_checkpoint(daemon: &TestDaemon) {
    let before = checkpoints(daemon);
    wait_until("another checkpoint", || checkpoints(daemon) > before + 1.0);
}

async fn publish(daemon: &TestDaemon, broker: &Broker, events: &[Bytes]) {
    let read = || daemon.metric("rekindle_events_total{call=\"track\"}");
    let before = Some(read()).filter(|count| !count.is_nan()).unwrap_or(0.0);
    broker.publish(events, None).await;
    wait_until("the events", || read() >= before + events.len() as f64);
}

fn ask(daemon: &TestDaemon, path: &str) -> Value {
    let (status, body) = daemon.ask("GET", path);
    assert_eq!(status, 200, "{path}: {body}");
    serde_json::from_str(&body).expect("JSON")
}

/// What is known of the decisions about a user.
fn decided(daemon: &TestDaemon, user: &str) -> [Value; 2] {
    let explained = ask(daemon, &format!("/v1/users/{user}/explain"));
    [explained["campaigns"].clone(), ask(daemon, &format!("/v1/users/{user}"))["decisions"].clone()]
}

fn outcomes(decided: &[Value; 2]) -> Vec<&str> {
    let of = |decision: &'static str| move |one: &Value| one[decision].as_str().map(str::to_owned);
    let [explained, journal] = decided.each_ref().map(|all| all.as_array().expect("decisions"));
    assert!(explained.iter().filter_map(of("outcome")).eq(journal.iter().filter_map(of("outcome"))), "the same twice");
    explained.iter().filter_map(|one| one["outcome"].as_str()).collect()
}

fn hours(daemon: &TestDaemon) -> Value {
    ask(daemon, "/v1/segments/hot/history")["points"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn recent_decisions_and_hours_of_segments_outlive_a_kill() {
    let server = NatsServer::start();
    let daemon = setup(&server).start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    publish(&daemon, &broker, &[view("ann", 1), view("ann", 2), view("bob", 3), view("bob", 4)]).await;
    wait_for_checkpoint(&daemon);
    // Of bob something is stored already when he is forgotten.
    assert_eq!(outcomes(&decided(&daemon, "bob")), ["sent", "sent", "cooldown"]);
    assert_eq!(daemon.ask("DELETE", "/v1/users/bob").0, 202);
    wait_until("bob to be forgotten", || daemon.ask("GET", "/v1/users/bob").0 == 404);
    publish(&daemon, &broker, &[view("cat", 3_700), view("cat", 3_701)]).await;
    wait_for_checkpoint(&daemon);
    // This lies behind the last checkpoint, perhaps: it is replayed.
    publish(&daemon, &broker, &[view("ann", 7_300), view("ann", 7_301)]).await;
    let count = "rekindle_segment_users{segment=\"hot\"}";
    wait_until("the statistics", || daemon.metric(count) == 2.0);
    let (ann, cat, of_hot) = (decided(&daemon, "ann"), decided(&daemon, "cat"), hours(&daemon));
    assert_eq!(outcomes(&ann), ["sent", "sent", "cooldown", "cooldown", "cooldown"]);
    let cooldown = ann[0].as_array().expect("decisions").last().expect("five");
    assert!(cooldown["sentence"].as_str().is_some_and(|said| said.contains("its cooldown of 7d lasts")), "{cooldown}");

    let daemon = daemon.kill().start();
    daemon.wait_until_ready();
    assert_eq!((&decided(&daemon, "ann"), &decided(&daemon, "cat")), (&ann, &cat));
    assert_eq!(daemon.ask("GET", "/v1/users/bob").0, 404);
    wait_until("the same hours", || hours(&daemon) == of_hot);
    assert!(of_hot.as_array().is_some_and(|hours| hours.len() >= 2), "{of_hot}");

    // Once more, over a base and deltas of this start; bob comes back, and nothing of his past with him.
    publish(&daemon, &broker, &[view("bob", 7_400)]).await;
    wait_for_checkpoint(&daemon);
    let daemon = daemon.kill().start();
    daemon.wait_until_ready();
    assert_eq!((&decided(&daemon, "ann"), &decided(&daemon, "cat")), (&ann, &cat));
    assert_eq!(outcomes(&decided(&daemon, "bob")), ["sent"]);
    daemon.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_machine_that_takes_over_has_them_and_other_rules_keep_what_they_name() {
    let server = NatsServer::start();
    let first = setup(&server).start();
    first.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    publish(&first, &broker, &[view("ann", 1), view("ann", 2)]).await;
    wait_for_checkpoint(&first);
    // It has read a checkpoint, and finds a newer one when it takes over.
    let store = first.file("checkpoints");
    let second = setup(&server).set("CHECKPOINT_STORE", store.display()).start();
    second.wait_until_unready("another daemon owns the stream REKINDLE");
    publish(&first, &broker, &[view("ann", 7_300), view("bob", 7_301), view("bob", 7_302)]).await;
    wait_for_checkpoint(&first);
    let (ann, bob, of_hot) = (decided(&first, "ann"), decided(&first, "bob"), hours(&first));
    assert_eq!((outcomes(&ann).len(), outcomes(&bob).len()), (4, 3));
    // The checkpoints of both are in the folder of its settings.
    let _folder = first.kill();
    second.wait_until_ready();
    assert_eq!((&decided(&second, "ann"), &decided(&second, "bob")), (&ann, &bob));
    wait_until("the same hours", || hours(&second) == of_hot);

    // Rules without the hints take effect; what was decided before is told as it was, until a start under them alone.
    let without = RULES.split("[[campaigns]]\nid = 'hint'").next().expect("the rest");
    second.reload(without);
    wait_until("the rules", || !ask(&second, "/v1/rules").to_string().contains("hint"));
    assert_eq!(&decided(&second, "ann"), &ann);
    wait_for_checkpoint(&second);
    let third = second.kill().start();
    third.wait_until_ready();
    assert_eq!(outcomes(&decided(&third, "ann")), ["sent"], "of the hints these rules know nothing");
    third.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_checkpoint_without_them_is_used_as_before() {
    let server = NatsServer::start();
    let daemon = setup(&server).start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    // No decision yet, and hours of no segment: nothing of either kind is in the checkpoint.
    wait_for_checkpoint(&daemon);
    let daemon = daemon.kill().start();
    daemon.wait_until_ready();
    publish(&daemon, &broker, &[view("ann", 1), view("ann", 2)]).await;
    assert_eq!(outcomes(&decided(&daemon, "ann")), ["sent", "sent", "cooldown"]);
    let ended = daemon.stop();
    assert!(fs::read_dir(ended.settings.file("checkpoints")).expect("the folder").count() > 0);
}

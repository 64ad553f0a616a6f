//! Users are forgotten at the position of a request in the log, whichever client published it, and after being idle for too long.

use bytes::Bytes;
use serde_json::{Value, json};

use crate::streams::settings;
use rekindle_test_kit::daemon::broker::Broker;
use rekindle_test_kit::daemon::harness::{TestDaemon, TestDaemonSetup, wait_until};
use rekindle_test_kit::daemon::log::{ReplayedLog, THE_END, assert_same, lines, per_user, with_the_end};
use rekindle_test_kit::nats_server::NatsServer;

const FORGET: &str = "rekindle.control.forget";

fn view(user: &str) -> String {
    format!(r#"{{"type":"track","event":"View","userId":"{user}","timestamp":"2026-03-02T10:00:00Z"}}"#)
}

/// Requests that a user is forgotten. The status and the body of the answer.
fn delete(daemon: &TestDaemon, user: &str) -> (u16, Value) {
    let (status, body) = daemon.ask("DELETE", &format!("/v1/users/{user}"));
    (status, serde_json::from_str(&body).expect("JSON"))
}

fn metric(daemon: &TestDaemon, name: &str) -> String {
    let (_, page) = daemon.ask("GET", "/metrics");
    let line = page.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
    line.rsplit(' ').next().unwrap_or_default().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_user_is_forgotten_at_one_position_of_the_log() {
    let server = NatsServer::start();
    let daemon = settings(&server.url()).start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    broker.publish_one(view("u")).await;
    broker.publish_one(view("v")).await;
    broker.wait_for_outputs(2).await;
    let (status, said) = delete(&daemon, "u");
    assert_eq!((status, &said["user"]), (202, &json!("u")));
    let sequence = said["sequence"].as_u64().expect("a number of the stream");
    let request = broker.stream("EVENTS").await.get_raw_message(sequence).await.expect("it is there");
    assert_eq!((request.subject.as_str(), &request.payload[..]), (FORGET, &br#"{"user":"u"}"#[..]));
    wait_until("u is forgotten", || daemon.ask("GET", "/v1/users/u").0 == 404);
    assert_eq!(daemon.ask("GET", "/v1/users/v?export").0, 200);
    // Metrics are a moment old.
    wait_until("it is counted", || metric(&daemon, "rekindle_users_forgotten_total") == "1");
    assert_eq!(metric(&daemon, "rekindle_segment_users"), "1");
    broker.publish_one(view("u")).await;
    broker.wait_for_outputs(3).await;
    let daemon = daemon.stop().settings.start();
    wait_until("it is counted still", || metric(&daemon, "rekindle_users_forgotten_total") == "1");
    daemon.stop();
    assert_eq!(broker.outputs().await, 3, "u entered twice, and never left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_visitors_id_forgets_the_linked_user() {
    let server = NatsServer::start();
    let daemon = settings(&server.url()).start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    broker.publish_one(view("u").replace("\"userId\"", "\"anonymousId\":\"a\",\"userId\"")).await;
    broker.wait_for_outputs(1).await;
    let (status, said) = delete(&daemon, "a");
    assert_eq!((status, &said["user"], &said["forgets"]), (202, &json!("a"), &json!(["u"])));
    wait_until("u is forgotten", || daemon.ask("GET", "/v1/users/u").0 == 404);
    assert_eq!(daemon.ask("GET", "/v1/users/a?export").0, 404);
    wait_until("it is counted", || metric(&daemon, "rekindle_users_forgotten_total") == "1");
    daemon.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_message_can_forget_several_users_and_a_request_without_a_user_is_a_dead_letter() {
    let server = NatsServer::start();
    let daemon = settings(&server.url()).start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    for user in ["u", "v", "w"] {
        broker.publish_one(view(user)).await;
    }
    broker.wait_for_outputs(3).await;
    let request = "{\"user\":\"u\"}\n{\"userId\":\"w\"}\n{\"user\":\"v\"}\n";
    broker.jetstream.publish(FORGET, request.into()).await.expect("sent").await.expect("acknowledged");
    let mut letters = 0;
    while letters < 1 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        letters = broker.count("REKINDLE_DEAD").await;
    }
    wait_until("they are forgotten", || metric(&daemon, "rekindle_users_forgotten_total") == "2");
    let known = ["u", "v", "w"].map(|user| daemon.ask("GET", &format!("/v1/users/{user}")).0);
    assert_eq!(known, [404, 404, 200]);
    daemon.stop();
    let letter: Value = serde_json::from_slice(&broker.read("REKINDLE_DEAD").await[0].payload).expect("JSON");
    assert_eq!(letter["reason"], "no_user", "{letter}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_user_is_forgotten_while_the_log_cannot_be_written() {
    let mut server = NatsServer::start();
    let daemon = settings(&server.url()).start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    broker.publish_one(view("u")).await;
    broker.wait_for_outputs(1).await;
    server.kill();
    wait_until("the connection is lost", || daemon.readiness().status == 503);
    let (status, said) = delete(&daemon, "u");
    assert_eq!(status, 503);
    assert!(said["detail"].as_str().unwrap_or_default().contains("there is no connection to NATS"), "{said}");
    server.start_again();
    daemon.wait_until_ready();
    assert_eq!(daemon.ask("GET", "/v1/users/u").0, 200);
    assert_eq!(delete(&daemon, "u").0, 202);
    wait_until("u is forgotten", || daemon.ask("GET", "/v1/users/u").0 == 404);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_permission_that_is_missing_is_named() {
    let user = "{ user: rekindle, password: s3cr3t, permissions: { publish: { deny: [\"rekindle.control.>\"] } } }";
    let server = NatsServer::with_config(&format!("authorization {{ users = [ {user} ] }}"));
    let daemon = settings(&server.url()).set("NATS_USER", "rekindle").set("NATS_PASSWORD", "s3cr3t").start();
    daemon.wait_until_ready();
    let (status, said) = delete(&daemon, "u");
    assert_eq!(status, 503);
    let detail = said["detail"].as_str().unwrap_or_default();
    assert!(detail.contains("does not permit this user to publish to rekindle.control.forget"), "{detail}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_plain_nats_a_user_is_forgotten_too() {
    let server = NatsServer::start();
    let daemon = settings(&server.url()).set("SOURCE_KIND", "nats").set("SOURCE_CREATE", false).start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    broker.jetstream.client().publish("events.shop", view("u").into()).await.expect("sent");
    wait_until("u is known", || daemon.ask("GET", "/v1/users/u").0 == 200);
    let (status, said) = delete(&daemon, "u");
    assert_eq!((status, said), (202, json!({"user": "u", "forgets": ["u"], "sequence": null})));
    wait_until("u is forgotten", || daemon.ask("GET", "/v1/users/u").0 == 404);
}

/// With rules under which many users are idle for longer than their last timer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idle_users_are_dropped_as_replay_drops_them() {
    let rules = with_the_end(
        "[events]\nview = 'Product Viewed'\n[[segments]]\nid = 'looking'\nwhen = \"count(view, '30m') >= 2\"\n\
         [[segments]]\nid = 'known'\nwhen = 'total(view) >= 8'\n[[campaigns]]\nid = 'hello'\non = 'enter:known'\n\
         channel = 'email'\nmax_per_user = 1\n",
    );
    let messages: Vec<Bytes> = lines(7, 10).into_iter().map(Bytes::from).collect();
    let until = "2026-01-12T00:00:00Z";
    let forever = ReplayedLog::new(&rules, messages.clone(), until);
    let log = ReplayedLog::replayed(&rules, messages, until, &["--state-ttl", "20h"]);
    assert_ne!(log.expected, forever.expected, "nobody is dropped");
    let server = NatsServer::start();
    let daemon = TestDaemonSetup::new(&server.url(), &rules).set("ENGINE_STATE_TTL", "20h").start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    broker.publish(&log.messages, None).await;
    broker.wait_for_subject(THE_END).await;
    let dropped = || metric(&daemon, "rekindle_users_expired_total").parse::<u64>().expect("a count");
    wait_until("many users are dropped", || dropped() > 50);
    daemon.stop();
    assert_same(&per_user(&broker.read("REKINDLE").await), &log.expected);
}

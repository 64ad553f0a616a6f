//! The past of a user, from the stream: `GET /v1/users/{id}/timeline` and `…/explain?at=`.

use bytes::Bytes;
use serde_json::{Value, json};

use rekindle_test_kit::daemon::broker::Broker;
use rekindle_test_kit::daemon::harness::{TestDaemon, TestDaemonSetup, wait_until};
use rekindle_test_kit::nats_server::NatsServer;

const RULES: &str = "[events]\nview = 'View'\n[[segments]]\nid = 'hot'\nwhen = \"count(view, '30m') >= 2\"\n\
                     [[campaigns]]\nid = 'offer'\non = 'enter:hot'\nchannel = 'push'\n";

fn event(name: &str, ids: &Value, second: usize) -> Bytes {
    let at = format!("2026-03-02T10:{:02}:{:02}Z", second / 60, second % 60);
    let mut call = json!({"type": "track", "event": name, "timestamp": at, "messageId": format!("{name}-{second}")});
    call.as_object_mut().expect("an object").extend(ids.as_object().expect("ids").clone());
    Bytes::from(call.to_string())
}

fn ask(daemon: &TestDaemon, path: &str) -> Value {
    let mut answer = (0, String::new());
    // The log is indexed on the first request.
    wait_until("the index", || {
        answer = daemon.ask("GET", path);
        answer.0 != 503
    });
    assert_eq!(answer.0, 200, "{path}: {}", answer.1);
    serde_json::from_str(&answer.1).expect("JSON")
}

fn kinds(timeline: &Value) -> Vec<&str> {
    let entries = timeline["entries"].as_array().expect("entries");
    entries.iter().map(|entry| entry["kind"].as_str().unwrap_or_default()).collect()
}

async fn publish(daemon: &TestDaemon, broker: &Broker, events: &[Bytes]) {
    let events_read = || daemon.metric("rekindle_events_total{call=\"track\"}");
    let before = Some(events_read()).filter(|count| !count.is_nan()).unwrap_or(0.0);
    broker.publish(events, None).await;
    wait_until("the events", || events_read() >= before + events.len() as f64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_past_of_a_user_is_read_from_the_stream_and_followed() {
    let server = NatsServer::start();
    let daemon = TestDaemonSetup::new(&server.url(), RULES).start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    let others = (0..200).map(|second| event("View", &json!({"userId": format!("u{second}")}), second));
    publish(&daemon, &broker, &others.collect::<Vec<_>>()).await;
    publish(
        &daemon,
        &broker,
        &[
            event("View", &json!({"anonymousId": "a1"}), 300),
            event("View", &json!({"userId": "ann", "anonymousId": "a1"}), 310),
        ],
    )
    .await;
    let timeline = ask(&daemon, "/v1/users/ann/timeline");
    assert_eq!(kinds(&timeline), ["decision", "transition", "merge", "event", "event"], "{timeline}");
    assert_eq!(timeline["entries"][4]["anonymous_id"], "a1");
    assert!(timeline["notes"][0].as_str().is_some_and(|note| note.contains("rules in force")), "{timeline}");

    // What comes later is in it without being indexed again.
    publish(&daemon, &broker, &[event("Message Delivered", &json!({"userId": "ann"}), 320)]).await;
    let timeline = ask(&daemon, "/v1/users/ann/timeline?limit=2");
    assert_eq!(kinds(&timeline), ["delivery", "decision"]);
    let next = timeline["next"].as_str().expect("there is more");
    let rest = ask(&daemon, &format!("/v1/users/ann/timeline?before={next}"));
    assert_eq!(kinds(&rest), ["transition", "merge", "event", "event"]);

    // In the harness the broker's time moves the clock: she is in now, and was not before anything came in.
    let is_in = |explained: &Value| explained["segments"][0]["is_in"].clone();
    let now = ask(&daemon, "/v1/users/ann/explain");
    let later = ask(&daemon, "/v1/users/ann/explain?at=2090-01-01");
    assert_eq!(now["segments"][0]["segment"], later["segments"][0]["segment"]);
    assert_eq!(is_in(&later), json!(false), "long after the window: {later}");
    assert!(now["notes"].is_null() && later["notes"].is_array());
    assert_eq!(daemon.ask("GET", "/v1/users/ann/explain?at=2020-01-01").0, 404, "nothing was known then");
    assert_eq!(daemon.ask("GET", "/v1/users/nobody/timeline").0, 404);

    // By rules that are tried three views are needed.
    let tried = RULES.replace(">= 2", ">= 3");
    let at = now["segments"][0]["at"].clone();
    let (status, by_tried) = daemon.post("/v1/users/ann/explain", &json!({"text": tried, "at": at, "segment": "hot"}));
    assert_eq!(status, 200, "{by_tried}");
    assert_eq!((is_in(&now), is_in(&by_tried)), (json!(true), json!(false)), "{by_tried}");
    let clause = &by_tried["segments"][0]["condition"]["text"];
    assert!(
        clause.as_str().is_some_and(|text| text.contains(">= 3")) && by_tried["campaigns"] == json!([]),
        "{by_tried}"
    );
    assert!(by_tried["notes"][0].as_str().is_some_and(|note| note.contains("asked about")), "{by_tried}");
    let (status, mistakes) = daemon.post("/v1/users/ann/explain", &json!({"text": tried.replace("count", "cuont")}));
    assert_eq!((status, &mistakes["count"]), (422, &json!(1)), "{mistakes}");
    assert_eq!(daemon.post("/v1/users/nobody/explain", &json!({"text": tried})).0, 404);
    assert_eq!(daemon.post("/v1/users/ann/explain", &json!({"text": tried, "segment": "nope"})).0, 404);
    assert_eq!(is_in(&ask(&daemon, "/v1/users/ann/explain")), json!(true), "nothing has changed by it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_who_was_forgotten_has_no_past() {
    let server = NatsServer::start();
    let daemon = TestDaemonSetup::new(&server.url(), RULES).start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    publish(&daemon, &broker, &[event("View", &json!({"userId": "ann", "anonymousId": "a1"}), 1)]).await;
    assert_eq!(kinds(&ask(&daemon, "/v1/users/ann/timeline")), ["event"]);
    assert_eq!(daemon.ask("DELETE", "/v1/users/ann").0, 202);
    wait_until("the request", || daemon.ask("GET", "/v1/users/ann/timeline").0 == 404);
    publish(&daemon, &broker, &[event("View", &json!({"userId": "ann"}), 2)]).await;
    let timeline = ask(&daemon, "/v1/users/ann/timeline");
    assert_eq!((kinds(&timeline), &timeline["entries"][0]["id"]), (vec!["event"], &json!("View-2")));
}

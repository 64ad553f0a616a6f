//! Messages of the log that a mapping makes calls of.

use serde_json::Value;

use crate::streams::settings;
use rekindle_test_kit::daemon::broker::Broker;
use rekindle_test_kit::daemon::harness::wait_until;
use rekindle_test_kit::nats_server::NatsServer;

const TILL: &str = "[source.mappings]\n'events.till' = 'till'\n\
    [[mappings]]\nname = 'till'\n[[mappings.calls]]\nwhen = [{ field = 'sum' }]\ntype = 'track'\nevent = \"'Order Completed'\"\n\
    user_id = 'card'\nmessage_id = '@hash'\n";

async fn publish(broker: &Broker, subject: &'static str, message: &'static str) {
    broker.jetstream.publish(subject, message.into()).await.expect("sent").await.expect("acknowledged");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_of_mapped_subjects_become_calls_or_dead_letters() {
    let server = NatsServer::start();
    let broker = Broker::with_events(&server.url()).await;
    let daemon = settings(&server.url()).and(TILL).start();
    for message in [
        r#"{"sum":5,"card":"c1"}"#,
        r#"{"sum":5,"card":"c1"}"#,
        r#"{"type":"track","event":"E","userId":"x"}"#,
        "<sale/>",
        r#"[{"sum":1,"card":"c2"},{"sum":2}]"#,
    ] {
        publish(&broker, "events.till", message).await;
    }
    publish(&broker, "events.web", r#"{"type":"track","event":"E","userId":"w"}"#).await;
    wait_until("all are read", || daemon.metric("rekindle_events_duplicate_total") >= 1.0);
    wait_until("all letters", || daemon.metric("rekindle_published_messages_total{kind=\"letter\"}") >= 3.0);
    let letters: Vec<Value> = broker
        .read("REKINDLE_DEAD")
        .await
        .iter()
        .map(|letter| serde_json::from_slice(&letter.payload).expect("JSON"))
        .collect();
    let found: Vec<_> = letters.iter().map(|letter| (letter["reason"].as_str(), letter["original"].as_str())).collect();
    let call = r#"{"type":"track","event":"E","userId":"x"}"#;
    assert_eq!(found[1], (Some("not_mapped"), Some("<sale/>")), "{found:?}");
    assert_eq!(found[0].0, Some("not_mapped"));
    let original: Value = serde_json::from_str(found[0].1.expect("text")).expect("JSON");
    assert_eq!(original, serde_json::from_str::<Value>(call).expect("JSON"));
    assert_eq!(found[2].0, Some("no_id"));
}

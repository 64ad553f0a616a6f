//! Messages of the log that a mapping makes calls of.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::streams::settings;
use rekindle_test_kit::daemon::broker::Broker;
use rekindle_test_kit::daemon::harness::{TestDaemonSetup, wait_until};
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_mapping_is_refused_while_outputs_of_the_former_one_are_in_no_checkpoint() {
    let server = NatsServer::start();
    let broker = Broker::with_events(&server.url()).await;
    let till = TILL.replace("Order Completed", "View");
    let daemon = settings(&server.url()).and(&till).start();
    publish(&broker, "events.till", r#"{"sum":5,"card":"c1"}"#).await;
    broker.wait_for_outputs(1).await;
    let setup = daemon.kill();
    let file = setup.file("rekindle.toml");
    let text = fs::read_to_string(&file).expect("the settings");
    let other = text.replace("'card'", "'sum'");
    fs::write(&file, &other).expect("the settings");
    let refused = setup.refused();
    assert_eq!(refused.code, Some(1), "{}", refused.log);
    assert!(refused.log.contains("decided with other [engine] settings") && refused.log.contains("mappings"));
    // With the former one it goes on; its checkpoint at the end covers everything, and another one may follow.
    fs::write(&file, text).expect("the settings");
    let daemon = refused.settings.start();
    daemon.wait_until_ready();
    let setup = daemon.stop().settings;
    fs::write(&file, other).expect("the settings");
    let daemon = setup.start();
    publish(&broker, "events.till", r#"{"sum":"c2"}"#).await;
    broker.wait_for_outputs(2).await;
    daemon.stop();
}

/// `rekindle import --publish` with these settings.
fn import(folder: &Path, args: &[&str]) -> (bool, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rekindle"));
    let command =
        command.current_dir(folder).args(["import", "csv", "sales.csv", "--publish", "--config", "rekindle.toml"]);
    let output = command.args(args).output().expect("the binary runs");
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_into_the_stream_is_read_by_the_daemon_and_counts_once_however_often_it_is_made() {
    let server = NatsServer::start();
    let broker = Broker::with_events(&server.url()).await;
    // A guess knows the name: `View` becomes `Product Viewed`.
    let rules = "[events]\nview = 'Product Viewed'\n[[segments]]\nid = 'seen'\nwhen = 'total(view) >= 1'\n";
    let daemon = TestDaemonSetup::new(&server.url(), rules).start();
    let folder = daemon.file("");
    let rows: String = (0..3_000).map(|n| format!("u{n},2026-03-02T10:00:00Z,View\n")).collect();
    fs::write(folder.join("sales.csv"), format!("user_id,timestamp,event\n{rows}")).expect("written");
    let (succeeded, said) = import(&folder, &["-q"]);
    assert!(succeeded, "{said}");
    broker.wait_for_outputs(3_000).await;
    let (succeeded, said) = import(&folder, &["-q"]);
    assert!(succeeded, "{said}");
    assert_eq!(broker.count("EVENTS").await, 3_000, "the server knows the ids");
    daemon.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_whose_server_goes_away_says_so_and_is_resumed() {
    let mut server = NatsServer::start();
    let broker = Broker::with_events(&server.url()).await;
    let setup = settings(&server.url());
    let folder = setup.file("");
    let rows: String = (0..4_000).map(|n| format!("u{n},2026-03-02T10:00:00Z,View\n")).collect();
    fs::write(folder.join("sales.csv"), format!("user_id,timestamp,event\n{rows}")).expect("written");
    let args = ["-q", "--resume", "state", "--rate", "2000"];
    let importing = tokio::task::spawn_blocking({
        let folder = folder.clone();
        move || import(&folder, &args)
    });
    broker.wait_for_messages("EVENTS", 500).await;
    server.kill();
    server.start_again();
    let (succeeded, said) = importing.await.expect("no panic");
    if !succeeded {
        let (succeeded, again) = import(&folder, &args);
        assert!(succeeded, "{said}\n{again}");
    }
    assert_eq!(broker.count("EVENTS").await, 4_000, "none is lost, none is there twice");
}

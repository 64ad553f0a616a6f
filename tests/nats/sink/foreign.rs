//! Foreign messages in the output stream, published by other clients or by the server for them: they neither stop the sink nor
//! count as its own.

use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::{Client, HeaderMap};
use rekindle_nats::sink::{CommitterClosed, MessageKind};
use rekindle_settings::OutputSettings as Settings;

use super::outputs::{self, many, numbers, plan};
use super::{PublishMode, RunningSink, connect, context, dead_stream, stored};
use rekindle_test_kit::nats_server::NatsServer;

const PROGRESS: &str = "rekindle.progress";
const ACTION: &str = "rekindle.actions.email.hello-again_1";

/// A server with a stream of events beside those of the sink.
async fn prepared(mode: PublishMode) -> (NatsServer, Context) {
    let server = NatsServer::start();
    let context = context(&server).await;
    context.create_stream(mode.stream()).await.expect("created");
    context.create_stream(dead_stream()).await.expect("created");
    let events = async_nats::jetstream::stream::Config {
        name: "EVENTS".to_owned(),
        subjects: vec!["events.>".to_owned()],
        ..Default::default()
    };
    context.create_stream(events).await.expect("created");
    (server, context)
}

/// Publishes foreign messages in every way there is, all but the first without a permission for the subject.
async fn publish_foreign_messages(client: &Client, context: &Context) {
    client.publish(PROGRESS, "not a record".into()).await.expect("sent");
    let reply = |subject: &'static str, to: &'static str| client.publish_with_reply(subject, to, "{}".into());
    reply("events.x", PROGRESS).await.expect("sent");
    reply("events.x", ACTION).await.expect("sent");
    reply("$JS.API.STREAM.INFO.REKINDLE", ACTION).await.expect("sent");
    reply("$JS.API.STREAM.INFO.REKINDLE", PROGRESS).await.expect("sent");
    // Copies of the sink's messages with their headers, on their subjects and on that of records.
    for message in stored(context, "REKINDLE").await.iter().rev().take(8) {
        let mut headers = HeaderMap::new();
        let own = message.headers.iter().flat_map(HeaderMap::iter);
        for (name, values) in own.filter(|(name, _)| name.to_string().starts_with("Rekindle-")) {
            values.iter().for_each(|value| headers.append(name.clone(), value.clone()));
        }
        for subject in [message.subject.to_string(), PROGRESS.to_owned()] {
            client.publish_with_headers(subject, headers.clone(), message.payload.clone()).await.expect("sent");
        }
    }
    // Wrong ordinals, and a record without a place.
    let mut headers = HeaderMap::new();
    headers.insert("Rekindle-Ordinal", "4000000000");
    headers.insert("Rekindle-Progress", r#"{"epoch":9,"instance":"x","commit":1,"ordinal":1}"#);
    client.publish_with_headers(ACTION, headers, "{}".into()).await.expect("sent");
    client.flush().await.expect("sent");
}

/// The numbers of the sink's own transitions: those with an id, of which each copy has one too, so every number once.
async fn own(context: &Context) -> Vec<u64> {
    let found = stored(context, "REKINDLE").await;
    let mut last = 0;
    let own = found.iter().filter(|message| {
        let header = |name: &str| Some(message.headers.as_ref()?.get(name)?.as_str().to_owned());
        let ordinal = header("Rekindle-Ordinal").and_then(|ordinal| ordinal.parse::<u64>().ok());
        let is_next = ordinal == Some(last + 1);
        last += u64::from(is_next);
        is_next
    });
    numbers(own.map(|message| &message.payload[..]))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn foreign_messages_neither_stop_the_sink_nor_count_as_its_own() {
    for mode in PublishMode::ALL {
        let (server, context) = prepared(mode).await;
        let foreign = connect(&server).await;
        publish_foreign_messages(&foreign, &context).await;
        let mut next = 0;
        // Each start finds foreign messages behind those of the sink.
        for start in 0..3 {
            let sink = RunningSink::start(&server, mode.settings()).await;
            let committed = sink.took_over().await;
            assert_eq!(committed.sequence, u64::from(start > 0), "{mode:?}: the committed position is found");
            for _ in 0..3 {
                for output_item in many(&plan(), next, 700) {
                    sink.send(output_item).await;
                }
                next += 700;
                while sink.status.figures().published[MessageKind::Transition as usize] % 2_100 != next % 2_100 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                publish_foreign_messages(&foreign, &context).await;
            }
            let figures = sink.finish().await.figures();
            assert_eq!(figures.ordinal, next, "{mode:?}");
        }
        assert_eq!(own(&context).await, (0..next).collect::<Vec<_>>(), "{mode:?}");
    }
}

/// A client publishes on the subject of records all the time, as fast as possible.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_constant_writer_on_the_subject_of_records_only_slows_the_sink_down() {
    for mode in [PublishMode::Mixed, PublishMode::Batches] {
        let (server, context) = prepared(mode).await;
        let sink = RunningSink::start(&server, mode.settings()).await;
        sink.took_over().await;
        let foreign = connect(&server).await;
        let writer = tokio::spawn(async move {
            loop {
                foreign.publish_with_reply("events.x", PROGRESS, "{}".into()).await.expect("sent");
                foreign.flush().await.expect("sent");
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        for output_item in many(&plan(), 0, 5_000) {
            sink.send(output_item).await;
        }
        sink.finish().await;
        writer.abort();
        assert_eq!(own(&context).await, (0..5_000).collect::<Vec<_>>(), "{mode:?}");
    }
}

#[tokio::test]
async fn a_takeover_is_noticed_among_foreign_messages() {
    let (server, context) = prepared(PublishMode::Mixed).await;
    let foreign = connect(&server).await;
    let first = RunningSink::start(&server, Settings::default()).await;
    first.took_over().await;
    publish_foreign_messages(&foreign, &context).await;
    first.send(outputs::group(&plan(), 0, 7, vec![outputs::transition("u", 0)], vec![])).await;
    while first.status.figures().committed_sequence < 7 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    publish_foreign_messages(&foreign, &context).await;
    let second = RunningSink::start(&server, Settings::default()).await;
    assert_eq!(second.took_over().await.sequence, 7);
    publish_foreign_messages(&foreign, &context).await;
    first.send(outputs::group(&plan(), 7, 8, vec![outputs::transition("u", 1)], vec![])).await;
    let ended = tokio::time::timeout(Duration::from_secs(20), first.task).await.expect("it ends").expect("no panic");
    let Err(CommitterClosed::TakenOver { own_epoch: 1, .. }) = ended else { panic!("{ended:?}") };
    second.send(outputs::group(&plan(), 7, 8, vec![outputs::transition("u", 1)], vec![])).await;
    second.finish().await;
    assert_eq!(own(&context).await, [0, 1]);
}

/// However many foreign messages are behind the last record, a start finds it with few requests.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn finding_the_last_record_takes_few_requests_behind_a_hundred_thousand_foreign_messages() {
    let (server, context) = prepared(PublishMode::OneByOne).await;
    let sink = RunningSink::start(&server, PublishMode::OneByOne.settings()).await;
    for number in 0..300 {
        sink.send(outputs::group(&plan(), number, number + 1, vec![outputs::transition("u", number)], vec![])).await;
    }
    sink.finish().await;
    let foreign = connect(&server).await;
    for _ in 0..100_000 {
        foreign.publish(ACTION, "{}".into()).await.expect("sent");
    }
    foreign.flush().await.expect("sent");
    while stored_count(&context).await < 100_300 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let asked = requests(&server).await;
    let second = RunningSink::start(&server, PublishMode::OneByOne.settings()).await;
    assert_eq!(second.took_over().await.sequence, 300);
    let asked = requests(&server).await - asked;
    assert!(asked < 80, "{asked} requests");
    second.finish().await;
}

async fn stored_count(context: &Context) -> u64 {
    context.get_stream("REKINDLE").await.expect("the stream").cached_info().state.messages
}

/// The number of requests to JetStream's API so far, by all clients.
async fn requests(server: &NatsServer) -> u64 {
    let client = connect(server).await;
    let info = client.request("$JS.API.INFO", "".into()).await.expect("an answer");
    let info: serde_json::Value = serde_json::from_slice(&info.payload).expect("JSON");
    info["api"]["total"].as_u64().expect("a count")
}

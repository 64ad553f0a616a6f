//! What others bring into the stream of outputs, be it that the server puts it there for them: it neither stops the sink nor
//! passes for its own.

use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::{Client, HeaderMap};
use rekindle_nats::sink::{CommitterClosed, MessageKind};
use rekindle_settings::OutputSettings as Settings;

use super::outputs::{self, many, numbers, plan};
use super::{Running, Way, connect, context, dead_stream, stored};
use rekindle_test_kit::nats_server::NatsServer;

const PROGRESS: &str = "rekindle.progress";
const ACTION: &str = "rekindle.actions.email.hello-again_1";

/// A server with a stream of events beside those of the outputs.
async fn prepared(way: Way) -> (NatsServer, Context) {
    let server = NatsServer::start();
    let context = context(&server).await;
    context.create_stream(way.stream()).await.expect("created");
    context.create_stream(dead_stream()).await.expect("created");
    let events = async_nats::jetstream::stream::Config {
        name: "EVENTS".to_owned(),
        subjects: vec!["events.>".to_owned()],
        ..Default::default()
    };
    context.create_stream(events).await.expect("created");
    (server, context)
}

/// The ways to get something into the stream, all but the first without a permission to publish there.
async fn intrude(client: &Client, context: &Context) {
    client.publish(PROGRESS, "not a record".into()).await.expect("sent");
    let reply = |subject: &'static str, to: &'static str| client.publish_with_reply(subject, to, "{}".into());
    reply("events.x", PROGRESS).await.expect("sent");
    reply("events.x", ACTION).await.expect("sent");
    reply("$JS.API.STREAM.INFO.REKINDLE", ACTION).await.expect("sent");
    reply("$JS.API.STREAM.INFO.REKINDLE", PROGRESS).await.expect("sent");
    // Copies of what the sink wrote, headers and all, on the subject they came on and on that of records.
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
    // Wrong numbers, and a record without a place.
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
async fn what_others_bring_in_neither_stops_the_sink_nor_passes_for_its_own() {
    for way in Way::ALL {
        let (server, context) = prepared(way).await;
        let foreign = connect(&server).await;
        intrude(&foreign, &context).await;
        let mut next = 0;
        // Each start after others had the last word.
        for start in 0..3 {
            let sink = Running::start(&server, way.settings()).await;
            let out = sink.took_over().await;
            assert_eq!(out.sequence, u64::from(start > 0), "{way:?}: what is out is known");
            for _ in 0..3 {
                for output_item in many(&plan(), next, 700) {
                    sink.send(output_item).await;
                }
                next += 700;
                while sink.status.figures().published[MessageKind::Transition as usize] % 2_100 != next % 2_100 {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
                intrude(&foreign, &context).await;
            }
            let figures = sink.finish().await.figures();
            assert_eq!(figures.ordinal, next, "{way:?}");
        }
        assert_eq!(own(&context).await, (0..next).collect::<Vec<_>>(), "{way:?}");
    }
}

/// Somebody writes on the subject of records all the time, as fast as it goes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_who_writes_where_records_are_all_the_time_only_slows_the_sink_down() {
    for way in [Way::Both, Way::Batches] {
        let (server, context) = prepared(way).await;
        let sink = Running::start(&server, way.settings()).await;
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
        assert_eq!(own(&context).await, (0..5_000).collect::<Vec<_>>(), "{way:?}");
    }
}

#[tokio::test]
async fn a_takeover_is_noticed_among_what_others_write() {
    let (server, context) = prepared(Way::Both).await;
    let foreign = connect(&server).await;
    let first = Running::start(&server, Settings::default()).await;
    first.took_over().await;
    intrude(&foreign, &context).await;
    first.send(outputs::group(&plan(), 0, 7, vec![outputs::transition("u", 0)], vec![])).await;
    while first.status.figures().committed_sequence < 7 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    intrude(&foreign, &context).await;
    let second = Running::start(&server, Settings::default()).await;
    assert_eq!(second.took_over().await.sequence, 7);
    intrude(&foreign, &context).await;
    first.send(outputs::group(&plan(), 7, 8, vec![outputs::transition("u", 1)], vec![])).await;
    let ended = tokio::time::timeout(Duration::from_secs(20), first.task).await.expect("it ends").expect("no panic");
    let Err(CommitterClosed::TakenOver { own_epoch: 1, .. }) = ended else { panic!("{ended:?}") };
    second.send(outputs::group(&plan(), 7, 8, vec![outputs::transition("u", 1)], vec![])).await;
    second.finish().await;
    assert_eq!(own(&context).await, [0, 1]);
}

/// However much of others' stands behind its last message, a start asks for few messages to find it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn finding_the_last_record_takes_few_requests_behind_a_hundred_thousand_messages_of_others() {
    let (server, context) = prepared(Way::Singly).await;
    let sink = Running::start(&server, Way::Singly.settings()).await;
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
    let second = Running::start(&server, Way::Singly.settings()).await;
    assert_eq!(second.took_over().await.sequence, 300);
    let asked = requests(&server).await - asked;
    assert!(asked < 80, "{asked} requests");
    second.finish().await;
}

async fn stored_count(context: &Context) -> u64 {
    context.get_stream("REKINDLE").await.expect("the stream").cached_info().state.messages
}

/// How many requests JetStream's API was asked so far, by all.
async fn requests(server: &NatsServer) -> u64 {
    let client = connect(server).await;
    let info = client.request("$JS.API.INFO", "".into()).await.expect("an answer");
    let info: serde_json::Value = serde_json::from_slice(&info.payload).expect("JSON");
    info["api"]["total"].as_u64().expect("a count")
}

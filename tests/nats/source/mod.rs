//! The source against a real nats-server: what it hands on, and what it reports when it can't.

mod connection_loss;
mod core_nats;
mod streams;
mod ticks;

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::running_source::{RunningSource, at, creating, numbers, publish, until};
use async_nats::jetstream::stream::{Config, StorageType};
use bytes::Bytes;
use rekindle_core::time::Timestamp;
use rekindle_runtime::log::RecordKind;
use rekindle_settings::{SourceSettings, StartPosition};
use rekindle_test_kit::nats_server::NatsServer;

async fn create_stream(live: &RunningSource, config: Config) {
    live.connection.jetstream.create_stream(config).await.expect("the stream is created");
}

/// The number of messages that the source's connection has sent: requests, as long as there are no ticks.
fn sent_messages(live: &RunningSource) -> u64 {
    live.connection.client.statistics().out_messages.load(Ordering::Relaxed)
}

fn stream_of(subjects: &[&str]) -> Config {
    Config {
        name: "EVENTS".to_owned(),
        subjects: subjects.iter().map(|subject| (*subject).to_owned()).collect(),
        ..Config::default()
    }
}

#[tokio::test]
async fn messages_come_once_and_in_order_with_the_brokers_time() {
    let server = NatsServer::start();
    let mut live = RunningSource::start(&at(&server.url()), creating()).await;
    live.ready().await;
    publish(&live.connection, 0..20_000).await;
    let messages = live.events(20_000).await;
    assert_eq!(numbers(&messages), (0..20_000).collect::<Vec<_>>());
    assert!(messages.iter().enumerate().all(|(at, message)| message.sequence == at as u64 + 1));
    assert!(messages.is_sorted_by_key(|message| message.received));
    let info = live.connection.jetstream.get_stream("EVENTS").await.unwrap();
    let last_ns = info.get_raw_message(20_000).await.unwrap().time.unix_timestamp_nanos();
    assert_eq!(messages[19_999].received, Timestamp((last_ns / 1_000_000) as i64));
    let status = &live.status;
    until("counted", || status.messages() == 20_000 && status.sequence() == 20_000 && status.pending() == 0).await;
    assert_eq!((status.gaps(), status.missing(), status.recreations()), (0, 0, 0));
    assert_eq!(live.stop().await, []);
}

#[tokio::test]
async fn several_lines_in_a_message_are_handed_on_unchanged() {
    let server = NatsServer::start();
    let mut live = RunningSource::start(&at(&server.url()), creating()).await;
    live.ready().await;
    live.connection.jetstream.publish("events.x.y", "{}\n{}\n\n{}".into()).await.unwrap().await.unwrap();
    assert_eq!(live.events(1).await[0].lines, Bytes::from_static(b"{}\n{}\n\n{}"));
}

#[tokio::test]
async fn reading_starts_where_the_settings_say() {
    let server = NatsServer::start();
    let mut first = RunningSource::start(&at(&server.url()), creating()).await;
    first.ready().await;
    publish(&first.connection, 0..10).await;
    let fifth = first.events(10).await[4].received;
    for (start, expected) in
        [(StartPosition::First, 0), (StartPosition::Sequence(4), 3), (StartPosition::Sequence(0), 0)]
    {
        let mut live = RunningSource::start(&at(&server.url()), SourceSettings { start, ..creating() }).await;
        assert_eq!(numbers(&live.events(10 - expected).await)[0], expected as u64, "{start:?}");
    }
    let mut live =
        RunningSource::start(&at(&server.url()), SourceSettings { start: StartPosition::Time(fifth), ..creating() })
            .await;
    let batch = live.batches.recv().await.unwrap();
    assert!(batch[0].received >= fifth && batch[0].sequence <= 5, "{:?}", batch[0]);
    let mut live =
        RunningSource::start(&at(&server.url()), SourceSettings { start: StartPosition::New, ..creating() }).await;
    live.ready().await;
    publish(&live.connection, 10..11).await;
    assert_eq!(numbers(&live.events(1).await), [10]);
}

#[tokio::test]
async fn a_slow_reader_loses_nothing_and_buffers_little() {
    let server = NatsServer::start();
    let source = SourceSettings { batch: 100, ..creating() };
    let mut live = RunningSource::with_room(&at(&server.url()), source, 1).await;
    live.ready().await;
    publish(&live.connection, 0..20_000).await;
    // Longer than a consumer may go without a heartbeat: a slow reader must not be mistaken for a silent server.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(live.status.messages() <= 300, "{}", live.status.messages());
    assert_eq!(live.connection.status.slow_consumers(), 0);
    assert_eq!(numbers(&live.events(20_000).await), (0..20_000).collect::<Vec<_>>());
    assert_eq!(live.status.recreations(), 0);
}

#[tokio::test]
async fn requests_to_forget_are_distinguished_from_events_and_ticks() {
    let server = NatsServer::start();
    let mut live = RunningSource::start(&at(&server.url()), creating()).await;
    live.ready().await;
    for subject in
        ["events.track", "rekindle.control.forget", "rekindle.control.audit", "rekindle.tick", "events.track"]
    {
        live.connection.jetstream.publish(subject, "x".into()).await.unwrap().await.unwrap();
    }
    let mut found = Vec::new();
    while found.len() < 5 {
        found.extend(live.batches.recv().await.unwrap().into_iter().map(|message| (message.kind, message.lines.len())));
    }
    assert_eq!(
        found,
        [
            (RecordKind::Events, 1),
            (RecordKind::Forget, 1),
            (RecordKind::Audit, 0),
            (RecordKind::Tick, 0),
            (RecordKind::Events, 1)
        ]
    );
}

#[tokio::test]
async fn stopping_hands_on_what_had_come_in() {
    let server = NatsServer::start();
    let mut live = RunningSource::with_room(&at(&server.url()), SourceSettings { batch: 1_000, ..creating() }, 1).await;
    live.ready().await;
    publish(&live.connection, 0..10_000).await;
    let mut got = numbers(&live.batches.recv().await.unwrap());
    got.extend(numbers(&live.stop().await));
    assert_eq!(got, (0..got.len() as u64).collect::<Vec<_>>(), "no hole");
    assert!(got.len() < 10_000, "and nothing more was asked for");
}

#[tokio::test]
async fn it_can_be_stopped_while_there_is_no_stream_and_no_server() {
    let mut server = NatsServer::start();
    let live = RunningSource::start(&at(&server.url()), SourceSettings { create: false, ..creating() }).await;
    live.failing("source", "there is no stream").await;
    assert_eq!(live.stop().await, []);
    let live = RunningSource::start(&at(&server.url()), creating()).await;
    live.ready().await;
    server.kill();
    live.failing("nats", "Connection refused").await;
    assert_eq!(live.stop().await, []);
}

#[tokio::test]
async fn a_message_of_the_largest_size_is_handed_on() {
    let server = NatsServer::with_config("max_payload: 60MB\nmax_pending: 200MB");
    let mut live = RunningSource::start(&at(&server.url()), SourceSettings { create: false, ..creating() }).await;
    live.failing("source", "there is no stream").await;
    // A stream on disk takes 32 MiB at most; and a request for messages asks for as much, until it meets a larger one.
    let in_memory =
        Config { storage: StorageType::Memory, ..stream_of(&["events.>", "rekindle.tick", "rekindle.control.forget"]) };
    create_stream(&live, in_memory).await;
    live.ready().await;
    let large = Bytes::from(vec![b'x'; 50_000_000]);
    live.connection.jetstream.publish("events.large", large.clone()).await.unwrap().await.unwrap();
    publish(&live.connection, 0..3).await;
    let messages = live.events(4).await;
    assert_eq!(messages[0].lines.len(), large.len());
    assert_eq!(numbers(&messages[1..]), [0, 1, 2]);
}

/// With and without the header, for a proxy may unpack a body and leave its header; what is damaged, or unpacks to more
/// than a message may have, is handed on as it is.
#[tokio::test]
async fn compressed_payloads_are_recognized_by_their_first_bytes() {
    use std::io::Write as _;
    let server = NatsServer::start();
    let mut live = RunningSource::start(&at(&server.url()), creating()).await;
    live.ready().await;
    let text = b"{\"a\":1}\n".repeat(1_000);
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&text).expect("memory can be written to");
    let gzip = gzip.finish().expect("memory can be written to");
    let zstd = zstd::encode_all(&text[..], 1).expect("memory can be written to");
    let bomb = zstd::encode_all(&vec![b' '; (16 << 20) + 1][..], 1).expect("memory can be written to");
    let cut = gzip[..gzip.len() / 2].to_vec();
    let sent = [
        (gzip, Some("gzip"), &text[..]),
        (zstd, None, &text),
        (text.clone(), Some("gzip"), &text),
        (cut.clone(), Some("gzip"), &cut),
        (bomb.clone(), Some("zstd"), &bomb),
    ];
    for (body, encoding, _) in &sent {
        let mut headers = async_nats::HeaderMap::new();
        encoding.iter().for_each(|encoding| headers.insert("Content-Encoding", *encoding));
        let published = live.connection.jetstream.publish_with_headers("events.x", headers, body.clone().into());
        published.await.unwrap().await.unwrap();
    }
    for (message, (_, _, expected)) in live.events(sent.len()).await.iter().zip(&sent) {
        assert!(message.lines == *expected, "{} bytes, not {}", message.lines.len(), expected.len());
    }
}

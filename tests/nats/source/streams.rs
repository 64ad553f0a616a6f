//! Streams that are missing, do not fit, or lose messages.

use std::time::Duration;

use super::{create_stream, sent_messages, stream_of};
use crate::running_source::{RunningSource, at, creating, numbers, publish, until};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy};
use rekindle_nats::source::NatsSource;
use rekindle_settings::SourceSettings;
use rekindle_test_kit::nats_server::NatsServer;

#[tokio::test]
async fn a_missing_stream_is_waited_for() {
    let server = NatsServer::start();
    let mut live = RunningSource::start(&at(&server.url()), SourceSettings { create: false, ..creating() }).await;
    let why = live.failing("source", "there is no stream EVENTS").await;
    assert!(
        why.contains(
            "nats stream add EVENTS --subjects 'events.>,rekindle.tick,rekindle.control.forget,rekindle.control.audit'"
        ),
        "{why}"
    );
    assert!(why.contains("create = true in [source]"), "{why}");
    create_stream(&live, stream_of(&["events.>", "rekindle.tick", "rekindle.control.forget"])).await;
    live.ready().await;
    publish(&live.connection, 0..1).await;
    live.events(1).await;
}

#[tokio::test]
async fn a_stream_that_does_not_fit_is_refused_with_every_reason() {
    let server = NatsServer::start();
    let live = RunningSource::start(&at(&server.url()), SourceSettings { create: false, ..creating() }).await;
    live.failing("source", "there is no stream").await;
    let bad = Config {
        retention: RetentionPolicy::Interest,
        discard: DiscardPolicy::New,
        max_messages: 5,
        ..stream_of(&["events.track"])
    };
    create_stream(&live, bad).await;
    let why = live.failing("source", "can't be used").await;
    for part in [
        "does not take in events.>",
        "does not take in rekindle.tick",
        "does not take in rekindle.control.forget",
        "interest",
        "discard",
    ] {
        assert!(why.contains(part), "{part}: {why}");
    }
}

#[tokio::test]
async fn a_subject_that_another_stream_has_is_named_with_that_stream() {
    let server = NatsServer::start();
    let nats = at(&server.url());
    let first = RunningSource::start(&nats, creating()).await;
    first.ready().await;
    let second = RunningSource::start(&nats, SourceSettings { stream: "OTHER".to_owned(), ..creating() }).await;
    let why = second.failing("source", "could not create stream OTHER").await;
    assert!(
        why.contains("stream EVENTS takes in some of its subjects (events.>, rekindle.tick, rekindle.control.forget, rekindle.control.audit)"),
        "{why}"
    );
}

#[tokio::test]
async fn other_subjects_in_the_stream_are_skipped_and_are_no_gap() {
    let server = NatsServer::start();
    let mut live = RunningSource::start(&at(&server.url()), SourceSettings { create: false, ..creating() }).await;
    live.failing("source", "there is no stream").await;
    create_stream(&live, stream_of(&["events.>", "rekindle.tick", "rekindle.control.forget", "other"])).await;
    live.ready().await;
    for number in 0..50_u64 {
        live.connection.client.publish("other", "x".into()).await.unwrap();
        publish(&live.connection, number..number + 1).await;
    }
    let messages = live.events(50).await;
    assert_eq!(numbers(&messages), (0..50).collect::<Vec<_>>());
    assert_eq!(messages[49].sequence, 100);
    assert_eq!((live.status.gaps(), live.status.missing()), (0, 0));
}

#[tokio::test]
async fn messages_deleted_before_they_were_read_are_counted_as_missing() {
    let server = NatsServer::start();
    let first = RunningSource::start(&at(&server.url()), creating()).await;
    first.ready().await;
    publish(&first.connection, 0..10).await;
    let stream = first.connection.jetstream.get_stream("EVENTS").await.unwrap();
    for sequence in [5, 6, 8] {
        stream.delete_message(sequence).await.unwrap();
    }
    let mut live = RunningSource::start(&at(&server.url()), creating()).await;
    assert_eq!(numbers(&live.events(7).await), [0, 1, 2, 3, 6, 8, 9]);
    until("counted", || live.status.missing() == 3).await;
    assert_eq!((live.status.gaps(), live.status.recreations()), (2, 2), "each hole is asked for once more");
    assert!(live.health.failing().is_empty());
}

#[tokio::test]
async fn a_purge_is_survived_and_the_purged_messages_are_counted() {
    let server = NatsServer::start();
    let source = SourceSettings { batch: 10, ..creating() };
    let mut live = RunningSource::with_room(&at(&server.url()), source, 1).await;
    live.ready().await;
    publish(&live.connection, 0..1_000).await;
    until("read", || live.status.messages() > 0).await;
    let stream = live.connection.jetstream.get_stream("EVENTS").await.unwrap();
    stream.purge().await.unwrap();
    publish(&live.connection, 1_000..1_010).await;
    let mut got = Vec::new();
    while got.last() != Some(&1_009) {
        got.extend(numbers(&live.batches.recv().await.unwrap()));
    }
    assert!(got.is_sorted() && got.len() < 500, "{}", got.len());
    until("counted", || live.status.missing() == 1_010 - got.len() as u64).await;
}

#[tokio::test]
async fn a_stream_deleted_and_created_again_has_lost_data() {
    let server = NatsServer::start();
    let mut live = RunningSource::start(&at(&server.url()), creating()).await;
    live.ready().await;
    publish(&live.connection, 0..10).await;
    live.events(10).await;
    live.connection.jetstream.delete_stream("EVENTS").await.unwrap();
    let why = live.failing("source", "stream EVENTS is gone").await;
    assert!(why.contains("messages were read up to 10: the log has lost data"), "{why}");
    create_stream(&live, stream_of(&["events.>", "rekindle.tick", "rekindle.control.forget"])).await;
    let why = live.failing("source", "ends with message 0,").await;
    assert!(why.contains("stream EVENTS ends with message 0, and message 10 was read already"), "{why}");
    publish(&live.connection, 0..9).await;
    live.failing("source", "ends with message 9,").await;
    assert!(live.batches.try_recv().is_err(), "nothing is read from a log that is not the one");
}

/// Refilled before the source looks: by its sequences it could be the stream that was read.
#[tokio::test]
async fn a_stream_created_again_and_refilled_at_once_is_not_read() {
    let server = NatsServer::start();
    let mut live = RunningSource::start(&at(&server.url()), creating()).await;
    live.ready().await;
    publish(&live.connection, 0..10).await;
    live.events(10).await;
    let publisher = live.connection.jetstream.clone();
    publisher.delete_stream("EVENTS").await.unwrap();
    create_stream(&live, stream_of(&["events.>", "rekindle.tick", "rekindle.control.forget"])).await;
    publish(&live.connection, 100..300).await;
    let why = live.failing("source", "it is another one, and its sequences mean something else").await;
    assert!(why.contains("the one that was read up to message 10 was created"), "{why}");
    tokio::time::timeout(Duration::from_secs(5), live.status.other_stream()).await.expect("it is told");
    let requests = sent_messages(&live);
    until("trying again several times", || sent_messages(&live) >= requests + 4).await;
    assert!(live.batches.try_recv().is_err(), "nothing is read from a log that is not the one");
}

#[tokio::test]
async fn a_stream_created_at_another_time_is_not_read_at_all() {
    let server = NatsServer::start();
    let first = RunningSource::start(&at(&server.url()), creating()).await;
    first.ready().await;
    publish(&first.connection, 0..10).await;
    let (out, mut batches) = tokio::sync::mpsc::channel(4);
    let health = rekindle_runtime::health::Health::default();
    let source =
        rekindle_nats::source::NatsSource::new(first.connection.clone(), creating(), out, health.part("source"));
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    tokio::spawn(source.created_at(1_772_532_000_123).run(stopped));
    let why = crate::running_source::failing(&health, "source", "it is another one").await;
    assert!(why.contains("was created 2026-03-03T10:00:00.123Z"), "{why}");
    assert!(batches.try_recv().is_err());
}

#[tokio::test]
async fn records_are_read_by_their_numbers_from_the_nearest_server() {
    records_are_read_by_their_numbers(true).await;
}

#[tokio::test]
async fn records_are_read_by_their_numbers_from_the_leader_where_the_stream_allows_no_other() {
    records_are_read_by_their_numbers(false).await;
}

async fn records_are_read_by_their_numbers(allow_direct: bool) {
    let server = NatsServer::start();
    let live = RunningSource::start(&at(&server.url()), SourceSettings { create: false, ..creating() }).await;
    live.failing("source", "there is no stream").await;
    let subjects = ["events.>", "rekindle.tick", "rekindle.control.forget"];
    create_stream(&live, Config { allow_direct, ..stream_of(&subjects) }).await;
    live.ready().await;
    publish(&live.connection, 0..600).await;
    let stream = live.connection.jetstream.get_stream("EVENTS").await.unwrap();
    stream.delete_message(5).await.unwrap();
    let (batches, _received) = tokio::sync::mpsc::channel(1);
    let source = NatsSource::new(live.connection.clone(), creating(), batches, live.health.part("records"));
    let sequences: Vec<u64> = (1..=600).rev().chain([601]).collect();
    let records = source.records(&sequences).await.expect("the stream is there");
    assert_eq!(records.len(), sequences.len());
    for (sequence, record) in sequences.into_iter().zip(records) {
        let found = record.map(|record| (record.sequence, numbers(&[record])));
        let expected = (sequence != 5 && sequence != 601).then(|| (sequence, vec![sequence - 1]));
        assert_eq!(found, expected);
    }
}

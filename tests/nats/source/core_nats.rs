//! Events on plain NATS subjects.

use std::time::Duration;

use crate::running_source::{RunningSource, at, creating, numbers, until};
use bytes::Bytes;
use rekindle_core::time::Span;
use rekindle_runtime::log::RecordKind;
use rekindle_settings::{SourceKind, SourceSettings};
use rekindle_test_kit::nats_server::NatsServer;

fn core_nats() -> SourceSettings {
    SourceSettings { kind: SourceKind::Nats, subjects: vec!["events.*".into(), "shop.>".into()], ..creating() }
}

#[tokio::test]
async fn plain_subjects_are_read_in_order_and_numbered_by_the_source() {
    let server = NatsServer::with_config("");
    let mut live = RunningSource::start(&at(&server.url()), core_nats()).await;
    live.ready().await;
    for number in 0..5_000 {
        live.connection.client.publish("events.track", format!("{number}\n").into()).await.unwrap();
    }
    let messages = live.events(5_000).await;
    assert_eq!(numbers(&messages), (0..5_000).collect::<Vec<_>>());
    assert!(messages.iter().enumerate().all(|(at, message)| message.sequence == at as u64 + 2), "after a first tick");
    live.connection.client.publish("shop.a.b", "7\n".into()).await.unwrap();
    assert_eq!(numbers(&live.events(1).await), [7]);
    assert_eq!(live.stop().await, []);
}

#[tokio::test]
async fn a_tick_on_plain_nats_comes_after_every_event_before_it() {
    let server = NatsServer::start();
    let mut live = RunningSource::start(&at(&server.url()), core_nats()).await;
    live.ready().await;
    assert!(live.batches.recv().await.unwrap()[0].lines.is_empty(), "the first tick");
    for round in 0..20_u64 {
        for number in 0..200 {
            live.connection.client.publish("events.track", format!("{}\n", round * 200 + number).into()).await.unwrap();
        }
        live.connection.client.publish("rekindle.tick", Bytes::new()).await.unwrap();
    }
    let (mut events, mut ticks) = (0, 0);
    while ticks < 20 {
        for message in live.batches.recv().await.unwrap() {
            if message.lines.is_empty() {
                ticks += 1;
                assert!(events >= ticks * 200, "tick {ticks} came after {events} events");
            } else {
                events += 1;
            }
        }
    }
}

#[tokio::test]
async fn a_request_to_forget_on_plain_nats_comes_after_every_event_before_it() {
    let server = NatsServer::start();
    let mut live = RunningSource::start(&at(&server.url()), core_nats()).await;
    live.ready().await;
    for round in 0..20_u64 {
        for number in 0..200 {
            live.connection.client.publish("events.track", format!("{}\n", round * 200 + number).into()).await.unwrap();
        }
        live.connection.client.publish("rekindle.control.forget", "{}".into()).await.unwrap();
    }
    let (mut events, mut requests) = (0, 0);
    while requests < 20 {
        for message in live.batches.recv().await.unwrap() {
            match message.kind {
                RecordKind::Events | RecordKind::Mapped => events += 1,
                RecordKind::Tick | RecordKind::Audit => {}
                RecordKind::Forget => {
                    requests += 1;
                    assert!(events >= requests * 200, "request {requests} came after {events} events");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_silent_plain_subject_gets_ticks() {
    let server = NatsServer::start();
    let mut live =
        RunningSource::start(&at(&server.url()), SourceSettings { tick_interval: Span(50), ..core_nats() }).await;
    for _ in 0..3 {
        let batch = tokio::time::timeout(Duration::from_secs(2), live.batches.recv()).await.expect("a tick").unwrap();
        assert!(batch[0].lines.is_empty());
    }
}

#[tokio::test]
async fn messages_lost_by_a_slow_reader_of_plain_subjects_are_counted() {
    let server = NatsServer::start();
    let mut live = RunningSource::with_room(&at(&server.url()), SourceSettings { batch: 10, ..core_nats() }, 1).await;
    live.ready().await;
    let publisher = async_nats::connect(server.url()).await.unwrap();
    for number in 0..80_000 {
        publisher.publish("events.track", format!("{number}\n").into()).await.unwrap();
    }
    publisher.flush().await.unwrap();
    until("dropped", || live.connection.status.slow_consumers() > 0).await;
    let mut got = 0;
    while live.status.missing() == 0 {
        got += live.batches.recv().await.unwrap().len();
    }
    assert!(got < 80_000);
}

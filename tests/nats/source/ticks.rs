//! Ticks: time passes in a silent stream.

use std::time::Duration;

use crate::running_source::{RunningSource, at, creating, publish, until};
use rekindle_core::time::{Span, Timestamp};
use rekindle_settings::SourceSettings;
use rekindle_test_kit::nats_server::NatsServer;

#[tokio::test]
async fn ticks_come_in_a_silent_stream_and_not_in_a_busy_one() {
    let server = NatsServer::start();
    let source = SourceSettings { tick_interval: Span(50), ..creating() };
    let mut live = RunningSource::start(&at(&server.url()), source).await;
    let mut last = Timestamp(0);
    for _ in 0..5 {
        let batch = tokio::time::timeout(Duration::from_secs(2), live.batches.recv()).await.expect("a tick").unwrap();
        assert!(batch.iter().all(|message| message.lines.is_empty()));
        assert!(batch[0].received > last, "time passes");
        last = batch[0].received;
    }
    let before = live.status.ticks_sent();
    for number in 0..100 {
        publish(&live.connection, number..number + 1).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let during = live.status.ticks_sent() - before;
    assert!(during <= 3, "{during} ticks among events 5 ms apart");
    assert!(live.status.ticks_received() >= 5);
}

#[tokio::test]
async fn two_daemons_on_a_stream_share_the_ticks() {
    let server = NatsServer::start();
    let source = SourceSettings { tick_interval: Span(100), ..creating() };
    let one = RunningSource::with_room(&at(&server.url()), source.clone(), 1_000).await;
    let other = RunningSource::with_room(&at(&server.url()), source, 1_000).await;
    until("ticking", || one.status.ticks_received() >= 20).await;
    let sent = one.status.ticks_sent() + other.status.ticks_sent();
    assert!(sent < 35, "{sent} ticks were sent where one daemon sends 20");
}

#[tokio::test]
async fn a_stalled_reader_gets_no_ticks() {
    let server = NatsServer::start();
    let source = SourceSettings { tick_interval: Span(50), ..creating() };
    let live = RunningSource::with_room(&at(&server.url()), source, 1).await;
    until("stalled", || live.status.ticks_sent() >= 2).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(live.status.ticks_sent() <= 3, "{}", live.status.ticks_sent());
}

#[tokio::test]
async fn the_payload_of_a_tick_is_ignored() {
    let server = NatsServer::start();
    let mut live = RunningSource::start(&at(&server.url()), creating()).await;
    live.ready().await;
    live.connection.jetstream.publish("rekindle.tick", "{\"type\":\"track\"}".into()).await.unwrap().await.unwrap();
    let batch = live.batches.recv().await.unwrap();
    assert!(batch.len() == 1 && batch[0].lines.is_empty(), "{batch:?}");
}

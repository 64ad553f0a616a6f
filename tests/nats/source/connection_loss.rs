//! Servers that are killed and connections that break: nothing is lost or repeated.

use std::collections::BTreeSet;
use std::time::Duration;

use super::sent_messages;
use crate::running_source::{RunningSource, at, creating, numbers, publish, until};
use rekindle_settings::{SourceSettings, StartPosition};
use rekindle_test_kit::nats_server::NatsServer;
use rekindle_test_kit::nats_server::proxy::Proxy;

#[tokio::test]
async fn a_server_killed_midway_loses_and_repeats_nothing() {
    let mut server = NatsServer::with_config("");
    let mut live = RunningSource::with_room(&at(&server.url()), creating(), 1).await;
    live.ready().await;
    publish(&live.connection, 0..30_000).await;
    let mut got = numbers(&live.batches.recv().await.unwrap());
    server.kill();
    live.failing("nats", "Connection refused").await;
    server.start_again();
    live.ready().await;
    publish(&live.connection, 30_000..31_000).await;
    got.extend(numbers(&live.events(31_000 - got.len()).await));
    assert_eq!(got, (0..31_000).collect::<Vec<_>>());
    assert!(live.status.recreations() >= 1 && live.status.missing() == 0);
}

/// As in an orderly shutdown of a server: a request made just before is never answered.
#[tokio::test]
async fn a_request_on_a_lost_connection_is_not_waited_for() {
    let server = NatsServer::start();
    let proxy = Proxy::to(server.port());
    let mut live = RunningSource::start(&at(&proxy.url()), creating()).await;
    live.ready().await;
    proxy.pause();
    let requests = sent_messages(&live);
    until("recreating the consumer", || live.status.recreations() == 1).await;
    until("requesting the state of the stream", || sent_messages(&live) > requests).await;
    proxy.cut();
    proxy.resume();
    until("on another connection", || live.connection.status.reconnects() == 1).await;
    publish(&live.connection, 0..10).await;
    let (health, mut reasons) = (live.health.clone(), BTreeSet::new());
    let listening = async {
        loop {
            reasons.extend(health.failing().iter().map(|(part, why)| format!("{part}: {why}")));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::select! {
        events = live.events(10) => assert_eq!(numbers(&events), (0..10).collect::<Vec<_>>()),
        () = listening => {}
    }
    assert!(!reasons.iter().any(|reason| reason.contains("JetStream does not answer")), "{reasons:#?}");
}

#[tokio::test]
async fn a_cut_connection_loses_and_repeats_nothing() {
    let server = NatsServer::start();
    let proxy = Proxy::to(server.port());
    let publisher =
        RunningSource::start(&at(&server.url()), SourceSettings { start: StartPosition::New, ..creating() }).await;
    publisher.ready().await;
    let mut live = RunningSource::with_room(&at(&proxy.url()), creating(), 1).await;
    let connection = publisher.connection.clone();
    let publishing = tokio::spawn(async move {
        for round in 0..40 {
            publish(&connection, round * 500..(round + 1) * 500).await;
        }
    });
    let mut got = Vec::new();
    while got.len() < 20_000 {
        let batch = live.batches.recv().await.unwrap();
        let before = got.len() / 4_000;
        got.extend(numbers(&batch));
        if got.len() / 4_000 > before && got.len() < 20_000 {
            proxy.cut();
        }
    }
    publishing.await.unwrap();
    assert_eq!(got, (0..20_000).collect::<Vec<_>>());
    assert!(live.status.recreations() >= 1 && live.status.missing() == 0, "{:?}", live.status);
}

#[tokio::test]
async fn a_peer_that_goes_silent_is_noticed_and_read_from_again() {
    let server = NatsServer::start();
    let proxy = Proxy::to(server.port());
    let mut live = RunningSource::start(&at(&proxy.url()), creating()).await;
    live.ready().await;
    publish(&live.connection, 0..10).await;
    live.events(10).await;
    proxy.pause();
    until("noticed", || live.status.recreations() >= 1).await;
    live.failing("source", "does not answer").await;
    proxy.resume();
    live.ready().await;
    publish(&live.connection, 10..20).await;
    assert_eq!(numbers(&live.events(10).await), (10..20).collect::<Vec<_>>());
}

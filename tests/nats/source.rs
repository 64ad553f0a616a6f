//! The source against a real nats-server: what it hands on, and what it says when it can't.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::live::{Live, at, creating, numbers, publish, until};
use async_nats::jetstream::stream::{Config, DiscardPolicy, RetentionPolicy, StorageType};
use bytes::Bytes;
use rekindle_core::time::{Span, Timestamp};
use rekindle_runtime::log::RecordKind;
use rekindle_settings::{SourceKind, SourceSettings, StartPosition};
use rekindle_test_kit::nats_server::NatsServer;
use rekindle_test_kit::nats_server::proxy::Proxy;

async fn create_stream(live: &Live, config: Config) {
    live.connection.jetstream.create_stream(config).await.expect("the stream is created");
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
    let mut live = Live::start(&at(&server.url()), creating()).await;
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
async fn several_lines_in_a_message_are_passed_on_as_they_are() {
    let server = NatsServer::start();
    let mut live = Live::start(&at(&server.url()), creating()).await;
    live.ready().await;
    live.connection.jetstream.publish("events.x.y", "{}\n{}\n\n{}".into()).await.unwrap().await.unwrap();
    assert_eq!(live.events(1).await[0].lines, Bytes::from_static(b"{}\n{}\n\n{}"));
}

#[tokio::test]
async fn reading_begins_where_it_is_told_to() {
    let server = NatsServer::start();
    let mut first = Live::start(&at(&server.url()), creating()).await;
    first.ready().await;
    publish(&first.connection, 0..10).await;
    let fifth = first.events(10).await[4].received;
    for (start, expected) in
        [(StartPosition::First, 0), (StartPosition::Sequence(4), 3), (StartPosition::Sequence(0), 0)]
    {
        let mut live = Live::start(&at(&server.url()), SourceSettings { start, ..creating() }).await;
        assert_eq!(numbers(&live.events(10 - expected).await)[0], expected as u64, "{start:?}");
    }
    let mut live =
        Live::start(&at(&server.url()), SourceSettings { start: StartPosition::Time(fifth), ..creating() }).await;
    let batch = live.batches.recv().await.unwrap();
    assert!(batch[0].received >= fifth && batch[0].sequence <= 5, "{:?}", batch[0]);
    let mut live = Live::start(&at(&server.url()), SourceSettings { start: StartPosition::New, ..creating() }).await;
    live.ready().await;
    publish(&live.connection, 10..11).await;
    assert_eq!(numbers(&live.events(1).await), [10]);
}

#[tokio::test]
async fn a_server_killed_midway_loses_and_repeats_nothing() {
    let mut server = NatsServer::with_config("");
    let mut live = Live::with_room(&at(&server.url()), creating(), 1).await;
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

/// As when a server goes down in order: what it is asked just before is never answered.
#[tokio::test]
async fn nobody_waits_for_an_answer_on_a_connection_that_is_gone() {
    let server = NatsServer::start();
    let proxy = Proxy::to(server.port());
    let mut live = Live::start(&at(&proxy.url()), creating()).await;
    live.ready().await;
    proxy.pause();
    until("asking anew", || live.status.recreations() == 1).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
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
    let publisher = Live::start(&at(&server.url()), SourceSettings { start: StartPosition::New, ..creating() }).await;
    publisher.ready().await;
    let mut live = Live::with_room(&at(&proxy.url()), creating(), 1).await;
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
    let mut live = Live::start(&at(&proxy.url()), creating()).await;
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

#[tokio::test]
async fn a_missing_stream_is_waited_for() {
    let server = NatsServer::start();
    let mut live = Live::start(&at(&server.url()), SourceSettings { create: false, ..creating() }).await;
    let why = live.failing("source", "there is no stream EVENTS").await;
    assert!(
        why.contains("nats stream add EVENTS --subjects 'events.>,rekindle.tick,rekindle.control.forget'"),
        "{why}"
    );
    assert!(why.contains("create = true in [source]"), "{why}");
    create_stream(&live, stream_of(&["events.>", "rekindle.tick", "rekindle.control.forget"])).await;
    live.ready().await;
    publish(&live.connection, 0..1).await;
    live.events(1).await;
}

#[tokio::test]
async fn a_stream_that_will_not_do_is_refused_with_every_reason() {
    let server = NatsServer::start();
    let live = Live::start(&at(&server.url()), SourceSettings { create: false, ..creating() }).await;
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
    let first = Live::start(&nats, creating()).await;
    first.ready().await;
    let second = Live::start(&nats, SourceSettings { stream: "OTHER".to_owned(), ..creating() }).await;
    let why = second.failing("source", "could not create stream OTHER").await;
    assert!(
        why.contains("stream EVENTS takes in some of its subjects (events.>, rekindle.tick, rekindle.control.forget)"),
        "{why}"
    );
}

#[tokio::test]
async fn other_subjects_in_the_stream_are_left_out_and_are_no_gap() {
    let server = NatsServer::start();
    let mut live = Live::start(&at(&server.url()), SourceSettings { create: false, ..creating() }).await;
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
    let first = Live::start(&at(&server.url()), creating()).await;
    first.ready().await;
    publish(&first.connection, 0..10).await;
    let stream = first.connection.jetstream.get_stream("EVENTS").await.unwrap();
    for sequence in [5, 6, 8] {
        stream.delete_message(sequence).await.unwrap();
    }
    let mut live = Live::start(&at(&server.url()), creating()).await;
    assert_eq!(numbers(&live.events(7).await), [0, 1, 2, 3, 6, 8, 9]);
    until("counted", || live.status.missing() == 3).await;
    assert_eq!((live.status.gaps(), live.status.recreations()), (2, 2), "each hole is asked for once more");
    assert!(live.health.failing().is_empty());
}

#[tokio::test]
async fn a_purge_is_survived_and_what_it_took_is_counted() {
    let server = NatsServer::start();
    let source = SourceSettings { batch: 10, ..creating() };
    let mut live = Live::with_room(&at(&server.url()), source, 1).await;
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
async fn a_stream_deleted_and_created_anew_has_lost_data() {
    let server = NatsServer::start();
    let mut live = Live::start(&at(&server.url()), creating()).await;
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

/// Refilled before anybody looks: by its numbers it could be the stream that was read.
#[tokio::test]
async fn a_stream_made_anew_and_refilled_at_once_is_not_read_on() {
    let server = NatsServer::start();
    let mut live = Live::start(&at(&server.url()), creating()).await;
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
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert!(live.batches.try_recv().is_err(), "nothing is read from a log that is not the one");
}

#[tokio::test]
async fn a_stream_that_is_another_than_was_named_is_not_read_at_all() {
    let server = NatsServer::start();
    let first = Live::start(&at(&server.url()), creating()).await;
    first.ready().await;
    publish(&first.connection, 0..10).await;
    let (out, mut batches) = tokio::sync::mpsc::channel(4);
    let health = rekindle_runtime::health::Health::default();
    let source =
        rekindle_nats::source::NatsSource::new(first.connection.clone(), creating(), out, health.part("source"));
    let (_stop, stopped) = tokio::sync::watch::channel(false);
    tokio::spawn(source.created_at(1_772_532_000_123).run(stopped));
    let why = crate::live::failing(&health, "source", "it is another one").await;
    assert!(why.contains("was created 2026-03-03T10:00:00.123Z"), "{why}");
    assert!(batches.try_recv().is_err());
}

#[tokio::test]
async fn a_slow_reader_loses_nothing_and_holds_little() {
    let server = NatsServer::start();
    let source = SourceSettings { batch: 100, ..creating() };
    let mut live = Live::with_room(&at(&server.url()), source, 1).await;
    live.ready().await;
    publish(&live.connection, 0..20_000).await;
    // Long enough for the server to show no more signs of life than the reader could take.
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(live.status.messages() <= 300, "{}", live.status.messages());
    assert_eq!(live.connection.status.slow_consumers(), 0);
    assert_eq!(numbers(&live.events(20_000).await), (0..20_000).collect::<Vec<_>>());
    assert_eq!(live.status.recreations(), 0);
}

#[tokio::test]
async fn ticks_come_in_a_silent_stream_and_not_in_a_busy_one() {
    let server = NatsServer::start();
    let source = SourceSettings { tick_interval: Span(50), ..creating() };
    let mut live = Live::start(&at(&server.url()), source).await;
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
    let one = Live::with_room(&at(&server.url()), source.clone(), 1_000).await;
    let other = Live::with_room(&at(&server.url()), source, 1_000).await;
    until("ticking", || one.status.ticks_received() >= 20).await;
    let sent = one.status.ticks_sent() + other.status.ticks_sent();
    assert!(sent < 35, "{sent} ticks were sent where one daemon sends 20");
}

#[tokio::test]
async fn a_stalled_reader_gets_no_ticks() {
    let server = NatsServer::start();
    let source = SourceSettings { tick_interval: Span(50), ..creating() };
    let live = Live::with_room(&at(&server.url()), source, 1).await;
    until("stalled", || live.status.ticks_sent() >= 2).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(live.status.ticks_sent() <= 3, "{}", live.status.ticks_sent());
}

#[tokio::test]
async fn what_a_tick_says_is_ignored() {
    let server = NatsServer::start();
    let mut live = Live::start(&at(&server.url()), creating()).await;
    live.ready().await;
    live.connection.jetstream.publish("rekindle.tick", "{\"type\":\"track\"}".into()).await.unwrap().await.unwrap();
    let batch = live.batches.recv().await.unwrap();
    assert!(batch.len() == 1 && batch[0].lines.is_empty(), "{batch:?}");
}

#[tokio::test]
async fn requests_to_forget_are_told_from_events_and_ticks() {
    let server = NatsServer::start();
    let mut live = Live::start(&at(&server.url()), creating()).await;
    live.ready().await;
    for subject in ["events.track", "rekindle.control.forget", "rekindle.tick", "events.track"] {
        live.connection.jetstream.publish(subject, "x".into()).await.unwrap().await.unwrap();
    }
    let mut found = Vec::new();
    while found.len() < 4 {
        found.extend(live.batches.recv().await.unwrap().into_iter().map(|message| (message.kind, message.lines.len())));
    }
    assert_eq!(
        found,
        [(RecordKind::Events, 1), (RecordKind::Forget, 1), (RecordKind::Tick, 0), (RecordKind::Events, 1)]
    );
}

#[tokio::test]
async fn stopping_hands_on_what_had_come() {
    let server = NatsServer::start();
    let mut live = Live::with_room(&at(&server.url()), SourceSettings { batch: 1_000, ..creating() }, 1).await;
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
    let live = Live::start(&at(&server.url()), SourceSettings { create: false, ..creating() }).await;
    live.failing("source", "there is no stream").await;
    assert_eq!(live.stop().await, []);
    let live = Live::start(&at(&server.url()), creating()).await;
    live.ready().await;
    server.kill();
    live.failing("nats", "Connection refused").await;
    assert_eq!(live.stop().await, []);
}

#[tokio::test]
async fn a_message_as_large_as_the_server_takes_comes_through() {
    let server = NatsServer::with_config("max_payload: 60MB\nmax_pending: 200MB");
    let mut live = Live::start(&at(&server.url()), SourceSettings { create: false, ..creating() }).await;
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

fn plain() -> SourceSettings {
    SourceSettings { kind: SourceKind::Nats, subjects: vec!["events.*".into(), "shop.>".into()], ..creating() }
}

#[tokio::test]
async fn plain_subjects_are_read_in_order_and_numbered_here() {
    let server = NatsServer::with_config("");
    let mut live = Live::start(&at(&server.url()), plain()).await;
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
    let mut live = Live::start(&at(&server.url()), plain()).await;
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
    let mut live = Live::start(&at(&server.url()), plain()).await;
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
                RecordKind::Events => events += 1,
                RecordKind::Tick => {}
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
    let mut live = Live::start(&at(&server.url()), SourceSettings { tick_interval: Span(50), ..plain() }).await;
    for _ in 0..3 {
        let batch = tokio::time::timeout(Duration::from_secs(2), live.batches.recv()).await.expect("a tick").unwrap();
        assert!(batch[0].lines.is_empty());
    }
}

#[tokio::test]
async fn what_a_slow_reader_of_plain_subjects_loses_is_counted() {
    let server = NatsServer::start();
    let mut live = Live::with_room(&at(&server.url()), SourceSettings { batch: 10, ..plain() }, 1).await;
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

/// With and without the header, for a proxy may unpack a body and leave its header; what is damaged, or unpacks to more
/// than a message may have, is handed on as it is.
#[tokio::test]
async fn packed_bodies_are_unpacked_by_how_they_begin() {
    use std::io::Write as _;
    let server = NatsServer::start();
    let mut live = Live::start(&at(&server.url()), creating()).await;
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

//! What is published without disturbance: in order, in few requests, without delay.

use std::time::{Duration, Instant};

use async_nats::jetstream::stream::{self};
use futures_util::StreamExt;
use rekindle_nats::sink::MessageKind;
use rekindle_settings::OutputSettings as Settings;

use super::outputs::{self, many, plan};
use super::{PublishMode, RunningSink, connect, output_stream, prepared, published};
use rekindle_test_kit::nats_server::NatsServer;

#[tokio::test]
async fn a_hundred_thousand_outputs_arrive_in_order_in_few_batches() {
    let (server, context) = prepared().await;
    let sink = RunningSink::start(&server, Settings::default()).await;
    for output_item in many(&plan(), 0, 100_000) {
        sink.send(output_item).await;
    }
    let figures = sink.finish().await.figures();
    assert_eq!(published(&context).await, (0..100_000).collect::<Vec<_>>());
    assert_eq!((figures.errors, figures.duplicates), (0, 0));
    assert!(figures.batches < 1_000, "{} batches", figures.batches);
}

#[tokio::test]
async fn a_stream_without_batches_gets_outputs_one_by_one_in_order() {
    let (server, context) = prepared().await;
    context.delete_stream("REKINDLE").await.expect("deleted");
    context.create_stream(stream::Config { allow_atomic_publish: false, ..output_stream() }).await.expect("created");
    let sink = RunningSink::start(&server, Settings::default()).await;
    for output_item in many(&plan(), 0, 20_000) {
        sink.send(output_item).await;
    }
    let figures = sink.finish().await.figures();
    assert_eq!(published(&context).await, (0..20_000).collect::<Vec<_>>());
    assert_eq!(figures.errors, 0);
}

#[tokio::test]
async fn without_jetstream_subscribers_get_what_is_published_while_they_listen() {
    let server = NatsServer::start();
    let client = connect(&server).await;
    let mut heard = client.subscribe("rekindle.>").await.expect("subscribed");
    // The server executes commands in order: when this message comes back, the subscription is in place.
    client.publish("rekindle.subscribed", "".into()).await.expect("sent");
    assert_eq!(heard.next().await.expect("heard").subject.as_str(), "rekindle.subscribed");
    let sink = RunningSink::start(&server, Settings { jetstream: false, ..Settings::default() }).await;
    sink.send(outputs::output_item(&plan(), vec![outputs::transition("u", 0)], vec![outputs::dead_letter(1, 1, b"x")]))
        .await;
    let figures = sink.finish().await.figures();
    assert_eq!(figures.published[MessageKind::Transition as usize], 1);
    let subjects = [heard.next().await.expect("heard").subject, heard.next().await.expect("heard").subject];
    assert_eq!(subjects.map(|subject| subject.to_string()), ["rekindle.dead", "rekindle.segments.active.enter"]);
}

/// Prints figures, with `--nocapture` in a release build; checks that each is a request of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_few_outputs_are_acknowledged_at_once() {
    for (mode, outputs) in [
        (PublishMode::Mixed, 1),
        (PublishMode::Mixed, 8),
        (PublishMode::Mixed, 63),
        (PublishMode::Batches, 1),
        (PublishMode::Batches, 63),
    ] {
        let (server, context) = prepared().await;
        let sink = RunningSink::start(&server, mode.settings()).await;
        let plan = plan();
        let mut took = Vec::new();
        for round in 0..100 {
            let some = (0..outputs).map(|number| outputs::transition("u", round * outputs + number)).collect();
            let started = Instant::now();
            sink.send(outputs::output_item(&plan, some, vec![])).await;
            while sink.status.figures().published[MessageKind::Transition as usize] < (round + 1) * outputs {
                tokio::time::sleep(Duration::from_micros(20)).await;
            }
            took.push(started.elapsed());
        }
        let figures = sink.finish().await.figures();
        took.sort();
        eprintln!("{mode:?}, {outputs} outputs: median {:?}, 90th {:?}, longest {:?}", took[50], took[90], took[99]);
        assert_eq!(published(&context).await, (0..100 * outputs).collect::<Vec<_>>());
        assert_eq!(figures.batches, if matches!(mode, PublishMode::Batches) { 100 } else { 100 * outputs });
    }
}

/// Not a test: prints figures, with `--ignored --nocapture`, in a release build.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a measurement"]
async fn outputs_per_second() {
    for mode in [PublishMode::Mixed, PublishMode::OneByOne] {
        let (server, _context) = prepared().await;
        let sink = RunningSink::start(&server, mode.settings()).await;
        let output_items = many(&plan(), 0, 300_000);
        let started = Instant::now();
        for output_item in output_items {
            sink.send(output_item).await;
        }
        let figures = sink.finish().await.figures();
        let rate = 300_000.0 / started.elapsed().as_secs_f64();
        eprintln!("{mode:?}: {rate:.0} messages/s in {} acknowledged requests", figures.batches);
    }
}

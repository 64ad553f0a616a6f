//! Servers that are killed, connections that break, other writers: every output is stored once and in order.

use std::time::{Duration, Instant};

use async_nats::jetstream::stream::{self};

use super::outputs::{many, numbers, plan};
use super::{PublishMode, RunningSink, connect, context, outputs_of, prepared, published};
use rekindle_test_kit::nats_server::NatsServer;

/// Publishes while something is done to the server repeatedly, and compares the stream with what was published.
async fn through(mode: PublishMode, mut disturb: impl FnMut(&mut NatsServer, &RunningSink), every: Duration) {
    let (mut server, setup) = prepared().await;
    setup.delete_stream("REKINDLE").await.expect("deleted");
    // So short that the server's memory of message ids does not help.
    let duplicate_window = Duration::from_millis(100);
    setup.create_stream(stream::Config { duplicate_window, ..mode.stream() }).await.expect("created");
    let sink = RunningSink::start(&server, mode.settings()).await;
    let (plan, mut next, mut last, mut disturbances) = (plan(), 0, Instant::now(), 0);
    while disturbances < 6 {
        for output_item in many(&plan, next, 2_000) {
            sink.send(output_item).await;
        }
        next += 2_000;
        if last.elapsed() > every {
            disturb(&mut server, &sink);
            disturbances += 1;
            last = Instant::now();
        }
    }
    let figures = sink.finish().await.figures();
    let found = published(&context(&server).await).await;
    eprintln!("{mode:?}: {next} outputs, {} stored, {figures:?}", found.len());
    assert!(found == (0..next).collect::<Vec<_>>(), "lost, doubled or out of order: {} of {next}", found.len());
    assert!(figures.errors > 0, "nothing was disturbed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_and_restarted_has_everything_once_and_in_order() {
    for mode in [PublishMode::Mixed, PublishMode::OneByOne, PublishMode::NoBatches] {
        let kill = |server: &mut NatsServer, _: &RunningSink| {
            server.kill();
            server.start_again();
        };
        through(mode, kill, Duration::from_millis(700)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_cut_repeatedly_loses_and_doubles_nothing() {
    for mode in PublishMode::ALL {
        let cut = |_: &mut NatsServer, sink: &RunningSink| {
            let client = sink.client.clone();
            tokio::spawn(async move { client.force_reconnect().await });
        };
        through(mode, cut, Duration::from_millis(150)).await;
    }
}

#[tokio::test]
async fn another_writer_in_the_stream_only_slows_the_sink_down() {
    for mode in PublishMode::ALL {
        let (server, context) = prepared().await;
        context.delete_stream("REKINDLE").await.expect("deleted");
        context.create_stream(mode.stream()).await.expect("created");
        let sink = RunningSink::start(&server, mode.settings()).await;
        let foreign = connect(&server).await;
        let writer = tokio::spawn(async move {
            // Without batches outputs must find a moment between two of these.
            let pause = if matches!(mode, PublishMode::NoBatches) { Duration::from_millis(20) } else { Duration::ZERO };
            loop {
                foreign.publish("rekindle.rules", "foreign".into()).await.expect("sent");
                foreign.flush().await.expect("sent");
                tokio::time::sleep(pause).await;
            }
        });
        for output_item in many(&plan(), 0, 5_000) {
            sink.send(output_item).await;
        }
        sink.finish().await;
        writer.abort();
        let found = outputs_of(&context).await;
        let ours = found.iter().filter(|message| message.subject.as_str() != "rekindle.rules");
        assert_eq!(numbers(ours.map(|message| &message.payload[..])), (0..5_000).collect::<Vec<_>>(), "{mode:?}");
    }
}

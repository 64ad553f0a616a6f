//! What happens to the server and to the connection does not show in what is published: it equals `replay` of what the
//! stream of events holds, in order per user, nothing lost and nothing twice.

use std::time::Duration;

use rekindle_test_kit::daemon::broker::Broker;
use rekindle_test_kit::daemon::harness::{TestDaemonSetup, signal};
use rekindle_test_kit::daemon::log::{ReplayedLog, THE_END, a_month, assert_same, per_user, starter_pack};
use rekindle_test_kit::nats_server::NatsServer;
use rekindle_test_kit::nats_server::proxy::Proxy;

/// How often something happens.
const TIMES: usize = 6;
/// Longer than the silence after which a source takes its server for dead.
const HANG: Duration = Duration::from_millis(3_500);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_and_started_again_under_load_costs_nothing() {
    let mut server = NatsServer::start();
    let daemon = TestDaemonSetup::new(&server.url(), &starter_pack()).start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    let publishing = {
        let broker = Broker { jetstream: broker.jetstream.clone() };
        tokio::spawn(async move { broker.publish_stubbornly(&a_month().messages).await })
    };
    let mut outputs = 0;
    for _ in 0..3 {
        // Some, but far from all.
        outputs += a_month().outputs() / 20;
        broker.wait_for_outputs(outputs).await;
        server.kill();
        tokio::time::sleep(Duration::from_millis(100)).await;
        server.start_again();
    }
    publishing.await.expect("no panic");
    broker.wait_for_subject(THE_END).await;
    daemon.stop();
    let log = ReplayedLog::as_stored(&starter_pack(), broker.read("EVENTS").await, "2026-02-20T00:00:00Z");
    assert!(log.messages.len() >= a_month().messages.len(), "{} messages", log.messages.len());
    assert_same(&per_user(&broker.read("REKINDLE").await), &log.expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_again_and_again_costs_nothing() {
    let (server, log) = (NatsServer::start(), a_month());
    let proxy = Proxy::to(server.port());
    let daemon = TestDaemonSetup::new(&proxy.url(), &starter_pack()).start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    let slices: Vec<_> = log.messages.chunks(log.messages.len().div_ceil(TIMES)).collect();
    for (number, slice) in slices.iter().enumerate() {
        let cut = async {
            // At another moment of reading and publishing each time.
            tokio::time::sleep(Duration::from_millis(20 + 30 * number as u64)).await;
            proxy.cut();
        };
        tokio::join!(broker.publish(slice, None), cut);
        // And between two: with some of the slice read, and perhaps not all.
        proxy.cut();
        daemon.wait_until_ready();
    }
    broker.wait_for_subject(THE_END).await;
    let reconnects = daemon.metric("rekindle_nats_reconnects_total");
    assert!(reconnects >= TIMES as f64, "only {reconnects} reconnects");
    daemon.stop();
    assert_same(&per_user(&broker.read("REKINDLE").await), &log.expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_hangs_for_a_while_costs_nothing() {
    let (server, log) = (NatsServer::start(), a_month());
    let daemon = TestDaemonSetup::new(&server.url(), &starter_pack()).start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    let (before, after) = log.messages.split_at(log.messages.len() / 2);
    broker.publish(before, None).await;
    signal("STOP", server.pid());
    tokio::time::sleep(HANG).await;
    signal("CONT", server.pid());
    broker.publish(after, None).await;
    broker.wait_for_subject(THE_END).await;
    daemon.stop();
    assert_same(&per_user(&broker.read("REKINDLE").await), &log.expected);
}

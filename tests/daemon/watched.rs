//! A real Prometheus watches the daemon while events flow: every metric of the documents is there, with its labels.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rekindle::metrics::definitions::{self, MetricKind};

use rekindle_test_kit::daemon::broker::Broker;
use rekindle_test_kit::daemon::harness::TestDaemonSetup;
use rekindle_test_kit::daemon::log::{a_month, starter_pack};
use rekindle_test_kit::nats_server::NatsServer;
use rekindle_test_kit::prometheus_server::{Histograms, Prometheus, promtool_check_metrics};

/// The daemon delivers, too.
const DELIVER: &str = "[[deliver]]\nname = 'hook'\nurl = 'http://127.0.0.1:9/'\nallow_private = true\n";
/// The daemon collects, too.
const COLLECT: &str = "[collect]\nenabled = true\nrow_events = ['Product Updated']\nlisten = '127.0.0.1:0'\n[collect.keys.web]\n\
    sha256 = ['e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855']\n";

/// What viewers of a product are told, once there are two of them.
const NOTICE: &str = "wanted = { of = 'product', on = 'enter:wanted_product', to = 'view' }\n";
const GROUPS: &str = "\n[groups.product]\nkey = 'product_id'\nttl = '1d'\n\
    [[segments]]\nid = 'wanted_product'\nof = 'product'\nwhen = \"distinct(view.user, '24h') >= 2\"\n";
/// Who looks most.
const RANKS: &str = "\n[[ranks]]\nid = 'looks'\nof = 'total(view)'\nevery = 'day'\n";
/// Who knows who looks like buying.
const PARTNER: &str = "\n[[partners]]\nid = 'acme'\nsegments = ['hot_intent']\n";
/// What to offer.
const PICKS: &str = "\n[[picks]]\nid = 'next'\non = ['view']\nitem = 'product_id'\nkind = 'session'\nevery = 'hour'\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prometheus_finds_every_metric_of_the_documents_while_events_flow() {
    let server = NatsServer::start();
    // One event never comes, the promotion is over by the middle of the month, and users share something.
    let rules = starter_pack()
        .replace("[events]\n", &format!("[events]\nnever = 'Never Sent'\n{NOTICE}"))
        .replace("\"2026-03-16\"", "\"2026-01-10\"")
        .replace("\"2026-03-19\"", "\"2026-01-12\"");
    let rules = format!("{rules}{GROUPS}{RANKS}{PARTNER}{PICKS}");
    let daemon =
        TestDaemonSetup::new(&server.url(), &rules).set("ENGINE_UNSEEN_AFTER", "1s").and(COLLECT).and(DELIVER).start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    // Something to reject, and actions.
    broker.publish_one("{").await;
    let (before, after) = a_month().messages.split_at(a_month().messages.len() / 2);
    broker.publish(before, None).await;
    let is_over = Arc::new(AtomicBool::new(false));
    let flow = {
        let is_over = Arc::clone(&is_over);
        tokio::spawn(async move {
            for some in after.chunks(100).take_while(|_| !is_over.load(Ordering::Relaxed)) {
                broker.publish(some, None).await;
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        })
    };
    let prometheus = Prometheus::scraping(daemon.address(), Histograms::Classic);
    // Since when an effect is certain: these shoppers do not react, so none is.
    for metric in definitions::ALL.iter().filter(|metric| metric.name != definitions::UPLIFT_SINCE.name) {
        let suffixes: &[&str] = match metric.kind {
            MetricKind::Histogram => &["_bucket", "_sum", "_count"],
            MetricKind::Summary => &["", "_sum", "_count"],
            MetricKind::Counter | MetricKind::Gauge => &[""],
        };
        for suffix in suffixes {
            let found = prometheus.wait_for(&format!("{}{suffix}{{job=\"rekindle\"}}", metric.name));
            for label in metric.labels {
                assert!(found[0].labels.contains_key(*label), "{} has no label {label}", metric.name);
            }
        }
    }
    let rate = prometheus.wait_for("sum(rate(rekindle_events_total[10s])) > 0")[0].number();
    let longest = prometheus.wait_for("rekindle_action_latency_since_start_seconds{quantile=\"1\"} > 0")[0].number();
    is_over.store(true, Ordering::Relaxed);
    flow.await.expect("no panic");
    assert!(rate > 1.0 && longest < 60.0, "{rate} events a second, the latest action after {longest} s");
    let page = daemon.metrics();
    assert_eq!(promtool_check_metrics(&page), "", "of\n{page}");
    daemon.stop();
}

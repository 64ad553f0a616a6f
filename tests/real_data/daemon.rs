//! The first events of real shops, through real NATS, equal `replay` of them. Where the data lies, and what becomes of tests
//! whose data is not there, stands in `data_sets`.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use bytes::Bytes;
use rekindle_core::time::{Span, Timestamp};
use serde_json::Value;

use crate::expected::{DATA_SETS, expected};
use libtest_mimic::Trial;
use rekindle_test_kit::daemon::broker::Broker;
use rekindle_test_kit::daemon::harness::TestDaemonSetup;
use rekindle_test_kit::daemon::log::{ReplayedLog, THE_END, assert_same, per_user, with_the_end};
use rekindle_test_kit::data_sets::trial;
use rekindle_test_kit::nats_server::NatsServer;
use rekindle_test_kit::repository;

/// No more of a data set, so that a test takes seconds.
const LINES: usize = 10_000;
/// Time goes on for so long after the last event: some become silent.
const AFTER: Span = Span(90 * 86_400_000);

pub(crate) fn trials() -> Vec<Trial> {
    let trials = DATA_SETS.map(|data_set| {
        let name = format!("real_data_through_nats_equals_replay::{data_set}");
        trial(&name, &expected(data_set).file, move |events| {
            let mut runtime = tokio::runtime::Builder::new_multi_thread();
            let runtime = runtime.worker_threads(2).enable_all().build().expect("a runtime");
            runtime.block_on(real_data_through_nats_equals_replay(data_set, events));
        })
    });
    trials.into()
}

async fn real_data_through_nats_equals_replay(data_set: &str, events: &Path) {
    let set = expected(data_set);
    let file = File::open(events).expect("it is there");
    let lines = BufReader::new(zstd::Decoder::new(file).expect("it is compressed")).lines().take(LINES);
    let messages: Vec<_> = lines.map(|line| Bytes::from(line.expect("UTF-8"))).collect();
    let last = messages.iter().filter_map(timestamp).max().expect("an event with a time");
    let rules = std::fs::read_to_string(repository().join("config/examples").join(&set.rules)).expect("the rules");
    let rules = with_the_end(&rules);
    let log = ReplayedLog::new(&rules, messages, &(last + AFTER).to_string());
    let server = NatsServer::start();
    let daemon = TestDaemonSetup::new(&server.url(), &rules).start();
    daemon.wait_until_ready();
    let broker = Broker::connect(&server.url()).await;
    broker.publish(&log.messages, None).await;
    broker.wait_for_subject(THE_END).await;
    daemon.stop();
    assert_same(&per_user(&broker.read("REKINDLE").await), &log.expected);
    assert_eq!(broker.count("REKINDLE_DEAD").await, log.rejected);
}

fn timestamp(line: &Bytes) -> Option<Timestamp> {
    let event: Value = serde_json::from_slice(line).ok()?;
    Timestamp::parse_rfc3339(event["timestamp"].as_str()?)
}

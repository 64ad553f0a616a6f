//! The first events of real shops, through real NATS, equal `replay` of them. Where the data lies, and what is said where
//! there is none, stands in `tests/real_data.rs`.

use std::fs::File;
use std::io::{BufRead, BufReader};

use bytes::Bytes;
use rekindle::time::{Span, Timestamp};
use rstest::rstest;
use serde_json::Value;

use crate::broker::Broker;
use crate::harness::Settings;
use crate::log::{Log, THE_END, assert_same, per_user, with_the_end};
use crate::nats_server::NatsServer;
use crate::real_data::{data_folder, expected, repository};

/// No more of a data set, so that a test takes seconds.
const LINES: usize = 10_000;
/// Time goes on for so long after the last event: some become silent.
const AFTER: Span = Span(90 * 86_400_000);

#[rstest]
#[case("cdnow")]
#[case("online-retail")]
#[case("completejourney")]
#[case("google-merch")]
#[case("rees46-multicategory")]
#[case("rees46-cosmetics")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn real_data_through_nats_equals_replay(#[case] data_set: &str) {
    let Some(data) = data_folder() else { return };
    let set = expected(data_set);
    let file = File::open(data.join(&set.file)).unwrap_or_else(|error| panic!("{}: {error}", set.file));
    let lines = BufReader::new(zstd::Decoder::new(file).expect("it is compressed")).lines().take(LINES);
    let messages: Vec<_> = lines.map(|line| Bytes::from(line.expect("UTF-8"))).collect();
    let last = messages.iter().filter_map(timestamp).max().expect("an event with a time");
    let rules = std::fs::read_to_string(repository().join("config/examples").join(&set.rules)).expect("the rules");
    let rules = with_the_end(&rules);
    let log = Log::new(&rules, messages, &(last + AFTER).to_string());
    let server = NatsServer::start();
    let daemon = Settings::new(&server.url(), &rules).start();
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

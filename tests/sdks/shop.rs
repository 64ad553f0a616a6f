//! A shop: a broker, the engine, a collector, and what the log says of a user's trip.

use std::collections::BTreeMap;

use rekindle_test_kit::daemon::harness::{TestDaemonSetup, wait_until};
use rekindle_test_kit::free_port;
use rekindle_test_kit::nats_server::NatsServer;
use serde_json::Value;

use rekindle_test_kit::daemon::collector::{KEYS, TestCollector, events};

/// The segments of a trip, in the order of the rules.
pub(crate) const SEGMENTS: [&str; 4] = ["looked_twenty_times", "bought_what_was_added", "bought_one_thing", "gold"];

/// How many products are looked at.
const VIEWS: usize = 20;

/// A broker, the engine, and a collector in a process of its own.
pub(crate) struct TestShop {
    pub(crate) server: NatsServer,
    engine: TestCollector,
    /// `None` while it is started again.
    collector: Option<TestCollector>,
}

/// What the log has of a user's trip.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TripLog {
    /// Every event.
    Whole,
    /// This number of events is not there.
    Lacks(usize),
}

impl TestShop {
    /// With further settings of the collector.
    pub(crate) fn open(more: &str) -> TestShop {
        TestShop::open_at(free_port(), more)
    }

    /// The same, on a port that was chosen.
    pub(crate) fn open_at(port: u16, more: &str) -> TestShop {
        let server = NatsServer::start();
        let setup = TestDaemonSetup::new(&server.url(), include_str!("trip.toml")).and(KEYS);
        let engine = TestCollector::ready(setup.set("COLLECT_ENABLED", true));
        let setup = rekindle_test_kit::daemon::collector::setup(&server.url(), more);
        let setup = setup.set("COLLECT_LISTEN", format!("127.0.0.1:{port}"));
        TestShop { server, engine, collector: Some(TestCollector::ready(setup)) }
    }

    /// The collector's port: the same after it was started again.
    pub(crate) fn port(&self) -> u16 {
        let url = self.collector.as_ref().expect("it runs").url();
        url.rsplit_once(':').and_then(|(_, port)| port.parse().ok()).expect("a port")
    }

    /// kill -9 of the collector, and another start.
    pub(crate) fn restart_collector(&mut self) {
        let setup = self.collector.take().expect("it runs").process.kill();
        self.collector = Some(TestCollector::start(setup));
    }

    /// Waits until the user is in these segments and no others.
    pub(crate) fn wait_for_segments(&self, user: &str, expected: &[&str]) {
        let mut found = Value::Null;
        let is_so = || {
            let (_, body) = self.engine.process.ask("GET", &format!("/v1/users/{user}/segments"));
            found = serde_json::from_str::<Value>(&body).map(|answer| answer["segments"].clone()).unwrap_or_default();
            found.as_array().is_some_and(|found| {
                found.iter().map(|id| id.as_str().unwrap_or_default()).eq(expected.iter().copied())
            })
        };
        let began = std::time::Instant::now();
        let mut is_so = is_so;
        while !is_so() {
            assert!(began.elapsed().as_secs() < 30, "{user} is not in {expected:?}: {found}");
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }

    /// What the log has of that trip, of which traits may be a part.
    pub(crate) fn log_of(&self, user: &str, has_traits: bool) -> TripLog {
        let mut found: BTreeMap<String, usize> = BTreeMap::new();
        for event in events(&self.server.url()).iter().filter(|event| event["userId"] == user) {
            let product = event["properties"]["product_id"].as_str().unwrap_or_default();
            *found.entry(format!("{} {} {product}", event["type"], event["event"])).or_default() += 1;
        }
        let tracks = found.keys().filter(|event| event.starts_with("\"track\"")).count();
        let identifies = usize::from(has_traits && found.keys().any(|event| event.starts_with("\"identify\"")));
        match (VIEWS + 2 + usize::from(has_traits)).saturating_sub(tracks + identifies) {
            0 => TripLog::Whole,
            lacking => TripLog::Lacks(lacking),
        }
    }

    /// Waits until an event of that name of this user is in the log.
    pub(crate) fn wait_for_event(&self, user: &str, name: &str) {
        let is_there =
            || events(&self.server.url()).iter().any(|event| event["userId"] == user && event["event"] == name);
        wait_until(&format!("{name} of {user}"), is_there);
    }

    /// Waits until something of this user is in the log.
    pub(crate) fn wait_for_first(&self, user: &str) {
        let first = || events(&self.server.url()).iter().any(|event| event["userId"] == user);
        wait_until("calls are in the log", first);
    }
}

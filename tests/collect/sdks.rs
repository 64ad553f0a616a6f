//! The vendors' own SDKs: a shopping trip with each ends in the same segments, also where the broker is killed meanwhile.

use std::path::Path;
use std::process::Command;

use rekindle_test_kit::daemon::harness::{TestDaemonSetup, wait_until};
use rekindle_test_kit::nats_server::NatsServer;
use rekindle_test_kit::{pypi, repository};
use serde_json::{Value, json};

use crate::harness::{KEYS, SHOP, TestCollector};

const SDKS: [&str; 5] = ["segment", "rudder", "posthog", "mixpanel", "amplitude"];

const PACKAGES: [&str; 5] = [
    "segment-analytics-python==2.4.0",
    "rudder-sdk-python==2.1.9",
    "posthog==7.91.1",
    "mixpanel==5.4.1",
    "amplitude-analytics==1.3.0",
];

/// Each event counts exactly once, and amounts and traits are what was said.
const RULES: &str = r#"
[events]
view = "Product Viewed"
add = "Product Added"
order = { event = "Order Completed", let = { net = "properties.total" } }
line = { event = "Order Completed", each = "products" }

[[segments]]
id = "looked_twenty_times"
when = "total(view) == 20"

[[segments]]
id = "bought_what_was_added"
when = "total(add.price) == 64.07 && total(order.net) == 64.07 && total(order) == 1 && total(line) == 1"

[[segments]]
id = "gold"
when = "traits.plan == 'gold'"
"#;

fn trip(programs: &Path, sdk: &str, url: &str) {
    let script = repository().join("tests/collect/trip.py");
    let python = programs.join("python");
    let output = Command::new(python).arg(script).args([sdk, url, SHOP, &format!("user-{sdk}")]).output();
    let output = output.expect("python runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{sdk}: {said}");
}

fn segments(collector: &TestCollector, sdk: &str) -> Value {
    let (_, body) = collector.process.ask("GET", &format!("/v1/users/user-{sdk}/segments"));
    serde_json::from_str::<Value>(&body).map(|answer| answer["segments"].clone()).unwrap_or_default()
}

fn all_end_in_the_same_segments(disturb: impl FnOnce(&mut NatsServer)) {
    let programs = pypi::programs(&PACKAGES);
    let mut server = NatsServer::start();
    let setup = TestDaemonSetup::new(&server.url(), RULES).and(KEYS).set("COLLECT_ENABLED", true);
    let collector = TestCollector::ready(setup);
    let url = collector.url();
    std::thread::scope(|scope| {
        let trips: Vec<_> = SDKS
            .iter()
            .map(|sdk| {
                let (programs, url) = (&programs, &url);
                scope.spawn(move || trip(programs, sdk, url))
            })
            .collect();
        disturb(&mut server);
        trips.into_iter().for_each(|trip| trip.join().expect("the trip ends"));
    });
    let expected = json!(["looked_twenty_times", "bought_what_was_added", "gold"]);
    for sdk in SDKS {
        let mut found = Value::Null;
        let same = || {
            found = segments(&collector, sdk);
            found == expected
        };
        wait_until(&format!("{sdk} ends in the segments of the others"), same);
    }
}

#[test]
fn a_shopping_trip_with_each_sdk_ends_in_the_same_segments() {
    all_end_in_the_same_segments(|_| {});
}

#[test]
fn a_broker_that_is_killed_meanwhile_changes_nothing() {
    all_end_in_the_same_segments(|server| {
        // After the first calls, and before the last ones.
        wait_until("calls are in the log", || !crate::harness::events(&server.url()).is_empty());
        server.kill();
        server.start_again();
    });
}

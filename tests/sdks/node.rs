//! The SDKs for servers, under node: trips end in the same segments, and what each loses is known.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

use libtest_mimic::Trial;
use rekindle_test_kit::{npm, optional, repository};

use crate::faulty_proxy::{FaultyProxy, ProxyFault};
use crate::shop::{SEGMENTS, TestShop, TripLog};
use rekindle_test_kit::daemon::collector::SHOP;

const PACKAGES: [&str; 8] = [
    "@segment/analytics-node@3.1.0",
    "@rudderstack/rudder-sdk-node@3.0.13",
    "posthog-node@5.70.0",
    "mixpanel@0.24.0",
    "@amplitude/analytics-node@1.5.73",
    "@snowplow/node-tracker@4.8.0",
    "sa-sdk-node@1.2.6",
    "@jitsu/js@1.11.0",
];

/// What the trip script calls them, and the segments that their trips end in.
const SDKS: [(&str, &[&str]); 8] = [
    ("segment", &SEGMENTS),
    ("rudder", &SEGMENTS),
    ("posthog", &SEGMENTS),
    ("mixpanel", &SEGMENTS),
    ("amplitude", &SEGMENTS),
    ("jitsu", &SEGMENTS),
    // It has no traits.
    ("snowplow", &["looked_twenty_times", "bought_what_was_added", "bought_one_thing"]),
    // It takes no lists of objects.
    ("sensors", &["looked_twenty_times", "bought_what_was_added", "gold"]),
];

/// What these lose by design: they try once, or not after such an answer. docs/http-api.md says so.
const LOSSES: [(&str, &[ProxyFault]); 4] = [
    ("amplitude", &[ProxyFault::LostRequest]),
    ("jitsu", TRIES_ONCE),
    ("mixpanel", TRIES_ONCE),
    ("sensors", TRIES_ONCE),
];

const TRIES_ONCE: &[ProxyFault] = &[ProxyFault::TooMany, ProxyFault::Unavailable, ProxyFault::LostRequest];

pub(crate) fn trials() -> Vec<Trial> {
    let modules = || npm::modules("sdks-node", &PACKAGES);
    vec![
        optional::trial("a_trip_with_each_sdk_of_servers_ends_in_the_same_segments", modules(), |modules| {
            undisturbed(&modules)
        }),
        optional::trial(
            "what_sdks_of_servers_send_again_counts_once_and_the_rest_loses_what_is_known",
            modules(),
            |modules| disturbed(&modules),
        ),
        optional::trial("a_collector_that_is_killed_meanwhile_costs_sdks_of_servers_nothing", modules(), |modules| {
            restarted(&modules)
        }),
    ]
}

/// What the SDK said.
fn trip(modules: &Path, sdk: &str, url: &str, user: &str) -> String {
    let mut node = Command::new("node");
    node.arg(repository().join("tests/sdks/trip.mjs")).arg(modules).args([sdk, url, SHOP, user]);
    let output = node.output().expect("node runs");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{sdk}: {said}");
    said
}

fn undisturbed(modules: &Path) {
    let shop = TestShop::open("");
    let url = format!("http://127.0.0.1:{}", shop.port());
    for (sdk, segments) in SDKS {
        let said = trip(modules, sdk, &url, &format!("user-{sdk}"));
        assert_eq!(said, "", "{sdk} complains");
        shop.wait_for_segments(&format!("user-{sdk}"), segments);
    }
}

fn disturbed(modules: &Path) {
    let shop = TestShop::open("");
    let port = shop.port();
    let losses: BTreeSet<(&str, ProxyFault)> = std::thread::scope(|scope| {
        let shop = &shop;
        let trips = SDKS.map(|(sdk, segments)| {
            scope.spawn(move || {
                ProxyFault::ALL
                    .into_iter()
                    .filter(|fault| loses(shop, modules, (sdk, segments), (port, *fault)))
                    .map(|fault| (sdk, fault))
                    .collect::<Vec<_>>()
            })
        });
        trips.into_iter().flat_map(|trip| trip.join().expect("the trips end")).collect()
    });
    let known = LOSSES.iter().flat_map(|(sdk, faults)| faults.iter().map(|fault| (*sdk, *fault))).collect();
    assert_eq!(losses, known);
}

/// Whether that fault costs the SDK events. Nothing may count twice.
fn loses(shop: &TestShop, modules: &Path, (sdk, segments): (&str, &[&str]), (port, fault): (u16, ProxyFault)) -> bool {
    let user = format!("user-{sdk}-{fault:?}");
    let proxy = FaultyProxy::before(port, Some(fault));
    let said = trip(modules, sdk, &proxy.url(), &user);
    assert!(proxy.requests() > 0, "{sdk} did not use the proxy");
    let log = shop.log_of(&user, segments.contains(&"gold"));
    eprintln!("{sdk} {fault:?}: {log:?} after {} requests {said:?}", proxy.requests());
    if log == TripLog::Whole {
        shop.wait_for_segments(&user, segments);
    }
    log != TripLog::Whole
}

fn restarted(modules: &Path) {
    let mut shop = TestShop::open("");
    let proxy = FaultyProxy::before(shop.port(), None);
    let url = &proxy.url();
    let persistent = SDKS.into_iter().filter(|(sdk, _)| LOSSES.iter().all(|(losing, _)| losing != sdk));
    let persistent: Vec<(&str, &[&str])> = persistent.collect();
    std::thread::scope(|scope| {
        let trips: Vec<_> = persistent
            .iter()
            .map(|(sdk, _)| scope.spawn(move || trip(modules, sdk, url, &format!("user-{sdk}"))))
            .collect();
        shop.wait_for_first(&format!("user-{}", persistent[0].0));
        shop.restart_collector();
        trips.into_iter().for_each(|trip| drop(trip.join().expect("the trip ends")));
    });
    for (sdk, segments) in persistent {
        shop.wait_for_segments(&format!("user-{sdk}"), segments);
    }
}

mod friends;
mod market;
mod messages;
mod service;

use std::collections::{HashMap, HashSet};

use super::{MAX_LATENESS, ShopScope, Simulator, SimulatorOptions};
use rekindle_core::time::{Span, Timestamp};
use serde_json::Value;

const START: Timestamp = Timestamp(1_772_000_000_000);
const DAY: i64 = 86_400_000;

fn simulator(seed: u64, shoppers: u32) -> Simulator {
    Simulator::new(SimulatorOptions { seed, shoppers, start: START, scope: ShopScope::TogetherWithRows })
}

/// The bytes of `days` days, asked for in steps of `step` milliseconds.
fn bytes(seed: u64, shoppers: u32, days: i64, step: i64) -> Vec<u8> {
    let mut simulator = simulator(seed, shoppers);
    let (mut out, mut lines, end) = (Vec::new(), 0, START + Span(days * DAY));
    let mut to = START;
    while to < end {
        to = (to + Span(step)).min(end);
        lines += simulator.advance(to, &mut out);
    }
    assert_eq!(lines, out.iter().filter(|byte| **byte == b'\n').count() as u64);
    out
}

fn events(seed: u64, shoppers: u32, days: i64) -> Vec<Value> {
    let text = String::from_utf8(bytes(seed, shoppers, days, days * DAY)).expect("JSON is UTF-8");
    text.lines().map(|line| serde_json::from_str(line).expect("every line is JSON")).collect()
}

fn text<'a>(event: &'a Value, pointer: &str) -> &'a str {
    event.pointer(pointer).and_then(Value::as_str).unwrap_or("")
}

fn time(event: &Value) -> i64 {
    Timestamp::parse_rfc3339(text(event, "/timestamp")).expect("every event has a timestamp").0
}

fn share(part: usize, whole: usize) -> f64 {
    part as f64 / whole as f64
}

#[test]
fn same_seed_gives_same_bytes_and_another_seed_others() {
    assert_eq!(bytes(7, 50, 20, DAY), bytes(7, 50, 20, DAY));
    assert_ne!(bytes(7, 50, 20, DAY), bytes(8, 50, 20, DAY));
}

#[test]
fn the_size_of_the_steps_does_not_matter() {
    let whole = bytes(7, 60, 10, 10 * DAY);
    assert!(!whole.is_empty());
    for step in [1_003, 60_000, 3_599_999, DAY] {
        assert!(bytes(7, 60, 10, step) == whole, "steps of {step} ms");
    }
}

#[test]
fn what_comes_after_a_skip_is_what_would_have_come_anyway() {
    let (mut skipping, mut telling) = (simulator(7, 200), simulator(7, 200));
    // In the middle of visits, too: a step that is no whole number of days.
    for days in [3, 20, 75] {
        let to = START + Span(days * DAY + 41_234_567);
        skipping.skip(to);
        telling.advance(to, &mut Vec::new());
        let (mut after, mut expected) = (Vec::new(), Vec::new());
        assert_eq!(skipping.advance(to + Span(DAY), &mut after), telling.advance(to + Span(DAY), &mut expected));
        assert!(!after.is_empty() && after == expected, "{days} days");
    }
}

#[test]
fn nothing_arrives_twice_or_before_its_time() {
    let mut simulator = simulator(3, 200);
    let mut out = Vec::new();
    assert_eq!(simulator.advance(START, &mut out), 0);
    let mut previous = START;
    for hour in 1..=72 {
        let to = START + Span(hour * 3_600_000);
        out.clear();
        simulator.advance(to, &mut out);
        assert_eq!(simulator.advance(to, &mut out), 0);
        assert_eq!(simulator.advance(START, &mut out), 0);
        for line in out.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let at = time(&serde_json::from_slice(line).expect("every line is JSON"));
            assert!(at <= to.0 && at > previous.0 - MAX_LATENESS.0);
        }
        previous = to;
    }
}

#[test]
fn no_shoppers_no_events() {
    assert!(bytes(1, 0, 30, DAY).is_empty());
}

#[test]
fn a_start_at_the_edge_of_time_is_no_panic() {
    for (start, counts_as) in [(Timestamp::MIN, Timestamp(0)), (Timestamp(i64::MAX), super::LATEST_START)] {
        let mut simulator =
            Simulator::new(SimulatorOptions { seed: 1, shoppers: 30, start, scope: ShopScope::Together });
        assert!(simulator.advance(counts_as + Span(9 * DAY), &mut Vec::new()) > 0);
    }
}

/// What the shop's own servers send.
const OF_SERVERS: [&str; 5] = ["Order Shipped", "Order Delivered", "Ticket Opened", "Ticket Answered", "Ticket Closed"];

#[test]
fn every_event_has_the_fields_it_promises() {
    for event in events(5, 300, 20) {
        let number = |pointer: &str| event.pointer(pointer).and_then(Value::as_f64);
        for pointer in ["/messageId", "/timestamp"] {
            assert_ne!(text(&event, pointer), "", "{pointer} of {event}");
        }
        if text(&event, "/event") == "Product Updated" {
            let whole = ["userId", "anonymousId", "context"].iter().all(|key| event.get(key).is_none());
            assert!(whole && number("/properties/price") > Some(0.5), "{event}");
            for pointer in ["product_id", "title", "category", "brand"] {
                assert_ne!(text(&event, &format!("/properties/{pointer}")), "", "{event}");
            }
            continue;
        }
        if OF_SERVERS.contains(&text(&event, "/event")) {
            assert_ne!(text(&event, "/userId").is_empty(), text(&event, "/anonymousId").is_empty(), "{event}");
            assert_eq!(event.get("context"), None);
        } else {
            for pointer in ["/anonymousId", "/context/timezone", "/context/campaign/source", "/context/campaign/medium"]
            {
                assert_ne!(text(&event, pointer), "", "{pointer} of {event}");
            }
            assert!(["mobile", "desktop"].contains(&text(&event, "/context/device/type")));
        }
        match (text(&event, "/type"), text(&event, "/event")) {
            ("page", "") => assert!(event.pointer("/properties/path").is_some()),
            ("identify", "") => {
                assert_ne!(text(&event, "/userId"), "");
                assert!(["basic", "silver", "gold"].contains(&text(&event, "/traits/tier")));
                for consent in ["/traits/email_opt_in", "/traits/push_opt_in"] {
                    assert!(event.pointer(consent).is_some_and(Value::is_boolean));
                }
                assert!(text(&event, "/traits/email").ends_with("@shoppers.example"));
                assert_ne!(text(&event, "/traits/first_name"), "");
            }
            ("track", name @ ("Product Viewed" | "Product Added" | "Product Removed")) => {
                assert!(text(&event, "/properties/product_id").starts_with(text(&event, "/properties/category")));
                assert!(text(&event, "/properties/name").starts_with(text(&event, "/properties/brand")));
                assert_ne!(text(&event, "/properties/sku"), "");
                assert!(number("/properties/price").is_some_and(|price| price > 0.5));
                assert!(number("/properties/quantity").is_some_and(|quantity| quantity >= 1.0));
                assert_eq!(text(&event, "/properties/cart_id").is_empty(), name == "Product Viewed");
            }
            ("track", name @ ("Checkout Started" | "Order Completed")) => {
                let total = if name == "Order Completed" { "/properties/total" } else { "/properties/value" };
                assert!(number(total).is_some_and(|total| total > 0.5));
                assert!(event.pointer("/properties/products/0/product_id").is_some());
                assert_ne!(text(&event, "/properties/cart_id"), "");
                assert_eq!(text(&event, "/properties/currency"), "USD");
            }
            ("track", "Cart Viewed") => assert_ne!(text(&event, "/properties/cart_id"), ""),
            ("track", "Order Shipped" | "Order Delivered") => assert_ne!(text(&event, "/properties/order_id"), ""),
            ("track", "Ticket Opened" | "Ticket Answered" | "Ticket Closed") => {
                assert_ne!(text(&event, "/properties/ticket_id"), "");
            }
            ("track", name) => assert_ne!(name, ""),
            (other, _) => panic!("a call of type {other}"),
        }
    }
}

#[test]
fn events_are_sorted_up_to_the_stated_lateness() {
    let (mut latest, mut late, mut very_late, mut last_id) = (START.0, 0, 0, HashSet::new());
    let events = events(9, 500, 30);
    for event in &events {
        let behind = latest - time(event);
        assert!(behind <= MAX_LATENESS.0);
        if last_id.insert(text(event, "/messageId")) {
            late += usize::from(behind > 0);
            very_late += usize::from(behind > 2_000);
        }
        latest = latest.max(time(event));
    }
    assert!(late > 0 && share(late, events.len()) < 0.06, "{late} late");
    assert!(very_late > 0 && share(very_late, events.len()) < 0.003, "{very_late} very late");
}

#[test]
fn about_one_in_a_hundred_is_sent_twice_and_then_alike() {
    let events = events(9, 500, 30);
    let mut seen: HashMap<&str, &Value> = HashMap::new();
    let mut again = 0;
    for event in &events {
        if let Some(first) = seen.insert(text(event, "/messageId"), event) {
            assert_eq!(first, event);
            again += 1;
        }
    }
    assert!((0.006..0.014).contains(&share(again, events.len())), "{again} of {}", events.len());
}

#[test]
fn the_funnel_narrows_as_documented() {
    let events = events(11, 2_000, 60);
    let count = |name: &str| events.iter().filter(|event| text(event, "/event") == name).count();
    let (viewed, added, removed) = (count("Product Viewed"), count("Product Added"), count("Product Removed"));
    let (checkouts, orders) = (count("Checkout Started"), count("Order Completed"));
    assert!((0.07..0.17).contains(&share(added, viewed)), "{added} added of {viewed} viewed");
    assert!((0.05..0.11).contains(&share(removed, added)), "{removed} removed of {added} added");
    assert!((0.45..0.65).contains(&share(orders, checkouts)), "{orders} orders of {checkouts} checkouts");
    assert!(count("Signed Up") > 200 && count("Signed In") > 200);
    assert!(count("Products Searched") > 0 && count("Coupon Applied") > 0);

    // By visits (the messageId less its last part) that fill a cart, and by carts: some of these are bought on a later
    // visit.
    let of = |name: &str, whose: fn(&Value) -> Option<&str>| -> HashSet<String> {
        let named = events.iter().filter(|event| text(event, "/event") == name);
        named.filter_map(whose).map(str::to_owned).collect()
    };
    let abandoned = |whose: fn(&Value) -> Option<&str>| {
        let (filled, bought) = (of("Product Added", whose), of("Order Completed", whose));
        1.0 - share(filled.intersection(&bought).count(), filled.len())
    };
    let by_visits = abandoned(|event| text(event, "/messageId").rsplit_once('.').map(|(visit, _)| visit));
    assert!((0.6..0.8).contains(&by_visits), "{by_visits} of the visits with a cart end without an order");
    let by_carts = abandoned(|event| Some(text(event, "/properties/cart_id")));
    assert!((0.4..0.6).contains(&by_carts), "{by_carts} of the carts are never bought");

    // Every visit begins with its one page, whose line may come twice.
    let pages = events.iter().filter(|event| text(event, "/type") == "page");
    let visits: HashSet<&str> = pages.map(|event| text(event, "/messageId")).collect();
    let weekly = visits.len() as f64 / 2_000.0 / 60.0 * 7.0;
    assert!((0.5..2.0).contains(&weekly), "{weekly} visits a week and shopper");
}

#[test]
fn nights_are_quiet_where_the_shopper_lives() {
    let mut by_hour = [0usize; 24];
    // The shop's servers never sleep; they don't say a time zone.
    for event in events(2, 1_000, 20).iter().filter(|event| event.get("context").is_some()) {
        let zone = jiff::tz::TimeZone::get(text(event, "/context/timezone")).expect("an IANA zone");
        let instant = jiff::Timestamp::from_millisecond(time(event)).expect("in range");
        by_hour[instant.to_zoned(zone).hour() as usize] += 1;
    }
    assert!(by_hour[3] * 10 < by_hour[20], "{by_hour:?}");
}

#[test]
fn some_go_cold_for_weeks_and_come_back_and_some_visitors_become_users() {
    let events = events(4, 300, 120);
    let (mut latest, mut back, mut linked): (HashMap<&str, i64>, _, _) = (HashMap::new(), 0, HashSet::new());
    let mut anonymous = HashSet::new();
    for event in &events {
        let (user, visitor) = (text(event, "/userId"), text(event, "/anonymousId"));
        if user.is_empty() {
            anonymous.insert(visitor);
            continue;
        }
        if anonymous.contains(visitor) {
            linked.insert(user);
        }
        if let Some(before) = latest.insert(user, time(event)) {
            back += usize::from(time(event) - before >= 45 * DAY);
        }
    }
    assert!(back >= 5, "{back} came back after 45 days");
    assert!(linked.len() >= 50, "{} visitors became users", linked.len());
}

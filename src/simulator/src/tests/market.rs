//! Prices fall and recover, stock runs out and comes back, and the rows say so.

use std::collections::BTreeMap;

use super::*;
use crate::market::{CHANGES, CUT_PERCENT, LISTED};

const HOUR: i64 = 3_600_000;

/// What rows said of each product, in order: when, the price, and whether it is in stock.
type ToldRows = BTreeMap<String, Vec<(i64, f64, bool)>>;

/// All events of some days, and what rows among them said.
fn rows(days: i64) -> (Vec<Value>, ToldRows) {
    let (events, mut told) = (events(5, 400, days), ToldRows::new());
    let mut seen = HashSet::new();
    for row in events.iter().filter(|event| text(event, "/event") == "Product Updated") {
        if seen.insert(text(row, "/messageId")) {
            let properties = &row["properties"];
            let state = (properties["price"].as_f64().expect("a price"), properties["in_stock"] == true);
            told.entry(text(row, "/properties/product_id").to_owned()).or_default().push((time(row), state.0, state.1));
        }
    }
    told.values_mut().for_each(|rows| rows.sort_by_key(|row| row.0));
    (events, told)
}

fn is_nightly(at: i64) -> bool {
    at.rem_euclid(DAY).div_euclid(HOUR) == 2
}

#[test]
fn every_night_all_rows_are_told_and_by_day_only_what_changes() {
    let (_, told) = rows(40);
    assert_eq!(told.len(), usize::from(LISTED) * 10);
    for (product, rows) in &told {
        let nights = rows.iter().filter(|(at, ..)| is_nightly(*at)).count();
        assert!((39..=41).contains(&nights), "{product}: {nights} nights");
        for pair in rows.windows(2) {
            let changed = (pair[0].1, pair[0].2) != (pair[1].1, pair[1].2);
            assert!(changed || is_nightly(pair[1].0), "{product} is told {pair:?}");
        }
    }
}

#[test]
fn prices_fall_and_stock_runs_out_at_the_stated_rate_and_both_come_back() {
    let (_, told) = rows(168);
    let (mut cuts, mut shortages, mut back) = (0, 0, 0);
    for rows in told.values() {
        let usual = rows.iter().map(|row| row.1).fold(0.0, f64::max);
        for pair in rows.windows(2) {
            cuts += usize::from(pair[1].1 < pair[0].1);
            shortages += usize::from(pair[0].2 && !pair[1].2);
            back += usize::from(!pair[0].2 && pair[1].2);
            let cut = 1.0 - pair[1].1 / usual;
            assert!(cut == 0.0 || (cut * 100.0 - CUT_PERCENT as f64).abs() < 6.0, "{pair:?}");
        }
    }
    // Six cycles of 28 days.
    let cycles = told.len() * 6;
    for (found, stated) in [(cuts, CHANGES.0), (shortages, CHANGES.1), (back, CHANGES.1)] {
        assert!((share(found, cycles) - stated).abs() < 0.07, "{found} of {cycles}, {stated} stated");
    }
}

#[test]
fn what_is_sold_out_is_looked_at_and_not_bought_and_views_bear_the_price_of_the_row() {
    let (events, told) = rows(60);
    let state = |product: &str, at: i64| told.get(product)?.iter().rev().find(|row| row.0 <= at).copied();
    let (mut looked_at, mut cheaper) = (0, 0);
    for event in &events {
        let named = |name: &str| text(event, "/event") == name;
        let Some((told_at, price, in_stock)) = state(text(event, "/properties/product_id"), time(event)) else {
            continue;
        };
        // A visit goes on for a while with what was there as it began, and rows are told by the hour.
        if time(event) - told_at < 3 * HOUR || !(named("Product Viewed") || named("Product Added")) {
            continue;
        }
        let next = state(text(event, "/properties/product_id"), time(event) + HOUR);
        if next.map(|row| (row.1, row.2)) != Some((price, in_stock)) {
            continue;
        }
        assert_eq!(event["properties"]["price"].as_f64(), Some(price), "{event}");
        assert!(in_stock || named("Product Viewed"), "{event}");
        looked_at += usize::from(!in_stock);
        cheaper += usize::from(told[text(event, "/properties/product_id")].iter().any(|row| row.1 > price));
    }
    assert!(looked_at > 20 && cheaper > 20, "{looked_at} looked at what is sold out, {cheaper} at what is cheaper");
}

#[test]
fn without_rows_shoppers_do_the_same() {
    let run = |scope| {
        let mut out = Vec::new();
        let mut simulator = Simulator::new(SimulatorOptions { seed: 3, shoppers: 200, start: START, scope });
        simulator.advance(START + Span(20 * DAY), &mut out);
        let text = String::from_utf8(out).expect("UTF-8");
        text.lines().filter(|line| !line.contains("Product Updated")).map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(run(ShopScope::Together) == run(ShopScope::TogetherWithRows));
    let alone = run(ShopScope::Alone);
    assert!(!alone.iter().any(|line| line.contains("Team Joined") || line.contains("\"Invit")), "alone is alone");
}

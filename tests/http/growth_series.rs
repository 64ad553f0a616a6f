//! The page's growth numbers never have more series than the rules allow for.

use std::sync::Arc;

use rekindle::metrics::{MetricsPage, growth_series_max};
use rekindle_core::growth::GrowthReport;
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules;
use rekindle_core::time::Timestamp;
use rekindle_runtime::pipeline::{Pipeline, PipelineOptions};
use rekindle_test_kit::growth_call::GrowthCall;

const RULES: &str = include_str!("../engine/growth_rules.toml");

/// What to offer.
const PICKS: &str = "[[picks]]\nid = 'popular'\non = ['view']\nitem = 'product_id'\nkind = 'popular'\nevery = 'day'\n";

/// 2026-03-01T12:00:00Z.
const START: i64 = 1_772_366_400_000;
const DAY: i64 = 86_400_000;

fn call(user: String, source: Option<&'static str>, name: &'static str, ms: i64) -> GrowthCall {
    GrowthCall { ms, user: Some(user), visitor: None, name, source, value: 2_500_000, coupon: true, message: 0 }
}

/// Two years with a new user every day, who orders a week later; then a user of every channel who reaches everything.
fn log() -> String {
    let mut calls = Vec::new();
    for day in 0..730 {
        calls.push(call(format!("u{day}"), None, "page", START + day * DAY + 1_000));
        if day >= 7 {
            calls.push(call(format!("u{}", day - 7), None, "Order Completed", START + day * DAY + 2_000));
        }
    }
    for (number, source) in [Some("google"), Some("newsletter"), None, Some("x")].into_iter().enumerate() {
        let names =
            ["Product Viewed", "Product Added", "Order Completed", "Order Completed", "Order Refunded", "identify"];
        for (step, name) in (0..).zip(names) {
            calls.push(call(format!("all{number}"), source, name, START + 729 * DAY + step * 60_000));
        }
    }
    (0..).zip(calls).map(|(message, call)| GrowthCall { message, ..call }.line()).collect()
}

/// Some hours after [`first_day`], on the same day.
pub(crate) const FIRST_EVENING: Timestamp = Timestamp(START + 5 * 3_600_000);

/// One day: three users, who look, and one who orders.
pub(crate) fn first_day() -> String {
    let names = ["Product Viewed", "Product Added", "Order Completed"];
    let calls = (0..9u32).map(|at| {
        let name = names[(at % 3) as usize];
        GrowthCall { message: at, ..call(format!("u{}", at / 3), Some("google"), name, START + i64::from(at) * 60_000) }
            .line()
    });
    calls.collect()
}

/// The log of two years, and an instant after it.
pub(crate) fn two_years() -> (String, Timestamp) {
    (log(), Timestamp(START + 731 * DAY))
}

fn plan() -> Arc<ExecutionPlan> {
    Arc::new(ExecutionPlan::new(rules::compile(&format!("{RULES}{PICKS}")).expect("the rules compile")))
}

/// The growth numbers of a log as of an instant.
pub(crate) fn report(log: &str, until: Timestamp) -> GrowthReport {
    let options = PipelineOptions { partitions: 2, workers: 1, ..PipelineOptions::default() };
    let mut pipeline = Pipeline::new(plan(), options).expect("threads start");
    pipeline.feed(log.as_bytes(), &mut |_| {}, &mut Vec::new());
    pipeline.advance_to(until, &mut Vec::new());
    pipeline.growth(Some(until)).expect("there are numbers")
}

#[test]
fn number_of_series_is_within_the_stated_maximum() {
    let plan = plan();
    let growth = plan.rules.growth.as_ref().expect("rules with growth numbers");
    let (log, until) = two_years();
    let mut page = MetricsPage::default();
    page.growth(&report(&log, until));
    let text = page.text();
    let series = text.lines().filter(|line| line.starts_with("rekindle_growth_")).count();
    let max = growth_series_max(growth);
    assert!(series <= max, "{series} series, of at most {max}");
    assert!(series * 2 > max, "{series} series are far from the maximum, {max}: the bound says little");
}

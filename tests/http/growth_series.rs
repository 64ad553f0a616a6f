//! The page's growth numbers never have more series than the rules allow for.

use std::sync::Arc;

use rekindle::metrics::{MetricsPage, growth_series_max};
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules;
use rekindle_core::time::Timestamp;
use rekindle_runtime::pipeline::{Pipeline, PipelineOptions};
use rekindle_test_kit::growth_call::GrowthCall;

const RULES: &str = include_str!("../engine/growth_rules.toml");

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

#[test]
fn number_of_series_is_within_the_stated_maximum() {
    let plan = Arc::new(ExecutionPlan::new(rules::compile(RULES).expect("the rules compile")));
    let growth = plan.rules.growth.as_ref().expect("rules with growth numbers");
    let options = PipelineOptions { partitions: 2, workers: 1, ..PipelineOptions::default() };
    let mut pipeline = Pipeline::new(Arc::clone(&plan), options).expect("threads start");
    pipeline.feed(log().as_bytes(), &mut |_| {}, &mut Vec::new());
    let until = Timestamp(START + 731 * DAY);
    pipeline.advance_to(until, &mut Vec::new());
    let mut page = MetricsPage::default();
    page.growth(&pipeline.growth(Some(until)).expect("there are numbers"));
    let text = page.text();
    let series = text.lines().filter(|line| line.starts_with("rekindle_growth_")).count();
    let max = growth_series_max(growth);
    assert!(series <= max, "{series} series, of at most {max}");
    assert!(series * 2 > max, "{series} series are far from the maximum, {max}: the bound says little");
}

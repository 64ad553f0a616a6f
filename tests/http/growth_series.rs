//! The page's growth numbers never have more series than the rules allow for.

use std::fmt::Write as _;
use std::sync::Arc;

use rekindle::metrics::{MetricsPage, growth_series_max};
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules;
use rekindle_core::time::Timestamp;
use rekindle_runtime::pipeline::{Pipeline, PipelineOptions};

const RULES: &str = include_str!("../engine/growth_rules.toml");

/// 2026-03-01T12:00:00Z.
const START: i64 = 1_772_366_400_000;
const DAY: i64 = 86_400_000;

fn add(lines: &mut String, user: &str, source: Option<&str>, name: &str, at: i64, total: f64) {
    match name {
        "page" | "identify" => write!(lines, r#"{{"type":"{name}""#),
        _ => write!(
            lines,
            r#"{{"type":"track","event":"{name}","properties":{{"total":{total},"discount":1,"coupon":"TEN"}}"#
        ),
    }
    .expect("writing to a string cannot fail");
    if let Some(source) = source {
        write!(lines, r#","context":{{"campaign":{{"source":"{source}"}}}}"#).expect("writing to a string cannot fail");
    }
    let time = Timestamp(at);
    writeln!(lines, r#","userId":"{user}","messageId":"{user}-{at}","timestamp":"{time}"}}"#)
        .expect("writing to a string cannot fail");
}

/// Two years in which every day somebody comes for the first time, and orders a week later; then a user of every channel who
/// reaches everything.
fn log() -> String {
    let mut lines = String::new();
    for day in 0..730 {
        add(&mut lines, &format!("u{day}"), None, "page", START + day * DAY + 1_000, 0.0);
        if day >= 7 {
            add(&mut lines, &format!("u{}", day - 7), None, "Order Completed", START + day * DAY + 2_000, 2.5);
        }
    }
    for (number, source) in [Some("google"), Some("newsletter"), None, Some("x")].into_iter().enumerate() {
        let names =
            ["Product Viewed", "Product Added", "Order Completed", "Order Completed", "Order Refunded", "identify"];
        for (step, name) in (0..).zip(names) {
            add(&mut lines, &format!("all{number}"), source, name, START + 729 * DAY + step * 60_000, 1.0);
        }
    }
    lines
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

//! What the dashboards show before a day is complete: panels of whole days have no value, and say what they need, instead of
//! showing 0 as if nobody had come.

use std::fs;

use rekindle::metrics::MetricsPage;
use rekindle_core::time::Timestamp;
use rekindle_test_kit::dashboard;
use rekindle_test_kit::prometheus_server;
use serde_json::{Value, json};

use crate::growth_series;

/// The dashboards of growth numbers.
const FILES: [&str; 4] = ["growth", "retention", "commerce", "segments"];

/// The panels of whole days: dashboard, title, and expressions.
fn panels_of_whole_days() -> Vec<(String, Vec<String>)> {
    let mut panels = Vec::new();
    for file in FILES {
        let expressions = dashboard::expressions_of(file);
        let dashboard = dashboard::read(file);
        for panel in dashboard::panels(&dashboard) {
            let needs = panel["fieldConfig"]["defaults"]["noValue"].as_str().unwrap_or_default();
            if needs.contains("whole day") || needs.contains("whole week") {
                let title = panel["title"].as_str().expect("a title");
                let own = expressions.iter().filter(|(of, _)| of == title).map(|(_, expr)| expr.clone()).collect();
                panels.push((format!("{file}: {title}"), own));
            }
        }
    }
    panels
}

/// The growth numbers of a log as of an instant, as promtool takes series.
fn series(log: &str, until: Timestamp) -> Vec<Value> {
    let mut page = MetricsPage::default();
    page.growth(&growth_series::report(log, until));
    let lines = page.text();
    let samples = lines.lines().filter(|line| !line.starts_with('#'));
    let series = samples.filter_map(|line| {
        let (series, value) = line.rsplit_once(' ')?;
        let (name, labels) = series.split_once('{').unwrap_or((series, "}"));
        let labels = labels.strip_suffix('}')?;
        let separator = if labels.is_empty() { "" } else { "," };
        let series = format!("{name}{{{labels}{separator}job=\"rekindle\",instance=\"here\"}}");
        Some(json!({ "series": series, "values": format!("{value}x5") }))
    });
    series.collect()
}

/// What promtool says of expressions that must have these samples.
fn promtool(series: &[Value], expected: &[(String, Value)]) -> String {
    let tests =
        expected.iter().map(|(expr, samples)| json!({ "expr": expr, "eval_time": "2m", "exp_samples": samples }));
    let tests: Vec<Value> = tests.collect();
    let file = json!({ "evaluation_interval": "1m", "rule_files": [], "tests": [
        { "interval": "1m", "input_series": series, "promql_expr_test": tests },
    ]});
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("tests.yml"), file.to_string()).expect("it is written");
    prometheus_server::promtool(&folder.path().display().to_string(), &["test", "rules", "tests.yml"])
}

#[test]
fn panels_of_whole_days_have_no_value_on_a_first_day() {
    let panels = panels_of_whole_days();
    assert!(panels.len() > 30, "only {} panels", panels.len());
    let empty: Vec<_> = panels.iter().flat_map(|(_, own)| own).map(|expr| (expr.clone(), json!([]))).collect();
    let series = series(&growth_series::first_day(), growth_series::FIRST_EVENING);
    assert!(series.len() > 50, "only {} series", series.len());
    let said = promtool(&series, &empty);
    assert!(said.contains("SUCCESS") && !said.contains("FAILED"), "{said}");
}

#[test]
fn panels_of_whole_days_have_a_value_later() {
    let filled = panels_of_whole_days()
        .into_iter()
        .flat_map(|(_, own)| own)
        .map(|expr| (format!("count({expr}) > bool 0"), json!([{ "labels": "{}", "value": 1 }])));
    // The day of the last events is the last complete one.
    let (log, until) = growth_series::two_years();
    let until = Timestamp(until.0 - 86_400_000);
    let said = promtool(&series(&log, until), &filled.collect::<Vec<_>>());
    assert!(said.contains("SUCCESS") && !said.contains("FAILED"), "{said}");
}

/// A panel that shows only whole days says so.
#[test]
fn every_panel_of_the_last_complete_day_says_what_it_needs() {
    for file in FILES {
        let dashboard = dashboard::read(file);
        for panel in dashboard::panels(&dashboard) {
            let targets = panel["targets"].as_array().expect("targets");
            let is_of_whole_days = targets.iter().all(|target| {
                let expr = target["expr"].as_str().expect("an expression");
                ["day=\"last\"", "retention_", "cohort_users", "conversion_ratio", "stickiness"]
                    .iter()
                    .any(|part| expr.contains(part))
            });
            let needs = &panel["fieldConfig"]["defaults"]["noValue"];
            assert!(!is_of_whole_days || needs.is_string(), "{file}: {} says nothing on a first day", panel["title"]);
        }
    }
}

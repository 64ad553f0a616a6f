//! The metrics as promtool sees them, and the dashboard against the metrics that there are.

use std::collections::BTreeSet;

use regex::Regex;
use rekindle::metrics::definitions::{self, MetricKind};

use rekindle_test_kit::dashboard::{dashboard, expressions, expressions_of, panels};
use rekindle_test_kit::prometheus_server::promtool_check_metrics;

#[test]
fn promtool_finds_nothing_to_say_of_a_full_page() {
    let text = crate::full_page::page().text();
    assert!(text.len() > 5_000, "{text}");
    assert_eq!(promtool_check_metrics(&text), "", "of\n{text}");
}

#[test]
fn promtool_would_say_so() {
    let text = crate::full_page::page().text();
    let without_help = text.replace("# HELP rekindle_users ", "# no help: ");
    assert!(promtool_check_metrics(&without_help).contains("rekindle_users no help text"));
    assert!(promtool_check_metrics(&text.replace("rekindle_users 1", "rekindle_users one")).contains("error"));
}

/// The metrics that an expression names.
fn named(expression: &str) -> Vec<String> {
    let name = Regex::new(r"\b(?:rekindle|process)_[a-z_]+\b").expect("a pattern");
    name.find_iter(expression).map(|found| found.as_str().to_owned()).collect()
}

/// The metric whose series have this name.
fn metric_of(series: &str) -> Option<&'static definitions::MetricDefinition> {
    definitions::ALL.iter().find(|metric| {
        let suffixes: &[&str] = match metric.kind {
            MetricKind::Histogram => &["", "_bucket", "_sum", "_count"],
            MetricKind::Summary => &["", "_sum", "_count"],
            MetricKind::Counter | MetricKind::Gauge => &[""],
        };
        series.strip_prefix(metric.name).is_some_and(|suffix| suffixes.contains(&suffix))
    })
}

/// Growth numbers, what was counted of goals, budgets and delivery have other dashboards.
fn is_of_growth(name: &str) -> bool {
    let prefixes = ["growth_", "target_", "trend_", "anomaly", "goal_", "uplift", "budget_", "deliver_"];
    prefixes.iter().any(|prefix| name.strip_prefix("rekindle_").is_some_and(|name| name.starts_with(prefix)))
}

#[test]
fn dashboards_show_every_metric_of_the_engine_and_no_other() {
    let all = expressions().into_iter().chain(expressions_of("uplift"));
    let names: BTreeSet<String> = all.flat_map(|(_, expression)| named(&expression)).collect();
    let unknown: Vec<_> = names.iter().filter(|name| metric_of(name).is_none()).collect();
    assert!(unknown.is_empty(), "no such metrics: {unknown:?}");
    let shown: BTreeSet<_> = names.iter().filter_map(|name| metric_of(name)).map(|metric| metric.name).collect();
    let forgotten: Vec<_> = definitions::ALL
        .iter()
        .map(|metric| metric.name)
        .filter(|name| name.starts_with("rekindle_") && !is_of_growth(name) && !shown.contains(name))
        .collect();
    assert!(forgotten.is_empty(), "nothing shows {forgotten:?}");
}

#[test]
fn the_dashboard_sorts_by_labels_that_its_metrics_have() {
    let by = Regex::new(r"by \(([^)]*)\)").expect("a pattern");
    let mut sorted = 0;
    for (title, expression) in expressions() {
        let mut labels: Vec<&str> = named(&expression)
            .iter()
            .flat_map(|name| metric_of(name))
            .flat_map(|metric| metric.labels)
            .copied()
            .collect();
        labels.extend(["instance", "le"]);
        for found in by.captures_iter(&expression) {
            for label in found[1].split(", ") {
                assert!(labels.contains(&label), "{title}: {label} in {expression}");
                sorted += 1;
            }
        }
    }
    assert!(sorted > 10, "only {sorted} labels were looked at");
}

#[test]
fn the_dashboard_is_one_that_grafana_can_show() {
    let dashboard = dashboard();
    assert_eq!(dashboard["uid"], "rekindle-engine");
    let all = dashboard["panels"].as_array().expect("panels");
    let ids: BTreeSet<_> = all.iter().map(|panel| panel["id"].as_u64().expect("an id")).collect();
    assert_eq!(ids.len(), all.len(), "ids are not unique");
    let mut taken = BTreeSet::new();
    for panel in all {
        let side = |name: &str| panel["gridPos"][name].as_u64().expect("a place");
        assert!(side("x") + side("w") <= 24, "{panel}");
        for x in side("x")..side("x") + side("w") {
            for y in side("y")..side("y") + side("h") {
                assert!(taken.insert((x, y)), "{} lies on another panel", panel["title"]);
            }
        }
    }
    for panel in panels(&dashboard) {
        assert!(panel["description"].as_str().is_some_and(|text| text.ends_with('.')), "{}", panel["title"]);
        assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{}", panel["title"]);
        assert_eq!(panel["datasource"]["uid"], "${datasource}", "{}", panel["title"]);
    }
    let variables = dashboard["templating"]["list"].as_array().expect("variables");
    let variables: Vec<_> = variables.iter().map(|variable| variable["name"].as_str().expect("a name")).collect();
    assert_eq!(variables, ["datasource", "job", "instance"]);
}

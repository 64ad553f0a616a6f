//! A real Prometheus scrapes the demo, and a page that holds every metric, and answers what the dashboard asks.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;

use rekindle::metrics::ExpositionFormat;
use rekindle::metrics::definitions::{self, MetricDefinition, MetricKind};

use crate::full_page::LATENCIES;
use rekindle_test_kit::dashboard::{self, FILES, expressions, expressions_of};
use rekindle_test_kit::prometheus_server::{self, Histograms, Prometheus};

/// What the demo does not have: a broker, checkpoints, a wall clock, and rules that change.
const NOT_IN_THE_DEMO: &[&str] = &[
    "rekindle_watermark_lag",
    "rekindle_pending_timers",
    "rekindle_state_bytes",
    "rekindle_queue_length",
    "rekindle_source_",
    "rekindle_ticks_",
    "rekindle_publish",
    "rekindle_action_latency",
    "rekindle_committed_",
    "rekindle_recovering",
    "rekindle_checkpoint",
    "rekindle_nats_",
    "rekindle_collect_",
    "rekindle_deliver_",
    "rekindle_ready",
    "rekindle_dead_letters_",
    "rekindle_rules_reloads",
    "rekindle_rules_unseen",
    "rekindle_rules_loaded",
    // Its rules have no groups, no tables, no ranks and no partners.
    "rekindle_groups",
    "rekindle_rank",
    "rekindle_notices",
    "rekindle_table_",
    "rekindle_partner_",
    // Nor picks.
    "rekindle_picks",
    // The demo keeps no log.
    "rekindle_rules_reload_",
    // It needs a hundred users of the control group.
    "rekindle_uplift_low",
    "rekindle_uplift_high",
    "rekindle_uplift_since",
];

fn is_in_the_demo(text: &str) -> bool {
    !NOT_IN_THE_DEMO.iter().any(|name| text.contains(name))
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A demo whose show has begun, and its address.
fn demo() -> (Running, String) {
    let child = Command::new(env!("CARGO_BIN_EXE_rekindle"))
        .args(["demo", "--listen", "127.0.0.1:0", "--shoppers", "300", "--speed", "12h", "--seconds", "120"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let mut running = Running(child);
    let mut lines = BufReader::new(running.0.stdout.take().expect("piped")).lines().map_while(Result::ok);
    let opening = lines.next().expect("the demo says where metrics are");
    let address = opening.split("http://").nth(1).and_then(|rest| rest.split('/').next()).expect("an address");
    lines.find(|line| line.contains(" who ")).expect("an action");
    // What it goes on to print must be read, or it would wait.
    thread::spawn(move || lines.for_each(drop));
    (running, address.to_owned())
}

/// Serves the full page to everyone, in the format asked for, for as long as the process runs.
fn serve_full_page() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = listener.local_addr().expect("it is bound").to_string();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            // A client that has disconnected needs no answer.
            let _ = answer(stream);
        }
    });
    address
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    let lines = BufReader::new(stream.try_clone()?).lines().map_while(Result::ok);
    let mut accept = None;
    for line in lines.take_while(|line| !line.is_empty()) {
        accept = accept.or(line.strip_prefix("Accept: ").map(str::to_owned));
    }
    let format = ExpositionFormat::wanted(accept.as_deref());
    let body = crate::full_page::page().written(format);
    write!(
        stream,
        "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        format.content_type(),
        body.len()
    )?;
    stream.write_all(&body)
}

fn assert_is_there(prometheus: &Prometheus, metric: &MetricDefinition, histograms: Histograms) {
    let suffixes: &[&str] = match (metric.kind, histograms) {
        (MetricKind::Histogram, Histograms::Classic) => &["_bucket", "_sum", "_count"],
        (MetricKind::Summary, _) => &["", "_sum", "_count"],
        _ => &[""],
    };
    for suffix in suffixes {
        let found = prometheus.wait_for(&format!("{}{suffix}{{job=\"rekindle\"}}", metric.name));
        for label in metric.labels {
            assert!(found[0].labels.contains_key(*label), "{} has no label {label}", metric.name);
        }
    }
}

#[test]
fn prometheus_scrapes_the_demo_and_the_dashboard_has_something_to_show() {
    let (_running, address) = demo();
    let prometheus = Prometheus::scraping(&address, Histograms::Classic);
    let metrics: Vec<_> = definitions::ALL.iter().filter(|metric| is_in_the_demo(metric.name)).collect();
    assert!(metrics.len() >= 18, "only {} metrics", metrics.len());
    for metric in metrics {
        assert_is_there(&prometheus, metric, Histograms::Classic);
    }
    let rate = prometheus.wait_for("sum(rate(rekindle_events_total[10s])) > 0");
    assert!(rate[0].number() > 1.0, "{} events a second", rate[0].number());
    for (title, expression) in expressions() {
        let found = prometheus.query(&expression).unwrap_or_else(|error| panic!("{title}: {error}"));
        // Rates of what need not happen within seconds are filtered by the expression itself.
        if is_in_the_demo(&expression) && !expression.ends_with("> 0") && !expression.contains("> 0)") {
            assert!(!found.is_empty(), "{title} shows nothing: {expression}");
        }
    }
}

fn assert_everything_is_there(histograms: Histograms) -> Prometheus {
    let prometheus = Prometheus::scraping(&serve_full_page(), histograms);
    // The growth numbers take weeks of events: those of the demo have them.
    const GROWTH: [&str; 4] = ["rekindle_growth_", "rekindle_target_", "rekindle_trend_", "rekindle_anomaly"];
    let is_of_growth = |name: &str| GROWTH.iter().any(|prefix| name.starts_with(prefix));
    for metric in definitions::ALL.iter().filter(|metric| !is_of_growth(metric.name)) {
        assert_is_there(&prometheus, metric, histograms);
    }
    // Twice scraped, so that there are rates.
    prometheus.wait_for("rate(rekindle_events_total[10s])");
    for (title, expression) in expressions() {
        let found = prometheus.query(&expression).unwrap_or_else(|error| panic!("{title}: {error}"));
        // Nothing moves on this page, so what is shown only while it moves is not there.
        if !expression.contains("> 0") {
            assert!(!found.is_empty(), "{title} shows nothing: {expression}");
        }
    }
    prometheus
}

#[test]
fn prometheus_reads_every_metric_in_text_with_classic_histograms() {
    let prometheus = assert_everything_is_there(Histograms::Classic);
    let up_to = prometheus.wait_for("rekindle_action_latency_seconds_bucket{le=\"0.25\"}");
    assert_eq!(up_to[0].number(), 250.0);
    let recent = prometheus.wait_for("rekindle_action_latency_recent_seconds{quantile=\"0.999\"}");
    assert!((recent[0].number() - 0.999).abs() < 0.002, "{}", recent[0].number());
}

#[test]
fn prometheus_reads_every_metric_in_protobuf_with_native_histograms() {
    let prometheus = assert_everything_is_there(Histograms::Native);
    let count = prometheus.wait_for("histogram_count(rekindle_action_latency_seconds)");
    assert_eq!(count[0].number(), LATENCIES as f64);
    let sum = prometheus.wait_for("histogram_sum(rekindle_action_latency_seconds)");
    assert!((sum[0].number() - 500.5).abs() < 0.5, "{}", sum[0].number());
    for quantile in [0.1, 0.5, 0.9, 0.99] {
        let found = prometheus.wait_for(&format!("histogram_quantile({quantile}, rekindle_action_latency_seconds)"));
        let error = found[0].number() / quantile;
        assert!((0.91..1.1).contains(&error), "quantile {quantile} is {}", found[0].number());
    }
}

/// What the demo's first minutes need not have: a second promotion, four weeks of hours, a campaign held back.
const NEED_NOT_BE: [&str; 6] =
    ["rekindle_anomaly", "rekindle_trend_", "rekindle_target_forecast", "stage_moves", "\"budget\"", "Promotion "];

#[test]
fn every_expression_of_every_dashboard_and_rule_is_answered() {
    let (_running, address) = demo();
    let prometheus = Prometheus::scraping(&address, Histograms::Classic);
    prometheus.wait_for("rekindle_growth_new_users");
    prometheus.wait_for("sum(rate(rekindle_events_total[10s])) > 0");
    let mut asked = 0;
    for file in FILES {
        for (title, expression) in expressions_of(file) {
            let found = prometheus.query(&expression).unwrap_or_else(|error| panic!("{file}, {title}: {error}"));
            asked += 1;
            let may_be_empty = NEED_NOT_BE.iter().any(|part| expression.contains(part) || title.starts_with(part))
                || expression.contains("> 0")
                || !is_in_the_demo(&expression);
            assert!(may_be_empty || !found.is_empty(), "{file}: {title} shows nothing: {expression}");
        }
    }
    let rules = include_str!("../../dashboards/prometheus/rules.yml");
    for (name, expression) in prometheus_server::rule_expressions(rules) {
        prometheus.query(&expression).unwrap_or_else(|error| panic!("{name}: {error}"));
        asked += 1;
    }
    assert!(asked > 120, "only {asked} expressions");
}

#[test]
fn the_rules_pass_promtool_and_every_alert_is_tested_firing_and_not() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../dashboards/prometheus");
    for arguments in [["check", "rules", "rules.yml"], ["test", "rules", "rules_test.yml"]] {
        let said = prometheus_server::promtool(folder, &arguments);
        assert!(said.contains("SUCCESS") && !said.contains("FAILED"), "{said}");
    }
    let tests = include_str!("../../dashboards/prometheus/rules_test.yml");
    let operations = include_str!("../../docs/operations.md");
    let rules = include_str!("../../dashboards/prometheus/rules.yml");
    let mut alerts = 0;
    for alert in rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        alerts += 1;
        let cases: Vec<_> = tests.split(&format!("alertname: {alert}\n")).skip(1).collect();
        let is_quiet = |case: &&str| case.trim_start().starts_with("exp_alerts: []");
        assert!(cases.iter().any(&is_quiet), "{alert} is never tested to be quiet");
        assert!(cases.iter().any(|case| !is_quiet(case)), "{alert} is never tested to fire");
        assert!(operations.contains(&format!("\n### {alert}\n")), "{alert} has no paragraph in docs/operations.md");
    }
    assert!(alerts >= 10, "only {alerts} alerts");
}

#[test]
fn every_panel_says_what_it_shows_and_has_a_unit() {
    for file in FILES {
        let dashboard = dashboard::read(file);
        assert!(dashboard["links"].as_array().is_some_and(|links| !links.is_empty()), "{file} links to no other");
        for panel in dashboard::panels(&dashboard) {
            let title = &panel["title"];
            assert!(panel["description"].as_str().is_some_and(|text| text.len() > 3), "{file}: {title} says nothing");
            assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{file}: {title} has no unit");
        }
    }
}

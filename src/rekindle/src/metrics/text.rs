//! The text format, version 0.0.4: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use std::fmt::{self, Write as _};

use metrics_exporter_prometheus::PrometheusBuilder;

use super::latency::LatencyDistribution;
use super::page::{MetricFamily, MetricSeries, MetricValue};
use super::table::{MetricDefinition, MetricKind};

pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Counts and gauges are written by the exporter of the `metrics` crate, into which they are put anew for each page, so
/// that nothing of an earlier one stays. What it has no way to take is written here: counters that are no whole numbers,
/// and distributions that are counted already.
pub(super) fn render(families: &[MetricFamily]) -> String {
    let recorder = PrometheusBuilder::new().build_recorder();
    let (put, rest): (Vec<&MetricFamily>, Vec<&MetricFamily>) =
        families.iter().partition(|family| is_for_exporter(family));
    metrics::with_local_recorder(&recorder, || put.into_iter().for_each(put_family));
    let mut text = recorder.handle().render();
    for family in rest {
        write_family(&mut text, family).expect("a String takes everything");
    }
    text
}

fn is_for_exporter(family: &MetricFamily) -> bool {
    let is_whole = |series: &MetricSeries| matches!(series.value, MetricValue::Number(value) if value.fract() == 0.0);
    match family.metric.kind {
        MetricKind::Counter => family.series.iter().all(is_whole),
        MetricKind::Gauge => true,
        MetricKind::Histogram | MetricKind::Summary => false,
    }
}

fn put_family(family: &MetricFamily) {
    let MetricDefinition { name, kind, labels, help } = family.metric;
    match kind {
        MetricKind::Counter => metrics::describe_counter!(*name, *help),
        _ => metrics::describe_gauge!(*name, *help),
    }
    for series in &family.series {
        let MetricValue::Number(value) = series.value else { continue };
        let labels: Vec<metrics::Label> =
            labels.iter().zip(&series.labels).map(|(name, value)| metrics::Label::new(*name, value.clone())).collect();
        match kind {
            MetricKind::Counter => metrics::counter!(*name, labels).absolute(value as u64),
            _ => metrics::gauge!(*name, labels).set(value),
        }
    }
}

fn write_family(text: &mut String, family: &MetricFamily) -> fmt::Result {
    let MetricDefinition { name, kind, labels, help } = family.metric;
    writeln!(text, "# HELP {name} {}", help.replace('\\', "\\\\").replace('\n', "\\n"))?;
    writeln!(text, "# TYPE {name} {}", kind.name())?;
    for series in &family.series {
        match &series.value {
            MetricValue::Number(value) => {
                text.push_str(name);
                write_labels(text, labels, &series.labels)?;
                writeln!(text, " {value}")?;
            }
            MetricValue::Distribution(distribution) if *kind == MetricKind::Summary => {
                write_summary(text, name, distribution)?
            }
            MetricValue::Distribution(distribution) => write_histogram(text, name, distribution)?,
        }
    }
    Ok(())
}

fn write_labels(text: &mut String, names: &[&str], values: &[String]) -> fmt::Result {
    let mut before = '{';
    for (name, value) in names.iter().zip(values) {
        let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
        write!(text, "{before}{name}=\"{value}\"")?;
        before = ',';
    }
    if before == ',' {
        text.push('}');
    }
    Ok(())
}

fn write_histogram(text: &mut String, name: &str, distribution: &LatencyDistribution) -> fmt::Result {
    for (bound, count) in &distribution.buckets {
        writeln!(text, "{name}_bucket{{le=\"{bound}\"}} {count}")?;
    }
    writeln!(text, "{name}_bucket{{le=\"+Inf\"}} {}", distribution.count)?;
    write_sum_and_count(text, name, distribution)
}

fn write_summary(text: &mut String, name: &str, distribution: &LatencyDistribution) -> fmt::Result {
    for (quantile, seconds) in &distribution.quantiles {
        writeln!(text, "{name}{{quantile=\"{quantile}\"}} {seconds}")?;
    }
    write_sum_and_count(text, name, distribution)
}

fn write_sum_and_count(text: &mut String, name: &str, distribution: &LatencyDistribution) -> fmt::Result {
    writeln!(text, "{name}_sum {}", distribution.sum)?;
    writeln!(text, "{name}_count {}", distribution.count)
}

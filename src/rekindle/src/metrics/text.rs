//! The text format, version 0.0.4: <https://prometheus.io/docs/instrumenting/exposition_formats/>.

use metrics::{Key, Label};
use metrics_exporter_prometheus::LabelSet;
use metrics_exporter_prometheus::formatting::{write_help_line, write_metric_line, write_type_line};

use super::definitions::{MetricDefinition, MetricKind};
use super::latency::LatencyDistribution;
use super::page::{MetricFamily, MetricValue};

pub(super) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Lines are written by the functions of the `metrics` crate's exporter, so that escaping is its own. Its recorder is not
/// used: it takes no distribution that is counted already, and never forgets a series.
pub(super) fn render(families: &[MetricFamily]) -> String {
    let mut text = String::new();
    for family in families {
        write_family(&mut text, family);
    }
    text
}

fn write_family(text: &mut String, family: &MetricFamily) {
    let MetricDefinition { name, kind, labels, help } = family.metric;
    write_help_line(text, name, None, None, help);
    write_type_line(text, name, None, None, kind.name());
    for series in &family.series {
        let pairs = labels.iter().zip(&series.labels).map(|(label, value)| Label::new(*label, value.clone()));
        let labels =
            LabelSet::from_key_and_global(&Key::from_parts(*name, pairs.collect::<Vec<_>>()), &Default::default());
        match &series.value {
            MetricValue::Number(value) => {
                write_metric_line::<&str, f64>(text, name, None, &labels, None, *value, None);
            }
            MetricValue::Distribution(distribution) => write_distribution(text, name, *kind, &labels, distribution),
        }
    }
    text.push('\n');
}

fn write_distribution(
    text: &mut String,
    name: &str,
    kind: MetricKind,
    labels: &LabelSet,
    distribution: &LatencyDistribution,
) {
    if kind == MetricKind::Summary {
        for (quantile, seconds) in &distribution.quantiles {
            write_metric_line(text, name, None, labels, Some(("quantile", quantile)), seconds, None);
        }
    } else {
        for (bound, count) in &distribution.buckets {
            write_metric_line(text, name, Some("bucket"), labels, Some(("le", bound)), count, None);
        }
        write_metric_line(text, name, Some("bucket"), labels, Some(("le", "+Inf")), distribution.count, None);
    }
    write_metric_line::<&str, f64>(text, name, Some("sum"), labels, None, distribution.sum, None);
    write_metric_line::<&str, u64>(text, name, Some("count"), labels, None, distribution.count, None);
}

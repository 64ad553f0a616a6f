//! Prometheus' protobuf format: the only one in which a scrape can carry native histograms.
//!
//! The messages are those of `io.prometheus.client`, as far as they are used here, with the tags of its `metrics.proto`.
//! They are written out by hand, so a build needs no `protoc`.

use prost::Message as _;

use super::definitions::MetricKind;
use super::latency::LatencyDistribution;
use super::page::{MetricFamily, MetricSeries, MetricValue};

pub(super) const CONTENT_TYPE: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

pub(super) fn render(families: &[MetricFamily]) -> Vec<u8> {
    families.iter().flat_map(|family| wire(family).encode_length_delimited_to_vec()).collect()
}

fn wire(family: &MetricFamily) -> ProtoMetricFamily {
    let metric = family.metric;
    let kind = match metric.kind {
        MetricKind::Counter => 0,
        MetricKind::Gauge => 1,
        MetricKind::Summary => 2,
        MetricKind::Histogram => 4,
    };
    ProtoMetricFamily {
        name: Some(metric.name.to_owned()),
        help: Some(metric.help.to_owned()),
        kind: Some(kind),
        metrics: family.series.iter().map(|series| wire_series(metric.kind, metric.labels, series)).collect(),
    }
}

fn wire_series(kind: MetricKind, names: &[&str], series: &MetricSeries) -> ProtoMetric {
    let labels = names.iter().zip(&series.labels);
    let labels = labels.map(|(name, value)| ProtoLabelPair { name: Some((*name).into()), value: Some(value.clone()) });
    let mut metric = ProtoMetric { labels: labels.collect(), ..ProtoMetric::default() };
    match (&series.value, kind) {
        (MetricValue::Number(value), MetricKind::Counter) => metric.counter = Some(ProtoNumber { value: Some(*value) }),
        (MetricValue::Number(value), _) => metric.gauge = Some(ProtoNumber { value: Some(*value) }),
        (MetricValue::Distribution(distribution), MetricKind::Summary) => metric.summary = Some(summary(distribution)),
        (MetricValue::Distribution(distribution), _) => metric.histogram = Some(histogram(distribution)),
    }
    metric
}

fn summary(distribution: &LatencyDistribution) -> ProtoSummary {
    let quantiles = distribution.quantiles.iter();
    ProtoSummary {
        count: Some(distribution.count),
        sum: Some(distribution.sum),
        quantiles: quantiles.map(|(rank, value)| ProtoQuantile { rank: Some(*rank), value: Some(*value) }).collect(),
    }
}

fn histogram(distribution: &LatencyDistribution) -> ProtoHistogram {
    let classic = distribution.buckets.iter();
    let (spans, deltas) = spans(&distribution.native);
    ProtoHistogram {
        count: Some(distribution.count),
        sum: Some(distribution.sum),
        buckets: classic.map(|(bound, count)| ProtoBucket { cumulative: Some(*count), bound: Some(*bound) }).collect(),
        schema: Some(LatencyDistribution::SCHEMA),
        zero_threshold: Some(LatencyDistribution::ZERO_SECONDS),
        zero_count: Some(distribution.zeros),
        spans,
        deltas,
    }
}

/// Runs of neighbouring buckets, each with its distance from the one before, and the buckets' counts, each less the one
/// before.
fn spans(buckets: &[(i32, u64)]) -> (Vec<ProtoBucketSpan>, Vec<i64>) {
    let (mut spans, mut deltas): (Vec<ProtoBucketSpan>, Vec<i64>) = (Vec::new(), Vec::new());
    let (mut next, mut before) = (0, 0);
    for (index, count) in buckets {
        let count = i64::try_from(*count).unwrap_or(i64::MAX);
        match spans.last_mut() {
            Some(span) if *index == next => span.length = span.length.map(|length| length + 1),
            _ => spans.push(ProtoBucketSpan { offset: Some(index - next), length: Some(1) }),
        }
        deltas.push(count - before);
        (next, before) = (index + 1, count);
    }
    (spans, deltas)
}

#[derive(Clone, PartialEq, prost::Message)]
struct ProtoMetricFamily {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(string, optional, tag = "2")]
    help: Option<String>,
    #[prost(int32, optional, tag = "3")]
    kind: Option<i32>,
    #[prost(message, repeated, tag = "4")]
    metrics: Vec<ProtoMetric>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ProtoMetric {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<ProtoLabelPair>,
    #[prost(message, optional, tag = "2")]
    gauge: Option<ProtoNumber>,
    #[prost(message, optional, tag = "3")]
    counter: Option<ProtoNumber>,
    #[prost(message, optional, tag = "4")]
    summary: Option<ProtoSummary>,
    #[prost(message, optional, tag = "7")]
    histogram: Option<ProtoHistogram>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ProtoLabelPair {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(string, optional, tag = "2")]
    value: Option<String>,
}

/// `Gauge` and `Counter` look alike on the wire.
#[derive(Clone, PartialEq, prost::Message)]
struct ProtoNumber {
    #[prost(double, optional, tag = "1")]
    value: Option<f64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ProtoSummary {
    #[prost(uint64, optional, tag = "1")]
    count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    sum: Option<f64>,
    #[prost(message, repeated, tag = "3")]
    quantiles: Vec<ProtoQuantile>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ProtoQuantile {
    #[prost(double, optional, tag = "1")]
    rank: Option<f64>,
    #[prost(double, optional, tag = "2")]
    value: Option<f64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ProtoHistogram {
    #[prost(uint64, optional, tag = "1")]
    count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    sum: Option<f64>,
    #[prost(message, repeated, tag = "3")]
    buckets: Vec<ProtoBucket>,
    #[prost(sint32, optional, tag = "5")]
    schema: Option<i32>,
    #[prost(double, optional, tag = "6")]
    zero_threshold: Option<f64>,
    #[prost(uint64, optional, tag = "7")]
    zero_count: Option<u64>,
    #[prost(message, repeated, tag = "12")]
    spans: Vec<ProtoBucketSpan>,
    #[prost(sint64, repeated, tag = "13")]
    deltas: Vec<i64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ProtoBucket {
    #[prost(uint64, optional, tag = "1")]
    cumulative: Option<u64>,
    #[prost(double, optional, tag = "2")]
    bound: Option<f64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct ProtoBucketSpan {
    #[prost(sint32, optional, tag = "1")]
    offset: Option<i32>,
    #[prost(uint32, optional, tag = "2")]
    length: Option<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_share_a_span_and_counts_are_differences() {
        let (spans, deltas) = spans(&[(-5, 3), (-4, 7), (2, 4)]);
        let span = |offset, length| ProtoBucketSpan { offset: Some(offset), length: Some(length) };
        assert_eq!(spans, [span(-5, 2), span(5, 1)]);
        assert_eq!(deltas, [3, 4, -3]);
    }
}

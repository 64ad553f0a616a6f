//! Prometheus' protobuf format: the only one in which a scrape can carry native histograms.
//!
//! The messages are those of `io.prometheus.client`, as far as they are used here, with the tags of its `metrics.proto`.
//! They are written out by hand, so a build needs no `protoc`.

use prost::Message as _;

use super::latency::Distribution;
use super::page::{Family, Series, Value};
use super::table::Kind;

pub(super) const CONTENT_TYPE: &str =
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

pub(super) fn render(families: &[Family]) -> Vec<u8> {
    families.iter().flat_map(|family| wire(family).encode_length_delimited_to_vec()).collect()
}

fn wire(family: &Family) -> MetricFamily {
    let metric = family.metric;
    let kind = match metric.kind {
        Kind::Counter => 0,
        Kind::Gauge => 1,
        Kind::Summary => 2,
        Kind::Histogram => 4,
    };
    MetricFamily {
        name: Some(metric.name.to_owned()),
        help: Some(metric.help.to_owned()),
        kind: Some(kind),
        metrics: family.series.iter().map(|series| wire_series(metric.kind, metric.labels, series)).collect(),
    }
}

fn wire_series(kind: Kind, names: &[&str], series: &Series) -> Metric {
    let labels = names.iter().zip(&series.labels);
    let labels = labels.map(|(name, value)| LabelPair { name: Some((*name).into()), value: Some(value.clone()) });
    let mut metric = Metric { labels: labels.collect(), ..Metric::default() };
    match (&series.value, kind) {
        (Value::Number(value), Kind::Counter) => metric.counter = Some(Number { value: Some(*value) }),
        (Value::Number(value), _) => metric.gauge = Some(Number { value: Some(*value) }),
        (Value::Distribution(distribution), Kind::Summary) => metric.summary = Some(summary(distribution)),
        (Value::Distribution(distribution), _) => metric.histogram = Some(histogram(distribution)),
    }
    metric
}

fn summary(distribution: &Distribution) -> Summary {
    let quantiles = distribution.quantiles.iter();
    Summary {
        count: Some(distribution.count),
        sum: Some(distribution.sum),
        quantiles: quantiles.map(|(rank, value)| Quantile { rank: Some(*rank), value: Some(*value) }).collect(),
    }
}

fn histogram(distribution: &Distribution) -> Histogram {
    let classic = distribution.buckets.iter();
    let (spans, deltas) = spans(&distribution.native);
    Histogram {
        count: Some(distribution.count),
        sum: Some(distribution.sum),
        buckets: classic.map(|(bound, count)| Bucket { cumulative: Some(*count), bound: Some(*bound) }).collect(),
        schema: Some(Distribution::SCHEMA),
        zero_threshold: Some(Distribution::ZERO_SECONDS),
        zero_count: Some(distribution.zeros),
        spans,
        deltas,
    }
}

/// Runs of neighbouring buckets, each with its distance from the one before, and the buckets' counts, each less the one
/// before.
fn spans(buckets: &[(i32, u64)]) -> (Vec<Span>, Vec<i64>) {
    let (mut spans, mut deltas): (Vec<Span>, Vec<i64>) = (Vec::new(), Vec::new());
    let (mut next, mut before) = (0, 0);
    for (index, count) in buckets {
        let count = i64::try_from(*count).unwrap_or(i64::MAX);
        match spans.last_mut() {
            Some(span) if *index == next => span.length = span.length.map(|length| length + 1),
            _ => spans.push(Span { offset: Some(index - next), length: Some(1) }),
        }
        deltas.push(count - before);
        (next, before) = (index + 1, count);
    }
    (spans, deltas)
}

#[derive(Clone, PartialEq, prost::Message)]
struct MetricFamily {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(string, optional, tag = "2")]
    help: Option<String>,
    #[prost(int32, optional, tag = "3")]
    kind: Option<i32>,
    #[prost(message, repeated, tag = "4")]
    metrics: Vec<Metric>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Metric {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<LabelPair>,
    #[prost(message, optional, tag = "2")]
    gauge: Option<Number>,
    #[prost(message, optional, tag = "3")]
    counter: Option<Number>,
    #[prost(message, optional, tag = "4")]
    summary: Option<Summary>,
    #[prost(message, optional, tag = "7")]
    histogram: Option<Histogram>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct LabelPair {
    #[prost(string, optional, tag = "1")]
    name: Option<String>,
    #[prost(string, optional, tag = "2")]
    value: Option<String>,
}

/// `Gauge` and `Counter` look alike on the wire.
#[derive(Clone, PartialEq, prost::Message)]
struct Number {
    #[prost(double, optional, tag = "1")]
    value: Option<f64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Summary {
    #[prost(uint64, optional, tag = "1")]
    count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    sum: Option<f64>,
    #[prost(message, repeated, tag = "3")]
    quantiles: Vec<Quantile>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Quantile {
    #[prost(double, optional, tag = "1")]
    rank: Option<f64>,
    #[prost(double, optional, tag = "2")]
    value: Option<f64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Histogram {
    #[prost(uint64, optional, tag = "1")]
    count: Option<u64>,
    #[prost(double, optional, tag = "2")]
    sum: Option<f64>,
    #[prost(message, repeated, tag = "3")]
    buckets: Vec<Bucket>,
    #[prost(sint32, optional, tag = "5")]
    schema: Option<i32>,
    #[prost(double, optional, tag = "6")]
    zero_threshold: Option<f64>,
    #[prost(uint64, optional, tag = "7")]
    zero_count: Option<u64>,
    #[prost(message, repeated, tag = "12")]
    spans: Vec<Span>,
    #[prost(sint64, repeated, tag = "13")]
    deltas: Vec<i64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Bucket {
    #[prost(uint64, optional, tag = "1")]
    cumulative: Option<u64>,
    #[prost(double, optional, tag = "2")]
    bound: Option<f64>,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Span {
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
        let span = |offset, length| Span { offset: Some(offset), length: Some(length) };
        assert_eq!(spans, [span(-5, 2), span(5, 1)]);
        assert_eq!(deltas, [3, 4, -3]);
    }
}

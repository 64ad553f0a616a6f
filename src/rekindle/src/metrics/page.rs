//! The answer to one scrape: the metrics, in the order in which they were added, as values of one instant. Nothing is kept
//! here from one scrape to the next.

use super::definitions::MetricDefinition;
use super::latency::LatencyDistribution;
use super::{protobuf, text};

/// How a page is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpositionFormat {
    /// The text format, version 0.0.4. A histogram has classic buckets there.
    Text,
    /// Prometheus' protobuf format, delimited. A histogram has classic and native buckets there.
    Protobuf,
}

impl ExpositionFormat {
    /// What an `Accept` header asks for: protobuf for clients that prefer it, text for all others.
    pub fn wanted(accept: Option<&str>) -> ExpositionFormat {
        if accept.is_some_and(prefers_protobuf) { ExpositionFormat::Protobuf } else { ExpositionFormat::Text }
    }

    /// For the `Content-Type` header.
    pub fn content_type(self) -> &'static str {
        match self {
            ExpositionFormat::Text => text::CONTENT_TYPE,
            ExpositionFormat::Protobuf => protobuf::CONTENT_TYPE,
        }
    }
}

/// Numbers of a status or a snapshot, each with its metric, which has no labels.
pub(super) type Readings<T> = [(&'static MetricDefinition, fn(&T) -> f64)];

/// The metrics of one instant.
#[derive(Clone, Debug, Default)]
pub struct MetricsPage {
    pub(super) families: Vec<MetricFamily>,
}

/// All series of one metric.
#[derive(Clone, Debug)]
pub(super) struct MetricFamily {
    pub(super) metric: &'static MetricDefinition,
    pub(super) series: Vec<MetricSeries>,
}

/// One series: the values of the metric's labels, in their order, and its own.
#[derive(Clone, Debug)]
pub(super) struct MetricSeries {
    pub(super) labels: Vec<String>,
    pub(super) value: MetricValue,
}

/// A series' value.
#[derive(Clone, Debug)]
pub(super) enum MetricValue {
    Number(f64),
    Distribution(LatencyDistribution),
}

impl MetricsPage {
    /// Adds a number under these values of the metric's labels.
    pub(super) fn add(&mut self, metric: &'static MetricDefinition, labels: &[&str], value: f64) {
        self.push(metric, labels, MetricValue::Number(value));
    }

    /// The same for a count.
    pub(super) fn count(&mut self, metric: &'static MetricDefinition, labels: &[&str], count: u64) {
        self.add(metric, labels, count as f64);
    }

    /// Adds the numbers of a status or a snapshot.
    pub(super) fn read<T>(&mut self, readings: &Readings<T>, from: &T) {
        for (metric, read) in readings {
            self.add(metric, &[], read(from));
        }
    }

    /// Adds a histogram or a summary.
    pub(super) fn distribution(&mut self, metric: &'static MetricDefinition, distribution: LatencyDistribution) {
        self.labelled_distribution(metric, &[], distribution);
    }

    /// The same, under these values of the metric's labels.
    pub(super) fn labelled_distribution(
        &mut self,
        metric: &'static MetricDefinition,
        labels: &[&str],
        distribution: LatencyDistribution,
    ) {
        self.push(metric, labels, MetricValue::Distribution(distribution));
    }

    fn push(&mut self, metric: &'static MetricDefinition, labels: &[&str], value: MetricValue) {
        debug_assert_eq!(metric.labels.len(), labels.len(), "{} has other labels", metric.name);
        let series = MetricSeries { labels: labels.iter().map(|label| (*label).to_owned()).collect(), value };
        // Most series are of the metric that the one before was of.
        match self.families.iter_mut().rfind(|family| family.metric.name == metric.name) {
            Some(family) => family.series.push(series),
            None => self.families.push(MetricFamily { metric, series: vec![series] }),
        }
    }

    /// In the text format.
    pub fn text(&self) -> String {
        text::render(&self.families)
    }

    /// In Prometheus' protobuf format.
    pub fn protobuf(&self) -> Vec<u8> {
        protobuf::render(&self.families)
    }

    /// In a format, as bytes.
    pub fn written(&self, format: ExpositionFormat) -> Vec<u8> {
        match format {
            ExpositionFormat::Text => self.text().into_bytes(),
            ExpositionFormat::Protobuf => self.protobuf(),
        }
    }
}

/// Whether it names our protobuf format, and ranks no text that we have higher.
fn prefers_protobuf(accept: &str) -> bool {
    let (mut protobuf, mut text) = (0.0, 0.0);
    for range in accept.split(',') {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default();
        let (mut rank, mut known) = (1.0, true);
        for parameter in parts {
            match parameter.split_once('=') {
                Some(("q", value)) => rank = value.parse().unwrap_or(0.0),
                Some(("proto", value)) => known &= value == "io.prometheus.client.MetricFamily",
                Some(("encoding", value)) => known &= value == "delimited",
                _ => {}
            }
        }
        let place = match kind {
            "application/vnd.google.protobuf" if known => &mut protobuf,
            "text/plain" => &mut text,
            _ => continue,
        };
        *place = f64::max(*place, rank);
    }
    protobuf > 0.0 && protobuf >= text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protobuf_is_for_clients_that_prefer_it() {
        let protobuf = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
        let both = format!("{protobuf},application/openmetrics-text;version=1.0.0;q=0.8,text/plain;q=0.7,*/*;q=0.1");
        assert!(prefers_protobuf(&both));
        assert!(prefers_protobuf(protobuf));
        for accept in [
            "",
            "*/*",
            "text/plain;version=0.0.4",
            &format!("{protobuf};q=0.2, text/plain; q=0.7"),
            &format!("{protobuf};q=0"),
            &format!("{protobuf};q=nonsense"),
            &protobuf.replace("delimited", "text"),
            &protobuf.replace("MetricFamily", "Other"),
            ";;,=,;q",
        ] {
            assert!(!prefers_protobuf(accept), "{accept}");
        }
    }
}

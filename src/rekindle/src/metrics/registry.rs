//! The metrics of one process: handles that its parts count with, and collectors that read what is counted elsewhere.
//!
//! A part that counts for metrics only takes a [`Counter`] or [`Gauge`] at its start and keeps it. What is a state of its own
//! (the engine's snapshot, the statuses of the source, the sink and the connection) is read by a collector at each scrape, so
//! that the series of a segment or campaign which the rules no longer name are gone with the next one.
//!
//! This is no `metrics::Recorder`: the exporter's own never forgets a series except by idleness, renders in random order, and
//! takes no distribution that is counted already, so that it could hold neither the engine's snapshot nor native histograms.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use metrics::{Counter, Gauge};

use super::definitions::{MetricDefinition, MetricKind};
use super::page::MetricsPage;

/// Handles and collectors, in the order in which they were registered.
#[derive(Default)]
pub struct MetricsRegistry {
    entries: Mutex<Vec<RegistryEntry>>,
}

enum RegistryEntry {
    Handle(RegisteredHandle),
    Collector(Arc<MetricsCollector>),
}

/// One series whose value a part of the process sets: the bits of a float for a gauge.
struct RegisteredHandle {
    metric: &'static MetricDefinition,
    labels: Vec<String>,
    value: Arc<AtomicU64>,
}

/// Adds to a page what is counted elsewhere.
type MetricsCollector = dyn Fn(&mut MetricsPage) + Send + Sync;

impl MetricsRegistry {
    /// A counter under these values of the metric's labels, which starts at 0.
    pub fn counter(&self, metric: &'static MetricDefinition, labels: &[&str]) -> Counter {
        Counter::from_arc(self.handle(metric, labels, 0))
    }

    /// A gauge under these values of the metric's labels. It has no series until it is set.
    pub fn gauge(&self, metric: &'static MetricDefinition, labels: &[&str]) -> Gauge {
        Gauge::from_arc(self.handle(metric, labels, f64::NAN.to_bits()))
    }

    /// Has the collector add to each page.
    pub fn add_collector(&self, collector: impl Fn(&mut MetricsPage) + Send + Sync + 'static) {
        self.add(RegistryEntry::Collector(Arc::new(collector)));
    }

    /// All metrics now.
    pub fn page(&self) -> MetricsPage {
        let mut page = MetricsPage::default();
        let mut collectors = Vec::new();
        for entry in self.entries.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            match entry {
                RegistryEntry::Handle(handle) => handle.add_to(&mut page),
                RegistryEntry::Collector(collector) => collectors.push(Arc::clone(collector)),
            }
        }
        // Without the lock: a collector may take a while, and a part may register a handle meanwhile.
        collectors.iter().for_each(|collector| collector(&mut page));
        page
    }

    fn handle(&self, metric: &'static MetricDefinition, labels: &[&str], initial: u64) -> Arc<AtomicU64> {
        let value = Arc::new(AtomicU64::new(initial));
        let labels = labels.iter().map(|label| (*label).to_owned()).collect();
        self.add(RegistryEntry::Handle(RegisteredHandle { metric, labels, value: Arc::clone(&value) }));
        value
    }

    fn add(&self, entry: RegistryEntry) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }
}

impl RegisteredHandle {
    fn add_to(&self, page: &mut MetricsPage) {
        let labels: Vec<&str> = self.labels.iter().map(String::as_str).collect();
        let bits = self.value.load(Ordering::Relaxed);
        if self.metric.kind == MetricKind::Counter {
            page.count(self.metric, &labels, bits);
        } else if !f64::from_bits(bits).is_nan() {
            page.add(self.metric, &labels, f64::from_bits(bits));
        }
    }
}

impl fmt::Debug for MetricsRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner).len();
        f.debug_struct("MetricsRegistry").field("entries", &entries).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::definitions::{CHECKPOINT_TIME, CHECKPOINTS, RULES_INFO};

    #[test]
    fn a_page_has_the_values_of_handles_and_collectors_at_that_moment() {
        let registry = MetricsRegistry::default();
        let (bases, time) = (registry.counter(&CHECKPOINTS, &["base"]), registry.gauge(&CHECKPOINT_TIME, &[]));
        let version = Arc::new(Mutex::new("one"));
        let read = Arc::clone(&version);
        registry.add_collector(move |page| page.add(&RULES_INFO, &[*read.lock().expect("not poisoned")], 1.0));
        let first = registry.page().text();
        assert!(first.contains("rekindle_checkpoints_total{kind=\"base\"} 0\n"), "{first}");
        assert!(!first.contains("rekindle_checkpoint_timestamp_seconds"), "a gauge that was not set: {first}");
        bases.increment(2);
        time.set(1.5);
        *version.lock().expect("not poisoned") = "two";
        let second = registry.page().text();
        assert!(second.contains("rekindle_checkpoints_total{kind=\"base\"} 2\n"), "{second}");
        assert!(second.contains("rekindle_checkpoint_timestamp_seconds 1.5\n"), "{second}");
        assert!(second.contains("version=\"two\"") && !second.contains("version=\"one\""), "{second}");
    }
}

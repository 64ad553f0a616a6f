//! Metrics in the formats of Prometheus.
//!
//! Counters are kept by the parts that count; [`table`] has the name, kind, labels and help of every metric. A scrape collects
//! the counters into a [`MetricsPage`], so a series whose segment or campaign the rules no longer name is gone with the next
//! scrape, and a counter that remains continues over a reload of the rules. Nothing is kept between scrapes but a minute of
//! latencies ([`RecentLatencies`]).
//!
//! The text format is written with the formatting functions of the `metrics` crate's exporter. The binary format, the only one
//! with native histograms, is written here, because the exporter's needs `protoc` at build time. `tests/http/metrics.rs` checks
//! both with promtool, `tests/http/prometheus.rs` with a real Prometheus.
//!
//! Not here: HTTP, and who may read metrics.

mod checkpoints;
mod growth;
mod latency;
mod numbers;
mod page;
mod process;
mod protobuf;
pub mod table;
#[cfg(test)]
mod tests;
mod text;

pub use checkpoints::CheckpointStatus;
pub use growth::growth_series_max;
pub use latency::RecentLatencies;
pub use numbers::{ConnectionNumbers, PUBLISHED_KINDS, SourceNumbers};
pub use page::{ExpositionFormat, MetricsPage};

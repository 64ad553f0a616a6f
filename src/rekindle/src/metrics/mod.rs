//! Metrics in the formats of Prometheus.
//!
//! [`definitions`] has the name, kind, labels and help of every metric. The [`MetricsRegistry`] of a process has the handles
//! that its parts count with and the collectors that read what is counted elsewhere; a scrape asks it for a [`MetricsPage`],
//! which is then written. A series whose segment or campaign the rules no longer name is gone with the next scrape, and a
//! counter that remains continues over a reload of the rules. Nothing is kept between scrapes but a minute of latencies.
//!
//! The text format is written with the formatting functions of the `metrics` crate's exporter. The binary format, the only one
//! with native histograms, is written here, because the exporter's needs `protoc` at build time. `tests/http/metrics.rs` checks
//! both with promtool, `tests/http/prometheus.rs` with a real Prometheus.
//!
//! Not here: HTTP, and who may read metrics.

mod broker;
mod budgets;
mod checkpoints;
mod collect;
pub mod definitions;
mod deliver;
mod engine;
mod growth;
mod latency;
mod page;
mod process;
mod protobuf;
mod registry;
mod reloads;
#[cfg(test)]
mod tests;
mod text;
mod uplift;

pub use checkpoints::{CheckpointFigures, CheckpointMetrics};
pub use growth::growth_series_max;
pub use latency::ActionLatencies;
pub use page::{ExpositionFormat, MetricsPage};
pub use registry::MetricsRegistry;
pub use reloads::ReloadMetrics;

fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1_000.0
}

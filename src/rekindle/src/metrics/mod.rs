//! Metrics: what is counted elsewhere, as Prometheus wants to read it.
//!
//! A [`MetricsPage`] is made anew for each scrape, from numbers that others hand in: nothing is counted here, nothing is
//! global, and nothing of a scrape stays behind (save [`RecentLatencies`], which remembers a minute of latencies). A counter
//! goes on for as long as whoever counts goes on, also over a reload of the rules; what the rules no longer name is gone.
//!
//! The text is the exporter's of the `metrics` crate, but for distributions that are counted already. The binary format,
//! which alone has native histograms, is written here: the exporter's own needs `protoc` at build time. `tests/http/metrics.rs`
//! holds them against promtool, and `tests/http/prometheus.rs` against a real Prometheus.
//!
//! Not here: HTTP, and the question of who may ask.

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

pub use growth::growth_series_max;
pub use latency::RecentLatencies;
pub use numbers::{CheckpointNumbers, ConnectionNumbers, PUBLISHED_KINDS, ReloadNumbers, SinkNumbers, SourceNumbers};
pub use page::{ExpositionFormat, MetricsPage};

//! The product: what is typed, asked for over HTTP, and watched. The daemon's life, the command line, the HTTP API and the
//! metrics, over the crates that do the work.
//!
//! | crate | job |
//! |---|---|
//! | [`rekindle_core`] | the pure core: events, rules, windows, segments, campaigns, growth, partitions, the checkpoint format |
//! | [`rekindle_settings`] | one file of TOML and the environment, with every mistake at its place |
//! | [`rekindle_runtime`] | the pipeline, the engine loop, the checkpoint store, replay, files |
//! | [`rekindle_nats`] | the connection to NATS, the source of events, the sink that commits outputs exactly once |
//! | [`rekindle_deliver`] | outputs from the stream to other tools over HTTP |
//! | [`rekindle_simulator`] | a simulated storefront |
//! | [`rekindle_web`] | an HTTP server for any routes: connections and their limits |
//! | [`rekindle_console`] | the pages of the console, as bytes |
//! | [`rekindle_collect`] | events over HTTP, into the log |
//! | `rekindle` | this crate |
//!
//! A crate imports only crates above it in this table. `docs/architecture.md` is the map of the code.

pub mod api;
pub mod audit;
pub mod backtests;
pub mod cli;
mod collecting;
pub mod daemon;
pub mod delivery;
pub mod logging;
pub mod metrics;
pub mod reload;
pub mod rules_file;
mod timeline;
pub mod versions;

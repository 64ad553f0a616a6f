//! What drives the core of Rekindle: a pipeline over many partitions, the loop of a daemon's engine, replay of files, backtests of rules,
//! and the store of checkpoints.
//!
//! This crate has threads, files and an object store; it decides nothing that reaches an output.

pub mod backtest;
mod checksummed_json;
pub mod compression;
pub mod files;
pub mod health;
pub mod history;
pub mod live;
pub mod log;
pub mod output;
pub mod pipeline;
pub mod replay;
pub mod store;

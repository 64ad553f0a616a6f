//! The pure core of Rekindle: the same log gives the same bytes.
//!
//! Events, rules, windows, segments, campaigns and growth numbers, the partitions that hold the users, and the form in
//! which their state is stored. Time is an argument, never read from a clock; there is no IO, no thread, no randomness
//! and no logging in this crate, and its `Cargo.toml` names nothing that brings them.

pub mod action;
pub mod budgets;
pub mod campaigns;
pub mod checkpoint;
mod compact;
pub mod decimal;
pub mod decode;
pub mod diagnostics;
pub mod document;
mod encoding;
pub mod engine;
pub mod event;
pub mod explanation;
pub mod features;
pub mod goals;
pub mod groups;
pub mod growth;
pub mod identity;
pub mod journal;
pub mod json;
pub mod models;
pub mod partition;
pub mod partners;
pub mod picks;
pub mod points;
pub mod ranks;
pub mod route;
pub mod rows;
pub mod rules;
pub mod secret;
pub mod statistics;
pub mod survey;
#[cfg(test)]
mod testing;
pub mod time;
pub mod value;

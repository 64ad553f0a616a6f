//! Rekindle: a real-time growth engine for e-commerce.

pub mod action;
pub mod api;
pub mod campaigns;
pub mod cli;
pub mod config;
pub mod decode;
pub mod engine;
pub mod event;
pub mod identity;
pub mod journal;
pub mod metrics;
pub mod partition;
pub mod pipeline;
pub mod replay;
pub mod route;
pub mod rules;
pub mod sink;
pub mod source;
pub mod time;

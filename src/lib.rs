//! Rekindle: a real-time growth engine for e-commerce.

pub mod event;
pub mod rules;
pub mod time;

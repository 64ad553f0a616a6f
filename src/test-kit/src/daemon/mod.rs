//! The daemon as a process, the test's own view of the broker, and logs with what `rekindle replay` makes of them.

pub mod broker;
pub mod collector;
pub mod harness;
pub mod log;

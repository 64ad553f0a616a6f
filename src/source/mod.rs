//! Where events come from: files and standard input; a simulated storefront.

pub mod file;
pub mod simulator;

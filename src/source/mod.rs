//! Where events come from: files and standard input now; the simulated storefront beside them.

pub mod file;
//! Where events come from.

pub mod simulator;

//! Where events come from: files and standard input; a simulated storefront; NATS.

mod document;
pub mod file;
pub mod message;
pub mod nats;
mod packing;
pub mod simulator;

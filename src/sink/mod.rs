//! Where results go: files and standard output; NATS.

pub mod dead_letter;
pub mod emission;
pub mod file;
pub mod nats;
pub mod progress;

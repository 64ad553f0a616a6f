//! What the engine hands to a sink: outputs in batches, dead letters, and how far the outputs have got.

pub mod dead_letter;
pub mod emission;
pub mod progress;

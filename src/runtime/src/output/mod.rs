//! What the engine hands to a sink: outputs in batches, dead letters, and how far the outputs have got.

pub mod batch;
pub mod committed_position;
pub mod dead_letter;

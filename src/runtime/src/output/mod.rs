//! What the engine hands to a sink: output batches, dead letters, and the committed position.

pub mod batch;
pub mod committed_position;
pub mod dead_letter;

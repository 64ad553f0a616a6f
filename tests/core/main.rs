//! What needs no more than `rekindle-core`: the order of its modules, the decoder against a slow one, hostile rules.

mod core_modules;
mod decoder_agrees;
mod module_edges;
mod rules_hostile;

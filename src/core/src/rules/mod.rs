//! Rules: text in, a checked plan or every mistake out.
//!
//! [`compile`] reads a rules file (TOML with CEL conditions) and yields the [`program::Ruleset`] the engine runs, or
//! one [`Diagnostic`] for every problem in the file. Nothing is evaluated here.
//!
//! The way of a rules file: [`crate::document`] (TOML) → `reader`, `events`, `segments`, `campaigns` (its tables) → `syntax`
//! (a condition's text as a tree, each expression at its place in the file) → `condition`, `comparison`,
//! `text_test`, `term`, `functions` (names resolved, types checked) → [`program`].

pub mod explain;
pub mod growth;
pub mod products;
pub mod program;
pub mod reference;
pub mod schema;

mod campaigns;
mod comparison;
mod compiler;
mod condition;
pub mod dependencies;
mod events;
mod feature_registry;
mod functions;
pub mod notation;
mod payload;
mod reader;
mod segments;
pub mod survey;
mod syntax;
mod term;
#[cfg(test)]
mod tests;
mod text_test;
pub mod time_zones;

use program::Ruleset;

use crate::diagnostics::Diagnostic;

/// Reads, checks and compiles a rules file.
///
/// # Errors
/// Every problem in the text, in the order of its place in the file; never empty.
pub fn compile(text: &str) -> Result<Ruleset, Vec<Diagnostic>> {
    reader::read(text)
}

//! Rules: text in, a checked plan or every mistake out.
//!
//! [`compile`] reads a rules file (TOML with CEL conditions) and yields the [`program::Ruleset`] the engine runs, or
//! one [`diagnostic::Diagnostic`] for every problem in the file. Nothing is evaluated here.
//!
//! The way of a rules file: `document` (TOML) → `reader`, `events`, `segments`, `campaigns` (its tables) → `syntax`
//! (a condition's text as a tree, each node at its place in the file by `source_map`) → `condition`, `comparison`,
//! `text_test`, `term`, `functions` (names resolved, types checked) → [`program`].

pub mod diagnostic;
pub mod document;
pub mod explain;
pub mod growth;
pub mod products;
pub mod program;
pub mod reference;
pub mod render;
pub mod schema;

mod campaigns;
mod comparison;
mod condition;
mod events;
mod features;
mod functions;
mod payload;
mod reader;
pub mod reads;
mod scope;
mod segments;
mod source_map;
pub mod survey;
mod syntax;
mod term;
#[cfg(test)]
mod tests;
mod text_test;
pub mod words;
pub mod zones;

use diagnostic::Diagnostic;
use program::Ruleset;

/// Reads, checks and compiles a rules file.
///
/// # Errors
/// Every problem in the text, in the order of its place in the file; never empty.
pub fn compile(text: &str) -> Result<Ruleset, Vec<Diagnostic>> {
    reader::read(text)
}

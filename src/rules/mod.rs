//! Rules: text in, a checked plan or every mistake out.
//!
//! [`compile`] reads a rules file (TOML with CEL conditions) and yields the [`program::Ruleset`] the engine runs, or
//! one [`diagnostic::Diagnostic`] for every problem in the file. Nothing is evaluated here.

pub mod diagnostic;
pub mod program;

use diagnostic::Diagnostic;
use program::Ruleset;

/// Reads, checks and compiles a rules file.
///
/// # Errors
/// Every problem in the text, in the order of its place in the file; never empty.
pub fn compile(_text: &str) -> Result<Ruleset, Vec<Diagnostic>> {
    Err(Vec::new())
}

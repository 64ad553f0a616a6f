//! Rules: text in; a compiled [`Ruleset`], or every mistake, out.
//!
//! [`compile`] reads a rules file (TOML with conditions) and yields the [`Ruleset`] that the engine executes, or one
//! [`Diagnostic`] for every mistake in the file. Nothing is evaluated here.
//!
//! A rules file passes through four steps:
//!
//! 1. [`crate::document`] parses the TOML, and `tables` reads its tables (`growth` those of the growth numbers).
//! 2. `syntax` parses the text of a condition into a tree of expressions, each with its place in the file.
//! 3. `compiler` resolves the names in that tree and checks its types, with the functions of the language in `functions`.
//! 4. [`ruleset`] is the result.
//!
//! | to add | open |
//! |---|---|
//! | a function of the language | the table `FUNCTIONS` in `functions` |
//! | a method of a text, behind a dot | `compiler::text_test` |
//! | an operator or another form of syntax | `syntax::token`, `syntax::parser`, then `compiler::condition` or `compiler::term` |
//! | a name at the start of a path, like `traits` | `ROOTS` in `compiler::path` |
//! | a key of a table of the file, or a table | its file in `tables`, and its shape in [`schema`] |
//!
//! The other modules work on a compiled ruleset: [`dependencies`] (what can change a condition), [`notation`] (features
//! and terms as the rules write them), [`explain`] (`rekindle check --explain`), [`edits`] (in what two rules files differ), [`products`] (what the
//! rules read compared with events), [`reference`](mod@reference) (the language reference).

pub mod dependencies;
pub mod edits;
pub mod explain;
pub mod growth;
pub mod notation;
pub mod products;
pub mod reference;
pub mod ruleset;
pub mod schema;
pub mod time_zones;

mod compiler;
mod functions;
mod syntax;
mod tables;
#[cfg(test)]
mod tests;

use ruleset::{Projection, Ruleset};
use xxhash_rust::xxh3::xxh3_64;

use crate::diagnostics::Diagnostic;

/// The names of all functions and methods of the language, so that tests can check that they cover all of it.
pub fn function_names() -> impl Iterator<Item = &'static str> {
    functions::names().into_iter().chain(functions::METHODS)
}

/// The version of rules: `xxh3_64` of their text, as 16 hex digits.
pub fn fingerprint(text: &str) -> String {
    format!("{:016x}", xxh3_64(text.as_bytes()))
}

/// Reads, checks and compiles a rules file.
///
/// # Errors
/// Every mistake in the text, in the order of its place in the file; never empty.
pub fn compile(text: &str) -> Result<Ruleset, Vec<Diagnostic>> {
    tables::read(text, &Projection::of_events([]))
}

/// Compiles rules, each of which has been compiled before, so that all of them read the same of events: what a decoder for one of
/// them reads is what it reads for every one.
///
/// # Errors
/// Together they read more than there are ids for. The first number is that of the rules with the mistakes.
pub fn compile_together(texts: &[&str]) -> Result<Vec<Ruleset>, (usize, Vec<Diagnostic>)> {
    let compiled = |shared: &Projection| -> Result<Vec<Ruleset>, (usize, Vec<Diagnostic>)> {
        let each = texts.iter().enumerate();
        each.map(|(index, text)| tables::read(text, shared).map_err(|mistakes| (index, mistakes))).collect()
    };
    let alone = compiled(&Projection::of_events([]))?;
    compiled(&Projection::of_events(alone.iter().map(|rules| &rules.projection)))
}

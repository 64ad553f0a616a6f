//! Parses a condition: its text as an [`Expression`], or every syntax error in it.
//!
//! The language is a subset of CEL (Common Expression Language). `lexer` divides the text into tokens, `brackets` pairs the
//! brackets, `parser` builds the tree (a Pratt parser), `literal` reads numbers and texts.
//!
//! # Invariants
//! - Every mistake is reported at its place in the file, and parsing continues, so that one run shows all mistakes of a
//!   condition. What could not be parsed is an [`ExpressionKind::Mistake`] in the tree, about which nothing more is
//!   reported.
//! - Operators, calls and brackets are nested at most [`lexer::NESTING_MAX`] deep, whatever the input, so the parser and
//!   all visitors of a tree may be recursive. A chain of `&&` or `||` is one node, however long it is.
//! - Names are not resolved here: `compiler` and `functions` do that.

mod brackets;
mod expression;
mod lexer;
mod literal;
mod mistaken_tokens;
mod parser;
#[cfg(test)]
mod tests;
mod token;

use std::ops::Range;

use crate::diagnostics::{Diagnostics, SourceMap};

pub(super) use expression::{DottedPath, Expression, ExpressionKind, FunctionCall};
pub(super) use token::RESERVED_WORDS;

/// Parses a condition; `map` gives the places of its characters in the file. `None`: it is empty, too long or nested too
/// deeply.
pub(super) fn parse(source: &str, map: &SourceMap, problems: &mut Diagnostics<'_>) -> Option<Expression> {
    let mut problems = ConditionProblems { map, problems };
    let tokens = lexer::tokens(source, &mut problems)?;
    parser::parse(source, &tokens, &mut problems)
}

/// Collects the problems of one condition.
struct ConditionProblems<'m, 'p, 't> {
    map: &'m SourceMap,
    problems: &'p mut Diagnostics<'t>,
}

impl ConditionProblems<'_, '_, '_> {
    /// Adds a problem with a part of the condition.
    fn add(&mut self, span: Range<usize>, message: impl Into<String>, help: impl Into<String>) {
        self.problems.add(&self.map.place(span), message, help);
    }
}

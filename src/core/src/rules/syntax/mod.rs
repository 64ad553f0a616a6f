//! Parses a condition: its text as an [`Expression`], or every syntax error in it.
//!
//! The language is a subset of CEL. `lexer` cuts the text into tokens and pairs the brackets, `parser` builds the tree
//! (a Pratt parser), `literal` reads numbers and texts.
//!
//! # Invariants
//! - Every mistake is reported where it is found, at its place in the file; parsing then goes on, so that one run
//!   shows all mistakes of a condition. What could not be parsed stands in the tree as [`ExpressionKind::Mistake`],
//!   about which nothing more is reported.
//! - At most [`lexer::NESTING_MAX`] operators, calls and brackets enclose one another, whatever the input, so the parser
//!   and all that walk a tree may be recursive. A chain of `&&` or `||` is one node, however long it is.
//! - Nothing here knows what a name means; that is for `condition`, `term` and `functions`.

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

/// Parses a condition whose text has its places in the file given by `map`. `None`: it is empty, or too large to be
/// looked into.
pub(super) fn parse(source: &str, map: &SourceMap, problems: &mut Diagnostics<'_>) -> Option<Expression> {
    let mut problems = ConditionProblems { map, problems };
    let tokens = lexer::tokens(source, &mut problems)?;
    parser::parse(source, &tokens, &mut problems)
}

/// Where the problems of one condition are collected.
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

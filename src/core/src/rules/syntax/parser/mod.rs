//! Builds the tree of a condition from its tokens: a Pratt parser.
//!
//! An operator takes the expression on its left, and on its right every operator that binds tighter. Each bracket is parsed
//! within the bounds of its pair, so a mistake inside it ends at the closing bracket at the latest. After a token that
//! cannot be where it is, parsing continues behind the next `&&`, `||` or comma of the same bracket.
//!
//! `operators` parses operators and signs, `operands` names, calls, lists and brackets, `literals` numbers and texts;
//! `cursor` moves through the tokens, `recovery` reports mistakes and continues after them.

mod cursor;
mod literals;
mod operands;
mod operators;
mod recovery;

use std::ops::Range;

use super::ConditionProblems;
use super::expression::{Expression, ExpressionKind};
use super::lexer::NESTING_MAX;
use super::token::{BinaryOperator, Precedence, Token, TokenKind};

/// Parses a condition of one token or more. `None`: it is nested too deeply.
pub(super) fn parse(
    source: &str,
    tokens: &[Token],
    problems: &mut ConditionProblems<'_, '_, '_>,
) -> Option<Expression> {
    let mut parser =
        ConditionParser { source, tokens, at: 0, end: tokens.len(), depth: 0, is_too_deep: false, problems };
    let parsed = parser.expression(CommaRule::Refused);
    (!parser.is_too_deep).then_some(parsed.expression)
}

struct ConditionParser<'s, 'c, 'm, 'p, 't> {
    source: &'s str,
    tokens: &'s [Token],
    /// Index of the next token.
    at: usize,
    /// Index of the token that ends the innermost bracket.
    end: usize,
    /// Number of open brackets and signs.
    depth: usize,
    /// The limit on nesting was reached and reported; no more tokens are read.
    is_too_deep: bool,
    problems: &'c mut ConditionProblems<'m, 'p, 't>,
}

/// An expression with what the parser needs in order to build on it.
struct ParsedPart {
    expression: Expression,
    /// Byte range in the condition, brackets around it included.
    extent: Range<usize>,
    /// Height of its tree; a bracket counts too.
    height: usize,
}

/// Whether commas separate what is parsed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CommaRule {
    Separate,
    Refused,
}

impl ConditionParser<'_, '_, '_, '_, '_> {
    /// Parses up to the end of the innermost bracket or, where commas separate, to the next comma.
    fn expression(&mut self, commas: CommaRule) -> ParsedPart {
        let mut whole = self.operation(Precedence::Or);
        while let Some(token) =
            self.peek().filter(|token| !(commas == CommaRule::Separate && token.kind == TokenKind::Comma))
        {
            if token.kind == TokenKind::Question {
                return self.ternary(whole, commas);
            }
            // They can follow only after a mistake.
            if let TokenKind::Operator(operator @ (BinaryOperator::And | BinaryOperator::Or)) = token.kind {
                self.at += 1;
                let right = self.operation(operator.precedence().next());
                whole = self.binary(operator, whole, right);
                continue;
            }
            if !token.is_reported {
                self.report_unexpected(self.at);
            }
            match commas {
                CommaRule::Separate => whole.expression.kind = ExpressionKind::Mistake,
                CommaRule::Refused => recovery::leave_type_open(&mut whole.expression),
            }
            let Some(operator) = self.skip_to_next_part(commas) else { break };
            let right = self.operation(operator.precedence().next());
            whole = self.binary(operator, whole, right);
        }
        whole
    }

    /// An expression with its place in the file; a mistake if its tree is too high.
    fn part(&mut self, kind: ExpressionKind, extent: Range<usize>, height: usize) -> ParsedPart {
        if height > NESTING_MAX {
            self.report_nesting(extent.clone());
            return self.mistake(extent);
        }
        let span = self.problems.map.place(extent.clone());
        ParsedPart { expression: Expression { kind, span }, extent, height }
    }
}

//! Mistakes: how they are reported, and where parsing continues after them.

use std::ops::Range;

use super::{CommaRule, ConditionParser, ParsedPart};
use crate::diagnostics::shorten;
use crate::rules::ruleset::Comparison;
use crate::rules::syntax::expression::{Expression, ExpressionKind};
use crate::rules::syntax::lexer::{NESTING_MAX, SPLIT_HELP};
use crate::rules::syntax::token::{BinaryOperator, TokenKind};

impl<'s> ConditionParser<'s, '_, '_, '_, '_> {
    /// Skips the tokens up to and including the next `&&` or `||` of this bracket. `None`: there is none before the next
    /// separating comma or the end of the bracket.
    pub(super) fn skip_to_next_part(&mut self, commas: CommaRule) -> Option<BinaryOperator> {
        while let Some(token) = self.peek() {
            match token.kind {
                TokenKind::Comma if commas == CommaRule::Separate => return None,
                TokenKind::Operator(operator @ (BinaryOperator::And | BinaryOperator::Or)) => {
                    self.at += 1;
                    return Some(operator);
                }
                TokenKind::Open(_) => {
                    self.skip_bracket();
                }
                _ => self.at += 1,
            }
        }
        None
    }

    pub(super) fn mistake(&self, extent: Range<usize>) -> ParsedPart {
        let span = self.problems.map.place(extent.clone());
        ParsedPart { expression: Expression { kind: ExpressionKind::Mistake, span }, extent, height: 1 }
    }

    /// Reports that something is missing before the next token, or at the end of the condition.
    pub(super) fn report_missing(&mut self, help: &str) {
        if self.is_too_deep {
            return;
        }
        match self.tokens.get(self.at) {
            Some(token) => {
                let message = format!("{} is not expected here", shorten(self.text_of(token)));
                self.problems.add(token.span.clone(), message, help);
            }
            None => {
                let end = self.source.len();
                self.problems.add(end..end, "the condition ends too early", "something must follow");
            }
        }
    }

    /// Reports a token that cannot be where it is.
    pub(super) fn report_unexpected(&mut self, index: usize) {
        let token = &self.tokens[index];
        let is_after_operand = index.checked_sub(1).is_some_and(|before| self.tokens[before].kind.ends_operand());
        let help = match token.kind {
            kind if is_after_operand && kind.begins_operand() && !matches!(kind, TokenKind::Open(_)) => {
                "an operator is missing before it: &&, ||, ==, <, …"
            }
            _ if !is_after_operand => "a value is missing before it",
            _ => "",
        };
        let message = format!("{} is not expected here", shorten(self.text_of(token)));
        self.problems.add(token.span.clone(), message, help);
    }

    pub(super) fn report_nesting(&mut self, span: Range<usize>) {
        if !std::mem::replace(&mut self.is_too_deep, true) {
            let message = format!(
                "this condition is nested too deeply; the maximum is {NESTING_MAX} nested operators and brackets"
            );
            self.problems.add(span, message, SPLIT_HELP);
        }
    }
}

/// Replaces the last part of an expression by a comparison of it with a mistake: its names are still checked, but not
/// whether it is a condition, since the tokens that would decide that could not be parsed.
pub(super) fn leave_type_open(expression: &mut Expression) {
    if let ExpressionKind::And(items) | ExpressionKind::Or(items) = &mut expression.kind {
        if let Some(last) = items.last_mut() {
            leave_type_open(last);
        }
        return;
    }
    let span = expression.span.clone();
    let kind = std::mem::replace(&mut expression.kind, ExpressionKind::Mistake);
    let left = Box::new(Expression { kind, span: span.clone() });
    let right = Box::new(Expression { kind: ExpressionKind::Mistake, span });
    expression.kind = ExpressionKind::Compare(Comparison::Equal, left, right);
}

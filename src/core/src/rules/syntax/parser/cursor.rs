//! Moves through the tokens, bracket by bracket.

use std::ops::Range;

use super::ConditionParser;
use crate::rules::syntax::lexer::NESTING_MAX;
use crate::rules::syntax::token::{Bracket, Token, TokenKind};

impl<'s> ConditionParser<'s, '_, '_, '_, '_> {
    /// The next token of the innermost bracket.
    pub(super) fn peek(&self) -> Option<&'s Token> {
        if self.is_too_deep || self.at >= self.end { None } else { self.tokens.get(self.at) }
    }

    /// Whether the bracket of a call follows the next token.
    pub(super) fn is_call(&self) -> bool {
        self.at + 1 < self.end && self.tokens[self.at + 1].kind == TokenKind::Open(Bracket::Round)
    }

    /// Takes the next token as a name, with its place in the condition.
    pub(super) fn name(&mut self) -> (&'s str, Range<usize>) {
        let token = &self.tokens[self.at];
        self.at += 1;
        (&self.source[token.span.clone()], token.span.clone())
    }

    pub(super) fn text_of(&self, token: &Token) -> &'s str {
        &self.source[token.span.clone()]
    }

    /// Byte offset at which the token before the next one ends.
    pub(super) fn end_of_previous(&self) -> usize {
        self.at.checked_sub(1).and_then(|index| self.tokens.get(index)).map_or(0, |token| token.span.end)
    }

    /// Parses the content of the bracket that the next token opens; yields it with the extent of the bracket.
    pub(super) fn bracketed<T>(&mut self, content: impl FnOnce(&mut Self) -> T) -> (T, Range<usize>) {
        let (open, end) = (self.at, self.bracket_end());
        let outer = std::mem::replace(&mut self.end, end);
        self.at += 1;
        let is_entered = self.enter(1, &self.tokens[open].span.clone());
        let content = content(self);
        self.depth -= usize::from(is_entered);
        self.end = outer;
        self.leave_bracket(open, end);
        (content, self.tokens[open].span.start..self.end_of_previous())
    }

    /// Skips the bracket that the next token opens; yields its extent.
    pub(super) fn skip_bracket(&mut self) -> Range<usize> {
        let open = self.at;
        let end = self.bracket_end();
        self.leave_bracket(open, end);
        self.tokens[open].span.start..self.end_of_previous()
    }

    /// Index of the token that ends the bracket which the next token opens.
    pub(super) fn bracket_end(&self) -> usize {
        self.tokens[self.at].partner.unwrap_or(self.end)
    }

    pub(super) fn leave_bracket(&mut self, open: usize, end: usize) {
        let is_closed = self.tokens.get(end).is_some_and(|token| token.partner == Some(open));
        self.at = if is_closed { end + 1 } else { end };
    }

    /// Enters `levels` more levels of nesting; false if that is too deep.
    pub(super) fn enter(&mut self, levels: usize, span: &Range<usize>) -> bool {
        if self.depth + levels > NESTING_MAX {
            self.report_nesting(span.clone());
            return false;
        }
        self.depth += levels;
        true
    }
}

//! Literals: numbers and texts.

use super::{ConditionParser, ParsedPart};
use crate::diagnostics::shorten;
use crate::rules::syntax::expression::ExpressionKind;
use crate::rules::syntax::literal::{self, InvalidEscape, NumberError};
use crate::rules::syntax::token::{Bracket, Token, TokenKind};
use crate::time::Span;

impl<'s> ConditionParser<'s, '_, '_, '_, '_> {
    pub(super) fn number(&mut self, token: &Token) -> ParsedPart {
        let written = self.text_of(token);
        if Span::parse(written).is_ok() {
            self.report_unquoted_duration(token);
            return self.literal(token, ExpressionKind::Mistake);
        }
        let error = match literal::number(written) {
            Ok(number) => return self.literal(token, ExpressionKind::Number(number)),
            Err(error) => error,
        };
        let (message, help) = match error {
            NumberError::Unsigned => {
                ("unsigned numbers (5u) are not part of the language".to_owned(), "leave out the u")
            }
            NumberError::HexadecimalTooLarge => {
                ("this whole number is too large".to_owned(), "hexadecimal numbers go up to 0x7fffffffffffffff")
            }
            NumberError::TooLarge => ("this number is too large".to_owned(), "numbers go up to 1e24"),
            NumberError::Malformed => {
                (format!("{} is not a number", shorten(written)), "names begin with a letter; write texts in quotes")
            }
        };
        self.problems.add(token.span.clone(), message, help);
        self.literal(token, ExpressionKind::Mistake)
    }

    /// `30d` where `'30d'` or `duration('30d')` is meant.
    pub(super) fn report_unquoted_duration(&mut self, token: &Token) {
        let written = self.text_of(token);
        let before = |distance: usize| self.at.checked_sub(distance).and_then(|index| self.tokens.get(index));
        let is_argument = match before(1).map(|token| token.kind) {
            Some(TokenKind::Comma) => true,
            Some(TokenKind::Open(Bracket::Round)) => {
                before(2).is_some_and(|function| self.text_of(function) == "duration")
            }
            _ => false,
        };
        let help = if is_argument { format!("write '{written}'") } else { format!("write duration('{written}')") };
        let message = format!("the duration `{written}` must be in quotes");
        self.problems.add(token.span.clone(), message, help);
    }

    pub(super) fn text(&mut self, token: &Token) -> ParsedPart {
        let kind = match literal::text(self.text_of(token)) {
            Ok(text) => ExpressionKind::Text(text),
            Err(InvalidEscape(range)) => {
                let span = token.span.start + range.start..token.span.start + range.end;
                let message = format!("{} is not an escape sequence", shorten(&self.source[span.clone()]));
                let help = "write \\\\ for a backslash, or r'…' for text without escapes";
                self.problems.add(span, message, help);
                ExpressionKind::Mistake
            }
        };
        self.literal(token, kind)
    }

    /// An expression of one token.
    pub(super) fn literal(&mut self, token: &Token, kind: ExpressionKind) -> ParsedPart {
        self.at += 1;
        self.part(kind, token.span.clone(), 1)
    }
}

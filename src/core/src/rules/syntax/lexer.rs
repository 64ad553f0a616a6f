//! Divides a condition into tokens.
//!
//! Mistakes are reported. Where it is clear what was meant, the token is the correct one: `==` for `=`, `&&` for `and`.
//! Otherwise it is a [`TokenKind::Mistake`], which the parser treats as a value.

use std::ops::Range;

use super::mistaken_tokens::{self, OPERATOR_WORDS, OPERATORS, character_advice, operator_advice};
use super::token::{KEYWORDS, SYMBOLS, Token, TokenKind};
use super::{ConditionProblems, brackets};
use crate::diagnostics::{Advice, ascii_of_full_width, is_invisible_or_blank};

/// The longest condition, in bytes.
pub(super) const CONDITION_BYTES_MAX: usize = 16 * 1024;
/// The maximum height of the tree of a condition, in nested operators, calls and brackets.
pub(super) const NESTING_MAX: usize = 64;
/// Help for a condition that is too long or nested too deeply.
pub(super) const SPLIT_HELP: &str = "move parts of it to segments of their own, and refer to them with in_segment('…')";

/// Divides a condition into tokens. `None`: there are none, or the condition is too long; this was reported.
pub(super) fn tokens(source: &str, problems: &mut ConditionProblems<'_, '_, '_>) -> Option<Vec<Token>> {
    if source.len() > CONDITION_BYTES_MAX {
        let message = format!("this condition has {} bytes; the maximum is {CONDITION_BYTES_MAX}", source.len());
        problems.add(0..source.len(), message, SPLIT_HELP);
        return None;
    }
    let mut lexer = ConditionLexer { source, at: 0, tokens: Vec::new(), has_open_text: false, problems };
    while lexer.at < source.len() {
        lexer.scan();
    }
    let (mut tokens, has_open_text) = (lexer.tokens, lexer.has_open_text);
    if tokens.is_empty() {
        problems.add(0..source.len(), "the condition is empty", "write what must hold, or remove the key");
        return None;
    }
    brackets::pair(source, &mut tokens, has_open_text, problems);
    Some(tokens)
}

struct ConditionLexer<'s, 'c, 'm, 'p, 't> {
    source: &'s str,
    /// Byte offset of the next token.
    at: usize,
    tokens: Vec<Token>,
    /// There was a text without a closing quote.
    has_open_text: bool,
    problems: &'c mut ConditionProblems<'m, 'p, 't>,
}

impl<'s> ConditionLexer<'s, '_, '_, '_, '_> {
    /// Reads the next token, blank or comment.
    fn scan(&mut self) {
        let rest = self.rest();
        let Some(first) = rest.chars().next() else { return };
        if matches!(first, ' ' | '\t' | '\n' | '\r' | '\u{c}') {
            self.at += 1;
        } else if rest.starts_with("//") {
            self.at += rest.find('\n').unwrap_or(rest.len());
        } else if let Some(prefix) = text_prefix_length(rest) {
            self.scan_text(prefix);
        } else if first.is_ascii_digit() || (first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit())) {
            self.push(TokenKind::Number, number_length(rest));
        } else if first.is_alphabetic() || first == '_' {
            self.scan_word();
        } else {
            self.scan_symbol(first);
        }
    }

    fn rest(&self) -> &'s str {
        &self.source[self.at..]
    }

    fn push(&mut self, kind: TokenKind, length: usize) {
        self.tokens.push(Token { kind, span: self.at..self.at + length, partner: None, is_reported: false });
        self.at += length;
    }

    /// Pushes a token with a mistake in it, at the byte range `marked` of the token.
    fn push_mistaken(&mut self, kind: TokenKind, length: usize, marked: Range<usize>, advice: Advice) {
        self.problems.add(self.at + marked.start..self.at + marked.end, advice.message, advice.help);
        self.push(kind, length);
        if let Some(token) = self.tokens.last_mut() {
            token.is_reported = true;
        }
    }

    fn scan_word(&mut self) {
        let rest = self.rest();
        let length = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
        let word = &rest[..length];
        if let Some((offset, c)) = word.char_indices().find(|(_, c)| !c.is_ascii()) {
            let advice = character_advice(c);
            return self.push_mistaken(TokenKind::Mistake, length, offset..offset + c.len_utf8(), advice);
        }
        let is_field = self.tokens.last().is_some_and(|token| token.kind == TokenKind::Dot);
        let operator = OPERATOR_WORDS.iter().find(|(wrong, _)| wrong.eq_ignore_ascii_case(word));
        if let (Some((_, operator)), false) = (operator, is_field) {
            let kind = symbol(operator).map_or(TokenKind::Mistake, |(_, kind)| kind);
            return self.push_mistaken(kind, length, 0..length, operator_advice(word, operator));
        }
        let keyword = KEYWORDS.iter().find(|(keyword, _)| *keyword == word);
        self.push(keyword.map_or(TokenKind::Word, |(_, kind)| *kind), length);
    }

    fn scan_symbol(&mut self, first: char) {
        let rest = self.rest();
        let symbol_here = symbol(rest);
        let mistaken = OPERATORS.iter().find(|(wrong, _)| rest.starts_with(wrong));
        match (symbol_here, mistaken) {
            // The longer one, so that `==` is not read as a mistaken `=`.
            (found, Some((wrong, right))) if found.is_none_or(|(symbol, _)| wrong.len() > symbol.len()) => {
                let kind = symbol(right).map_or(TokenKind::Mistake, |(_, kind)| kind);
                self.push_mistaken(kind, wrong.len(), 0..wrong.len(), operator_advice(wrong, right));
            }
            (Some((symbol, kind)), _) => self.push(kind, symbol.len()),
            _ => self.scan_wrong_character(first),
        }
    }

    fn scan_wrong_character(&mut self, c: char) {
        let advice = character_advice(c);
        let marked = c.len_utf8();
        if is_invisible_or_blank(c) {
            self.problems.add(self.at..self.at + marked, advice.message, advice.help);
            self.at += marked;
            return;
        }
        let mut ascii = [0; 4];
        let meant = ascii_of_full_width(c).and_then(|c| symbol(c.encode_utf8(&mut ascii)));
        let kind = meant.map_or(TokenKind::Mistake, |(_, kind)| kind);
        let line = self.rest().split(['\n', '\r']).next().unwrap_or_default();
        let closing = line[marked..].find(mistaken_tokens::closing_quotes(c));
        // Between quotes of another kind stands what was meant as a text.
        let closing_length = |at: usize| line[marked + at..].chars().next().map_or(0, char::len_utf8);
        let length = closing.map_or(marked, |at| marked + at + closing_length(at));
        self.push_mistaken(kind, length, 0..marked, advice);
    }

    /// Reads a text (string literal) behind a prefix of `prefix` letters.
    fn scan_text(&mut self, prefix: usize) {
        let rest = self.rest();
        let (letters, body) = rest.split_at(prefix);
        let is_raw = letters.contains(['r', 'R']);
        let kind = if letters.contains(['b', 'B']) { TokenKind::Bytes } else { TokenKind::Text };
        let quote = if body.starts_with("'''") || body.starts_with("\"\"\"") { &body[..3] } else { &body[..1] };
        let mut end = body.len();
        let mut is_escaped = false;
        for (offset, c) in body.char_indices().skip(quote.len()) {
            if is_escaped {
                is_escaped = false;
            } else if c == '\\' && !is_raw {
                is_escaped = true;
            } else if body[offset..].starts_with(quote) {
                return self.push(kind, prefix + offset + quote.len());
            } else if matches!(c, '\n' | '\r') && quote.len() == 1 {
                end = offset;
                break;
            }
        }
        self.has_open_text = true;
        let length = prefix + body[..end].trim_end().len();
        let advice =
            Advice { message: "this text has no closing quote".to_owned(), help: format!("close it with {quote}") };
        self.push_mistaken(TokenKind::Mistake, length, 0..length, advice);
    }
}

/// The longest symbol at the start of `rest`.
fn symbol(rest: &str) -> Option<(&'static str, TokenKind)> {
    SYMBOLS.into_iter().filter(|(symbol, _)| rest.starts_with(symbol)).max_by_key(|(symbol, _)| symbol.len())
}

/// Length of a text's prefix (`r`, `b`, `br`, in either case), if a text starts here.
fn text_prefix_length(rest: &str) -> Option<usize> {
    let after_b = rest.strip_prefix(['b', 'B']).unwrap_or(rest);
    let body = after_b.strip_prefix(['r', 'R']).unwrap_or(after_b);
    body.starts_with(['\'', '"']).then_some(rest.len() - body.len())
}

/// Length of a token that begins like a number: also of `30d` and `5abc`, so that messages show them whole.
fn number_length(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let mut length = 0;
    while let Some(byte) = bytes.get(length) {
        let is_exponent_sign = matches!(byte, b'+' | b'-')
            && matches!(bytes[length - 1], b'e' | b'E')
            && !rest.starts_with("0x")
            && bytes.get(length + 1).is_some_and(u8::is_ascii_digit);
        let is_fraction = *byte == b'.' && bytes.get(length + 1).is_some_and(u8::is_ascii_digit);
        if !(byte.is_ascii_alphanumeric() || is_exponent_sign || is_fraction) {
            break;
        }
        length += 1;
    }
    length
}

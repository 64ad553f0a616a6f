//! Reads the literals of CEL: numbers, and texts with their escapes.

use std::ops::Range;

use crate::decimal::Decimal;

/// Why a token is not a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberError {
    /// `5u`
    Unsigned,
    /// `0xffffffffffffffff`
    HexadecimalTooLarge,
    TooLarge,
    /// `5abc`
    Malformed,
}

/// Reads a number: `42`, `0x2a`, `4.2`, `.5`, `4.2e1`.
pub(super) fn number(text: &str) -> Result<Decimal, NumberError> {
    if let Some(digits) = text.strip_suffix(['u', 'U'])
        && is_whole(digits)
    {
        return Err(NumberError::Unsigned);
    }
    if let Some(digits) = text.strip_prefix("0x") {
        return match i64::from_str_radix(digits, 16) {
            Ok(number) => Ok(Decimal::from(number)),
            Err(_) if is_whole(text) => Err(NumberError::HexadecimalTooLarge),
            Err(_) => Err(NumberError::Malformed),
        };
    }
    if !is_whole(text) && !is_fraction(text) {
        return Err(NumberError::Malformed);
    }
    Decimal::parse(text).ok_or(NumberError::TooLarge)
}

fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_whole(text: &str) -> bool {
    match text.strip_prefix("0x") {
        Some(digits) => !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_hexdigit()),
        None => is_digits(text),
    }
}

/// `4.2`, `.5`, `4e1`, `4.2e-1`
fn is_fraction(text: &str) -> bool {
    let (mantissa, exponent) =
        text.split_once(['e', 'E']).map_or((text, None), |(before, after)| (before, Some(after)));
    let is_mantissa = match mantissa.split_once('.') {
        Some((whole, fraction)) => (whole.is_empty() || is_digits(whole)) && is_digits(fraction),
        None => exponent.is_some() && is_digits(mantissa),
    };
    is_mantissa && exponent.is_none_or(|exponent| is_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}

/// An invalid escape sequence: its byte range in the literal.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InvalidEscape(pub(super) Range<usize>);

/// Reads a text with its prefix and quotes: `'…'`, `"…"`, `'''…'''`, `r'…'`. Line ends become `\n`.
pub(super) fn text(literal: &str) -> Result<String, InvalidEscape> {
    let body = literal.trim_start_matches(['r', 'R']);
    let quote_length = if body.len() >= 6 && (body.starts_with("'''") || body.starts_with("\"\"\"")) { 3 } else { 1 };
    let content_start = literal.len() - body.len() + quote_length;
    let content = &literal[content_start..literal.len() - quote_length];
    if body.len() < literal.len() || !content.contains('\\') {
        return Ok(content.replace("\r\n", "\n").replace('\r', "\n"));
    }
    let mut text = String::with_capacity(content.len());
    let mut rest = content;
    while let Some(first) = rest.chars().next() {
        let length = if first == '\\' {
            let escape = Escape::at_start_of(rest);
            let at = content_start + content.len() - rest.len();
            text.push(escape.character.ok_or(InvalidEscape(at..at + escape.length))?);
            escape.length
        } else if first == '\r' {
            text.push('\n');
            if rest.starts_with("\r\n") { 2 } else { 1 }
        } else {
            text.push(first);
            first.len_utf8()
        };
        rest = &rest[length..];
    }
    Ok(text)
}

/// An escape sequence.
struct Escape {
    /// The character it denotes; `None`: it is invalid.
    character: Option<char>,
    /// Its length in bytes, the backslash included.
    length: usize,
}

impl Escape {
    fn at_start_of(rest: &str) -> Escape {
        let Some(kind) = rest[1..].chars().next() else { return Escape { character: None, length: 1 } };
        let simple = |character| Escape { character: Some(character), length: 2 };
        match kind {
            'a' => simple('\u{7}'),
            'b' => simple('\u{8}'),
            'f' => simple('\u{c}'),
            'n' => simple('\n'),
            'r' => simple('\r'),
            't' => simple('\t'),
            'v' => simple('\u{b}'),
            '\\' | '\'' | '"' | '`' | '?' => simple(kind),
            'x' | 'X' => Escape::coded(rest, 2, 2, 16),
            'u' => Escape::coded(rest, 2, 4, 16),
            'U' => Escape::coded(rest, 2, 8, 16),
            '0'..='3' => Escape::coded(rest, 1, 3, 8),
            _ => Escape { character: None, length: 1 + kind.len_utf8() },
        }
    }

    /// An escape that gives a character's code in `digits` digits.
    fn coded(rest: &str, prefix: usize, digits: usize, radix: u32) -> Escape {
        let invalid = Escape { character: None, length: 2 };
        let Some(code) = rest.get(prefix..prefix + digits) else { return invalid };
        if !code.chars().all(|c| c.is_digit(radix)) {
            return invalid;
        }
        let character = u32::from_str_radix(code, radix).ok().and_then(char::from_u32);
        Escape { character, length: prefix + digits }
    }
}

//! Cuts a condition into tokens before the CEL parser sees it.
//!
//! The parser overflows the stack on deep nesting and words its errors for compiler writers. So what can be said
//! from the tokens alone is said here: brackets that do not pair, quotes that do not close, `=` for `==`, `and` for
//! `&&`; and whatever nests deeper than [`MOST_NESTING`] never reaches the parser. Tokens also give every expression
//! its extent, since the parser keeps one token per node.

use std::ops::Range;

use crate::time::Span;

/// The longest condition, in bytes.
pub(super) const LONGEST_CONDITION: usize = 16 * 1024;
/// The deepest tree a condition may have, in operators, calls and brackets inside one another.
pub(super) const MOST_NESTING: usize = 64;

/// A token of a condition.
#[derive(Clone, Debug)]
pub(super) struct Token {
    pub(super) kind: TokenKind,
    /// Byte range in the condition.
    pub(super) span: Range<usize>,
    /// For a bracket, the index of the token that closes or opens it.
    pub(super) partner: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TokenKind {
    Word,
    Number,
    Text,
    Symbol,
}

/// What is wrong at a place of a condition.
pub(super) struct LexError {
    pub(super) span: Range<usize>,
    pub(super) message: String,
    pub(super) help: String,
}

const SYMBOLS: [&str; 24] = [
    "&&", "||", "==", "!=", "<=", ">=", "<", ">", "!", "+", "-", "*", "/", "%", "?", ":", ".", ",", "(", ")", "[", "]",
    "{", "}",
];

/// What people write for an operator, and what it is called here.
const MISTAKEN: [(&str, &str); 10] = [
    ("===", "=="),
    ("!==", "!="),
    ("=>", ">="),
    ("=<", "<="),
    ("<>", "!="),
    ("=", "=="),
    ("&", "&&"),
    ("|", "||"),
    ("≤", "<="),
    ("≥", ">="),
];

/// Cuts a condition into tokens.
///
/// # Errors
/// Everything that is wrong with the tokens, their pairing and their depth; never empty.
pub(super) fn tokens(source: &str) -> Result<Vec<Token>, Vec<LexError>> {
    if source.len() > LONGEST_CONDITION {
        let message = format!("this condition has {} bytes; the most is {LONGEST_CONDITION}", source.len());
        let help = "give parts of it to segments of their own, and ask for them with in_segment('…')".to_owned();
        return Err(vec![LexError { span: 0..source.len(), message, help }]);
    }
    let (mut tokens, mut errors) = (Vec::new(), Vec::new());
    let mut at = 0;
    while at < source.len() {
        at = match scan(source, at) {
            Scan::Skip(end) => end,
            Scan::Token(kind, end) => {
                tokens.push(Token { kind, span: at..end, partner: None });
                end
            }
            Scan::Wrong(end, message, help) => {
                errors.push(LexError { span: at..end, message, help });
                end
            }
        };
    }
    check_words(source, &tokens, &mut errors);
    check_numbers(source, &tokens, &mut errors);
    pair_brackets(source, &mut tokens, &mut errors);
    if errors.is_empty() {
        check_depth(source, &tokens, &mut errors);
    }
    if errors.is_empty() { Ok(tokens) } else { Err(errors) }
}

enum Scan {
    Skip(usize),
    Token(TokenKind, usize),
    Wrong(usize, String, String),
}

/// What stands at `at`, and where it ends.
fn scan(source: &str, at: usize) -> Scan {
    let rest = &source[at..];
    let Some(first) = rest.chars().next() else { return Scan::Skip(source.len()) };
    if matches!(first, ' ' | '\t' | '\n' | '\r' | '\u{c}') {
        return Scan::Skip(at + 1);
    }
    if rest.starts_with("//") {
        return Scan::Skip(at + rest.find('\n').unwrap_or(rest.len()));
    }
    if let Some(prefix) = string_prefix(rest) {
        return scan_string(rest, at, prefix);
    }
    if first.is_ascii_digit() || (first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit())) {
        return Scan::Token(TokenKind::Number, at + number_length(rest));
    }
    if first.is_ascii_alphabetic() || first == '_' {
        let length = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_')).unwrap_or(rest.len());
        return Scan::Token(TokenKind::Word, at + length);
    }
    // The longest of both lists wins, so that `==` is not read as a mistaken `=`.
    let symbol = SYMBOLS.iter().filter(|symbol| rest.starts_with(**symbol)).map(|symbol| symbol.len()).max();
    let mistaken = MISTAKEN.iter().find(|(wrong, _)| rest.starts_with(wrong));
    match (symbol, mistaken) {
        (length, Some((wrong, right))) if length.is_none_or(|length| wrong.len() > length) => {
            Scan::Wrong(at + wrong.len(), format!("`{wrong}` is not an operator"), format!("write `{right}`"))
        }
        (Some(length), _) => Scan::Token(TokenKind::Symbol, at + length),
        _ => wrong_character(first, at),
    }
}

fn wrong_character(c: char, at: usize) -> Scan {
    let mut message = format!("the character `{}` does not belong here", c.escape_debug());
    let help = match c {
        c if is_false_blank(c) => {
            message = format!("this only looks like a blank: it is U+{:04X}", u32::from(c));
            "write a plain blank; a text editor that replaces all of them finds it by copying it from here".to_owned()
        }
        c if plain_of(c).is_some() => {
            message = format!("`{c}` is a full-width character");
            format!("write `{}`", plain_of(c).unwrap_or(c))
        }
        '‘' | '’' | '“' | '”' | '„' | '«' | '»' => "write straight quotes: 'text'".to_owned(),
        '`' => "write straight quotes for text: 'text'".to_owned(),
        '–' | '−' => "write a plain minus: -".to_owned(),
        c if c.is_alphabetic() => "names are of the letters a to z, digits and _".to_owned(),
        _ => String::new(),
    };
    Scan::Wrong(at + c.len_utf8(), message, help)
}

/// Whether a character looks like a blank, or like nothing at all, and is neither of those that may stand between words.
pub(super) fn is_false_blank(c: char) -> bool {
    (c.is_whitespace() && !c.is_ascii()) || matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

/// The plain character that a full-width one (of East Asian keyboards) stands for.
pub(super) fn plain_of(c: char) -> Option<char> {
    ('\u{ff01}'..='\u{ff5e}').contains(&c).then(|| char::from_u32(u32::from(c) - 0xfee0))?
}

/// A percentage as the share it is: `50%` is 0.5.
pub(super) fn share_of(percent: &str) -> Option<String> {
    let number: f64 = percent.parse().ok().filter(|number: &f64| number.is_finite())?;
    Some(format!("{}", number / 100.0))
}

/// `30d` without quotes, and `50%`.
fn check_numbers(source: &str, tokens: &[Token], errors: &mut Vec<LexError>) {
    let text = |index: usize| tokens.get(index).map(|token: &Token| &source[token.span.clone()]);
    for (index, token) in tokens.iter().enumerate().filter(|(_, token)| token.kind == TokenKind::Number) {
        let number = &source[token.span.clone()];
        if Span::parse(number).is_ok() {
            let before = index.checked_sub(1).and_then(text);
            let within_call =
                before == Some(",") || before == Some("(") && index.checked_sub(2).and_then(text) == Some("duration");
            let help = if within_call { format!("write '{number}'") } else { format!("write duration('{number}')") };
            let message = format!("`{number}` is a duration, and stands without quotes");
            errors.push(LexError { span: token.span.clone(), message, help });
            continue;
        }
        let Some(sign) = tokens.get(index + 1).filter(|sign| source[sign.span.clone()] == *"%") else { continue };
        let is_remainder = tokens.get(index + 2).is_some_and(|next| {
            next.kind != TokenKind::Symbol || matches!(&source[next.span.clone()], "(" | "-" | "[")
        });
        if let (false, Some(share)) = (is_remainder, share_of(number)) {
            let message = format!("`{number}%` is not a number");
            let help = format!("write {share} if a share is meant, {number} if not");
            errors.push(LexError { span: token.span.start..sign.span.end, message, help });
        }
    }
}

/// Length of a string literal's prefix (`r'…'`, `b"…"`), if a string literal starts here.
fn string_prefix(rest: &str) -> Option<usize> {
    let letters = rest.len() - rest.trim_start_matches(['r', 'R', 'b', 'B']).len();
    (letters <= 2 && rest[letters..].starts_with(['\'', '"'])).then_some(letters)
}

fn scan_string(rest: &str, at: usize, prefix: usize) -> Scan {
    let raw = rest[..prefix].contains(['r', 'R']);
    let body = &rest[prefix..];
    let quote = if body.starts_with("'''") || body.starts_with("\"\"\"") { &body[..3] } else { &body[..1] };
    let mut skip_next = false;
    for (offset, c) in body.char_indices().skip(quote.len()) {
        if skip_next {
            skip_next = false;
        } else if c == '\\' && !raw {
            skip_next = true;
        } else if body[offset..].starts_with(quote) {
            return Scan::Token(TokenKind::Text, at + prefix + offset + quote.len());
        } else if matches!(c, '\n' | '\r') && quote.len() == 1 {
            break;
        }
    }
    let message = "this text has no closing quote".to_owned();
    Scan::Wrong(at + rest.len(), message, format!("close it with {quote}"))
}

fn number_length(rest: &str) -> usize {
    let bytes = rest.as_bytes();
    let mut length = 0;
    while let Some(byte) = bytes.get(length) {
        let exponent_sign = matches!(byte, b'+' | b'-')
            && matches!(bytes[length - 1], b'e' | b'E')
            && !rest.starts_with("0x")
            && bytes.get(length + 1).is_some_and(u8::is_ascii_digit);
        let fraction = *byte == b'.' && bytes.get(length + 1).is_some_and(u8::is_ascii_digit);
        if !(byte.is_ascii_alphanumeric() || exponent_sign || fraction) {
            break;
        }
        length += 1;
    }
    length
}

/// `a and b`: words of other languages where an operator must stand.
fn check_words(source: &str, tokens: &[Token], errors: &mut Vec<LexError>) {
    for (index, token) in tokens.iter().enumerate().filter(|(_, token)| token.kind == TokenKind::Word) {
        let after_dot = index > 0 && &source[tokens[index - 1].span.clone()] == ".";
        let operator = match source[token.span.clone()].to_ascii_lowercase().as_str() {
            "and" => "&&",
            "or" => "||",
            "not" => "!",
            _ => continue,
        };
        if !after_dot {
            let word = &source[token.span.clone()];
            let message = format!("`{word}` is not an operator");
            errors.push(LexError { span: token.span.clone(), message, help: format!("write `{operator}`") });
        }
    }
}

fn pair_brackets(source: &str, tokens: &mut [Token], errors: &mut Vec<LexError>) {
    let mut open: Vec<usize> = Vec::new();
    for index in 0..tokens.len() {
        let text = &source[tokens[index].span.clone()];
        let opening = match text {
            "(" | "[" | "{" => {
                open.push(index);
                continue;
            }
            ")" => "(",
            "]" => "[",
            "}" => "{",
            _ => continue,
        };
        let span = tokens[index].span.clone();
        match open.pop() {
            Some(start) if &source[tokens[start].span.clone()] == opening => {
                tokens[index].partner = Some(start);
                tokens[start].partner = Some(index);
            }
            Some(start) => {
                let other = &source[tokens[start].span.clone()];
                let message = format!("`{text}` closes a `{other}`");
                errors.push(LexError { span, message, help: String::new() });
                return;
            }
            None => {
                let message = format!("nothing is open that this `{text}` could close");
                errors.push(LexError { span, message, help: format!("take it out, or add a `{opening}` before it") });
                return;
            }
        }
    }
    if let Some(start) = open.pop() {
        let span = tokens[start].span.clone();
        let message = format!("this `{}` is never closed", &source[span.clone()]);
        errors.push(LexError { span, message, help: String::new() });
    }
}

/// One open bracket, while the depth is counted.
#[derive(Clone, Copy)]
struct Level {
    /// Depth that an operand starts with.
    base: usize,
    /// Depth of the chain of operators at hand.
    chain: usize,
    /// Greatest depth inside so far.
    most: usize,
}

/// Bounds from above the depth of the tree that the parser will build: each operator, dot, call and bracket adds one to
/// what stands before it. `&&`, `||` and `,` start over, since their trees are balanced.
fn check_depth(source: &str, tokens: &[Token], errors: &mut Vec<LexError>) {
    let mut levels = vec![Level { base: 0, chain: 0, most: 0 }];
    for token in tokens.iter().filter(|token| token.kind == TokenKind::Symbol || &source[token.span.clone()] == "in") {
        let text = &source[token.span.clone()];
        let Some(mut level) = levels.pop() else { return };
        match text {
            "(" | "[" | "{" => {
                level.chain += 1;
                levels.push(level);
                level = Level { base: level.chain, chain: level.chain, most: level.chain };
            }
            ")" | "]" | "}" => {
                let inside = level.most.max(level.chain);
                let Some(outer) = levels.pop() else { return };
                level = Level { chain: inside.max(outer.chain), ..outer };
            }
            "&&" | "||" | "," => level.chain = level.base,
            // What follows a `?` lies within it, `&&` or not.
            "?" => {
                level.base += 1;
                level.chain = level.base.max(level.chain + 1);
            }
            _ => level.chain += 1,
        }
        level.most = level.most.max(level.chain);
        if level.most > MOST_NESTING {
            let message = format!(
                "this condition nests too deep: {MOST_NESTING} operators and brackets within one another are the most"
            );
            let help = "give parts of it to segments of their own, and ask for them with in_segment('…')".to_owned();
            errors.push(LexError { span: token.span.clone(), message, help });
            return;
        }
        levels.push(level);
    }
}

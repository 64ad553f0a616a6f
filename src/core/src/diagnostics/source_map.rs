//! The places of the characters of a TOML string in the file.
//!
//! A condition is a TOML string. Its problems have offsets in the value of the string and are shown at their place in the
//! file, which quotes, escapes and line ends of multi-line strings shift.

use std::ops::Range;

/// The place in the file of every byte of a string's value.
pub struct SourceMap {
    /// File range of the source of each byte of the value.
    bytes: Vec<Range<usize>>,
    /// File range of the content between the quotes.
    content: Range<usize>,
}

impl SourceMap {
    /// Maps a string whose value is `value` and whose source, quotes included, stands at `span` of `file`.
    pub fn new(file: &str, span: Range<usize>, value: &str) -> SourceMap {
        let raw = file.get(span.clone()).unwrap_or_default();
        let quote_len = if raw.starts_with("\"\"\"") || raw.starts_with("'''") { 3 } else { 1 };
        let content = span.start + quote_len..span.end.saturating_sub(quote_len);
        let decoded = file
            .get(content.clone())
            .map(|inner| decode(inner, content.start, value, raw.starts_with('"'), quote_len == 3));
        match decoded {
            Some((decoded, bytes)) if decoded == value => SourceMap { bytes, content },
            // A string with a syntax error, or a form that this decoder does not know: every place is the whole string.
            _ => SourceMap { bytes: vec![span.clone(); value.len()], content: span },
        }
    }

    /// The place in the file of a range of the value.
    pub fn place(&self, range: Range<usize>) -> Range<usize> {
        let start = self.bytes.get(range.start).map_or(self.content.end, |byte| byte.start);
        let end = match range.end.checked_sub(1).and_then(|last| self.bytes.get(last)) {
            Some(byte) if range.end > range.start => byte.end,
            _ => start,
        };
        start..end.max(start)
    }
}

/// Decodes a TOML string, with the source range of each byte of the result.
fn decode(content: &str, base: usize, wanted: &str, escapes: bool, multi_line: bool) -> (String, Vec<Range<usize>>) {
    let (mut value, mut bytes) = (String::new(), Vec::new());
    let mut at = 0;
    if multi_line {
        at = if content.starts_with("\r\n") { 2 } else { usize::from(content.starts_with('\n')) };
    }
    while let Some(first) = content[at..].chars().next() {
        let rest = &content[at..];
        let (decoded, length) = if escapes && first == '\\' {
            unescape(rest)
        } else if rest.starts_with("\r\n") && wanted.as_bytes().get(value.len()) == Some(&b'\n') {
            (Some('\n'), 2)
        } else {
            (Some(first), first.len_utf8())
        };
        if let Some(c) = decoded {
            value.push(c);
            bytes.resize(value.len(), base + at..base + at + length);
        }
        at += length;
    }
    (value, bytes)
}

/// The character an escape at the start of `rest` stands for (none, for a backslash at a line's end), and its length.
fn unescape(rest: &str) -> (Option<char>, usize) {
    let hex = |digits: usize| {
        let code = rest.get(2..2 + digits).and_then(|hex| u32::from_str_radix(hex, 16).ok());
        (code.and_then(char::from_u32), if code.is_some() { 2 + digits } else { 1 })
    };
    match rest[1..].chars().next() {
        Some('b') => (Some('\u{8}'), 2),
        Some('t') => (Some('\t'), 2),
        Some('n') => (Some('\n'), 2),
        Some('f') => (Some('\u{c}'), 2),
        Some('r') => (Some('\r'), 2),
        Some('e') => (Some('\u{1b}'), 2),
        Some(c @ ('"' | '\\')) => (Some(c), 2),
        Some('x') => hex(2),
        Some('u') => hex(4),
        Some('U') => hex(8),
        Some(c) if c.is_ascii_whitespace() => {
            (None, 1 + rest[1..].len() - rest[1..].trim_start_matches([' ', '\t', '\n', '\r']).len())
        }
        _ => (None, 1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapped(file: &str, value: &str, part: &str) -> String {
        let span = file.find(['"', '\'']).unwrap()..file.len();
        let map = SourceMap::new(file, span, value);
        let start = value.find(part).unwrap();
        file[map.place(start..start + part.len())].to_owned()
    }

    #[test]
    fn a_part_of_a_string_is_found_behind_quotes_and_escapes() {
        assert_eq!(mapped("w = 'a == b'", "a == b", "b"), "b");
        assert_eq!(mapped(r#"w = "é \"x\" == b""#, "é \"x\" == b", "\"x\""), r#"\"x\""#);
        assert_eq!(mapped(r#"w = "\u00e9 == b""#, "é == b", "é =="), r"\u00e9 ==");
        assert_eq!(mapped("w = '''\na\r\nb'''", "a\nb", "b"), "b");
        assert_eq!(mapped("w = \"\"\"\na \\\n   bc\"\"\"", "a bc", "bc"), "bc");
    }

    #[test]
    fn the_end_of_a_string_is_before_its_closing_quote() {
        let file = "w = 'ab'";
        assert_eq!(SourceMap::new(file, 4..8, "ab").place(2..2), 7..7);
    }
}

//! Escapes text from events for a terminal: ids, products and categories may contain control characters, or characters that
//! change the direction of the text beside them.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::Write as _;

use super::CliError;

/// Part of a line: line ends and tabs in it are escaped too.
pub(crate) fn field(text: &str) -> Cow<'_, str> {
    escaped(text, |c| is_control(c) || c.is_control())
}

/// Whole lines: line ends and tabs are kept. JSON stays the same JSON.
pub(crate) fn lines(text: &str) -> Cow<'_, str> {
    escaped(text, is_control)
}

/// Prints whole lines, escaped, and a newline.
pub(crate) fn print(mut text: String) -> Result<(), CliError> {
    text.push('\n');
    Ok(std::io::stdout().lock().write_all(lines(&text).as_bytes())?)
}

/// Whether a terminal may do something else with the character than to show it in its place.
fn is_control(c: char) -> bool {
    let is_bidirectional =
        matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let is_invisible = matches!(c, '\u{200b}' | '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}');
    is_bidirectional || is_invisible || c.is_control() && c != '\n' && c != '\t'
}

fn escaped(text: &str, is_escaped: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_escaped(c) {
            // As JSON has it; all of these are in its first plane.
            let _ = write!(shown, "\\u{:04x}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_are_escaped() {
        let evil = "\u{1b}[2J\u{9b}31m\u{202e}evil\u{2066}\u{7f}\r\u{8}\u{200b}\u{2028}";
        assert_eq!(field(evil), "\\u001b[2J\\u009b31m\\u202eevil\\u2066\\u007f\\u000d\\u0008\\u200b\\u2028");
        assert_eq!(field("a\nb\tc"), "a\\u000ab\\u0009c");
        assert_eq!(lines("a\nb\tc\u{1b}"), "a\nb\tc\\u001b");
        for plain in ["", "Müller", "用户-一", "\u{1f469}\u{200d}\u{1f680}", "a \\u001b"] {
            assert!(matches!(field(plain), Cow::Borrowed(text) if text == plain));
        }
    }

    #[test]
    fn escaped_json_is_the_same_json() {
        let value = serde_json::json!({"user": "a\u{9b}\u{7f}\u{202e}\n\u{1b}é", "n": [1, null]});
        let shown = lines(&value.to_string()).into_owned();
        assert!(shown.is_ascii() || shown.contains('é'));
        assert!(!shown.contains('\u{9b}') && !shown.contains('\u{202e}'));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).expect("JSON"), value);
    }
}

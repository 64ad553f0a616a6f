//! Tokens of other languages that are written by mistake: `and`, `=`, curly quotes.

use crate::diagnostics::{Advice, ascii_of_full_width, is_invisible_or_blank};

/// Mistaken operators, each with the correct one.
pub(super) const OPERATORS: [(&str, &str); 10] = [
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

/// Mistaken operators that are words, in lower case.
pub(super) const OPERATOR_WORDS: [(&str, &str); 3] = [("and", "&&"), ("or", "||"), ("not", "!")];

/// For an operator of other languages; `right` is the correct one.
pub(super) fn operator_advice(wrong: &str, right: &str) -> Advice {
    Advice { message: format!("`{wrong}` is not an operator"), help: format!("write `{right}`") }
}

/// For a character that is not part of the language.
pub(super) fn character_advice(c: char) -> Advice {
    let mut message = format!("the character `{}` does not belong here", c.escape_debug());
    let help = match c {
        c if is_invisible_or_blank(c) => {
            message = format!("this only looks like a blank: it is U+{:04X}", u32::from(c));
            "write a plain blank; copy the character from here to find all of them in a text editor".to_owned()
        }
        c if ascii_of_full_width(c).is_some() => {
            message = format!("`{c}` is a full-width character");
            format!("write `{}`", ascii_of_full_width(c).unwrap_or(c))
        }
        '`' => "write straight quotes for text: 'text'".to_owned(),
        c if !closing_quotes(c).is_empty() => "write straight quotes: 'text'".to_owned(),
        '–' | '−' => "write a plain minus: -".to_owned(),
        c if c.is_alphabetic() => "a name has only the letters a to z, digits and _".to_owned(),
        _ => String::new(),
    };
    Advice { message, help }
}

/// The quotes that can close a text which begins with a quote that the language does not have; none for other characters.
pub(super) fn closing_quotes(opening: char) -> &'static [char] {
    match opening {
        '‘' | '’' => &['’', '‘'],
        '“' | '”' | '„' => &['”', '“'],
        '«' => &['»'],
        '»' => &['«'],
        '`' => &['`'],
        _ => &[],
    }
}

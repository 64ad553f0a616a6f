//! What browsers and scripts write and JSON forbids, written as JSON: half a surrogate pair is U+FFFD, a raw control
//! character in a text is the character itself, NaN, an infinity, and a number beyond every double, are null.

/// The text with that put right; `None`: there is nothing of it. What is not JSON for another reason stays as it is.
pub fn repaired(text: &[u8]) -> Option<Vec<u8>> {
    let mut repair = Repair { text, kept: 0, out: Vec::new() };
    let mut at = 0;
    while let Some(byte) = text.get(at) {
        at = match byte {
            b'"' => repair.string(at + 1),
            b'N' => repair.word(at, b"NaN"),
            b'I' => repair.word(at, b"Infinity"),
            b'-' if text[at..].starts_with(b"-Infinity") => repair.word(at, b"-Infinity"),
            b'-' | b'0'..=b'9' => repair.number(at),
            _ => at + 1,
        };
    }
    (repair.kept > 0).then(|| {
        repair.out.extend_from_slice(&text[repair.kept..]);
        repair.out
    })
}

struct Repair<'a> {
    text: &'a [u8],
    /// So much of the text is in `out`.
    kept: usize,
    out: Vec<u8>,
}

impl Repair<'_> {
    /// Puts something in the place of some of the text.
    fn replace(&mut self, from: usize, to: usize, by: &[u8]) {
        self.out.extend_from_slice(&self.text[self.kept..from]);
        self.out.extend_from_slice(by);
        self.kept = to;
    }

    /// Goes through a string, from behind its opening quote to behind its closing one.
    fn string(&mut self, mut at: usize) -> usize {
        while let Some(byte) = self.text.get(at) {
            match byte {
                b'"' => return at + 1,
                b'\\' => at = self.escape(at),
                0..0x20 => {
                    self.replace(at, at + 1, format!("\\u{byte:04x}").as_bytes());
                    at += 1;
                }
                _ => at += 1,
            }
        }
        at
    }

    /// Goes through an escape: halves of surrogate pairs must come as first and second.
    fn escape(&mut self, at: usize) -> usize {
        match self.unit(at) {
            Some(0xd800..0xdc00) if matches!(self.unit(at + 6), Some(0xdc00..0xe000)) => at + 12,
            Some(0xd800..0xe000) => {
                self.replace(at, at + 6, b"\\ufffd");
                at + 6
            }
            Some(_) => at + 6,
            None => at + 2,
        }
    }

    /// The code unit of `\u….` at `at`.
    fn unit(&self, at: usize) -> Option<u32> {
        let digits = self.text.get(at..at + 6)?.strip_prefix(b"\\u")?;
        digits.iter().try_fold(0, |unit, digit| Some(unit * 16 + char::from(*digit).to_digit(16)?))
    }

    fn word(&mut self, at: usize, word: &[u8]) -> usize {
        if !self.text[at..].starts_with(word) {
            return at + 1;
        }
        self.replace(at, at + word.len(), b"null");
        at + word.len()
    }

    fn number(&mut self, at: usize) -> usize {
        let is_part = |byte: &&u8| matches!(byte, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E');
        let end = at + self.text[at..].iter().take_while(is_part).count();
        let number = str::from_utf8(&self.text[at..end]).unwrap_or_default();
        // As short as that, and without an exponent, no number is beyond a double.
        if (number.len() > 300 || number.contains(['e', 'E']))
            && is_json_number(number)
            && number.parse().is_ok_and(f64::is_infinite)
        {
            self.replace(at, end, b"null");
        }
        end
    }
}

/// A number by JSON's grammar (RFC 8259, 6).
pub(super) fn is_json_number(text: &str) -> bool {
    let text = text.strip_prefix('-').unwrap_or(text);
    let (whole, rest) = digits(text);
    let has_leading_zero = whole.len() > 1 && whole.starts_with('0');
    let rest = match rest.strip_prefix('.').map(digits) {
        Some(("", _)) => return false,
        Some((_, rest)) => rest,
        None => rest,
    };
    let exponent = rest.strip_prefix(['e', 'E']).map(|rest| rest.strip_prefix(['+', '-']).unwrap_or(rest));
    let ends = exponent.map_or(rest.is_empty(), |rest| matches!(digits(rest), (some, "") if !some.is_empty()));
    !whole.is_empty() && !has_leading_zero && ends
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn repair(text: &str) -> String {
        repaired(text.as_bytes()).map_or_else(|| "as it was".to_owned(), |text| String::from_utf8(text).expect("UTF-8"))
    }

    #[test]
    fn what_clients_write_becomes_json() {
        for (text, expected) in [
            (r#"{"a":"Hi \ud83d"}"#, r#"{"a":"Hi \ufffd"}"#),
            (r#""\udc00\ud800\ud83d\ude00\ud800x""#, r#""\ufffd\ufffd\ud83d\ude00\ufffdx""#),
            (r#""\uD83D\u0041""#, r#""\ufffd\u0041""#),
            ("\"a\tb\u{0}\n\"", r#""a\u0009b\u0000\u000a""#),
            ("[NaN,Infinity,-Infinity,\"NaN\"]", "[null,null,null,\"NaN\"]"),
            ("[1e400,-1e400,1e+309,-0.0,1.5e2]", "[null,null,null,-0.0,1.5e2]"),
            ("{\"\\ud800\":NaN", "{\"\\ufffd\":null"),
        ] {
            assert_eq!(repair(text), expected);
        }
        assert_eq!(repair(&format!("[{}]", "9".repeat(400))), "[null]");
    }

    #[test]
    fn all_else_stays() {
        for text in [
            "",
            "{}",
            "{\"a\":1}",
            r#""\ud83d\ude00""#,
            r#""\\ud83d""#,
            r#""\"NaN""#,
            r#""\u12""#,
            "nan",
            "[Inf]",
            "[1.e400,01e400,-e400,1e4]",
            "\t\n{\"a\" :\t1 }",
            "\"\u{7f}\u{2028}\"",
            "\"\\",
            "\"",
        ] {
            assert_eq!(repair(text), "as it was", "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_json_stays_and_what_was_repaired_is_done(text in "[\\[\\]\\{\\}\",:\\\\uNaInfity0-9deE.\t -]{0,40}") {
            let once = repaired(text.as_bytes());
            if serde_json::from_str::<serde_json::Value>(&text).is_ok() {
                prop_assert_eq!(&once, &None);
            }
            if let Some(once) = once {
                prop_assert_eq!(repaired(&once), None);
            }
        }

        #[test]
        fn numbers_are_told_as_serde_json_tells_them(text in "-?[0-9]{0,3}(\\.[0-9]{0,2})?([eE][+-]?[0-9]{0,2})?") {
            prop_assert_eq!(is_json_number(&text), serde_json::from_str::<serde_json::Number>(&text).is_ok());
        }
    }
}

//! JSON as text: values that go out exactly as they came, with their digits and the order of their keys.

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

mod object_writer;

pub(crate) use object_writer::{JsonObjectWriter, key_raw, key_text};

/// A JSON value as its text.
#[derive(Clone)]
pub struct JsonText(Box<RawValue>);

impl JsonText {
    /// `null`.
    pub fn null() -> JsonText {
        JsonText::of(&())
    }

    /// A value as it is serialized; what cannot be (a map whose keys are no texts) is null.
    pub fn of(value: &(impl Serialize + ?Sized)) -> JsonText {
        JsonText(serde_json::value::to_raw_value(value).unwrap_or_else(|_| JsonText::null().0))
    }

    /// A value that is text already; `None`: it is no JSON.
    pub fn from_text(text: &str) -> Option<JsonText> {
        RawValue::from_string(text.to_owned()).ok().map(JsonText)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        self.0.get()
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        self.as_str() == "null"
    }

    /// The value in parts: numbers that a double cannot represent lose digits.
    pub fn to_value(&self) -> serde_json::Value {
        serde_json::from_str(self.as_str()).unwrap_or_default()
    }
}

impl fmt::Debug for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for JsonText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Of equal texts.
impl PartialEq for JsonText {
    fn eq(&self, other: &JsonText) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for JsonText {}

impl Serialize for JsonText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

/// From JSON text, as it is there.
impl<'de> Deserialize<'de> for JsonText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Box::<RawValue>::deserialize(deserializer).map(JsonText)
    }
}

/// The beginning of a text, if it fits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum JsonPrefix<'a> {
    /// An array or object without blanks between its tokens.
    Value(Cow<'a, str>),
    /// It has more bytes than it may.
    TooLarge,
}

/// The array or object that `text` begins with, without blanks between its tokens. It must have been found sound; of any
/// other text it is whatever comes of it.
pub(crate) fn compact(text: &str, bytes_max: usize) -> JsonPrefix<'_> {
    let bytes = text.as_bytes();
    let mut without_blanks = String::new();
    let (mut at, mut run, mut depth) = (0, 0, 0_usize);
    while at < bytes.len() {
        match bytes[at] {
            b'"' => at = after_string(bytes, at),
            b' ' | b'\t' | b'\n' | b'\r' => {
                without_blanks.push_str(&text[run..at]);
                at += 1;
                run = at;
            }
            byte => {
                match byte {
                    b'[' | b'{' => depth += 1,
                    b']' | b'}' => depth = depth.saturating_sub(1),
                    _ => {}
                }
                at += 1;
                if depth == 0 {
                    break;
                }
            }
        }
        if without_blanks.len() + (at - run) > bytes_max {
            return JsonPrefix::TooLarge;
        }
    }
    let at = at.min(bytes.len());
    if without_blanks.len() + (at - run) > bytes_max {
        return JsonPrefix::TooLarge;
    }
    if without_blanks.is_empty() && run == 0 {
        return JsonPrefix::Value(Cow::Borrowed(&text[..at]));
    }
    without_blanks.push_str(&text[run..at]);
    JsonPrefix::Value(Cow::Owned(without_blanks))
}

/// How many bytes a string takes that `text` begins with, quotes included.
pub(crate) fn string_length(text: &str) -> usize {
    after_string(text.as_bytes(), 0).min(text.len())
}

/// Where the string that begins at `at` has ended.
fn after_string(bytes: &[u8], at: usize) -> usize {
    let mut at = at + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

/// How many bytes of a string are looked at together.
const RUN_CHUNK_BYTES: usize = 8;

/// From inside a string to the next byte that is a quote, a backslash or a control character, or to the end of the text.
#[inline(always)]
pub(crate) fn plain_run(text: &[u8], mut at: usize) -> usize {
    while let Some(chunk) = text.get(at..).and_then(|rest| rest.first_chunk()) {
        let stops = stops(*chunk);
        if stops != 0 {
            return at + stops.trailing_zeros() as usize / 8;
        }
        at += RUN_CHUNK_BYTES;
    }
    last_plain_run(text, at)
}

/// The same where fewer bytes are left than a chunk has.
fn last_plain_run(text: &[u8], at: usize) -> usize {
    let is_plain = |byte: &&u8| !matches!(**byte, b'"' | b'\\' | ..b' ');
    at + text.get(at..).unwrap_or_default().iter().take_while(is_plain).count()
}

/// For each byte the highest of its bits, from the lowest byte to the first that is a quote, a backslash or a control
/// character; what it has for bytes behind that one means nothing.
#[inline(always)]
fn stops(chunk: [u8; RUN_CHUNK_BYTES]) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; RUN_CHUNK_BYTES]);
    let bytes = u64::from_le_bytes(chunk);
    // Each subtraction borrows at the first byte that is too small, and not before; one above 0x7f is none of them.
    let quotes = (bytes ^ (ONES * b'"' as u64)).wrapping_sub(ONES);
    let backslashes = (bytes ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    let controls = bytes.wrapping_sub(ONES * b' ' as u64);
    (quotes | backslashes | controls) & !bytes & (ONES << 7)
}

/// The number that `text` begins with, as it is spelled.
pub(crate) fn number(text: &str) -> &str {
    let is_part = |c: char| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E');
    text.find(|c: char| !is_part(c)).map_or(text, |end| &text[..end])
}

/// The elements of an array in the form of [`compact`]; none of an object.
pub(crate) fn elements(list: &str) -> impl Iterator<Item = &str> {
    let inside = list.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or_default();
    let (bytes, mut from) = (inside.as_bytes(), 0);
    std::iter::from_fn(move || {
        if from >= bytes.len() {
            return None;
        }
        let (mut at, mut depth) = (from, 0_usize);
        while at < bytes.len() {
            match bytes[at] {
                b'"' => {
                    at = after_string(bytes, at);
                    continue;
                }
                b'[' | b'{' => depth += 1,
                b']' | b'}' => depth = depth.saturating_sub(1),
                b',' if depth == 0 => break,
                _ => {}
            }
            at += 1;
        }
        let element = &inside[from..at];
        from = at + 1;
        Some(element)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blanks_between_tokens_go_and_all_else_stays() {
        for (text, wanted) in [
            ("[]", "[]"),
            ("{}, more", "{}"),
            (r#"{"b":1.50,"a":[1e3]}]"#, r#"{"b":1.50,"a":[1e3]}"#),
            ("[ 1 ,\t2\r\n ] ", "[1,2]"),
            (r#" { "a b" : "c \" ] d" , "a b" : [ { } ] } x"#, r#"{"a b":"c \" ] d","a b":[{}]}"#),
            (r#"["\\", "é ü", null ]"#, r#"["\\","é ü",null]"#),
        ] {
            let JsonPrefix::Value(value) = compact(text, 100) else { panic!("too large: {text}") };
            assert_eq!(value, wanted);
            assert!(matches!(compact(text, wanted.len()), JsonPrefix::Value(_)), "{text}");
            assert_eq!(compact(text, wanted.len() - 1), JsonPrefix::TooLarge, "{text}");
        }
        assert!(matches!(compact("[1, 2]", 9), JsonPrefix::Value(Cow::Owned(_))));
        assert!(matches!(compact("[1,2], 3", 9), JsonPrefix::Value(Cow::Borrowed("[1,2]"))), "nothing is copied");
    }

    #[test]
    fn every_byte_that_ends_a_run_does_so_at_every_place() {
        for byte in 0..=u8::MAX {
            let is_stop = byte < b' ' || byte == b'"' || byte == b'\\';
            for (at, around) in
                (0..RUN_CHUNK_BYTES).flat_map(|at| [b'x', b'!', b'#', b'[', b']', 0xff].map(|byte| (at, byte)))
            {
                let mut chunk = [around; RUN_CHUNK_BYTES];
                chunk[at] = byte;
                let expected = if is_stop { 8 * at as u32 + 7 } else { 64 };
                assert_eq!(stops(chunk).trailing_zeros(), expected, "{byte} at {at} among {around}");
            }
        }
    }

    #[test]
    fn unsound_text_does_no_harm() {
        for text in ["", "[", "\"", "[\"\\", "]", "[\"é\\", "}{", "[\"a\\\"", " "] {
            let _ = (compact(text, 3), elements(text).count(), number(text), string_length(text));
        }
    }

    #[test]
    fn a_list_is_gone_through_element_by_element() {
        let of = |list| elements(list).collect::<Vec<_>>();
        assert_eq!(
            of(r#"["a,b",1.50,[1,2],{"x":[","]},null,"\"]"]"#),
            [r#""a,b""#, "1.50", "[1,2]", r#"{"x":[","]}"#, "null", r#""\"]""#]
        );
        assert_eq!(of("[]"), [""; 0]);
        assert_eq!(of(r#"{"a":1}"#), [""; 0]);
    }

    #[test]
    fn text_goes_out_as_it_is() {
        let text = r#"{"b":820982911946154508.10,"a":1}"#;
        let value = JsonText::from_text(text).expect("it is JSON");
        assert_eq!(serde_json::to_string(&value).expect("it can be written"), text);
        assert_eq!(JsonText::from_text("{"), None);
        assert_eq!((JsonText::of("a\"b").as_str(), JsonText::null().is_null()), (r#""a\"b""#, true));
    }
}

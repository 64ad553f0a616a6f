//! Dead letters: what could not be taken in, or given out, with the reason, the place and the original bytes. One JSON
//! object each, the same in files and on NATS but for the place.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::decode::Reason;
use crate::source::file::Place;

/// Where the original of a dead letter stood.
#[derive(Clone, Copy, Debug)]
pub enum Origin<'a> {
    /// In a line of a file.
    File(&'a Place),
    /// In a message of the log.
    Message {
        /// Its number in the stream.
        sequence: u64,
        /// The line in it, from 1.
        line: u64,
    },
    /// Nowhere: it was to be published under this subject.
    Output {
        /// The subject.
        subject: &'a str,
    },
}

/// A dead letter. `original` stands in `original` where it is UTF-8, else in `original_base64`.
pub fn letter(reason: &str, detail: &str, origin: Origin<'_>, original: &[u8]) -> Value {
    let mut letter = json!({ "reason": reason, "detail": detail });
    match origin {
        Origin::File(place) => {
            letter["file"] = (*place.file).into();
            letter["line"] = place.line.into();
        }
        Origin::Message { sequence, line } => {
            letter["sequence"] = sequence.into();
            letter["line"] = line.into();
        }
        Origin::Output { subject } => letter["subject"] = subject.into(),
    }
    match std::str::from_utf8(original) {
        Ok(text) => letter["original"] = text.into(),
        Err(_) => letter["original_base64"] = BASE64.encode(original).into(),
    }
    letter
}

/// The letter as bytes, at most `max_bytes` of them: of an original too long for that only the beginning is left, and
/// `truncated` says so. What stands around the original is never cut.
pub fn to_bytes(mut letter: Value, max_bytes: usize) -> Vec<u8> {
    loop {
        let bytes = letter.to_string().into_bytes();
        if bytes.len() <= max_bytes || !shorten(&mut letter, bytes.len(), max_bytes) {
            return bytes;
        }
    }
}

/// Makes the original shorter, by its share of what a letter of `bytes` is too long. Returns whether there was anything
/// to cut.
fn shorten(letter: &mut Value, bytes: usize, max_bytes: usize) -> bool {
    let mut cut = false;
    // Four characters of base64 are three bytes; text is cut between characters.
    for (key, step) in [("original", 1), ("original_base64", 4)] {
        if let Some(Value::String(text)) = letter.get_mut(key)
            && !text.is_empty()
        {
            // What is escaped takes more room in the letter than it has characters.
            let less = (bytes - max_bytes).saturating_mul(text.len()).div_ceil(bytes);
            let mut end = text.len() - less.min(text.len());
            end -= end % step;
            while !text.is_char_boundary(end) {
                end -= 1;
            }
            text.truncate(end);
            cut = true;
        }
    }
    if cut {
        letter["truncated"] = true.into();
    }
    cut
}

/// Appends a dead letter's line to `sink`; `truncated` says that `original` is only the beginning.
///
/// # Errors
/// Those of the sink.
pub fn write_line(
    reason: &Reason,
    place: &Place,
    original: &[u8],
    truncated: bool,
    sink: &mut impl io::Write,
) -> io::Result<()> {
    let mut letter = letter(reason.code(), &reason.to_string(), Origin::File(place), original);
    if truncated {
        letter["truncated"] = true.into();
    }
    serde_json::to_writer(&mut *sink, &letter)?;
    sink.write_all(b"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(original: &[u8], max_bytes: usize) -> (usize, Value) {
        let origin = Origin::Message { sequence: 7, line: 1 };
        let bytes = to_bytes(letter("not_json", "x", origin, original), max_bytes);
        (bytes.len(), serde_json::from_slice(&bytes).expect("a letter is JSON"))
    }

    #[test]
    fn a_letter_that_fits_is_whole() {
        let (_, letter) = cut("{\"ä\":\u{1}".as_bytes(), 1_000);
        assert_eq!(letter["original"], "{\"ä\":\u{1}");
        assert_eq!(letter.get("truncated"), None);
        assert_eq!(cut(b"\xff\xfe", 1_000).1["original_base64"], "//4=");
    }

    #[test]
    fn a_letter_too_long_keeps_a_beginning_of_its_original_and_says_so() {
        let text = "aä\u{1}\"".repeat(10_000);
        let binary = b"\xff".repeat(40_000);
        for max_bytes in [300, 1_000, 20_000] {
            let (len, letter) = cut(text.as_bytes(), max_bytes);
            assert!(len <= max_bytes && len > max_bytes * 3 / 4, "{len} of {max_bytes}");
            assert!(text.starts_with(letter["original"].as_str().expect("text")));
            assert_eq!(letter["truncated"], true);
            let (len, letter) = cut(&binary, max_bytes);
            assert!(len <= max_bytes && len > max_bytes * 3 / 4, "{len} of {max_bytes}");
            let kept = BASE64.decode(letter["original_base64"].as_str().expect("text")).expect("base64");
            assert!(binary.starts_with(&kept) && !kept.is_empty());
        }
    }

    #[test]
    fn a_letter_is_never_cut_beyond_its_original() {
        let (_, letter) = cut(b"{", 10);
        assert_eq!(
            (&letter["original"], &letter["reason"], &letter["truncated"]),
            (&json!(""), &json!("not_json"), &json!(true))
        );
    }
}

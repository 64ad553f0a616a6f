//! Dead letters as JSON: what was rejected, or could not be published, with the reason, the place and the original bytes. The
//! same in files and on NATS, except for the place.
//!
//! One message makes at most [`MAX_DEAD_LETTERS_PER_MESSAGE`] dead letters (a line of a file [`MAX_DEAD_LETTERS_PER_LINE`]), and
//! one more with a summary of the rest, since a message may have half a million lines. Quoting an original takes one pass over
//! the part of it that fits.

use std::fmt::{self, Write as _};
use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Map, Value};

use super::batch::DeadLetterSummary;
use crate::files::source::LinePosition;
use rekindle_core::decode::RejectionReason;

/// The number of rejections of one message that become dead letters of their own.
pub const MAX_DEAD_LETTERS_PER_MESSAGE: u64 = 10;
/// The same for one line of a file, or one document: as many as the SDKs put into a batch, so that a file can be corrected.
pub const MAX_DEAD_LETTERS_PER_LINE: u64 = 100;
/// The bytes of a detail; some quote what they found.
const MAX_DETAIL_BYTES: usize = 512;
/// The end of a dead letter that has only the beginning of its original.
const TRUNCATED_END: &str = "\",\"truncated\":true}";
/// The end of a dead letter that has its original completely.
const END: &str = "\"}";

/// The place of a dead letter's original.
#[derive(Clone, Copy, Debug)]
pub enum DeadLetterOrigin<'a> {
    /// In a line of a file.
    File(&'a LinePosition),
    /// In a message of the log.
    Message {
        /// The message's sequence.
        sequence: u64,
        /// The line in the message, from 1.
        line: u64,
    },
    /// None: it came over HTTP, and was not put into the log.
    Request {
        /// The name of its source.
        source: &'a str,
    },
    /// None: it was to be published under this subject.
    Output {
        /// The subject.
        subject: &'a str,
    },
}

/// An encoded dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedDeadLetter {
    /// A JSON object.
    pub bytes: Vec<u8>,
    /// It has only the beginning of the original, and the field `truncated`.
    pub is_truncated: bool,
}

/// The fields of a dead letter, except its original. `rest` is the summary of further rejections of the same message.
pub fn head(
    reason: &str,
    detail: &dyn fmt::Display,
    origin: DeadLetterOrigin<'_>,
    rest: Option<&DeadLetterSummary>,
) -> Map<String, Value> {
    let mut head = Map::new();
    head.insert("reason".to_owned(), reason.into());
    head.insert("detail".to_owned(), bounded(detail).into());
    match origin {
        DeadLetterOrigin::File(place) => {
            head.insert("file".to_owned(), (*place.file).into());
            head.insert("line".to_owned(), place.line.into());
        }
        DeadLetterOrigin::Message { sequence, line } => {
            head.insert("sequence".to_owned(), sequence.into());
            head.insert("line".to_owned(), line.into());
        }
        DeadLetterOrigin::Request { source } => drop(head.insert("source".to_owned(), source.into())),
        DeadLetterOrigin::Output { subject } => drop(head.insert("subject".to_owned(), subject.into())),
    }
    if let Some(rest) = rest {
        let reasons = rest.by_reason.iter().map(|(reason, count)| ((*reason).to_owned(), (*count).into())).collect();
        head.insert("count".to_owned(), rest.count().into());
        head.insert("reasons".to_owned(), Value::Object(reasons));
    }
    head
}

/// Encodes a dead letter in at most `max_bytes`: if the original is too long, only its beginning is kept. It is in the field
/// `original` if it is UTF-8, otherwise in `original_base64`. The other fields are never truncated: if they alone are too long,
/// so is the dead letter.
pub fn write(head: &Map<String, Value>, original: &[u8], max_bytes: usize) -> EncodedDeadLetter {
    let mut bytes = serde_json::to_vec(head).expect("a map can be written");
    bytes.pop();
    let room = |written: &[u8], key: &str| max_bytes.saturating_sub(written.len() + key.len() + TRUNCATED_END.len());
    let (as_text, as_base64) = (",\"original\":\"", ",\"original_base64\":\"");
    let is_truncated = match text_of(original, room(&bytes, as_text)) {
        Some(text) => {
            let room = room(&bytes, as_text);
            bytes.extend_from_slice(as_text.as_bytes());
            quote(text, room, &mut bytes) < original.len()
        }
        None => {
            let kept = (room(&bytes, as_base64) / 4 * 3).min(original.len());
            bytes.extend_from_slice(as_base64.as_bytes());
            bytes.extend_from_slice(BASE64.encode(&original[..kept]).as_bytes());
            kept < original.len()
        }
    };
    bytes.extend_from_slice(if is_truncated { TRUNCATED_END } else { END }.as_bytes());
    EncodedDeadLetter { bytes, is_truncated }
}

/// Encodes a dead letter again, in at most `max_bytes`; `None`: it is no dead letter.
pub fn shorten(letter: &[u8], max_bytes: usize) -> Option<EncodedDeadLetter> {
    let Ok(Value::Object(mut head)) = serde_json::from_slice(letter) else { return None };
    let was_truncated = head.remove("truncated").is_some();
    let original = match (head.remove("original"), head.remove("original_base64")) {
        (Some(Value::String(text)), _) => text.into_bytes(),
        (_, Some(Value::String(text))) => BASE64.decode(text).ok()?,
        _ => return None,
    };
    let mut written = write(&head, &original, max_bytes);
    if was_truncated && !written.is_truncated {
        written.bytes.truncate(written.bytes.len() - END.len());
        written.bytes.extend_from_slice(TRUNCATED_END.as_bytes());
        written.is_truncated = true;
    }
    Some(written)
}

/// Appends a dead letter as a line to `sink`; `is_truncated`: `original` is only the beginning.
///
/// # Errors
/// Those of the sink.
pub fn write_line(
    reason: &RejectionReason,
    rest: Option<&DeadLetterSummary>,
    place: &LinePosition,
    original: &[u8],
    is_truncated: bool,
    sink: &mut impl io::Write,
) -> io::Result<()> {
    let mut head = head(reason.code(), &detail(reason, rest), DeadLetterOrigin::File(place), rest);
    if is_truncated {
        head.insert("truncated".to_owned(), true.into());
    }
    sink.write_all(&write(&head, original, usize::MAX).bytes)?;
    sink.write_all(b"\n")
}

/// The detail of a reason.
pub fn detail(reason: &RejectionReason, rest: Option<&DeadLetterSummary>) -> String {
    let reason = bounded(reason);
    match rest {
        None => reason,
        Some(rest) => {
            format!("{} rejects of this message (or line) from here on; the first of them: {reason}", rest.count())
        }
    }
}

/// The beginning of a text that fits.
fn bounded(text: &dyn fmt::Display) -> String {
    struct BoundedText(String);
    impl fmt::Write for BoundedText {
        fn write_str(&mut self, more: &str) -> fmt::Result {
            let mut end = more.len().min(MAX_DETAIL_BYTES.saturating_sub(self.0.len()));
            while !more.is_char_boundary(end) {
                end -= 1;
            }
            self.0.push_str(&more[..end]);
            if end < more.len() { Err(fmt::Error) } else { Ok(()) }
        }
    }
    let mut bounded = BoundedText(String::new());
    if write!(bounded, "{text}").is_err() {
        bounded.0.push('…');
    }
    bounded.0
}

/// The beginning of an original that may fit, if it is UTF-8.
fn text_of(original: &[u8], room: usize) -> Option<&str> {
    let beginning = &original[..original.len().min(room.saturating_add(1))];
    match std::str::from_utf8(beginning) {
        Ok(text) => Some(text),
        // A character that continues after it.
        Err(error) if error.error_len().is_none() && beginning.len() < original.len() => {
            std::str::from_utf8(&beginning[..error.valid_up_to()]).ok()
        }
        Err(_) => None,
    }
}

/// Appends the beginning of a text that fits into `room` bytes when it is quoted for JSON. Returns its number of bytes.
fn quote(text: &str, room: usize, out: &mut Vec<u8>) -> usize {
    let (bytes, end) = (text.as_bytes(), out.len().saturating_add(room));
    let mut read = 0;
    while read < bytes.len() {
        let plain = bytes[read..].iter().take(end - out.len()).take_while(|byte| escape(**byte).is_none()).count();
        let mut upto = read + plain;
        while !text.is_char_boundary(upto) {
            upto -= 1;
        }
        out.extend_from_slice(&bytes[read..upto]);
        read = upto;
        match bytes.get(read).and_then(|byte| escape(*byte)) {
            Some(escaped) if out.len() + escaped.len() <= end => {
                out.extend_from_slice(escaped.as_bytes());
                read += 1;
            }
            _ => break,
        }
    }
    read
}

/// How a byte is escaped, if it must be.
fn escape(byte: u8) -> Option<&'static str> {
    const CONTROLS: [&str; 32] = [
        "\\u0000", "\\u0001", "\\u0002", "\\u0003", "\\u0004", "\\u0005", "\\u0006", "\\u0007", "\\b", "\\t", "\\n",
        "\\u000b", "\\f", "\\r", "\\u000e", "\\u000f", "\\u0010", "\\u0011", "\\u0012", "\\u0013", "\\u0014",
        "\\u0015", "\\u0016", "\\u0017", "\\u0018", "\\u0019", "\\u001a", "\\u001b", "\\u001c", "\\u001d", "\\u001e",
        "\\u001f",
    ];
    match byte {
        b'"' => Some("\\\""),
        b'\\' => Some("\\\\"),
        byte => CONTROLS.get(usize::from(byte)).copied(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn letter(original: &[u8], max_bytes: usize) -> (usize, Value) {
        let head = head("not_json", &"x", DeadLetterOrigin::Message { sequence: 7, line: 1 }, None);
        let EncodedDeadLetter { bytes, is_truncated } = write(&head, original, max_bytes);
        let letter: Value = serde_json::from_slice(&bytes).expect("a letter is JSON");
        assert_eq!(letter.get("truncated").is_some(), is_truncated);
        (bytes.len(), letter)
    }

    #[test]
    fn a_dead_letter_that_fits_is_complete() {
        let (_, whole) = letter("{\"ä\":\u{1}".as_bytes(), 1_000);
        assert_eq!(whole["original"], "{\"ä\":\u{1}");
        assert_eq!(whole.get("truncated"), None);
        assert_eq!(letter(b"\xff\xfe", 1_000).1["original_base64"], "//4=");
        let all: String = (0..0x100_u32).filter_map(char::from_u32).collect();
        assert_eq!(letter(all.as_bytes(), 10_000).1["original"], all);
    }

    #[test]
    fn a_dead_letter_that_is_too_long_keeps_the_beginning_of_its_original() {
        let texts = ["aä\u{1}\"".repeat(10_000), "\u{1}".repeat(9_000) + &"a".repeat(90_000), "ä".repeat(50_000)];
        let binary = b"\xff".repeat(40_000);
        for max_bytes in [300, 301, 302, 303, 304, 305, 1_000, 20_000] {
            for text in &texts {
                let (len, letter) = letter(text.as_bytes(), max_bytes);
                assert!(len <= max_bytes && len > max_bytes - 10, "{len} of {max_bytes}");
                assert!(text.starts_with(letter["original"].as_str().expect("text")));
                assert_eq!(letter["truncated"], true);
            }
            let (len, letter) = letter(&binary, max_bytes);
            assert!(len <= max_bytes && len > max_bytes - 10, "{len} of {max_bytes}");
            let kept = BASE64.decode(letter["original_base64"].as_str().expect("text")).expect("base64");
            assert!(binary.starts_with(&kept) && !kept.is_empty());
        }
    }

    #[test]
    fn a_dead_letter_is_never_truncated_beyond_its_original() {
        let (_, letter) = letter(b"{", 10);
        assert_eq!(
            (&letter["original"], &letter["reason"], &letter["truncated"]),
            (&"".into(), &"not_json".into(), &true.into())
        );
    }

    /// Whatever the original's length and escapes: no more of it is read than is written.
    #[test]
    fn quoting_takes_no_more_steps_than_there_is_room() {
        for original in ["\u{1}".repeat(1 << 20), "\"".repeat(1 << 20), "a\\".repeat(1 << 19), "a".repeat(1 << 20)] {
            for room in [0, 1, 5, 6, 1_000, 1 << 20, 7 << 20] {
                let mut out = Vec::new();
                let read = quote(&original, room, &mut out);
                assert!(out.len() <= room && read <= out.len(), "{read} read, {} written into {room}", out.len());
                assert!(read == original.len() || room - out.len() < 6, "{read} read, {} of {room}", out.len());
                assert!(text_of(original.as_bytes(), room).expect("text").len() <= room + 1, "no more is examined");
            }
        }
    }

    #[test]
    fn a_shortened_dead_letter_can_be_shortened_again() {
        let head = head("not_json", &"x", DeadLetterOrigin::Message { sequence: 7, line: 1 }, None);
        let original = "a\u{1}".repeat(5_000);
        let mut bytes = write(&head, original.as_bytes(), 20_000).bytes;
        for max_bytes in [10_000, 9_999, 500, 100_000] {
            let shorter = shorten(&bytes, max_bytes).expect("it is a letter");
            assert!(shorter.is_truncated && shorter.bytes.len() <= max_bytes);
            let letter: Value = serde_json::from_slice(&shorter.bytes).expect("JSON");
            assert_eq!((&letter["truncated"], &letter["sequence"]), (&true.into(), &7.into()));
            assert!(original.starts_with(letter["original"].as_str().expect("text")));
            bytes = shorter.bytes;
        }
        assert_eq!(shorten(b"nonsense", 10), None);
    }

    #[test]
    fn the_detail_of_a_reason_is_bounded() {
        let reason = RejectionReason::UnknownType { found: Some("\u{1}ä".repeat(1 << 20)) };
        let said = detail(&reason, None);
        assert!(said.len() < MAX_DETAIL_BYTES + 10 && said.ends_with('…'), "{} bytes", said.len());
        assert_eq!(detail(&RejectionReason::NotAnObject, None), "valid JSON, but not an object");
    }

    #[test]
    fn a_dead_letter_for_the_rest_counts_them() {
        let rest = DeadLetterSummary { by_reason: BTreeMap::from([("not_an_object", 499_000), ("not_json", 3)]) };
        let head = head(
            "not_json",
            &detail(&RejectionReason::NotAnObject, Some(&rest)),
            DeadLetterOrigin::Output { subject: "x" },
            Some(&rest),
        );
        assert_eq!((&head["count"], &head["reasons"]["not_json"]), (&499_003.into(), &3.into()));
        assert!(head["detail"].as_str().expect("text").starts_with("499003 rejects of this message"), "{head:?}");
    }
}

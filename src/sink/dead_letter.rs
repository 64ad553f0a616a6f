//! Dead letters: rejected events with the reason, the place and the original bytes, one JSON object each.

use std::io;

use base64::Engine as _;
use serde_json::{Value, json};

use crate::decode::Reason;
use crate::source::file::Place;

/// Appends the dead letter of a file's line to `sink`. `truncated` says that `original` is only the beginning.
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
    let mut letter = json!({
        "reason": reason.code(),
        "detail": reason.to_string(),
        "file": &*place.file,
        "line": place.line,
    });
    put_original(&mut letter, original, truncated);
    serde_json::to_writer(&mut *sink, &letter)?;
    sink.write_all(b"\n")
}

/// Puts the original bytes into a letter: in `original` where they are UTF-8, else in `original_base64`; `truncated`
/// says that they are only the beginning.
pub(super) fn put_original(letter: &mut Value, original: &[u8], truncated: bool) {
    match std::str::from_utf8(original) {
        Ok(text) => letter["original"] = text.into(),
        // A character that is only cut off at the end does not make the rest unreadable.
        Err(error) if truncated && error.error_len().is_none() => {
            letter["original"] = String::from_utf8_lossy(&original[..error.valid_up_to()]).into();
        }
        Err(_) => letter["original_base64"] = base64::engine::general_purpose::STANDARD.encode(original).into(),
    }
    if truncated {
        letter["truncated"] = true.into();
    }
}

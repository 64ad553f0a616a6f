//! Dead letters: rejected events with the reason, the place and the original bytes, one JSON object per line.

use std::io;

use base64::Engine as _;
use serde_json::json;

use crate::decode::Reason;
use crate::source::file::Place;

/// Appends a dead letter to `sink`. `original` stands in `original` where it is UTF-8, else in `original_base64`;
/// `truncated` says that it is only the beginning.
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
    match std::str::from_utf8(original) {
        Ok(text) => letter["original"] = text.into(),
        Err(_) => letter["original_base64"] = base64::engine::general_purpose::STANDARD.encode(original).into(),
    }
    if truncated {
        letter["truncated"] = true.into();
    }
    serde_json::to_writer(&mut *sink, &letter)?;
    sink.write_all(b"\n")
}

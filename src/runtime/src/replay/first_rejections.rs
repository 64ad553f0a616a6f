//! The first rejected calls of a replay, as text for the error that no event was accepted.

use crate::files::source::LinePosition;

/// The number of calls that are kept.
const MAX_CALLS_KEPT: usize = 3;
/// The number of characters that are shown of a call.
const MAX_CHARS_SHOWN: usize = 100;

/// The first calls that were rejected: their places, the reasons, and how they begin.
#[derive(Debug, Default)]
pub(super) struct FirstRejections(Vec<String>);

impl FirstRejections {
    pub(super) fn add(&mut self, place: &LinePosition, reason: &dyn std::fmt::Display, original: &[u8]) {
        if self.0.len() < MAX_CALLS_KEPT {
            self.0.push(format!("{}:{}: {reason}; it begins {}", place.file, place.line, beginning(original)));
        }
    }

    pub(super) fn into_lines(self) -> Vec<String> {
        self.0
    }
}

/// The beginning of a call; characters that could control a terminal are escaped.
fn beginning(original: &[u8]) -> String {
    // A character has four bytes at most.
    let text = String::from_utf8_lossy(&original[..original.len().min(4 * MAX_CHARS_SHOWN)]);
    let shown: String = text
        .chars()
        .take(MAX_CHARS_SHOWN)
        .flat_map(|char| match char {
            '"' | '\'' | '\\' => vec![char],
            other => other.escape_debug().collect(),
        })
        .collect();
    if text.chars().count() > MAX_CHARS_SHOWN || original.len() > 4 * MAX_CHARS_SHOWN {
        format!("{shown}…")
    } else {
        shown
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_call_is_short_and_escaped() {
        assert_eq!(beginning(b"{\"a\": 'b\\n'}"), "{\"a\": 'b\\n'}");
        assert_eq!(beginning(b"\x1b[2J\r\xff\xfe"), "\\u{1b}[2J\\r\u{fffd}\u{fffd}");
        assert_eq!(beginning(&[b'x'; 101]), "x".repeat(100) + "…");
        assert_eq!(beginning("ä".repeat(1_000_000).as_bytes()), "ä".repeat(100) + "…");
    }
}

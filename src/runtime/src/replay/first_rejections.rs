//! The first calls that were rejected, for whoever wonders why nothing came of a log.

use crate::files::source::LinePosition;

/// How many are kept.
const KEPT: usize = 3;
/// How much of a call is shown, in characters.
const SHOWN: usize = 100;

/// The first calls that were rejected, in words: where each stood, why, and how it begins.
#[derive(Debug, Default)]
pub(super) struct FirstRejections(Vec<String>);

impl FirstRejections {
    pub(super) fn add(&mut self, place: &LinePosition, reason: &dyn std::fmt::Display, original: &[u8]) {
        if self.0.len() < KEPT {
            self.0.push(format!("{}:{}: {reason}; it begins {}", place.file, place.line, beginning(original)));
        }
    }

    pub(super) fn into_lines(self) -> Vec<String> {
        self.0
    }
}

/// How a call begins; what a terminal might take for more than text is escaped.
fn beginning(original: &[u8]) -> String {
    // A character has four bytes at most.
    let text = String::from_utf8_lossy(&original[..original.len().min(4 * SHOWN)]);
    let shown: String = text
        .chars()
        .take(SHOWN)
        .flat_map(|char| match char {
            '"' | '\'' | '\\' => vec![char],
            other => other.escape_debug().collect(),
        })
        .collect();
    if text.chars().count() > SHOWN || original.len() > 4 * SHOWN { format!("{shown}…") } else { shown }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_of_a_call_is_short_and_harmless() {
        assert_eq!(beginning(b"{\"a\": 'b\\n'}"), "{\"a\": 'b\\n'}");
        assert_eq!(beginning(b"\x1b[2J\r\xff\xfe"), "\\u{1b}[2J\\r\u{fffd}\u{fffd}");
        assert_eq!(beginning(&[b'x'; 101]), "x".repeat(100) + "…");
        assert_eq!(beginning("ä".repeat(1_000_000).as_bytes()), "ä".repeat(100) + "…");
    }
}

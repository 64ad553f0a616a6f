//! The end of a page as an opaque text: base64url of the shard's number, a colon and the user.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::params::PageRequest;
use super::problem::ProblemDocument;
use rekindle_runtime::live::membership_view::MembershipCursor;

/// Where the requested page begins.
pub(super) fn of_page(paging: &PageRequest) -> Result<MembershipCursor, ProblemDocument> {
    let Some(text) = &paging.cursor else { return Ok(MembershipCursor { part: 0, after: String::new() }) };
    let wrong = "`cursor` must be what `next` of the page before was, or left out";
    decode(text).ok_or_else(|| ProblemDocument::bad_request(wrong))
}

/// The cursor as text.
pub(super) fn encode(cursor: &MembershipCursor) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}:{}", cursor.part, cursor.after))
}

/// Reads the text of a cursor; `None`: [`encode`] did not write it.
fn decode(text: &str) -> Option<MembershipCursor> {
    let decoded = String::from_utf8(URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let (part, after) = decoded.split_once(':')?;
    let cursor = MembershipCursor { part: part.parse().ok()?, after: after.to_owned() };
    (encode(&cursor) == text).then_some(cursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_back() {
        for (part, after) in [(0, ""), (255, "u:1"), (7, "Zoë/ ü\u{0}"), (usize::MAX, "%2F")] {
            let cursor = MembershipCursor { part, after: after.to_owned() };
            assert_eq!(decode(&encode(&cursor)), Some(cursor));
        }
    }

    #[test]
    fn nothing_else_is_read() {
        let written = |text: &str| URL_SAFE_NO_PAD.encode(text);
        for text in ["", "!", "YQ==", &written("7"), &written("x:u"), &written("+7:u"), &written("-1:u")] {
            assert_eq!(decode(text), None, "{text}");
        }
        assert_eq!(decode(&URL_SAFE_NO_PAD.encode([b'7', b':', 0xff])), None);
    }
}

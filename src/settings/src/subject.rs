//! What NATS allows as names: subjects, with and without wildcards, and streams.

/// The longest subject: longer than any that is used, and shorter than what a server refuses.
const SUBJECT_BYTES_MAX: usize = 256;
/// Longest name of a stream.
const STREAM_NAME_BYTES_MAX: usize = 255;

/// Checks a subject; `wildcards`: whether it may stand for several.
///
/// # Errors
/// What is wrong with it, as the end of a sentence that begins with it.
pub(super) fn check_subject(subject: &str, wildcards: bool) -> Result<(), &'static str> {
    if subject.is_empty() {
        return Err("is empty");
    }
    if subject.len() > SUBJECT_BYTES_MAX {
        return Err("is longer than 256 bytes");
    }
    if subject.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("has a blank in it");
    }
    let tokens: Vec<&str> = subject.split('.').collect();
    if tokens.iter().any(|token| token.is_empty()) {
        return Err("has nothing before, between or behind its dots");
    }
    let is_wild = |token: &&str| *token == "*" || *token == ">";
    if tokens.iter().any(|token| !is_wild(token) && token.contains(['*', '>'])) {
        return Err("has a * or > that does not stand alone between dots");
    }
    if tokens.iter().rev().skip(1).any(|token| *token == ">") {
        return Err("has a > that is not its last part");
    }
    if !wildcards && tokens.iter().any(is_wild) {
        return Err("has a wildcard, and must be one subject");
    }
    Ok(())
}

/// Checks the name of a stream.
///
/// # Errors
/// What is wrong with it, as the end of a sentence that begins with it.
pub(super) fn check_stream(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        return Err("is empty");
    }
    if name.len() > STREAM_NAME_BYTES_MAX {
        return Err("is longer than 255 bytes");
    }
    if name.chars().any(|c| c.is_whitespace() || c.is_control() || ".*>/\\".contains(c)) {
        return Err("has a blank or one of . * > / \\ in it");
    }
    Ok(())
}

/// Whether a subject matches a pattern.
pub fn subject_matches(pattern: &str, subject: &str) -> bool {
    overlap(pattern, subject)
}

/// Whether a subject can match both patterns.
pub(super) fn overlap(one: &str, other: &str) -> bool {
    let (mut one, mut other) = (one.split('.'), other.split('.'));
    loop {
        match (one.next(), other.next()) {
            (None, None) => return true,
            (Some(">"), Some(_)) | (Some(_), Some(">")) => return true,
            (Some(a), Some(b)) if a == b || a == "*" || b == "*" => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_are_what_the_server_takes() {
        for good in ["a", "events.web.click", "événements.ü", "$JS.x", "a-b_c"] {
            assert_eq!(check_subject(good, false), Ok(()), "{good}");
        }
        for wild in ["*", ">", "events.*.x", "events.>", "*.>"] {
            assert_eq!(check_subject(wild, true), Ok(()), "{wild}");
            assert!(check_subject(wild, false).is_err(), "{wild}");
        }
        for bad in ["", ".", "a.", ".a", "a..b", "a b", "a\t", "a.>.b", "a.b*", "a>", "\u{1}"] {
            assert!(check_subject(bad, true).is_err(), "{bad:?}");
        }
        assert!(check_subject(&"a".repeat(257), true).is_err());
    }

    #[test]
    fn streams_are_named_without_dots_and_blanks() {
        assert_eq!(check_stream("EVENTS_1-é"), Ok(()));
        for bad in ["", "a.b", "a b", "a*", ">", "a/b", "a\\b", "a\n"] {
            assert!(check_stream(bad).is_err(), "{bad:?}");
        }
        assert!(check_stream(&"a".repeat(256)).is_err());
    }

    #[test]
    fn patterns_overlap_when_a_subject_matches_both() {
        for (one, other) in [("a.b", "a.b"), ("a.*", "*.b"), (">", "a.b.c"), ("a.>", "a.*.c"), ("*", ">")] {
            assert!(overlap(one, other) && overlap(other, one), "{one} {other}");
        }
        for (one, other) in [("a.b", "a.c"), ("a", "a.b"), ("a.>", "a"), ("a.*", "a.b.c"), ("*.x", "a.y")] {
            assert!(!overlap(one, other) && !overlap(other, one), "{one} {other}");
        }
    }
}

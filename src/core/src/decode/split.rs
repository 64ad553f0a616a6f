//! Where values begin and end, told by quotes and brackets alone: what stands inside need not be JSON. So a call that is
//! none costs a batch nothing but itself.
//!
//! Nothing here goes deeper by recursion, and every byte is looked at once.

use std::ops::Range;

/// What some programs begin UTF-8 text with.
pub const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Whether text that spans lines is one object, or array of objects, from its first byte to its last.
pub(super) fn is_one_value(text: &[u8]) -> bool {
    let text = trimmed(text);
    let first_inside = text.get(1..).and_then(|inside| inside.get(skip_blanks(inside, 0)));
    matches!((text.first(), first_inside), (Some(b'{'), Some(b'"')) | (Some(b'['), Some(b'{')))
        && value_end(text, 0) == Some(text.len())
}

/// The elements of an array, without the blanks around them; `None`: the text is no array, or has holes.
/// Of more than `most` only the first and how many there are is of interest: `Err`.
pub fn elements(text: &[u8], most: usize) -> Option<Result<Vec<Range<usize>>, usize>> {
    let mut at = skip_blanks(text, 0);
    if text.get(at) != Some(&b'[') {
        return None;
    }
    at = skip_blanks(text, at + 1);
    let (mut found, mut count) = (Vec::new(), 0);
    if text.get(at) == Some(&b']') {
        return ends_after(text, at + 1).then_some(Ok(found));
    }
    loop {
        let begin = skip_blanks(text, at);
        let end = element_end(text, begin)?;
        if end == begin {
            return None;
        }
        count += 1;
        if count <= most {
            let blanks = text[begin..end].iter().rev().take_while(|byte| is_blank(**byte)).count();
            found.push(begin..end - blanks);
        }
        at = end + 1;
        match text[end] {
            b',' => {}
            b']' if ends_after(text, at) => return Some(if count > most { Err(count) } else { Ok(found) }),
            _ => return None,
        }
    }
}

/// The array, with its brackets, that an object's last `batch` is; `None`: there is none, or the text is no object.
pub fn batch(text: &[u8]) -> Option<Range<usize>> {
    last_member(text, "batch").filter(|value| text[value.clone()].starts_with(b"["))
}

/// The value of an object's last member of that name.
pub(super) fn last_member(text: &[u8], name: &str) -> Option<Range<usize>> {
    let mut at = skip_blanks(text, 0);
    if text.get(at) != Some(&b'{') {
        return None;
    }
    at = skip_blanks(text, at + 1);
    if text.get(at) == Some(&b'}') {
        return None;
    }
    let mut found = None;
    loop {
        let key = skip_blanks(text, at);
        if text.get(key) != Some(&b'"') {
            return None;
        }
        let key_end = string_end(text, key)?;
        let colon = skip_blanks(text, key_end);
        if text.get(colon) != Some(&b':') {
            return None;
        }
        let begin = skip_blanks(text, colon + 1);
        let end = element_end(text, begin)?;
        if is_key(&text[key..key_end], name) {
            let blanks = text[begin..end].iter().rev().take_while(|byte| is_blank(**byte)).count();
            found = Some(begin..end - blanks);
        }
        at = end + 1;
        match text[end] {
            b',' => {}
            b'}' if ends_after(text, at) => return found,
            _ => return None,
        }
    }
}

fn is_key(quoted: &[u8], name: &str) -> bool {
    let inside = &quoted[1..quoted.len() - 1];
    inside == name.as_bytes()
        || (inside.contains(&b'\\') && serde_json::from_slice::<String>(quoted).is_ok_and(|key| key == name))
}

/// Where the element or member's value that begins at `at` ends: at the comma or bracket behind it.
fn element_end(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *text.get(at)? {
            b',' | b']' | b'}' => return Some(at),
            b'{' | b'[' | b'"' => at = value_end(text, at)?,
            _ => at += 1,
        }
    }
}

/// One past the text, object or array that begins at `at`; brackets must match.
fn value_end(text: &[u8], mut at: usize) -> Option<usize> {
    let mut closing = Vec::new();
    loop {
        match *text.get(at)? {
            b'"' => at = string_end(text, at)?,
            b'{' => {
                closing.push(b'}');
                at += 1;
            }
            b'[' => {
                closing.push(b']');
                at += 1;
            }
            byte @ (b'}' | b']') => {
                if closing.pop() != Some(byte) {
                    return None;
                }
                at += 1;
            }
            _ => at += 1,
        }
        if closing.is_empty() {
            return Some(at);
        }
    }
}

/// One past the closing quote of the string that begins at `at`.
fn string_end(text: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

fn ends_after(text: &[u8], at: usize) -> bool {
    skip_blanks(text, at) == text.len()
}

fn skip_blanks(text: &[u8], at: usize) -> usize {
    at + text[at..].iter().take_while(|byte| is_blank(**byte)).count()
}

/// The text without a byte order mark and the blanks around.
fn trimmed(text: &[u8]) -> &[u8] {
    let text = text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text);
    let text = &text[skip_blanks(text, 0)..];
    let blanks = text.iter().rev().take_while(|byte| is_blank(**byte)).count();
    &text[..text.len() - blanks]
}

/// JSON's white space.
fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(text: &str) -> Option<Vec<&str>> {
        elements(text.as_bytes(), 100)?.ok().map(|found| found.into_iter().map(|range| &text[range]).collect())
    }

    #[test]
    fn elements_are_told_by_quotes_and_brackets_whatever_stands_inside() {
        for (text, expected) in [
            ("[]", Some(vec![])),
            (" [ ] \r\n", Some(vec![])),
            ("[1]", Some(vec!["1"])),
            ("[ {\"a\":[1,2]} ,\n\t7 , \"],\\\"[\" ]", Some(vec!["{\"a\":[1,2]}", "7", "\"],\\\"[\""])),
            ("[{\"a\":NaN},{a:1,},'x']", Some(vec!["{\"a\":NaN}", "{a:1,}", "'x'"])),
            ("[1,]", None),
            ("[,1]", None),
            ("[1,,2]", None),
            ("[1", None),
            ("[1]]", None),
            ("[1] 2", None),
            ("[{]}", None),
            ("[\"a]", None),
            ("[\"a\\\"]", None),
            ("{}", None),
            ("", None),
        ] {
            assert_eq!(parts(text), expected, "{text}");
        }
        assert_eq!(elements(b"[1,2,3]", 2), Some(Err(3)));
    }

    #[test]
    fn the_last_member_of_a_name_is_found_also_where_its_name_has_escapes() {
        let text = r#" { "a" : 1, "b":{"a":2}, "\u0061": [3 ] , "c":"a" } "#;
        let found = |name| last_member(text.as_bytes(), name).map(|range| &text[range]);
        assert_eq!((found("a"), found("b"), found("d")), (Some("[3 ]"), Some("{\"a\":2}"), None));
        for broken in ["{", "{\"a\"}", "{\"a\":1", "{\"a\":1}}", "{a:1}", "[1]", "{\"a\":1,}", "{\"a\":[}]}"] {
            assert_eq!(last_member(broken.as_bytes(), "a"), None, "{broken}");
        }
    }

    #[test]
    fn a_batch_is_the_last_one_if_that_is_an_array() {
        let span = |text: &str| batch(text.as_bytes()).map(|array| text[array].to_owned());
        assert_eq!(span(r#"{"batch":[1,{]x[}],"batch":[2 ]}"#), None, "brackets don't match");
        assert_eq!(span(r#"{"batch":[1],"batch":[2 ], "context":{}}"#), Some("[2 ]".to_owned()));
        assert_eq!(span(r#"{"batch":[1],"batch":null}"#), None);
        assert_eq!(span(r#"{"a":{"batch":[1]}}"#), None);
    }

    #[test]
    fn one_value_over_several_lines_is_one_value() {
        for one in ["{\n\"a\":1}", "\u{feff}\n[\n{\"a\":\"}\\\"\"}\n]\n", " {\"a\":\n1}\r\n", "{\"a\":\"x\ny\"}"] {
            assert!(is_one_value(one.as_bytes()), "{one}");
        }
        for other in [
            "{}\n{}",
            "{\n}",
            "{\n[]\n{}\n}",
            "[\n1\n]",
            "{\n}\n{}",
            "{\n",
            "{\"a\":\"x\n{\"b\":1}\n",
            "1\n",
            "",
            "\"a\nb\"",
            "[\n}\n",
        ] {
            assert!(!is_one_value(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn depth_costs_no_stack() {
        let deep = format!("[{}{}]", "[".repeat(1 << 20), "]".repeat(1 << 20));
        assert_eq!(parts(&deep).map(|found| found.len()), Some(1));
    }
}

//! The tokens of a JSON text, found by their bytes.
//!
//! Each function takes the text from a token's first byte on and gives what is behind it; `None`: it is not plainly JSON. `IS_PLAIN`
//! says that the whole text [is plain](is_plain), so that strings end at the next quote.

use crate::decimal::Decimal;
use crate::decode::paths::ComparedKey;
use crate::json::plain_run;

/// The longest number in bytes. As a double it is finite: the visitors, which read doubles, reject others.
const NUMBER_BYTES_MAX: usize = 300;

/// How deep arrays and objects may stand inside one that is stepped over.
const CONTAINERS_MAX: u32 = 60;

/// How many bytes of a text are looked at together.
const CHUNK_BYTES: usize = 32;

/// How many bytes of a string are looked at together.
const STRING_CHUNK_BYTES: usize = 8;

/// Whether a text has no backslash and no control character. Short texts count as if they had.
#[inline(always)]
pub(super) fn is_plain(text: &[u8]) -> bool {
    let is_plain = |bytes: &[u8]| {
        let marks = |byte: &u8| u8::from(*byte < b' ') | u8::from(*byte == b'\\');
        bytes.iter().fold(0, |all, byte| all | marks(byte)) == 0
    };
    // The last chunk overlaps the one before it.
    let (chunks, _) = text.as_chunks::<CHUNK_BYTES>();
    text.last_chunk::<CHUNK_BYTES>().is_some_and(|last| is_plain(chunks.as_flattened()) & is_plain(last))
}

#[inline(always)]
pub(super) fn after_blanks(rest: &[u8]) -> &[u8] {
    match rest {
        [..=b' ', ..] => skip_blanks(rest),
        _ => rest,
    }
}

fn skip_blanks(mut rest: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'\n' | b'\r', behind @ ..] = rest {
        rest = behind;
    }
    rest
}

/// From behind a string's opening quote to behind its closing one; a string without escapes.
#[inline(always)]
pub(super) fn after_plain_string<const IS_PLAIN: bool>(rest: &[u8]) -> Option<&[u8]> {
    if IS_PLAIN {
        return after_quote(rest);
    }
    let end = rest.get(plain_run(rest, 0)..)?;
    end.strip_prefix(b"\"")
}

/// From behind a string's opening quote to behind its closing one.
#[inline(always)]
fn after_string<const IS_PLAIN: bool>(rest: &[u8]) -> Option<&[u8]> {
    if IS_PLAIN { after_quote(rest) } else { after_escapes(rest) }
}

#[inline(always)]
fn after_quote(mut rest: &[u8]) -> Option<&[u8]> {
    const ONES: u64 = u64::from_le_bytes([1; STRING_CHUNK_BYTES]);
    while let Some((chunk, behind)) = rest.split_first_chunk::<STRING_CHUNK_BYTES>() {
        // The highest bit of the first byte that is a quote, and perhaps of bytes behind it.
        let unlike = u64::from_le_bytes(*chunk) ^ (ONES * b'"' as u64);
        let quotes = unlike.wrapping_sub(ONES) & !unlike & (ONES << 7);
        if quotes != 0 {
            return rest.get(quotes.trailing_zeros() as usize / 8 + 1..);
        }
        rest = behind;
    }
    after_last_quote(rest)
}

/// The same where fewer bytes are left than a chunk has.
#[inline(never)]
fn after_last_quote(rest: &[u8]) -> Option<&[u8]> {
    rest.get(rest.iter().position(|byte| *byte == b'"')? + 1..)
}

fn after_escapes(mut rest: &[u8]) -> Option<&[u8]> {
    loop {
        rest = match rest.get(plain_run(rest, 0)..)? {
            [b'"', behind @ ..] => return Some(behind),
            [b'\\', b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't', behind @ ..] => behind,
            // Surrogates are not plain: they come in pairs, or are a mistake.
            [b'\\', b'u', b'd' | b'D', b'8'..=b'f', ..] => return None,
            [b'\\', b'u', a, b, c, d, behind @ ..] if [a, b, c, d].into_iter().all(u8::is_ascii_hexdigit) => behind,
            _ => return None,
        };
    }
}

/// A number without an exponent.
#[inline(always)]
pub(super) fn after_number(number: &[u8]) -> Option<&[u8]> {
    let mut rest = match number.strip_prefix(b"-").unwrap_or(number) {
        [b'0', behind @ ..] => behind,
        [b'1'..=b'9', behind @ ..] => after_digits(behind),
        _ => return None,
    };
    if let [b'.', fraction @ ..] = rest {
        let [b'0'..=b'9', behind @ ..] = fraction else { return None };
        rest = after_digits(behind);
    }
    let is_usual = !matches!(rest, [b'e' | b'E', ..]) && number.len() - rest.len() <= NUMBER_BYTES_MAX;
    is_usual.then_some(rest)
}

/// The number that a text begins with, if it has few digits and no exponent, and what is behind it.
#[inline(always)]
pub(super) fn short_number(number: &[u8]) -> Option<(Decimal, &[u8])> {
    // With six places behind the point the most digits there are still fit in 64 bits.
    const WHOLE_DIGITS_MAX: usize = 12;
    const PLACE_MILLIONTHS: [u64; 7] = [1_000_000, 100_000, 10_000, 1_000, 100, 10, 1];
    let digits = number.strip_prefix(b"-").unwrap_or(number);
    let (whole, behind_whole) = match digits {
        [b'0', behind @ ..] => (0, behind),
        [b'1'..=b'9', ..] => add_digits(0, digits),
        _ => return None,
    };
    let (all, behind) = match behind_whole {
        [b'.', fraction @ ..] => {
            let (all, behind) = add_digits(whole, fraction);
            (all, (behind.len() < fraction.len()).then_some(behind)?)
        }
        behind => (whole, behind),
    };
    let places = (behind_whole.len() - behind.len()).saturating_sub(1);
    let is_short = digits.len() - behind_whole.len() <= WHOLE_DIGITS_MAX && !matches!(behind, [b'e' | b'E', ..]);
    let millionths = all.wrapping_mul(*PLACE_MILLIONTHS.get(places).filter(|_| is_short)?);
    let magnitude = i128::from(millionths);
    Some((Decimal::from_millionths(if digits.len() < number.len() { -magnitude } else { magnitude }), behind))
}

/// A number with the digits behind it that a text begins with, and what is behind those.
#[inline(always)]
fn add_digits(mut number: u64, mut rest: &[u8]) -> (u64, &[u8]) {
    while let [digit @ b'0'..=b'9', behind @ ..] = rest {
        number = number.wrapping_mul(10).wrapping_add(u64::from(*digit - b'0'));
        rest = behind;
    }
    (number, rest)
}

#[inline(always)]
fn after_digits(mut rest: &[u8]) -> &[u8] {
    while let [b'0'..=b'9', behind @ ..] = rest {
        rest = behind;
    }
    rest
}

/// From an object's key, which must have no escapes, to behind the key and to its value.
#[inline(always)]
pub(super) fn plain_key<const IS_PLAIN: bool>(rest: &[u8]) -> Option<(ComparedKey<'_>, &[u8])> {
    let key = rest.strip_prefix(b"\"")?;
    let behind = after_plain_string::<IS_PLAIN>(key)?;
    Some((ComparedKey::at(key, key.len() - behind.len() - 1), value(behind)?))
}

/// From behind a key to its value.
#[inline(always)]
fn value(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [b':', behind @ ..] => Some(after_blanks(behind)),
        _ => skip_blanks(rest).strip_prefix(b":").map(after_blanks),
    }
}

/// From any key to its value.
#[inline(always)]
fn skip_key<const IS_PLAIN: bool>(rest: &[u8]) -> Option<&[u8]> {
    value(after_string::<IS_PLAIN>(rest.strip_prefix(b"\"")?)?)
}

/// What follows a member of an object, or an element of an array.
pub(super) enum Following<'t> {
    /// Another one, from its first byte on.
    Another(&'t [u8]),
    /// The closing bracket; this is behind it.
    Closing(&'t [u8]),
}

/// From behind a member or element to what follows.
#[inline(always)]
pub(super) fn following<const CLOSING: u8>(rest: &[u8]) -> Option<Following<'_>> {
    if let [b',', behind @ ..] = rest {
        return Some(Following::Another(after_blanks(behind)));
    }
    match after_blanks(rest) {
        [b',', behind @ ..] => Some(Following::Another(after_blanks(behind))),
        [closing, behind @ ..] if *closing == CLOSING => Some(Following::Closing(behind)),
        _ => None,
    }
}

/// Steps over any value.
#[inline(always)]
pub(super) fn skip<const IS_PLAIN: bool>(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [b'{' | b'[', ..] => skip_container::<IS_PLAIN>(rest),
        _ => skip_scalar::<IS_PLAIN>(rest),
    }
}

#[inline(always)]
fn skip_scalar<const IS_PLAIN: bool>(rest: &[u8]) -> Option<&[u8]> {
    match rest {
        [b'"', string @ ..] => after_string::<IS_PLAIN>(string),
        [b'-' | b'0'..=b'9', ..] => after_number(rest),
        [b't', b'r', b'u', b'e', behind @ ..]
        | [b'n', b'u', b'l', b'l', behind @ ..]
        | [b'f', b'a', b'l', b's', b'e', behind @ ..] => Some(behind),
        _ => None,
    }
}

/// Steps over an array or object.
#[inline(never)]
pub(super) fn skip_container<const IS_PLAIN: bool>(mut rest: &[u8]) -> Option<&[u8]> {
    // The lowest bit is of the innermost one: 1 for an object.
    let (mut objects, mut depth) = (0_u64, 0_u32);
    'value: loop {
        match rest {
            [opening @ (b'{' | b'['), inside @ ..] => {
                let is_object = *opening == b'{';
                (objects, depth) = (objects << 1 | u64::from(is_object), depth + 1);
                if depth > CONTAINERS_MAX {
                    return None;
                }
                rest = after_blanks(inside);
                // The closing bracket stands two places behind the opening one.
                if rest.first().is_none_or(|first| *first != opening + 2) {
                    if is_object {
                        rest = skip_key::<IS_PLAIN>(rest)?;
                    }
                    continue 'value;
                }
            }
            [b'"', string @ ..] => {
                rest = after_string::<IS_PLAIN>(string)?;
                // Members that are strings as well, without blanks.
                while let ([b',', b'"', key @ ..], 1) = (rest, objects & 1) {
                    match after_string::<IS_PLAIN>(key)? {
                        [b':', b'"', string @ ..] => rest = after_string::<IS_PLAIN>(string)?,
                        behind => {
                            rest = value(behind)?;
                            continue 'value;
                        }
                    }
                }
                rest = after_blanks(rest);
            }
            _ => rest = after_blanks(skip_scalar::<IS_PLAIN>(rest)?),
        }
        loop {
            match (rest, objects & 1) {
                ([b',', behind @ ..], is_object) => {
                    rest = after_blanks(behind);
                    if is_object == 1 {
                        rest = skip_key::<IS_PLAIN>(rest)?;
                    }
                    continue 'value;
                }
                ([b'}', behind @ ..], 1) | ([b']', behind @ ..], 0) => {
                    (objects, depth) = (objects >> 1, depth - 1);
                    if depth == 0 {
                        return Some(behind);
                    }
                    rest = after_blanks(behind);
                }
                _ => return None,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How many bytes of a text are behind what ends at `rest`.
    fn place(text: &str, rest: Option<&[u8]>) -> Option<usize> {
        rest.map(|rest| text.len() - rest.len())
    }

    #[test]
    fn a_string_ends_at_the_first_quote_that_is_not_escaped() {
        for before in 0..40 {
            let plain = "é".repeat(before / 2) + &"x".repeat(before % 2);
            for (text, plainly, at_all) in [
                (format!("{plain}\", \"{plain}"), Some(before + 1), Some(before + 1)),
                (format!("{plain}\\\"\""), None, Some(before + 3)),
                (format!("{plain}\\u00e9{plain}\""), None, Some(before * 2 + 7)),
                (format!("{plain}\\ud83d\\ude00\""), None, None),
                (format!("{plain}\\u00g0\""), None, None),
                (format!("{plain}\\u00"), None, None),
                (format!("{plain}\\x\""), None, None),
                (format!("{plain}\\"), None, None),
                (format!("{plain}\n\""), None, None),
                (format!("{plain}\u{0}\""), None, None),
                (plain.clone(), None, None),
            ] {
                let bytes = text.as_bytes();
                let found = [after_plain_string::<false>(bytes), after_string::<false>(bytes)];
                assert_eq!(found.map(|rest| place(&text, rest)), [plainly, at_all], "{text:?}");
                if !text.contains(['\\', '\n', '\0']) {
                    let found = [after_plain_string::<true>(bytes), after_string::<true>(bytes)];
                    assert_eq!(found.map(|rest| place(&text, rest)), [plainly, at_all], "{text:?}");
                }
            }
        }
    }

    #[test]
    fn a_text_is_plain_if_no_byte_of_it_is_a_control_character_or_a_backslash() {
        for length in 0..100 {
            let mut text = vec![b'x'; length];
            assert_eq!(is_plain(&text), length >= CHUNK_BYTES);
            for at in 0..length {
                for byte in [0, 1, b'\n', 0x1f, b'\\'] {
                    text[at] = byte;
                    assert!(!is_plain(&text), "{byte} at {at} of {length}");
                }
                for byte in [b' ', b'"', b'[', b']', 0x7f, 0x80, 0xff, b'x'] {
                    text[at] = byte;
                    assert_eq!(is_plain(&text), length >= CHUNK_BYTES, "{byte} at {at} of {length}");
                }
            }
        }
    }

    #[test]
    fn a_short_number_is_what_it_is_as_a_text() {
        for text in ["0", "-0", "7", "-7.5", "19.99", "0.000001", "-0.100000", "999999999999.999999", "120"] {
            for behind in ["", ",1", "}", ".", " "] {
                let whole = format!("{text}{behind}");
                let expected = Decimal::parse(text).map(|number| (number, behind.as_bytes()));
                let is_number = behind != "." || text.contains('.');
                assert_eq!(short_number(whole.as_bytes()), expected.filter(|_| is_number), "{whole}");
            }
        }
        for other in
            ["", "-", "x", "1.", "-.5", ".5", "1e2", "1.5E2", "1000000000000", "0.0000001", "18446744073709551617"]
        {
            assert_eq!(short_number(other.as_bytes()), None, "{other}");
        }
    }

    #[test]
    fn a_value_that_is_stepped_over_is_checked() {
        for (text, end) in [
            ("[]", Some(2)),
            ("{}x", Some(2)),
            (r#"{"a":[1,-0.50,{"b":{}}],"c":"]"} ]"#, Some(32)),
            (r#"{"a":"b","c":"d","e" : "f" ,"g":1,"h":"i"}"#, Some(42)),
            (r#"["a","b","c"]"#, Some(13)),
            ("[ 1 , [ ] , { \"a\" : null } ]", Some(28)),
            ("[1 2]", None),
            ("[1,]", None),
            ("[,1]", None),
            (r#"["a":"b"]"#, None),
            (r#"["a","b":"c"]"#, None),
            (r#"{"a":"b","c"}"#, None),
            (r#"{"a":"b","c","d":"e"}"#, None),
            (r#"{"a":"b",}"#, None),
            ("{\"a\"}", None),
            ("{\"a\":}", None),
            ("{\"a\":1,}", None),
            ("{\"a\":1]", None),
            ("[1}", None),
            ("{1:2}", None),
            ("[01]", None),
            ("[1.]", None),
            ("[.5]", None),
            ("[-]", None),
            ("[1e5]", None),
            ("[tru]", None),
            ("[nul", None),
            ("[NaN]", None),
            ("[1", None),
            ("{", None),
            ("", None),
        ] {
            assert_eq!(place(text, skip::<false>(text.as_bytes())), end, "{text}");
            assert_eq!(place(text, skip::<true>(text.as_bytes())), end, "{text}");
        }
        let deep = |levels| "[".repeat(levels) + &"]".repeat(levels);
        assert_eq!(skip::<true>(deep(60).as_bytes()), Some(&[][..]));
        assert_eq!(skip::<true>(deep(61).as_bytes()), None);
    }
}

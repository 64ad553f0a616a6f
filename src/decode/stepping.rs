//! Stepping over a value: much faster than reading it, and not as strict.
//!
//! sonic-rs steps over a value by recursion, without a bound to the depth, and holds neither lone surrogates nor numbers
//! out of range against it. So a line that may nest too deep is read without any of this, and a value that was stepped
//! over is read all the same where it has anything that might be held against it: whether a line is JSON never depends on
//! what of it is read.

use std::borrow::Cow;

use serde::de::{DeserializeSeed, MapAccess};
use sonic_rs::LazyValue;

use super::fields::{Depth, MAX_DEPTH, Skip, Text};

/// Fewer digits than any number has that is out of range and has no exponent.
const DIGITS: usize = 128;

/// Whether so much may stand inside one another, below a depth, that stepping over it is not safe.
pub(super) fn may_be_deep(line: &[u8], depth: Depth) -> bool {
    let opens = |bytes: &[u8]| bytes.iter().map(|byte| u8::from(matches!(byte, b'{' | b'['))).sum::<u8>();
    let all: usize = line.chunks(128).map(|bytes| usize::from(opens(bytes))).sum();
    all > usize::from(MAX_DEPTH - depth.0)
}

/// Steps over the next value of a map: its text, as it stands there.
pub(super) fn step<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Text<'de>, A::Error> {
    let value: LazyValue<'de> = map.next_value()?;
    Ok(match value.as_raw_cow() {
        Cow::Borrowed(text) => Cow::Borrowed(text),
        Cow::Owned(text) => Cow::Owned(text.into()),
    })
}

/// Reads a value that was stepped over, unless nothing can be held against it.
///
/// # Errors
/// It is no JSON after all.
pub(super) fn check(text: &str, depth: Depth) -> Result<(), sonic_rs::Error> {
    if is_plain(text.as_bytes()) {
        return Ok(());
    }
    Skip(depth).deserialize(&mut sonic_rs::Deserializer::from_str(text))
}

/// Whether there is no escape, nothing that might be an exponent, and no great number of digits in it.
fn is_plain(value: &[u8]) -> bool {
    let doubtful = |(before, byte): (&u8, &u8)| {
        u8::from(*byte == b'\\') | u8::from((before.is_ascii_digit() || *before == b'.') && byte | 0x20 == b'e')
    };
    // Without an early end, so that many bytes are looked at at once. The first byte is part of no escape.
    value.iter().zip(&value[value.len().min(1)..]).fold(0, |any, pair| any | doubtful(pair)) == 0
        && !value.chunks_exact(DIGITS).any(|bytes| bytes.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case::object(r#"{"a":[1,-2.5,true,null,"x"]}"#, true)]
    #[case::empty("", true)]
    #[case::one_byte("1", true)]
    #[case::words_with_e(r#"{"e":"see 3 eels"}"#, true)]
    #[case::exponent("[1e5]", false)]
    #[case::large_exponent("[1.5E+400]", false)]
    #[case::exponent_after_the_dot("[1.e5]", false)]
    #[case::looks_like_an_exponent(r#""3e""#, false)]
    #[case::escape(r#""\ud800""#, false)]
    fn what_may_be_wrong_is_not_plain(#[case] text: &str, #[case] is_plain_text: bool) {
        assert_eq!(is_plain(text.as_bytes()), is_plain_text);
    }

    #[test]
    fn a_number_too_large_is_found_wherever_it_stands() {
        for before in 0..300 {
            let text = format!("[{}1,{}]", " ".repeat(before), "7".repeat(310));
            assert!(check(&text, Depth(0)).is_err(), "{before}");
        }
    }

    #[test]
    fn depth_is_bounded_by_what_opens() {
        let nested = |count: usize| "[".repeat(count).into_bytes();
        assert!(!may_be_deep(&nested(127), Depth(0)) && may_be_deep(&nested(128), Depth(0)));
        assert!(!may_be_deep(&nested(125), Depth(2)) && may_be_deep(&nested(126), Depth(2)));
        assert!(may_be_deep(&nested(1_000_000), Depth(0)));
    }
}

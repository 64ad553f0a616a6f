//! The tokens of a JSON text, found by their bytes.

/// The longest number in bytes. As a double it is finite: the visitors, which read doubles, reject others.
const NUMBER_BYTES_MAX: usize = 300;

/// How deep arrays and objects may stand inside one that is stepped over.
const CONTAINERS_MAX: u32 = 60;

/// How many bytes are looked at together.
const CHUNK_BYTES: usize = 8;

/// The bytes of a text. Each function takes where a token begins and gives where it ends; `None`: it is not plainly JSON.
/// Behind the text stand zeros, which end every token and are none.
#[derive(Clone, Copy)]
pub(super) struct JsonTokens<'a>(pub(super) &'a [u8]);

impl JsonTokens<'_> {
    #[inline(always)]
    pub(super) fn byte(self, at: usize) -> u8 {
        self.0.get(at).copied().unwrap_or(0)
    }

    #[inline(always)]
    pub(super) fn blanks(self, mut at: usize) -> usize {
        if self.byte(at) > b' ' {
            return at;
        }
        while matches!(self.byte(at), b' ' | b'\t' | b'\n' | b'\r') {
            at += 1;
        }
        at
    }

    /// From behind a string's opening quote to its closing one; a string without escapes.
    #[inline(always)]
    pub(super) fn plain_string(self, at: usize) -> Option<usize> {
        let end = self.plain_run(at);
        (self.byte(end) == b'"').then_some(end)
    }

    /// From behind a string's opening quote to its closing one.
    #[inline(always)]
    fn string(self, mut at: usize) -> Option<usize> {
        loop {
            at = self.plain_run(at);
            match self.byte(at) {
                b'"' => return Some(at),
                b'\\' => at = self.escape(at)?,
                _ => return None,
            }
        }
    }

    /// To the next byte that ends a string, begins an escape or must not stand in a string.
    #[inline(always)]
    fn plain_run(self, mut at: usize) -> usize {
        while let Some(chunk) = self.0.get(at..).and_then(|rest| rest.first_chunk()) {
            let stops = stops(*chunk);
            if stops != 0 {
                return at + stops.trailing_zeros() as usize / 8;
            }
            at += CHUNK_BYTES;
        }
        self.last_plain_run(at)
    }

    /// The same where fewer bytes are left than a chunk has.
    fn last_plain_run(self, at: usize) -> usize {
        let is_plain = |byte: &&u8| !matches!(**byte, b'"' | b'\\' | ..b' ');
        at + self.0.get(at..).unwrap_or_default().iter().take_while(is_plain).count()
    }

    /// An escape. Surrogates are not plain: they come in pairs, or are a mistake.
    #[cold]
    fn escape(self, at: usize) -> Option<usize> {
        match self.byte(at + 1) {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 2),
            b'u' => {
                let digits = self.0.get(at + 2..at + 6)?;
                let is_surrogate = matches!(digits, [b'd' | b'D', b'8'..=b'f', ..]);
                (digits.iter().all(u8::is_ascii_hexdigit) && !is_surrogate).then_some(at + 6)
            }
            _ => None,
        }
    }

    /// A number without an exponent.
    #[inline(always)]
    pub(super) fn number(self, at: usize) -> Option<usize> {
        let mut end = at + usize::from(self.byte(at) == b'-');
        end = match self.byte(end) {
            b'0' => end + 1,
            b'1'..=b'9' => self.digits(end + 1),
            _ => return None,
        };
        if self.byte(end) == b'.' {
            let fraction = end + 1;
            end = self.digits(fraction);
            if end == fraction {
                return None;
            }
        }
        let is_usual = !matches!(self.byte(end), b'e' | b'E') && end - at <= NUMBER_BYTES_MAX;
        is_usual.then_some(end)
    }

    #[inline(always)]
    fn digits(self, mut at: usize) -> usize {
        while self.byte(at).is_ascii_digit() {
            at += 1;
        }
        at
    }

    #[inline(always)]
    pub(super) fn literal(self, at: usize, literal: &[u8]) -> Option<usize> {
        let end = at + literal.len();
        (self.0.get(at..end) == Some(literal)).then_some(end)
    }

    /// From an object's key, which must have no escapes, to where the key ends and where its value begins.
    #[inline(always)]
    pub(super) fn plain_key(self, at: usize) -> Option<(usize, usize)> {
        if self.byte(at) != b'"' {
            return None;
        }
        let end = self.plain_string(at + 1)?;
        Some((end, self.value(end + 1)?))
    }

    /// From behind a key to its value.
    #[inline(always)]
    fn value(self, at: usize) -> Option<usize> {
        let colon = self.blanks(at);
        (self.byte(colon) == b':').then(|| self.blanks(colon + 1))
    }

    /// From any key to its value.
    #[inline(always)]
    fn skip_key(self, at: usize) -> Option<usize> {
        if self.byte(at) != b'"' {
            return None;
        }
        self.value(self.string(at + 1)? + 1)
    }

    /// Steps over any value.
    #[inline(always)]
    pub(super) fn skip(self, at: usize) -> Option<usize> {
        match self.byte(at) {
            b'{' | b'[' => self.skip_container(at),
            _ => self.skip_scalar(at),
        }
    }

    #[inline(always)]
    fn skip_scalar(self, at: usize) -> Option<usize> {
        match self.byte(at) {
            b'"' => Some(self.string(at + 1)? + 1),
            b'-' | b'0'..=b'9' => self.number(at),
            b't' => self.literal(at, b"true"),
            b'f' => self.literal(at, b"false"),
            b'n' => self.literal(at, b"null"),
            _ => None,
        }
    }

    /// Steps over an array or object.
    #[inline(never)]
    pub(super) fn skip_container(self, mut at: usize) -> Option<usize> {
        // The lowest bit is of the innermost one: 1 for an object.
        let (mut objects, mut depth) = (0_u64, 0_u32);
        'value: loop {
            match self.byte(at) {
                opening @ (b'{' | b'[') => {
                    let is_object = opening == b'{';
                    (objects, depth) = (objects << 1 | u64::from(is_object), depth + 1);
                    if depth > CONTAINERS_MAX {
                        return None;
                    }
                    at = self.blanks(at + 1);
                    // The closing bracket stands two places behind the opening one.
                    if self.byte(at) != opening + 2 {
                        if is_object {
                            at = self.skip_key(at)?;
                        }
                        continue 'value;
                    }
                }
                _ => at = self.blanks(self.skip_scalar(at)?),
            }
            loop {
                match (self.byte(at), objects & 1) {
                    (b',', is_object) => {
                        at = self.blanks(at + 1);
                        if is_object == 1 {
                            at = self.skip_key(at)?;
                        }
                        continue 'value;
                    }
                    (b'}', 1) | (b']', 0) => {
                        (objects, depth, at) = (objects >> 1, depth - 1, at + 1);
                        if depth == 0 {
                            return Some(at);
                        }
                        at = self.blanks(at);
                    }
                    _ => return None,
                }
            }
        }
    }
}

/// For each byte the highest of its bits, from the lowest byte to the first that is a quote, a backslash or a control
/// character; what it has for bytes behind that one means nothing.
#[inline(always)]
fn stops(chunk: [u8; CHUNK_BYTES]) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; CHUNK_BYTES]);
    let bytes = u64::from_le_bytes(chunk);
    // Each subtraction borrows at the first byte that is too small, and not before; one above 0x7f is none of them.
    let quotes = (bytes ^ (ONES * b'"' as u64)).wrapping_sub(ONES);
    let backslashes = (bytes ^ (ONES * b'\\' as u64)).wrapping_sub(ONES);
    let controls = bytes.wrapping_sub(ONES * b' ' as u64);
    (quotes | backslashes | controls) & !bytes & (ONES << 7)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_string_ends_at_the_first_quote_that_is_not_escaped() {
        for before in 0..40 {
            let plain = "é".repeat(before / 2) + &"x".repeat(before % 2);
            for (text, plainly, at_all) in [
                (format!("{plain}\", \"{plain}"), Some(before), Some(before)),
                (format!("{plain}\\\"\""), None, Some(before + 2)),
                (format!("{plain}\\u00e9{plain}\""), None, Some(before * 2 + 6)),
                (format!("{plain}\\ud83d\\ude00\""), None, None),
                (format!("{plain}\\u00g0\""), None, None),
                (format!("{plain}\\x\""), None, None),
                (format!("{plain}\\"), None, None),
                (format!("{plain}\n\""), None, None),
                (format!("{plain}\u{0}\""), None, None),
                (plain.clone(), None, None),
            ] {
                let tokens = JsonTokens(text.as_bytes());
                assert_eq!((tokens.plain_string(0), tokens.string(0)), (plainly, at_all), "{text:?}");
            }
        }
    }

    #[test]
    fn every_byte_that_ends_a_run_does_so_at_every_place() {
        for byte in 0..=u8::MAX {
            let is_stop = byte < b' ' || byte == b'"' || byte == b'\\';
            for (at, around) in
                (0..CHUNK_BYTES).flat_map(|at| [b'x', b'!', b'#', b'[', b']', 0xff].map(|byte| (at, byte)))
            {
                let mut chunk = [around; CHUNK_BYTES];
                chunk[at] = byte;
                let expected = if is_stop { 8 * at as u32 + 7 } else { 64 };
                assert_eq!(stops(chunk).trailing_zeros(), expected, "{byte} at {at} among {around}");
            }
        }
    }

    #[test]
    fn a_value_that_is_stepped_over_is_checked() {
        for (text, end) in [
            ("[]", Some(2)),
            ("{}x", Some(2)),
            (r#"{"a":[1,-0.50,{"b":{}}],"c\n":"\"]"} ]"#, Some(36)),
            ("[ 1 , [ ] , { \"a\" : null } ]", Some(28)),
            ("[1 2]", None),
            ("[1,]", None),
            ("[,1]", None),
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
            ("", None),
        ] {
            assert_eq!(JsonTokens(text.as_bytes()).skip(0), end, "{text}");
        }
        let deep = |levels| "[".repeat(levels) + &"]".repeat(levels);
        assert_eq!(JsonTokens(deep(60).as_bytes()).skip(0), Some(120));
        assert_eq!(JsonTokens(deep(61).as_bytes()).skip(0), None);
    }
}

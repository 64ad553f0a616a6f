//! Ids: what stands in their place and is none, and numbers that are.

use std::borrow::Cow;
use std::fmt;

use super::fields::Text;
use super::repair::is_json_number;
use super::split::last_member;
use crate::event::PLACEHOLDER_IDS;

/// The longest id that is accepted, in bytes.
pub const MAX_ID_BYTES: usize = 256;

/// Ids that nobody means: what scripts and shops write where they know no id. In any case they are none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceholderIds {
    /// In small letters, sorted.
    texts: Vec<String>,
    longest: usize,
    /// One bit for each of their lengths up to 127 bytes; the last one for all greater ones.
    lengths: u128,
}

impl PlaceholderIds {
    /// These, in any case.
    pub fn new(texts: impl IntoIterator<Item = impl AsRef<str>>) -> PlaceholderIds {
        let mut texts: Vec<_> = texts.into_iter().map(|text| text.as_ref().to_lowercase()).collect();
        texts.sort_unstable();
        texts.dedup();
        let longest = texts.iter().map(String::len).max().unwrap_or(0);
        let lengths = texts.iter().fold(0, |lengths, text| lengths | length_bit(text));
        PlaceholderIds { texts, longest, lengths }
    }

    /// Whether that is one of them.
    pub fn contains(&self, id: &str) -> bool {
        // A letter takes at most three times as many bytes as the same one in the other case.
        if id.is_empty() || id.len() > self.longest * 3 {
            return false;
        }
        match id.is_ascii() {
            true if self.lengths & length_bit(id) == 0 => false,
            true => self.texts.iter().any(|text| text.eq_ignore_ascii_case(id)),
            false => self.texts.binary_search(&id.to_lowercase()).is_ok(),
        }
    }
}

fn length_bit(text: &str) -> u128 {
    1 << text.len().min(127)
}

/// The usual ones.
impl Default for PlaceholderIds {
    fn default() -> PlaceholderIds {
        PlaceholderIds::new(PLACEHOLDER_IDS)
    }
}

/// One after the other, each in quotes: the same text for the same ones.
impl fmt::Display for PlaceholderIds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(&self.texts).finish()
    }
}

/// An id as it was read.
#[derive(Clone, Debug)]
pub(super) enum RawId<'a> {
    Text(Text<'a>),
    /// A number that was not read exactly: its digits have to be looked up.
    Number,
}

/// The text of the id that stands in a field; `None`: what stands there is no whole number.
pub(super) fn text<'a>(id: RawId<'a>, call: &[u8], field: &str) -> Option<Text<'a>> {
    match id {
        RawId::Text(text) => Some(text),
        RawId::Number => {
            let number = str::from_utf8(&call[last_member(call, field)?]).ok()?;
            whole_number(number).map(Cow::Owned)
        }
    }
}

/// The decimal text of a JSON number that is whole, however it is written: `1.20e3` is `1200`. `None`: it is not whole,
/// or has more than a thousand digits.
fn whole_number(text: &str) -> Option<String> {
    const DIGITS_MAX: usize = 1_000;
    if !is_json_number(text) {
        return None;
    }
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (sign, mantissa) = mantissa.strip_prefix('-').map_or(("", mantissa), |mantissa| ("-", mantissa));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = format!("{whole}{fraction}");
    let significant = digits.trim_end_matches('0');
    let first = significant.len() - significant.trim_start_matches('0').len();
    if first == significant.len() {
        return Some("0".to_owned());
    }
    // An exponent too large to be read leaves no whole number of so few digits.
    let point = i64::try_from(whole.len()).ok()?.checked_add(exponent.parse().ok()?)?;
    let point = usize::try_from(point).ok().filter(|point| (significant.len()..=DIGITS_MAX).contains(point))?;
    Some(format!("{sign}{}", &format!("{significant:0<point$}")[first..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_are_their_decimal_text() {
        for (number, expected) in [
            ("0", Some("0")),
            ("-0", Some("0")),
            ("-0.0", Some("0")),
            ("0e99999999999999999999", Some("0")),
            ("12345", Some("12345")),
            ("12345.0", Some("12345")),
            ("-7", Some("-7")),
            ("1.20e3", Some("1200")),
            ("100E-2", Some("1")),
            ("0.05e2", Some("5")),
            ("0.0010e5", Some("100")),
            ("123456789012345678901234567890", Some("123456789012345678901234567890")),
            ("1e25", Some("10000000000000000000000000")),
            ("12.5", None),
            ("1e-1", None),
            ("125e-2", None),
            ("1e2000", None),
            ("1e99999999999999999999", None),
            ("1e-99999999999999999999", None),
            ("01", None),
            ("x", None),
        ] {
            assert_eq!(whole_number(number).as_deref(), expected, "{number}");
        }
    }

    #[test]
    fn placeholders_are_told_in_any_case() {
        let known = PlaceholderIds::default();
        for id in ["undefined", "Undefined", "NULL", "[object object]", "nan", "0", "GUEST", "False"] {
            assert!(known.contains(id), "{id}");
        }
        for id in ["", " ", "00", "undefined1", " null", "guests", "u1"] {
            assert!(!known.contains(id), "{id}");
        }
        let own = PlaceholderIds::new(["Аноним", "x"]);
        assert!(own.contains("аНОНИМ") && own.contains("X") && !own.contains("undefined"));
        assert!(!PlaceholderIds::new([""; 0]).contains("undefined"));
        let (long, longer) = ("x".repeat(127), "x".repeat(200));
        let of_long = PlaceholderIds::new([&longer]);
        assert!(of_long.contains(&longer.to_uppercase()) && !of_long.contains(&long) && !of_long.contains("x"));
    }
}

//! Characters and numbers in a form that the files do not have: full-width characters, blanks that are not spaces,
//! percentages.

/// Whether a character looks like a blank or is invisible, and is not allowed between words.
pub fn is_invisible_or_blank(c: char) -> bool {
    (c.is_whitespace() && !c.is_ascii()) || matches!(c, '\u{200b}'..='\u{200d}' | '\u{2060}' | '\u{feff}')
}

/// The ASCII character that a full-width one (of East Asian keyboards) stands for.
pub fn ascii_of_full_width(c: char) -> Option<char> {
    ('\u{ff01}'..='\u{ff5e}').contains(&c).then(|| char::from_u32(u32::from(c) - 0xfee0))?
}

/// A percentage as the share it is: `50` is `0.5`.
pub fn percentage_as_share(percent: &str) -> Option<String> {
    let number: f64 = percent.parse().ok().filter(|number: &f64| number.is_finite())?;
    Some(format!("{}", number / 100.0))
}

//! Help with mistakes in the TOML itself.

use crate::diagnostics::{ascii_of_full_width, is_invisible_or_blank, percentage_as_share};
use crate::time::Span;

/// Help with a syntax error at an offset of the text, on this line.
pub(super) fn toml_help(message: &str, line: &str, text: &str, at: usize) -> String {
    if let Some(help) = unquoted_help(text, at) {
        return help;
    }
    let outside_texts = line.split(['"', '\'']).step_by(2).flat_map(str::chars);
    if let Some(c) = outside_texts.into_iter().find(|c| is_invisible_or_blank(*c) || ascii_of_full_width(*c).is_some())
    {
        let (code, plain) =
            (u32::from(c), ascii_of_full_width(c).map_or("a plain blank".to_owned(), |plain| format!("`{plain}`")));
        return format!("this line has the character U+{code:04X}, which only looks like {plain}: replace it");
    }
    if message.contains("duplicate") {
        "a table can have each key only once".to_owned()
    } else if has_quotes_within_quotes(line) {
        "a text inside a condition is written in single quotes: when = \"traits.tier == 'gold'\"".to_owned()
    } else if message.contains("string") || message.contains("quoted") || message.contains("invalid") {
        "text values are written in quotes: name = \"value\"".to_owned()
    } else {
        String::new()
    }
}

/// Help with a duration or a percentage without quotes.
fn unquoted_help(text: &str, at: usize) -> Option<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '%');
    let (before, after) = text.split_at_checked(at)?;
    let start = before.len() - before.chars().rev().take_while(|c| is_part(*c)).count();
    let end = at + after.chars().take_while(|c| is_part(*c)).count();
    let word = &text[start..end];
    let is_value = text[..start].trim_end_matches(' ').ends_with(['=', '[', ',']);
    match word.strip_suffix('%').and_then(percentage_as_share) {
        _ if !is_value => None,
        Some(share) => Some(format!("a share is written as a number from 0 to 1: {share}")),
        None if Span::parse(word).is_ok() => Some(format!("a duration is written in quotes: \"{word}\"")),
        None => None,
    }
}

/// `when = "traits.tier == "gold""`
fn has_quotes_within_quotes(line: &str) -> bool {
    let Some((_, value)) = line.split_once('=') else { return false };
    let value = value.trim();
    value.starts_with('"') && !value.starts_with("\"\"\"") && value.replace("\\\"", "").matches('"').count() > 2
}

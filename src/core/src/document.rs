//! Reading a TOML file by hand, so that every mistake in it is found and each is shown at its place.
//!
//! [`TomlSection`] is one table of the file: opening it reports the keys it must not have, its readers report values of the
//! wrong type or out of range. Rules and settings are both read through it.

use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::diagnostics::{Diagnostics, nearest, shorten, suggest};
use crate::diagnostics::{ascii_of_full_width, is_invisible_or_blank, percentage_as_share};
use crate::time::Span;

/// No duration in a file may be longer: about 100 years.
pub const DURATION_MAX: Span = Span(36_525 * 86_400_000);

/// Keys that a later version will know.
const LATER_KEYS: [&str; 1] = ["budget"];

pub(crate) type TomlValue<'a> = Spanned<DeValue<'a>>;

/// A table whose keys are known.
pub struct TomlSection<'a> {
    /// What it is called in messages: ``segment `dormant` ``.
    pub(crate) title: String,
    /// Where something that is missing from it is reported.
    pub(crate) span: Range<usize>,
    table: &'a DeTable<'a>,
    /// Known keys that unknown ones were probably meant to be.
    misspelt: Vec<&'static str>,
}

/// Parses TOML, as far as it can be: every syntax error goes to `problems`.
pub fn parse<'t>(text: &'t str, problems: &mut Diagnostics<'_>) -> Spanned<DeTable<'t>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let help = toml_help(error.message(), problems.line(span.start), text, span.start);
        problems.add_broken(&span, format!("this is not TOML: {}", error.message()), help);
    }
    table
}

/// The entries of a table in the order of the file (the parser hands them out by name).
pub(crate) fn in_file_order<'a>(table: &'a DeTable<'a>) -> Vec<(&'a str, Range<usize>, &'a TomlValue<'a>)> {
    let mut entries: Vec<_> = table.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span(), value)).collect();
    entries.sort_by_key(|(_, span, value)| (span.start, value.span().start));
    entries
}

/// `a string`, `an integer`: what a value is, for messages.
pub(crate) fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// Reads a duration: above zero, at most [`DURATION_MAX`].
///
/// # Errors
/// What is wrong with it, and what to do.
pub(crate) fn duration(literal: &str) -> Result<Span, (String, String)> {
    const HELP: &str = "write whole numbers with units, like '30m', '7d' or '1h30m' (ms, s, m, h, d, w)";
    let span = match Span::parse(literal) {
        Ok(span) => span,
        Err(why) if why.contains("too long") => {
            return Err((format!("{} is longer than 100 years", shorten(literal)), String::new()));
        }
        Err(why) => return Err((format!("this is not a duration: {why}"), HELP.to_owned())),
    };
    if span.0 == 0 {
        return Err((format!("{} is no time at all; it must be at least 1ms", shorten(literal)), HELP.to_owned()));
    }
    if span > DURATION_MAX {
        let help = "nobody's events go back that far; for all time, use total(…)".to_owned();
        return Err((format!("{} is longer than 100 years", shorten(literal)), help));
    }
    Ok(span)
}

impl<'a> TomlSection<'a> {
    /// Opens a table: a key that is not among `keys` is a problem.
    pub fn open(
        title: impl Into<String>,
        span: Range<usize>,
        table: &'a DeTable<'a>,
        keys: &[&'static str],
        problems: &mut Diagnostics<'_>,
    ) -> TomlSection<'a> {
        let title = title.into();
        let mut misspelt = Vec::new();
        for (key, span, _) in in_file_order(table) {
            if keys.contains(&key) {
                continue;
            }
            if LATER_KEYS.contains(&key) {
                problems.add(
                    &span,
                    format!("`{key}` is not supported yet"),
                    "take it out; it comes with a later version",
                );
            } else {
                misspelt.extend(nearest(key, keys.iter().copied()));
                let help = suggest(key, keys.iter().copied(), "keys here");
                problems.add(&span, format!("unknown key {} in {title}", shorten(key)), help);
            }
        }
        TomlSection { title, span, table, misspelt }
    }

    /// The value of a key, if it is there.
    pub fn get(&self, key: &str) -> Option<&'a TomlValue<'a>> {
        self.table.get(key)
    }

    /// A string, if it is there and is one.
    pub fn string(&self, key: &str, problems: &mut Diagnostics<'_>) -> Option<Spanned<&'a str>> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::String(text) => Some(Spanned::new(value.span(), text.as_ref())),
            _ => self.wrong_type(key, value, "a string", problems),
        }
    }

    /// A string that must be there.
    pub(crate) fn needed_string(
        &self,
        key: &str,
        example: &str,
        problems: &mut Diagnostics<'_>,
    ) -> Option<Spanned<&'a str>> {
        self.need(key, example, problems);
        self.string(key, problems)
    }

    /// Reports a key that must be there and is not (nor is it there misspelt).
    pub(crate) fn need(&self, key: &str, example: &str, problems: &mut Diagnostics<'_>) {
        if self.get(key).is_none() && !self.misspelt.contains(&key) {
            let help = format!("add {key} = {example}");
            problems.add_missing(&self.span, format!("{} has no `{key}`", self.title), help);
        }
    }

    /// A duration above zero.
    pub(crate) fn duration(&self, key: &str, problems: &mut Diagnostics<'_>) -> Option<Span> {
        let text = self.string(key, problems)?;
        match duration(text.get_ref()) {
            Ok(span) => Some(span),
            Err((message, help)) => {
                problems.add(&text.span(), message, help);
                None
            }
        }
    }

    /// A whole number within a range.
    pub fn integer(&self, key: &str, range: RangeInclusive<i64>, problems: &mut Diagnostics<'_>) -> Option<i64> {
        let value = self.get(key)?;
        let DeValue::Integer(integer) = value.get_ref() else {
            return self.wrong_type(key, value, "a whole number", problems);
        };
        match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) if range.contains(&number) => Some(number),
            _ => self.out_of_range(key, value, range.start(), range.end(), problems),
        }
    }

    /// A number, whole or not, within a range.
    pub(crate) fn number(&self, key: &str, range: RangeInclusive<f64>, problems: &mut Diagnostics<'_>) -> Option<f64> {
        let value = self.get(key)?;
        let Some(number) = as_number(value.get_ref()) else {
            return self.wrong_type(key, value, "a number", problems);
        };
        if range.contains(&number) {
            return Some(number);
        }
        self.out_of_range(key, value, range.start(), range.end(), problems)
    }

    /// `true` or `false`.
    pub fn boolean(&self, key: &str, problems: &mut Diagnostics<'_>) -> Option<bool> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::Boolean(truth) => Some(*truth),
            _ => self.wrong_type(key, value, "true or false", problems),
        }
    }

    /// A list of strings, each at its place; `None` too if one of them is none.
    pub fn strings(&self, key: &str, problems: &mut Diagnostics<'_>) -> Option<Vec<Spanned<&'a str>>> {
        let value = self.get(key)?;
        let DeValue::Array(items) = value.get_ref() else {
            return self.wrong_type(key, value, "a list of strings in [ ]", problems);
        };
        let mut strings = Vec::with_capacity(items.len());
        for item in items {
            match item.get_ref() {
                DeValue::String(text) => strings.push(Spanned::new(item.span(), text.as_ref())),
                other => {
                    let message = format!("each of `{key}` must be a string, and this is {}", kind_of(other));
                    problems.add(&item.span(), message, "");
                }
            }
        }
        (strings.len() == items.len()).then_some(strings)
    }

    /// A table, if it is there and is one.
    pub fn table(&self, key: &str, problems: &mut Diagnostics<'_>) -> Option<(&'a DeTable<'a>, Range<usize>)> {
        let value = self.get(key)?;
        match value.get_ref() {
            DeValue::Table(table) => Some((table, value.span())),
            _ => self.wrong_type(key, value, "a table", problems),
        }
    }

    /// The tables of an array of tables, each with the place to report what is missing from it.
    pub(crate) fn tables(&self, key: &str, problems: &mut Diagnostics<'_>) -> Vec<(&'a DeTable<'a>, Range<usize>)> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_type::<()>(key, value, &format!("an array of tables, each headed [[{key}]]"), problems);
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::Table(table) => tables.push((table, item.span())),
                other => {
                    let message = format!("each of `{key}` must be a table, and this is {}", kind_of(other));
                    problems.add(&item.span(), message, "");
                }
            }
        }
        tables
    }

    /// Reports a value of the wrong type.
    pub(crate) fn wrong_type<T>(
        &self,
        key: &str,
        value: &TomlValue<'_>,
        wanted: &str,
        problems: &mut Diagnostics<'_>,
    ) -> Option<T> {
        let message = format!("`{key}` must be {wanted}, and this is {}", kind_of(value.get_ref()));
        problems.add(&value.span(), message, "");
        None
    }

    fn out_of_range<T>(
        &self,
        key: &str,
        value: &TomlValue<'_>,
        least: &impl std::fmt::Display,
        most: &impl std::fmt::Display,
        problems: &mut Diagnostics<'_>,
    ) -> Option<T> {
        problems.add(&value.span(), format!("`{key}` must be between {least} and {most}"), "");
        None
    }
}

/// The number a TOML integer or float stands for; `nan` and `inf` are none.
pub(crate) fn as_number(value: &DeValue<'_>) -> Option<f64> {
    let number = match value {
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix()).ok()? as f64,
        DeValue::Float(float) => float.as_str().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

/// What to do about a mistake in the TOML at an offset of the text, on this line.
fn toml_help(message: &str, line: &str, text: &str, at: usize) -> String {
    if let Some(help) = unquoted_help(text, at) {
        return help;
    }
    let outside_texts = line.split(['"', '\'']).step_by(2).flat_map(str::chars);
    if let Some(c) = outside_texts.into_iter().find(|c| is_invisible_or_blank(*c) || ascii_of_full_width(*c).is_some())
    {
        let (code, plain) =
            (u32::from(c), ascii_of_full_width(c).map_or("a plain blank".to_owned(), |plain| format!("`{plain}`")));
        return format!("on this line stands U+{code:04X}, which only looks like {plain}: write that");
    }
    if message.contains("duplicate") {
        "each key may stand only once in its table".to_owned()
    } else if has_quotes_within_quotes(line) {
        "a text inside a condition stands in single quotes: when = \"traits.tier == 'gold'\"".to_owned()
    } else if message.contains("string") || message.contains("quoted") || message.contains("invalid") {
        "text values stand in quotes: name = \"value\"".to_owned()
    } else {
        String::new()
    }
}

/// Help with a duration or a percentage that stands there without quotes.
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
        None if Span::parse(word).is_ok() => Some(format!("a duration stands in quotes: \"{word}\"")),
        None => None,
    }
}

/// `when = "traits.tier == "gold""`
fn has_quotes_within_quotes(line: &str) -> bool {
    let Some((_, value)) = line.split_once('=') else { return false };
    let value = value.trim();
    value.starts_with('"') && !value.starts_with("\"\"\"") && value.replace("\\\"", "").matches('"').count() > 2
}

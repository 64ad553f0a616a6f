//! One table of a TOML file, read key by key.

use std::ops::{Range, RangeInclusive};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::{TomlValue, as_number, duration, in_file_order, kind_of};
use crate::diagnostics::{Diagnostics, nearest, shorten, suggest};
use crate::time::Span;

/// A table whose keys are known.
pub struct TomlSection<'a> {
    /// Its name in messages: ``segment `dormant` ``.
    pub(crate) title: String,
    /// The place at which a missing key is reported.
    pub(crate) span: Range<usize>,
    table: &'a DeTable<'a>,
    /// Known keys that the unknown keys of the table were probably meant to be.
    misspelt: Vec<&'static str>,
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
            misspelt.extend(nearest(key, keys.iter().copied()));
            let help = suggest(key, keys.iter().copied(), "keys here");
            problems.add(&span, format!("unknown key {} in {title}", shorten(key)), help);
        }
        TomlSection { title, span, table, misspelt }
    }

    /// Opens a table that may have any key.
    pub fn of_any_keys(title: impl Into<String>, span: Range<usize>, table: &'a DeTable<'a>) -> TomlSection<'a> {
        TomlSection { title: title.into(), span, table, misspelt: Vec::new() }
    }

    /// The place at which what it lacks is reported.
    pub fn place(&self) -> Range<usize> {
        self.span.clone()
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

    /// A required string.
    pub(crate) fn needed_string(
        &self,
        key: &str,
        example: &str,
        problems: &mut Diagnostics<'_>,
    ) -> Option<Spanned<&'a str>> {
        self.need(key, example, problems);
        self.string(key, problems)
    }

    /// Reports a required key that is missing, unless it is there but misspelt.
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
            Err(advice) => {
                problems.add(&text.span(), advice.message, advice.help);
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
            if matches!(value.get_ref(), DeValue::Float(_)) {
                problems.add(&value.span(), format!("`{key}` must be a finite number"), "");
                return None;
            }
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

    /// A list of strings, each with its place; `None` too if one element is not a string.
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
                    let message = format!("each of `{key}` must be a string, but this is {}", kind_of(other));
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

    /// The tables of an array of tables, each with the place at which a missing key is reported.
    pub fn tables(&self, key: &str, problems: &mut Diagnostics<'_>) -> Vec<(&'a DeTable<'a>, Range<usize>)> {
        let Some(value) = self.get(key) else { return Vec::new() };
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong_type::<()>(key, value, &format!("an array of tables, each under a heading [[{key}]]"), problems);
            return Vec::new();
        };
        let mut tables = Vec::new();
        for item in items {
            match item.get_ref() {
                DeValue::Table(table) => tables.push((table, item.span())),
                other => {
                    let message = format!("each of `{key}` must be a table, but this is {}", kind_of(other));
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
        let message = format!("`{key}` must be {wanted}, but this is {}", kind_of(value.get_ref()));
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

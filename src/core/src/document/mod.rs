//! Reads a TOML file key by key, so that every mistake in it is found and shown at its place.
//!
//! [`TomlSection`] is one table of the file: opening it reports unknown keys, its readers report values of the wrong type or
//! out of range. Rules and settings are both read through it.

mod section;
mod syntax_help;

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

pub use section::TomlSection;

use crate::diagnostics::{Advice, Diagnostics, shorten};
use crate::time::{Span, SpanError};

/// The longest duration in a file: 100 years.
pub const DURATION_MAX: Span = Span(36_525 * 86_400_000);

pub(crate) type TomlValue<'a> = Spanned<DeValue<'a>>;

/// Parses TOML, and what can be read of a file with syntax errors: each of them is added to `problems`.
pub fn parse<'t>(text: &'t str, problems: &mut Diagnostics<'_>) -> Spanned<DeTable<'t>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let span = error.span().unwrap_or(0..0);
        let help = syntax_help::toml_help(error.message(), problems.line(span.start), text, span.start);
        problems.add_broken(&span, format!("this is not TOML: {}", error.message()), help);
    }
    table
}

/// The entries of a table in the order of the file (the parser has them by name).
pub(crate) fn in_file_order<'a>(table: &'a DeTable<'a>) -> Vec<(&'a str, Range<usize>, &'a TomlValue<'a>)> {
    let mut entries: Vec<_> = table.iter().map(|(key, value)| (key.get_ref().as_ref(), key.span(), value)).collect();
    entries.sort_by_key(|(_, span, value)| (span.start, value.span().start));
    entries
}

/// The type of a value, for messages: `a string`, `an integer`.
pub(crate) fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a decimal number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// Reads a duration: above zero, at most [`DURATION_MAX`].
///
/// # Errors
/// What is wrong with it, and what to do.
pub(crate) fn duration(literal: &str) -> Result<Span, Advice> {
    const HELP: &str = "write whole numbers with units, like '30m', '7d' or '1h30m' (ms, s, m, h, d, w)";
    let span = match Span::parse(literal) {
        Ok(span) => span,
        Err(SpanError::TooLong(_)) => {
            return Err(Advice {
                message: format!("{} is longer than 100 years", shorten(literal)),
                help: String::new(),
            });
        }
        Err(why) => {
            return Err(Advice { message: format!("this is not a duration: {why}"), help: HELP.to_owned() });
        }
    };
    if span.0 == 0 {
        let message = format!("{} is too short; a duration is at least 1ms", shorten(literal));
        return Err(Advice { message, help: HELP.to_owned() });
    }
    if span > DURATION_MAX {
        let help = "for all time, use total(…)".to_owned();
        return Err(Advice { message: format!("{} is longer than 100 years", shorten(literal)), help });
    }
    Ok(span)
}

/// The number of a TOML integer or float; `nan` and `inf` are not numbers.
pub(crate) fn as_number(value: &DeValue<'_>) -> Option<f64> {
    let number = match value {
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix()).ok()? as f64,
        DeValue::Float(float) => float.as_str().parse().ok()?,
        _ => return None,
    };
    number.is_finite().then_some(number)
}

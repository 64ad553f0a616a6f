//! Constant payload fields: TOML values as JSON.

use serde_json::{Map, Value};
use toml::de::{DeTable, DeValue};

use crate::diagnostics::Diagnostics;
use crate::document::{self, as_number, in_file_order};

/// A TOML table as a JSON object. Dates become strings; `nan` and `inf` are problems.
pub(super) fn object(table: &DeTable<'_>, problems: &mut Diagnostics<'_>) -> Map<String, Value> {
    let entries = in_file_order(table).into_iter();
    entries.filter_map(|(key, _, value)| Some((key.to_owned(), json(value, problems)?))).collect()
}

/// Nesting is bounded: the TOML parser refuses more than 80 levels.
fn json(value: &document::TomlValue<'_>, problems: &mut Diagnostics<'_>) -> Option<Value> {
    match value.get_ref() {
        DeValue::String(text) => Some(Value::String(text.clone().into_owned())),
        DeValue::Boolean(truth) => Some(Value::Bool(*truth)),
        DeValue::Datetime(date) => Some(Value::String(date.to_string())),
        DeValue::Array(items) => items.iter().map(|item| json(item, problems)).collect::<Option<_>>().map(Value::Array),
        DeValue::Table(table) => Some(Value::Object(object(table, problems))),
        DeValue::Integer(integer) => match i64::from_str_radix(integer.as_str(), integer.radix()) {
            Ok(number) => Some(Value::from(number)),
            Err(_) => {
                problems.add(&value.span(), "this whole number is too large", "numbers go up to 9223372036854775807");
                None
            }
        },
        DeValue::Float(_) => match as_number(value.get_ref()) {
            Some(number) => Some(Value::from(number)),
            None => {
                problems.add(&value.span(), "JSON has no such number", "write a finite number, or a text");
                None
            }
        },
    }
}

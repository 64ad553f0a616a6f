//! The body of a request: a tree whose texts are templates.

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::templates::{check_template, is_template};
use rekindle_core::diagnostics::Diagnostics;

/// A value of a body, with templates in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyTemplate {
    /// A text to be computed. One that is a single expression has that expression's value, with its type.
    Template(String),
    /// As it is.
    Value(Value),
    /// A list; items that have no value are left out.
    List(Vec<BodyTemplate>),
    /// A table in the order of its keys; keys that have no value are left out.
    Table(Vec<(String, BodyTemplate)>),
}

/// The template that a table is; `names` are what templates may refer to.
pub(super) fn read_table(table: &DeTable<'_>, names: &[&str], problems: &mut Diagnostics<'_>) -> BodyTemplate {
    let pairs = table.iter().map(|(key, value)| (key.get_ref().to_string(), read_value(value, names, problems)));
    BodyTemplate::Table(pairs.collect())
}

fn read_value(value: &Spanned<DeValue<'_>>, names: &[&str], problems: &mut Diagnostics<'_>) -> BodyTemplate {
    match value.get_ref() {
        DeValue::String(text) if is_template(text) => {
            if let Err(why) = check_template(text, names) {
                problems.add(&value.span(), format!("this template {why}"), "");
            }
            BodyTemplate::Template(text.to_string())
        }
        DeValue::String(text) => BodyTemplate::Value(Value::from(text.as_ref())),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => BodyTemplate::Value(Value::from(number)),
            Err(_) => {
                problems.add(&value.span(), "this number is too large", "");
                BodyTemplate::Value(Value::Null)
            }
        },
        DeValue::Float(number) => BodyTemplate::Value(Value::from(number.as_str().parse::<f64>().unwrap_or_default())),
        DeValue::Boolean(truth) => BodyTemplate::Value(Value::from(*truth)),
        DeValue::Datetime(time) => BodyTemplate::Value(Value::from(time.to_string())),
        DeValue::Array(items) => {
            BodyTemplate::List(items.iter().map(|item| read_value(item, names, problems)).collect())
        }
        DeValue::Table(table) => read_table(table, names, problems),
    }
}

//! Where a field's value comes from: `properties.price as number | price`, `'fixed'`, `order-{id}`.

use std::borrow::Cow;

use serde::Deserialize;
use serde::de::{Deserializer, Error as _};
use serde_json::Value;

use super::apply::MappingScope;

/// The first of several sources that gives something: not null, not an empty text.
#[derive(Clone, Debug)]
pub(crate) struct FieldSource {
    alternatives: Vec<SourceTerm>,
}

#[derive(Clone, Debug)]
enum SourceTerm {
    /// A value by its path.
    Path { path: Vec<String>, form: ValueForm },
    /// Always the same text.
    Fixed(String),
    /// A text with values in it; nothing if one of them is missing.
    Template(Vec<TemplatePart>),
}

#[derive(Clone, Debug)]
enum TemplatePart {
    Literal(String),
    Path(Vec<String>),
}

/// What a value is turned into.
#[derive(Clone, Copy, Debug)]
enum ValueForm {
    AsIs,
    /// The digits of a number, too.
    Text,
    /// A decimal written as a text.
    Number,
    /// Milliseconds from microseconds.
    Micros,
    /// An object that is written as JSON in a text.
    Json,
}

impl FieldSource {
    fn parse(text: &str) -> Result<FieldSource, String> {
        let alternatives = text.split(" | ").map(|term| SourceTerm::parse(term.trim()));
        Ok(FieldSource { alternatives: alternatives.collect::<Result<_, _>>()? })
    }

    /// The value; `None`: there is none.
    pub(crate) fn value<'v>(&self, scope: &MappingScope<'v>) -> Option<Cow<'v, Value>> {
        let is_something = |value: &Cow<'_, Value>| !value.is_null() && **value != Value::String(String::new());
        self.alternatives.iter().find_map(|term| term.value(scope).filter(is_something))
    }

    /// The value as text, if it is a text or a number.
    pub(crate) fn text(&self, scope: &MappingScope<'_>) -> Option<String> {
        self.value(scope).and_then(|value| text_of(&value))
    }
}

impl SourceTerm {
    fn parse(term: &str) -> Result<SourceTerm, String> {
        if let Some(fixed) = term.strip_prefix('\'').and_then(|term| term.strip_suffix('\'')) {
            return Ok(SourceTerm::Fixed(fixed.to_owned()));
        }
        if term.contains('{') {
            return template(term).map(SourceTerm::Template);
        }
        let (path, form) = term.split_once(" as ").unwrap_or((term, ""));
        let form = match form {
            "" => ValueForm::AsIs,
            "text" => ValueForm::Text,
            "number" => ValueForm::Number,
            "micros" => ValueForm::Micros,
            "json" => ValueForm::Json,
            other => return Err(format!("`{other}` is no form of a value")),
        };
        Ok(SourceTerm::Path { path: path_of(path), form })
    }

    fn value<'v>(&self, scope: &MappingScope<'v>) -> Option<Cow<'v, Value>> {
        match self {
            SourceTerm::Fixed(text) => Some(Cow::Owned(Value::String(text.clone()))),
            SourceTerm::Template(parts) => {
                let mut text = String::new();
                for part in parts {
                    match part {
                        TemplatePart::Literal(literal) => text.push_str(literal),
                        TemplatePart::Path(path) => text.push_str(&id_of(scope.find(path)?)?),
                    }
                }
                Some(Cow::Owned(Value::String(text)))
            }
            SourceTerm::Path { path, form } => {
                let found = scope.find(path)?;
                match form {
                    ValueForm::AsIs => Some(Cow::Borrowed(found)),
                    ValueForm::Text => text_of(found).map(|text| Cow::Owned(Value::String(text))),
                    ValueForm::Number => number_of(found).map(Cow::Owned),
                    ValueForm::Micros => {
                        let micros = text_of(found)?.parse::<i64>().ok()?;
                        Some(Cow::Owned(Value::from(micros / 1_000)))
                    }
                    ValueForm::Json => serde_json::from_str(found.as_str()?).ok().map(Cow::Owned),
                }
            }
        }
    }
}

fn template(term: &str) -> Result<Vec<TemplatePart>, String> {
    let mut parts = Vec::new();
    let mut rest = term;
    while let Some((literal, more)) = rest.split_once('{') {
        let (path, more) = more.split_once('}').ok_or_else(|| format!("`{term}` has a {{ without its }}"))?;
        parts.push(TemplatePart::Literal(literal.to_owned()));
        parts.push(TemplatePart::Path(path_of(path)));
        rest = more;
    }
    parts.push(TemplatePart::Literal(rest.to_owned()));
    Ok(parts)
}

fn path_of(path: &str) -> Vec<String> {
    path.split('.').map(str::to_owned).collect()
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// The text of an id in a template. Shops write 0 where there is nobody.
fn id_of(value: &Value) -> Option<String> {
    text_of(value).filter(|id| !id.is_empty() && id != "0")
}

/// A number, or the number that a text is: shops write amounts as texts so that no digit is lost.
fn number_of(value: &Value) -> Option<Value> {
    match value {
        Value::Number(_) => Some(value.clone()),
        Value::String(text) => text.trim().parse().ok().map(Value::Number),
        _ => None,
    }
}

impl<'de> Deserialize<'de> for FieldSource {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<FieldSource, D::Error> {
        FieldSource::parse(&String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

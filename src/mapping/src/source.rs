//! Where a field's value comes from: `properties.price as number | price`, `'fixed'`, `order-{id}`, `@hash`.

use std::borrow::Cow;

use schemars::JsonSchema;
use schemars::{Schema, SchemaGenerator, json_schema};
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::apply::MappingScope;
use super::fingerprint::value_hash;
use super::form::{ValueForm, text_of};
use super::path::{ValuePath, path_of_name};

/// The first of several sources that gives something: not null, not an empty text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldSource {
    text: String,
    alternatives: Vec<SourceTerm>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum SourceTerm {
    /// A value by its path.
    Path { path: ValuePath, form: ValueForm },
    /// Always the same text.
    Fixed(String),
    /// A text with values in it; nothing if one of them is missing.
    Template(Vec<TemplatePart>),
    /// A hash of all of the event.
    Hash,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum TemplatePart {
    Literal(String),
    Path(ValuePath),
    Hash,
}

/// A value that is there, and is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct UnreadValue {
    pub(super) source: String,
    pub(super) found: String,
}

impl FieldSource {
    /// Reads one.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence.
    pub fn parse(text: &str) -> Result<FieldSource, String> {
        let alternatives = terms(text).into_iter().map(|term| SourceTerm::parse(term.trim()));
        Ok(FieldSource { text: text.to_owned(), alternatives: alternatives.collect::<Result<_, _>>()? })
    }

    /// The field of that name, whatever is in the name; in a form, like ` as number`.
    ///
    /// # Errors
    /// The form is none.
    pub fn of_field(name: &str, form: &str) -> Result<FieldSource, String> {
        FieldSource::parse(&format!("{}{form}", path_of_name(name)))
    }

    /// As it is written.
    pub fn as_text(&self) -> &str {
        &self.text
    }

    /// The text that it always is; `None`: it depends.
    pub fn as_fixed(&self) -> Option<&str> {
        match self.alternatives.as_slice() {
            [SourceTerm::Fixed(text)] => Some(text),
            _ => None,
        }
    }

    /// The value; `None`: there is none.
    pub(super) fn value<'v>(&self, scope: &MappingScope<'v>) -> Option<Cow<'v, Value>> {
        let is_something = |value: &Cow<'_, Value>| !value.is_null() && **value != Value::String(String::new());
        let found = self.alternatives.iter().find_map(|term| term.value(scope).filter(is_something));
        if found.is_none()
            && let Some(notes) = scope.notes
            && let Some(unread) = self.alternatives.iter().find_map(|term| term.unread(scope))
        {
            notes.borrow_mut().push(UnreadValue { source: self.text.clone(), found: unread });
        }
        found
    }

    /// The value as text, if it is a text or a number.
    pub(super) fn text(&self, scope: &MappingScope<'_>) -> Option<String> {
        self.value(scope).and_then(|value| text_of(&value))
    }
}

impl SourceTerm {
    fn parse(term: &str) -> Result<SourceTerm, String> {
        if let Some(fixed) = term.strip_prefix('\'').and_then(|term| term.strip_suffix('\'')) {
            return Ok(SourceTerm::Fixed(fixed.to_owned()));
        }
        if term == "@hash" {
            return Ok(SourceTerm::Hash);
        }
        if !term.starts_with('"') && term.contains('{') {
            return template(term).map(SourceTerm::Template);
        }
        // A name in quotation marks may hold anything.
        let quoted_end = if term.starts_with('"') { term.rfind('"').unwrap_or_default() } else { 0 };
        let (path, form) = match term[quoted_end..].find(" as ") {
            Some(at) => (&term[..quoted_end + at], term[quoted_end + at + 4..].trim()),
            None => (term, ""),
        };
        Ok(SourceTerm::Path { path: ValuePath::parse(path.trim_end())?, form: ValueForm::parse(form)? })
    }

    fn value<'v>(&self, scope: &MappingScope<'v>) -> Option<Cow<'v, Value>> {
        match self {
            SourceTerm::Fixed(text) => Some(Cow::Owned(Value::String(text.clone()))),
            SourceTerm::Hash => Some(Cow::Owned(Value::String(value_hash(scope.item)))),
            SourceTerm::Template(parts) => {
                let mut text = String::new();
                for part in parts {
                    match part {
                        TemplatePart::Literal(literal) => text.push_str(literal),
                        TemplatePart::Hash => text.push_str(&value_hash(scope.item)),
                        TemplatePart::Path(path) => text.push_str(&id_of(path.find(scope)?)?),
                    }
                }
                Some(Cow::Owned(Value::String(text)))
            }
            SourceTerm::Path { path, form } => form.of(path.find(scope)?, scope.zone),
        }
    }

    /// What is there and has not the form that it should have.
    fn unread(&self, scope: &MappingScope<'_>) -> Option<String> {
        let SourceTerm::Path { path, form } = self else { return None };
        let found = text_of(path.find(scope)?).filter(|text| !text.trim().is_empty())?;
        form.of(path.find(scope)?, scope.zone).is_none().then_some(found)
    }
}

/// The alternatives, between ` | ` outside of quotation marks.
fn terms(text: &str) -> Vec<&str> {
    let (mut terms, mut start, mut quote) = (Vec::new(), 0, None);
    for (at, c) in text.char_indices() {
        if at < start {
            continue;
        }
        let is_first = text[start..at].trim().is_empty();
        match quote {
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '"' || c == '\'' && is_first => quote = Some(c),
            None if text[at..].starts_with(" | ") => {
                terms.push(&text[start..at]);
                start = at + 3;
            }
            None => {}
        }
    }
    terms.push(text.get(start..).unwrap_or_default());
    terms
}

fn template(term: &str) -> Result<Vec<TemplatePart>, String> {
    let mut parts = Vec::new();
    let mut rest = term;
    while let Some((literal, more)) = rest.split_once('{') {
        let (path, more) = more.split_once('}').ok_or_else(|| format!("`{term}` has a {{ without its }}"))?;
        parts.push(TemplatePart::Literal(literal.to_owned()));
        parts.push(match path {
            "@hash" => TemplatePart::Hash,
            path => TemplatePart::Path(ValuePath::parse(path)?),
        });
        rest = more;
    }
    parts.push(TemplatePart::Literal(rest.to_owned()));
    Ok(parts)
}

/// The text of an id in a template. Shops write 0 where there is nobody.
fn id_of(value: &Value) -> Option<String> {
    text_of(value).filter(|id| !id.is_empty() && id != "0")
}

impl Serialize for FieldSource {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.text)
    }
}

impl JsonSchema for FieldSource {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FieldSource".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "minLength": 1 })
    }
}

//! Templates that are compiled once, and rendered for each output.

use minijinja::{Expression, Template, Value as TemplateValue};
use rekindle_settings::BodyTemplate;
use rekindle_settings::templates::{ADDRESS, TEMPLATES, is_template, lone_expression};
use serde_json::{Map, Value};

/// Why a template could not be compiled or rendered.
#[derive(Debug, thiserror::Error)]
#[error("the template `{template}`: {source}")]
pub struct TemplateError {
    template: String,
    source: minijinja::Error,
}

/// A compiled template or expression. It lives as long as the process, as the settings do.
pub struct CompiledTemplate {
    text: &'static str,
    form: TemplateForm,
}

enum TemplateForm {
    /// A text without anything to be computed.
    Text,
    Expression(Expression<'static, 'static>),
    Template(Template<'static, 'static>),
}

/// The compiled form of a [`BodyTemplate`].
pub enum CompiledBody {
    /// Computed.
    Template(CompiledTemplate),
    /// As it is.
    Value(Value),
    /// A list.
    List(Vec<CompiledBody>),
    /// A table.
    Table(Vec<(String, CompiledBody)>),
}

impl CompiledTemplate {
    /// A template of text, or one expression.
    pub fn new(text: &str) -> Result<CompiledTemplate, TemplateError> {
        match lone_expression(text) {
            Some(expression) => CompiledTemplate::expression(expression),
            None => CompiledTemplate::named("text", text),
        }
    }

    /// A template of an address, whose values are percent-encoded.
    pub fn address(text: &str) -> Result<CompiledTemplate, TemplateError> {
        CompiledTemplate::named(ADDRESS, text)
    }

    /// An expression.
    pub fn expression(text: &str) -> Result<CompiledTemplate, TemplateError> {
        let text: &'static str = Box::leak(text.to_owned().into_boxed_str());
        let expression = TEMPLATES.compile_expression(text).map_err(|source| error(text, source))?;
        Ok(CompiledTemplate { text, form: TemplateForm::Expression(expression) })
    }

    fn named(name: &'static str, text: &str) -> Result<CompiledTemplate, TemplateError> {
        let text: &'static str = Box::leak(text.to_owned().into_boxed_str());
        if !is_template(text) {
            return Ok(CompiledTemplate { text, form: TemplateForm::Text });
        }
        let template = TEMPLATES.template_from_named_str(name, text).map_err(|source| error(text, source))?;
        Ok(CompiledTemplate { text, form: TemplateForm::Template(template) })
    }

    /// Its value; `None`: it has none.
    pub fn value(&self, context: &TemplateValue) -> Result<Option<Value>, TemplateError> {
        let value = match &self.form {
            TemplateForm::Text => return Ok(Some(Value::from(self.text))),
            TemplateForm::Expression(expression) => {
                expression.eval(context).map_err(|source| error(self.text, source))?
            }
            TemplateForm::Template(template) => {
                let text = template.render(context).map_err(|source| error(self.text, source))?;
                return Ok(Some(Value::from(text)));
            }
        };
        if value.is_undefined() || value.is_none() {
            return Ok(None);
        }
        let json = serde_json::to_value(&value);
        json.map(Some).map_err(|source| {
            error(self.text, minijinja::Error::new(minijinja::ErrorKind::BadSerialization, source.to_string()))
        })
    }

    /// Its text; `None`: it has no value.
    pub fn text(&self, context: &TemplateValue) -> Result<Option<String>, TemplateError> {
        let value = self.value(context)?;
        Ok(value.map(|value| match value {
            Value::String(text) => text,
            other => other.to_string(),
        }))
    }

    /// Whether it is true, or has any value.
    pub fn is_true(&self, context: &TemplateValue) -> Result<bool, TemplateError> {
        let value = self.value(context)?;
        Ok(!matches!(value, None | Some(Value::Null | Value::Bool(false))) && value != Some(Value::from("")))
    }

    /// As it was written.
    pub fn source(&self) -> &'static str {
        self.text
    }
}

impl CompiledBody {
    /// Compiles all templates in it.
    pub fn new(body: &BodyTemplate) -> Result<CompiledBody, TemplateError> {
        Ok(match body {
            BodyTemplate::Template(text) => CompiledBody::Template(CompiledTemplate::new(text)?),
            BodyTemplate::Value(value) => CompiledBody::Value(value.clone()),
            BodyTemplate::List(items) => {
                CompiledBody::List(items.iter().map(CompiledBody::new).collect::<Result<_, _>>()?)
            }
            BodyTemplate::Table(pairs) => {
                let compiled = pairs.iter().map(|(key, value)| Ok((key.clone(), CompiledBody::new(value)?)));
                CompiledBody::Table(compiled.collect::<Result<_, TemplateError>>()?)
            }
        })
    }

    /// Its value, without what has none.
    pub fn render(&self, context: &TemplateValue) -> Result<Option<Value>, TemplateError> {
        Ok(match self {
            CompiledBody::Template(template) => template.value(context)?,
            CompiledBody::Value(value) => Some(value.clone()),
            CompiledBody::List(items) => {
                let rendered = items.iter().map(|item| item.render(context)).collect::<Result<Vec<_>, _>>()?;
                Some(Value::Array(rendered.into_iter().flatten().collect()))
            }
            CompiledBody::Table(pairs) => {
                let mut table = Map::new();
                for (key, value) in pairs {
                    if let Some(value) = value.render(context)? {
                        table.insert(key.clone(), value);
                    }
                }
                Some(Value::Object(table))
            }
        })
    }
}

fn error(template: &str, source: minijinja::Error) -> TemplateError {
    TemplateError { template: template.chars().take(100).collect(), source }
}

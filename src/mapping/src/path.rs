//! Where a value is: `customer.id`, `items.0.price`, `"Unit price (EUR)"`, `params.[key=page].value`, `@body.x`.

use serde_json::Value;

use super::apply::MappingScope;

/// A path into an event, or beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ValuePath {
    root: ValueRoot,
    steps: Vec<PathStep>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ValueRoot {
    Item,
    Body,
    Request,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PathStep {
    /// A member of an object, or an element of an array by its number.
    Name(String),
    /// The first element of an array in which a member has a value: `[key=page]`.
    Where { member: String, value: String },
}

impl ValuePath {
    pub(super) fn parse(text: &str) -> Result<ValuePath, String> {
        let mut steps = Vec::new();
        let mut rest = Some(text);
        while let Some(text) = rest {
            let (step, after) = match text.strip_prefix('"') {
                Some(quoted) => quoted_step(quoted)?,
                None => plain_step(text),
            };
            steps.push(step);
            rest = after;
        }
        if steps.contains(&PathStep::Name(String::new())) {
            return Err(format!("`{text}` names no field"));
        }
        let root = match steps.first() {
            Some(PathStep::Name(name)) if name == "@body" && !text.starts_with('"') => ValueRoot::Body,
            Some(PathStep::Name(name)) if name == "@request" && !text.starts_with('"') => ValueRoot::Request,
            Some(PathStep::Name(name)) if name == "@item" && steps.len() == 1 && !text.starts_with('"') => {
                return Ok(ValuePath { root: ValueRoot::Item, steps: Vec::new() });
            }
            Some(PathStep::Name(name)) if name.starts_with('@') && !text.starts_with('"') && name.len() > 1 => {
                let known =
                    "@item, @body, @request and @hash are known; a field of that name is written in quotation marks";
                return Err(format!("`{name}` is nothing to take from: {known}"));
            }
            _ => ValueRoot::Item,
        };
        if root != ValueRoot::Item {
            steps.remove(0);
        }
        Ok(ValuePath { root, steps })
    }

    /// The value, if it is there.
    pub(super) fn find<'v>(&self, scope: &MappingScope<'v>) -> Option<&'v Value> {
        let root = match self.root {
            ValueRoot::Item => scope.item,
            ValueRoot::Body => scope.body,
            ValueRoot::Request => scope.request,
        };
        self.steps.iter().try_fold(root, |value, step| match (value, step) {
            (Value::Object(members), PathStep::Name(name)) => members.get(name),
            (Value::Array(elements), PathStep::Name(name)) => elements.get(name.parse::<usize>().ok()?),
            (Value::Array(elements), PathStep::Where { member, value }) => {
                elements.iter().find(|element| element.get(member).and_then(Value::as_str) == Some(value))
            }
            _ => None,
        })
    }
}

fn plain_step(text: &str) -> (PathStep, Option<&str>) {
    let (step, rest) = text.split_once('.').map_or((text, None), |(step, rest)| (step, Some(rest)));
    let inside = step.strip_prefix('[').and_then(|step| step.strip_suffix(']'));
    match inside.and_then(|inside| inside.split_once('=')) {
        Some((member, value)) => (PathStep::Where { member: member.to_owned(), value: value.to_owned() }, rest),
        None => (PathStep::Name(step.to_owned()), rest),
    }
}

/// A name in quotation marks, in which a doubled one stands for itself.
fn quoted_step(text: &str) -> Result<(PathStep, Option<&str>), String> {
    let mut name = String::new();
    let mut rest = text;
    loop {
        let (part, after) = rest.split_once('"').ok_or_else(|| format!("`\"{text}` has a \" without its other one"))?;
        name.push_str(part);
        match after.strip_prefix('"') {
            Some(more) => {
                name.push('"');
                rest = more;
            }
            None if after.is_empty() => return Ok((PathStep::Name(name), None)),
            None => {
                let after = after.strip_prefix('.').ok_or_else(|| format!("there is no dot before `{after}`"))?;
                return Ok((PathStep::Name(name), Some(after)));
            }
        }
    }
}

/// A field's name as a path that finds it, whatever is in it.
pub(super) fn path_of_name(name: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || "_-$ ".contains(c);
    match !name.is_empty() && name.chars().all(is_plain) && !name.contains(" as ") && name.trim() == name {
        true => name.to_owned(),
        false => format!("\"{}\"", name.replace('"', "\"\"")),
    }
}

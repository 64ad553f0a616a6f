//! Evaluating an expression by scanning everything the user ever did.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::expression::{Node, Root};
use super::user::{Entry, User};
use super::value::{Value, number_or_none};
use crate::decoder_oracle::decimal::Decimal;

/// What an expression is evaluated against.
pub(crate) struct Scene<'a> {
    pub(crate) user: &'a User,
    pub(crate) now: i64,
    /// The properties and the context of the event that a `where` looks at; null elsewhere.
    pub(crate) event: (&'a Json, &'a Json),
}

impl Scene<'_> {
    /// Whether a condition is true.
    pub(crate) fn holds(&self, node: &Node) -> bool {
        self.value(node).is_true()
    }

    fn value(&self, node: &Node) -> Value {
        match node {
            Node::Literal(value) => value.clone(),
            Node::List(items) => Value::List(items.iter().map(|item| self.value(item)).collect()),
            Node::Not(condition) => Value::Bool(!self.holds(condition)),
            Node::And(left, right) => Value::Bool(self.holds(left) && self.holds(right)),
            Node::Or(left, right) => Value::Bool(self.holds(left) || self.holds(right)),
            Node::Compare(operator, left, right) => Value::Bool(self.value(left).compare(operator, &self.value(right))),
            Node::Reckon(operator, left, right) => self.value(left).reckon(operator, &self.value(right)),
            Node::Negate(number) => self.value(number).negate(),
            Node::ToNumber(value) => self.value(value).to_number(),
            Node::In(item, list) => Value::Bool(is_in(&self.value(item), &self.value(list))),
            Node::Text(test, subject, argument) => {
                Value::Bool(text_test(test, &self.value(subject), &self.value(argument)))
            }
            Node::Matches(subject, pattern) => {
                Value::Bool(matches!(self.value(subject), Value::Text(text) if pattern.is_match(&text)))
            }
            Node::Field(root, path) => self.field(*root, path),
            Node::Has(root, path) => Value::Bool(!self.field(*root, path).is_missing()),
            Node::InSegment(segment) => Value::Bool(self.user.member_of[*segment]),
            Node::Window(function, name, path, length) => self.window(function, *name, path, *length),
            Node::Total(name, path) if path.is_empty() => count(self.named(*name).count()),
            Node::Total(name, path) => sum(&numbers(self.named(*name), path)),
            Node::Last(name, path) => self.last(*name, path),
            Node::Since(name) => self.elapsed(self.named(*name).map(|entry| entry.at).max()),
            Node::Idle => self.elapsed(self.user.entries.iter().map(|entry| entry.at).max()),
            Node::Age => self.elapsed(self.user.entries.iter().map(|entry| entry.at).min()),
        }
    }

    fn field(&self, root: Root, path: &[String]) -> Value {
        match root {
            Root::Properties => Value::at_path(self.event.0, path),
            Root::Context => Value::at_path(self.event.1, path),
            Root::Traits => Value::at_path(&self.user.traits, path),
        }
    }

    fn named(&self, name: usize) -> impl Iterator<Item = &Entry> {
        self.user.entries.iter().filter(move |entry| entry.names.contains(&name))
    }

    fn elapsed(&self, from: Option<i64>) -> Value {
        Value::Duration(from.map_or(f64::INFINITY, |from| (self.now - from) as f64))
    }

    fn window(&self, function: &str, name: usize, path: &[String], length_ms: i64) -> Value {
        let (width, in_window) = panes(length_ms);
        let newest = self.now.div_euclid(width);
        let within = |entry: &&Entry| {
            let pane = entry.at.div_euclid(width);
            newest - in_window < pane && pane <= newest
        };
        let entries: Vec<&Entry> = self.named(name).filter(within).collect();
        let values = numbers(entries.iter().copied(), path);
        match function {
            "count" => count(entries.len()),
            "sum" => sum(&values),
            "min" => number_or_none(values.into_iter().min()),
            "max" => number_or_none(values.into_iter().max()),
            "avg" => sum(&values).reckon("/", &count(values.len())),
            _ => {
                let keys = entries.iter().filter_map(|entry| match Value::at_path(&entry.properties, path) {
                    Value::Text(text) => Some((None, text)),
                    Value::Number(number) => Some((Some(number), String::new())),
                    _ => None,
                });
                count(keys.collect::<BTreeSet<_>>().len())
            }
        }
    }

    fn last(&self, name: usize, path: &[String]) -> Value {
        let having = self.named(name).filter(|entry| !Value::at_path(&entry.properties, path).is_missing());
        let Some(latest) = having.max_by_key(|entry| (entry.at, entry.arrival)) else { return Value::Missing };
        Value::at_path(&latest.properties, path)
    }
}

/// Width in milliseconds and number of the panes of a window.
pub(crate) fn panes(length_ms: i64) -> (i64, i64) {
    let width = ((length_ms + 59) / 60).max(1);
    (width, (length_ms + width - 1) / width)
}

fn numbers<'e>(entries: impl Iterator<Item = &'e Entry>, path: &[String]) -> Vec<Decimal> {
    entries
        .filter_map(|entry| match Value::at_path(&entry.properties, path) {
            Value::Number(number) => Some(number),
            _ => None,
        })
        .collect()
}

fn sum(values: &[Decimal]) -> Value {
    let total = values.iter().fold(Decimal::whole(0), |total, value| total.plus(value));
    number_or_none(total.bounded())
}

fn count(things: usize) -> Value {
    Value::Number(Decimal::whole(things))
}

fn is_in(item: &Value, list: &Value) -> bool {
    let Value::List(items) = list else { return false };
    items.iter().any(|other| item.compare("==", other))
}

fn text_test(test: &str, subject: &Value, argument: &Value) -> bool {
    let (Value::Text(subject), Value::Text(argument)) = (subject, argument) else { return false };
    match test {
        "startsWith" => subject.starts_with(argument.as_str()),
        "endsWith" => subject.ends_with(argument.as_str()),
        _ => subject.contains(argument.as_str()),
    }
}

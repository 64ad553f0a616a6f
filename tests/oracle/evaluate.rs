//! Evaluating an expression by scanning everything the user ever did.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::expression::{Node, Root};
use super::user::{Entry, User};
use super::value::Value;

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
            Node::Total(name, path) if path.is_empty() => Value::Int(length(&self.named(*name).collect::<Vec<_>>())),
            Node::Total(name, path) => double(sum(&numbers(self.named(*name), path))),
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
        let (width, count) = panes(length_ms);
        let newest = self.now.div_euclid(width);
        let within = |entry: &&Entry| {
            let pane = entry.at.div_euclid(width);
            newest - count < pane && pane <= newest
        };
        let entries: Vec<&Entry> = self.named(name).filter(within).collect();
        let values = numbers(entries.iter().copied(), path);
        match function {
            "count" => Value::Int(length(&entries)),
            "sum" => double(sum(&values)),
            "min" => values.iter().min().map_or(Value::Missing, |value| double(*value)),
            "max" => values.iter().max().map_or(Value::Missing, |value| double(*value)),
            "avg" if values.is_empty() => Value::Missing,
            "avg" => double(sum(&values)).reckon("/", &Value::Int(length(&values))),
            _ => {
                let keys = entries.iter().filter_map(|entry| match Value::at_path(&entry.properties, path) {
                    Value::Text(text) => Some((None, text)),
                    Value::Double(number) => Some((Some(millionths(number)), String::new())),
                    _ => None,
                });
                Value::Int(length(&keys.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>()))
            }
        }
    }

    fn last(&self, name: usize, path: &[String]) -> Value {
        let having = self.named(name).filter(|entry| !Value::at_path(&entry.properties, path).is_missing());
        let Some(latest) = having.max_by_key(|entry| (entry.at, entry.arrival)) else { return Value::Missing };
        match Value::at_path(&latest.properties, path) {
            Value::Double(number) => double(millionths(number)),
            value => value,
        }
    }
}

/// Width in milliseconds and number of the panes of a window.
pub(crate) fn panes(length_ms: i64) -> (i64, i64) {
    let width = ((length_ms + 59) / 60).max(1);
    (width, (length_ms + width - 1) / width)
}

fn numbers<'e>(entries: impl Iterator<Item = &'e Entry>, path: &[String]) -> Vec<i128> {
    entries
        .filter_map(|entry| match Value::at_path(&entry.properties, path) {
            Value::Double(number) => Some(millionths(number)),
            _ => None,
        })
        .collect()
}

/// Half to even; numbers beyond 1e32 saturate.
fn millionths(number: f64) -> i128 {
    (number * 1e6).round_ties_even() as i128
}

fn sum(values: &[i128]) -> i128 {
    values.iter().fold(0, |total, value| total.saturating_add(*value))
}

fn double(millionths: i128) -> Value {
    Value::Double(millionths as f64 / 1e6)
}

fn length<T>(items: &[T]) -> i64 {
    i64::try_from(items.len()).expect("a count of things in memory fits")
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

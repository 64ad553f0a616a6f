//! Evaluates expressions by scanning all events of the user.

use std::collections::BTreeSet;

use serde_json::Value as Json;

use super::expression::{OracleExpression, PathRoot};
use super::user::{OracleEvent, OracleUser};
use super::value::{OracleValue, number_or_none};
use crate::decoder_oracle::decimal::OracleDecimal;

/// What an expression is evaluated on.
pub(crate) struct EvaluationScope<'a> {
    pub(crate) user: &'a OracleUser,
    pub(crate) now: i64,
    /// The properties and the context of the event that a `where` looks at; null elsewhere.
    pub(crate) event: (&'a Json, &'a Json),
}

impl EvaluationScope<'_> {
    /// Whether a condition is true.
    pub(crate) fn holds(&self, node: &OracleExpression) -> bool {
        self.value(node).is_true()
    }

    fn value(&self, node: &OracleExpression) -> OracleValue {
        match node {
            OracleExpression::Literal(value) => value.clone(),
            OracleExpression::List(items) => OracleValue::List(items.iter().map(|item| self.value(item)).collect()),
            OracleExpression::Not(condition) => OracleValue::Bool(!self.holds(condition)),
            OracleExpression::And(left, right) => OracleValue::Bool(self.holds(left) && self.holds(right)),
            OracleExpression::Or(left, right) => OracleValue::Bool(self.holds(left) || self.holds(right)),
            OracleExpression::Compare(operator, left, right) => {
                OracleValue::Bool(self.value(left).compare(operator, &self.value(right)))
            }
            OracleExpression::Arithmetic(operator, left, right) => {
                self.value(left).arithmetic(operator, &self.value(right))
            }
            OracleExpression::Negate(number) => self.value(number).negate(),
            OracleExpression::ToNumber(value) => self.value(value).to_number(),
            OracleExpression::In(item, list) => OracleValue::Bool(is_in(&self.value(item), &self.value(list))),
            OracleExpression::Text(test, subject, argument) => {
                OracleValue::Bool(text_test(test, &self.value(subject), &self.value(argument)))
            }
            OracleExpression::Matches(subject, pattern) => {
                OracleValue::Bool(matches!(self.value(subject), OracleValue::Text(text) if pattern.is_match(&text)))
            }
            OracleExpression::Field(root, path) => self.field(*root, path),
            OracleExpression::Has(root, path) => OracleValue::Bool(!self.field(*root, path).is_missing()),
            OracleExpression::InSegment(segment) => OracleValue::Bool(self.user.member_of[*segment]),
            OracleExpression::Window(function, name, path, length) => self.window(function, *name, path, *length),
            OracleExpression::Total(name, path) if path.is_empty() => count(self.named(*name).count()),
            OracleExpression::Total(name, path) => sum(&numbers(self.named(*name), path)),
            OracleExpression::Last(name, path) => self.last(*name, path),
            OracleExpression::Since(name) => self.elapsed(self.named(*name).map(|entry| entry.at).max()),
            OracleExpression::Idle => self.elapsed(self.user.entries.iter().map(|entry| entry.at).max()),
            OracleExpression::Age => self.elapsed(self.user.entries.iter().map(|entry| entry.at).min()),
        }
    }

    fn field(&self, root: PathRoot, path: &[String]) -> OracleValue {
        match root {
            PathRoot::Properties => OracleValue::at_path(self.event.0, path),
            PathRoot::Context => OracleValue::at_path(self.event.1, path),
            PathRoot::Traits => OracleValue::at_path(&self.user.traits, path),
        }
    }

    fn named(&self, name: usize) -> impl Iterator<Item = &OracleEvent> {
        self.user.entries.iter().filter(move |entry| entry.names.contains(&name))
    }

    fn elapsed(&self, from: Option<i64>) -> OracleValue {
        OracleValue::Duration(from.map_or(f64::INFINITY, |from| (self.now - from) as f64))
    }

    fn window(&self, function: &str, name: usize, path: &[String], length_ms: i64) -> OracleValue {
        let (width, in_window) = panes(length_ms);
        let newest = self.now.div_euclid(width);
        let within = |entry: &&OracleEvent| {
            let pane = entry.at.div_euclid(width);
            newest - in_window < pane && pane <= newest
        };
        let entries: Vec<&OracleEvent> = self.named(name).filter(within).collect();
        let values = numbers(entries.iter().copied(), path);
        match function {
            "count" => count(entries.len()),
            "sum" => sum(&values),
            "min" => number_or_none(values.into_iter().min()),
            "max" => number_or_none(values.into_iter().max()),
            "avg" => sum(&values).arithmetic("/", &count(values.len())),
            _ => {
                let keys = entries.iter().filter_map(|entry| match OracleValue::at_path(&entry.properties, path) {
                    OracleValue::Text(text) => Some((None, text)),
                    OracleValue::Number(number) => Some((Some(number), String::new())),
                    _ => None,
                });
                count(keys.collect::<BTreeSet<_>>().len())
            }
        }
    }

    fn last(&self, name: usize, path: &[String]) -> OracleValue {
        let having = self.named(name).filter(|entry| !OracleValue::at_path(&entry.properties, path).is_missing());
        let Some(latest) = having.max_by_key(|entry| (entry.at, entry.arrival)) else { return OracleValue::Missing };
        OracleValue::at_path(&latest.properties, path)
    }
}

/// Width in milliseconds and number of the panes of a window.
pub(crate) fn panes(length_ms: i64) -> (i64, i64) {
    let width = ((length_ms + 59) / 60).max(1);
    (width, (length_ms + width - 1) / width)
}

fn numbers<'e>(entries: impl Iterator<Item = &'e OracleEvent>, path: &[String]) -> Vec<OracleDecimal> {
    entries
        .filter_map(|entry| match OracleValue::at_path(&entry.properties, path) {
            OracleValue::Number(number) => Some(number),
            _ => None,
        })
        .collect()
}

fn sum(values: &[OracleDecimal]) -> OracleValue {
    let total = values.iter().fold(OracleDecimal::whole(0), |total, value| total.plus(value));
    number_or_none(total.bounded())
}

fn count(things: usize) -> OracleValue {
    OracleValue::Number(OracleDecimal::whole(things))
}

fn is_in(item: &OracleValue, list: &OracleValue) -> bool {
    let OracleValue::List(items) = list else { return false };
    items.iter().any(|other| item.compare("==", other))
}

fn text_test(test: &str, subject: &OracleValue, argument: &OracleValue) -> bool {
    let (OracleValue::Text(subject), OracleValue::Text(argument)) = (subject, argument) else { return false };
    match test {
        "startsWith" => subject.starts_with(argument.as_str()),
        "endsWith" => subject.ends_with(argument.as_str()),
        _ => subject.contains(argument.as_str()),
    }
}

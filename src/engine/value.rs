//! Values as conditions see them, and how two of them compare.

use std::cmp::Ordering;

use crate::event::Scalar;
use crate::rules::program::{Arithmetic, Comparison};

/// The value of a term at an instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Nothing is there (or null): every comparison with it is false.
    Missing,
    /// A boolean.
    Bool(bool),
    /// A whole number: a literal, a count, or arithmetic on such.
    Integer(i64),
    /// Any other number.
    Double(f64),
    /// A string.
    Text(&'a str),
    /// A list.
    List(&'a [Scalar<'a>]),
    /// An object: unlike everything.
    Object,
    /// A duration in milliseconds.
    Span(i64),
    /// The duration since something that never was: longer than every finite one.
    Forever,
    /// A finite duration less an infinite one: shorter than every finite one.
    MinusForever,
}

impl<'a> From<&'a Scalar<'_>> for Value<'a> {
    fn from(scalar: &'a Scalar<'_>) -> Value<'a> {
        match scalar {
            Scalar::Bool(b) => Value::Bool(*b),
            Scalar::Number(n) => Value::Double(*n),
            Scalar::Text(t) => Value::Text(t),
            Scalar::List(items) => Value::List(items),
            Scalar::Object => Value::Object,
        }
    }
}

impl Value<'_> {
    /// The value as JSON: null where there is none or it is infinite; durations are whole milliseconds.
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Value::Missing | Value::Forever | Value::MinusForever => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Integer(value) => (*value).into(),
            Value::Double(value) => number(*value),
            Value::Text(text) => (*text).into(),
            Value::List(items) => items.iter().map(|item| Value::from(item).to_json()).collect(),
            Value::Object => serde_json::Value::Object(serde_json::Map::new()),
            Value::Span(ms) => (*ms).into(),
        }
    }
}

/// Whole numbers are written without a decimal point.
fn number(value: f64) -> serde_json::Value {
    if value.fract() == 0.0 && value.abs() < 9e15 { (value as i64).into() } else { value.into() }
}

/// Whether `left op right` holds. An ordering of values that have none is false; unlike values are unequal; with a
/// missing value every comparison is false.
#[inline]
pub fn compare(op: Comparison, left: &Value<'_>, right: &Value<'_>) -> bool {
    if matches!(left, Value::Missing) || matches!(right, Value::Missing) {
        return false;
    }
    let ordering = order(left, right);
    match op {
        Comparison::Equal => equal(left, right),
        Comparison::NotEqual => !equal(left, right),
        Comparison::Less => ordering == Some(Ordering::Less),
        Comparison::LessOrEqual => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
        Comparison::Greater => ordering == Some(Ordering::Greater),
        Comparison::GreaterOrEqual => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
    }
}

/// Whether two values are the same; false for values of unlike types, and for lists and objects.
pub fn equal(left: &Value<'_>, right: &Value<'_>) -> bool {
    match (left, right) {
        (Value::Bool(a), Value::Bool(b)) => a == b,
        _ => order(left, right) == Some(Ordering::Equal),
    }
}

#[inline]
fn order(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    Some(match (left, right) {
        (Value::Integer(a), Value::Integer(b)) => a.cmp(b),
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::Span(a), Value::Span(b)) => a.cmp(b),
        (Value::Forever, Value::Forever) | (Value::MinusForever, Value::MinusForever) => Ordering::Equal,
        (Value::Forever, Value::Span(_) | Value::MinusForever) | (Value::Span(_), Value::MinusForever) => {
            Ordering::Greater
        }
        (Value::MinusForever, Value::Span(_) | Value::Forever) | (Value::Span(_), Value::Forever) => Ordering::Less,
        _ => return as_double(left)?.partial_cmp(&as_double(right)?),
    })
}

fn as_double(value: &Value<'_>) -> Option<f64> {
    match value {
        Value::Integer(n) => Some(*n as f64),
        Value::Double(n) => Some(*n),
        _ => None,
    }
}

/// `left op right`; missing where that has no value.
pub fn arithmetic<'a>(op: Arithmetic, left: &Value<'_>, right: &Value<'_>) -> Value<'a> {
    match (left, right) {
        (Value::Integer(a), Value::Integer(b)) => {
            let result = match op {
                Arithmetic::Add => a.checked_add(*b),
                Arithmetic::Subtract => a.checked_sub(*b),
                Arithmetic::Multiply => a.checked_mul(*b),
                Arithmetic::Divide => a.checked_div(*b),
            };
            result.map_or(Value::Missing, Value::Integer)
        }
        (
            Value::Span(_) | Value::Forever | Value::MinusForever,
            Value::Span(_) | Value::Forever | Value::MinusForever,
        ) => match op {
            Arithmetic::Add => add_durations(*left, *right),
            Arithmetic::Subtract => add_durations(*left, opposite(*right)),
            Arithmetic::Multiply | Arithmetic::Divide => Value::Missing,
        },
        _ => match (as_double(left), as_double(right)) {
            (Some(a), Some(b)) => double_arithmetic(op, a, b),
            _ => Value::Missing,
        },
    }
}

/// Infinite and infinite make nothing where they point in opposite directions.
fn add_durations<'a>(left: Value<'_>, right: Value<'_>) -> Value<'a> {
    match (left, right) {
        (Value::Span(a), Value::Span(b)) => Value::Span(a.saturating_add(b)),
        (Value::Forever, Value::MinusForever) | (Value::MinusForever, Value::Forever) => Value::Missing,
        (Value::Forever, _) | (_, Value::Forever) => Value::Forever,
        _ => Value::MinusForever,
    }
}

fn opposite<'a>(duration: Value<'_>) -> Value<'a> {
    match duration {
        Value::Span(ms) => Value::Span(ms.saturating_neg()),
        Value::Forever => Value::MinusForever,
        Value::MinusForever => Value::Forever,
        _ => Value::Missing,
    }
}

fn double_arithmetic<'a>(op: Arithmetic, a: f64, b: f64) -> Value<'a> {
    let result = match op {
        Arithmetic::Add => a + b,
        Arithmetic::Subtract => a - b,
        Arithmetic::Multiply => a * b,
        Arithmetic::Divide => a / b,
    };
    if result.is_finite() { Value::Double(result) } else { Value::Missing }
}

/// `-x` of a number.
pub fn negate<'a>(value: &Value<'_>) -> Value<'a> {
    match value {
        Value::Integer(n) => n.checked_neg().map_or(Value::Missing, Value::Integer),
        Value::Double(n) => Value::Double(-n),
        _ => Value::Missing,
    }
}

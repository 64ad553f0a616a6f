//! Values as conditions see them, the operators on them, and the results of evaluation.

mod doubles;
mod durations;
mod operators;
mod result;

pub use operators::{Arithmetic, Comparison};
pub use result::ConditionResult;
pub(crate) use result::TermResult;

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::decimal::Decimal;
use crate::event::Scalar;
use crate::json::{self, JsonText};

/// The value of a term at an instant.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// Nothing is there (or null): every comparison with it is false.
    Missing,
    /// A boolean.
    Bool(bool),
    /// A number.
    Number(Decimal),
    /// A finite number that a model gave (semantics §16), or that was worked out of one.
    Double(f64),
    /// A string.
    Text(&'a str),
    /// A list that the rules write out.
    List(&'a [Scalar<'a>]),
    /// An array or an object of an event, as its JSON: unlike everything.
    Json(&'a str),
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
            Scalar::Number(n) => Value::Number(*n),
            Scalar::Text(t) => Value::Text(t),
            Scalar::Json(json) => Value::Json(json),
        }
    }
}

impl From<Option<f64>> for Value<'_> {
    fn from(number: Option<f64>) -> Self {
        number.map_or(Value::Missing, Value::Double)
    }
}

impl From<Option<Decimal>> for Value<'_> {
    fn from(number: Option<Decimal>) -> Self {
        number.map_or(Value::Missing, Value::Number)
    }
}

impl<'a> Value<'a> {
    /// The value as that of an event, a double as millionths; `None`: it is missing, a list or a duration.
    pub fn to_scalar(self) -> Option<Scalar<'a>> {
        match self {
            Value::Bool(value) => Some(Scalar::Bool(value)),
            Value::Number(number) => Some(Scalar::Number(number)),
            Value::Double(double) => Decimal::from_double(double).map(Scalar::Number),
            Value::Text(text) => Some(Scalar::Text(Cow::Borrowed(text))),
            Value::Json(json) => Some(Scalar::Json(Cow::Borrowed(json))),
            Value::Missing | Value::List(_) | Value::Span(_) | Value::Forever | Value::MinusForever => None,
        }
    }
}

impl Value<'_> {
    /// The value as JSON: null where there is none or it is infinite; numbers with all their digits; arrays and objects as
    /// they came; durations are whole milliseconds.
    pub fn to_json(&self) -> JsonText {
        match self {
            Value::Missing | Value::Forever | Value::MinusForever => JsonText::null(),
            Value::Bool(value) => JsonText::of(value),
            Value::Number(number) => JsonText::from_text(&number.to_string()).unwrap_or_else(JsonText::null),
            Value::Double(double) => JsonText::of(double),
            Value::Text(text) => JsonText::of(text),
            Value::List(items) => {
                JsonText::of(&items.iter().map(|item| Value::from(item).to_json()).collect::<Vec<_>>())
            }
            Value::Json(json) => JsonText::from_text(json).unwrap_or_else(JsonText::null),
            Value::Span(ms) => JsonText::of(ms),
        }
    }

    /// Whether `item` is one of the elements of this list; false where this is none.
    pub fn lists(&self, item: &Value<'_>) -> bool {
        match self {
            Value::List(items) => items.iter().any(|element| equal(item, &Value::from(element))),
            Value::Json(json) => json::elements(json).any(|element| is_element(item, element)),
            _ => false,
        }
    }
}

/// Whether an element of an array, as its JSON, is the same as a value.
fn is_element(item: &Value<'_>, element: &str) -> bool {
    match (item, element.as_bytes().first()) {
        (Value::Double(double), Some(b'-' | b'0'..=b'9')) => element.parse() == Ok(*double),
        (Value::Bool(value), Some(b't' | b'f')) => (element == "true") == *value,
        (Value::Number(number), Some(b'-' | b'0'..=b'9')) => Decimal::parse(element) == Some(*number),
        (Value::Text(text), Some(b'"')) if !element.contains('\\') => element[1..].strip_suffix('"') == Some(*text),
        (Value::Text(text), Some(b'"')) => {
            serde_json::from_str::<String>(element).is_ok_and(|element| element == *text)
        }
        _ => false,
    }
}

/// Whether `left op right` holds. An ordering of values that have none is false; unlike values are unequal; with a
/// missing value, an array or an object every comparison is false.
#[inline]
pub fn compare(op: Comparison, left: &Value<'_>, right: &Value<'_>) -> bool {
    if let Some(ordering) = order(left, right) {
        return op.accepts(ordering);
    }
    let has_none = |value: &Value<'_>| matches!(value, Value::Missing | Value::Json(_) | Value::List(_));
    match op {
        _ if has_none(left) || has_none(right) => false,
        Comparison::Equal => equal(left, right),
        Comparison::NotEqual => !equal(left, right),
        _ => false,
    }
}

impl Comparison {
    /// Whether it holds for two sides that are in this order.
    #[inline]
    pub fn accepts(self, ordering: Ordering) -> bool {
        match self {
            Comparison::Equal => ordering.is_eq(),
            Comparison::NotEqual => ordering.is_ne(),
            Comparison::Less => ordering.is_lt(),
            Comparison::LessOrEqual => ordering.is_le(),
            Comparison::Greater => ordering.is_gt(),
            Comparison::GreaterOrEqual => ordering.is_ge(),
        }
    }
}

/// Whether two values are the same; false for values of unlike types, and for arrays and objects.
pub fn equal(left: &Value<'_>, right: &Value<'_>) -> bool {
    match (left, right) {
        (Value::Bool(a), Value::Bool(b)) => a == b,
        _ => order(left, right) == Some(Ordering::Equal),
    }
}

/// The order of two values of one kind; `None`: they have none.
#[inline]
pub(crate) fn order(left: &Value<'_>, right: &Value<'_>) -> Option<Ordering> {
    Some(match (left, right) {
        (Value::Number(a), Value::Number(b)) => a.cmp(b),
        (Value::Double(a), Value::Double(b)) => a.partial_cmp(b)?,
        (Value::Double(a), Value::Number(b)) => a.partial_cmp(&b.to_double())?,
        (Value::Number(a), Value::Double(b)) => a.to_double().partial_cmp(b)?,
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::Span(a), Value::Span(b)) => a.cmp(b),
        (Value::Forever, Value::Forever) | (Value::MinusForever, Value::MinusForever) => Ordering::Equal,
        (Value::Forever, Value::Span(_) | Value::MinusForever) | (Value::Span(_), Value::MinusForever) => {
            Ordering::Greater
        }
        (Value::MinusForever, Value::Span(_) | Value::Forever) | (Value::Span(_), Value::Forever) => Ordering::Less,
        _ => return None,
    })
}

/// `left op right`; missing where that has no value.
pub fn arithmetic<'a>(op: Arithmetic, left: &Value<'_>, right: &Value<'_>) -> Value<'a> {
    match (left, right) {
        (Value::Number(a), Value::Number(b)) => Value::from(match op {
            Arithmetic::Add => a.plus(*b),
            Arithmetic::Subtract => a.minus(*b),
            Arithmetic::Multiply => a.times(*b),
            Arithmetic::Divide => a.over(*b),
        }),
        (Value::Double(a), Value::Double(b)) => doubles::arithmetic(op, *a, *b),
        (Value::Double(a), Value::Number(b)) => doubles::arithmetic(op, *a, b.to_double()),
        (Value::Number(a), Value::Double(b)) => doubles::arithmetic(op, a.to_double(), *b),
        _ => durations::arithmetic(op, left, right),
    }
}

/// `number(x)`: the number that a text says, or a number itself.
pub fn number<'a>(value: &Value<'_>) -> Value<'a> {
    match value {
        Value::Number(number) => Value::Number(*number),
        Value::Double(double) => Value::Double(*double),
        Value::Text(text) => Value::from(Decimal::from_text(text)),
        _ => Value::Missing,
    }
}

/// `-x` of a number.
pub fn negate<'a>(value: &Value<'_>) -> Value<'a> {
    match value {
        Value::Number(n) => Value::Number(n.negated()),
        Value::Double(double) => Value::Double(-double),
        _ => Value::Missing,
    }
}

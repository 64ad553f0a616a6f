//! Values of the rules language: comparing them, and reckoning with them.

use std::cmp::Ordering;

use serde_json::Value as Json;

use crate::decoder_oracle::decimal::Decimal;

/// The largest value, in bytes of JSON.
const VALUE_BYTES_MAX: usize = 8_192;

/// What an expression comes to.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Missing,
    Bool(bool),
    Number(Decimal),
    /// Milliseconds; infinite for `since` of what never was.
    Duration(f64),
    Text(String),
    List(Vec<Value>),
    /// Unlike everything, itself included.
    Object,
}

impl Value {
    /// A JSON value as conditions see it. Its numbers are so short that serde_json keeps all their digits.
    pub(crate) fn from_json(json: &Json) -> Value {
        match json {
            Json::Array(_) | Json::Object(_) | Json::String(_) if json.to_string().len() > VALUE_BYTES_MAX => {
                Value::Missing
            }
            Json::Null => Value::Missing,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => number_or_none(Decimal::parse(&number.to_string())),
            Json::String(text) => Value::Text(text.clone()),
            Json::Array(items) => Value::List(items.iter().map(Value::from_json).collect()),
            Json::Object(_) => Value::Object,
        }
    }

    /// A value at a path of keys; missing where the path leads nowhere.
    pub(crate) fn at_path(json: &Json, path: &[String]) -> Value {
        path.iter().try_fold(json, |json, key| json.as_object()?.get(key)).map_or(Value::Missing, Value::from_json)
    }

    pub(crate) fn is_true(&self) -> bool {
        matches!(self, Value::Bool(true))
    }

    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, Value::Missing)
    }

    /// `None` where the two have no order: unlike types, or types without one.
    fn order(&self, other: &Value) -> Option<Ordering> {
        match (self, other) {
            (Value::Number(left), Value::Number(right)) => Some(left.cmp(right)),
            (Value::Duration(left), Value::Duration(right)) => left.partial_cmp(right),
            (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
            _ => None,
        }
    }

    /// `==`, of values that are not missing.
    pub(crate) fn equals(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Bool(left), Value::Bool(right)) => left == right,
            _ => self.order(other) == Some(Ordering::Equal),
        }
    }

    /// A comparison; with something missing, an array or an object it is false, whatever the operator.
    pub(crate) fn compare(&self, operator: &str, other: &Value) -> bool {
        if [self, other].iter().any(|side| matches!(side, Value::Missing | Value::List(_) | Value::Object)) {
            return false;
        }
        let order = self.order(other);
        match operator {
            "==" => self.equals(other),
            "!=" => !self.equals(other),
            "<" => order == Some(Ordering::Less),
            "<=" => matches!(order, Some(Ordering::Less | Ordering::Equal)),
            ">" => order == Some(Ordering::Greater),
            ">=" => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
            _ => unreachable!("`{operator}` is no comparison"),
        }
    }

    /// `+ - * /`; missing where there is no result.
    pub(crate) fn reckon(&self, operator: &str, other: &Value) -> Value {
        if let (Value::Duration(left), Value::Duration(right)) = (self, other) {
            let result = match operator {
                "+" => left + right,
                "-" => left - right,
                _ => f64::NAN,
            };
            return if result.is_nan() { Value::Missing } else { Value::Duration(result) };
        }
        let (Value::Number(left), Value::Number(right)) = (self, other) else { return Value::Missing };
        let result = match operator {
            "+" => Some(left.plus(right)),
            "-" => Some(left.plus(&right.negated())),
            "*" => Some(left.times(right)),
            _ => left.over(right),
        };
        number_or_none(result.and_then(Decimal::bounded))
    }

    /// `number(x)`.
    pub(crate) fn to_number(&self) -> Value {
        match self {
            Value::Number(number) => Value::Number(number.clone()),
            Value::Text(text) => number_or_none(Decimal::of_text(text)),
            _ => Value::Missing,
        }
    }

    /// `-x`.
    pub(crate) fn negate(&self) -> Value {
        match self {
            Value::Number(value) => Value::Number(value.negated()),
            _ => Value::Missing,
        }
    }
}

pub(crate) fn number_or_none(number: Option<Decimal>) -> Value {
    number.map_or(Value::Missing, Value::Number)
}

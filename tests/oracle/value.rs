//! Values of the rules language: comparing them, and reckoning with them.

use std::cmp::Ordering;

use serde_json::Value as Json;

/// What an expression comes to.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Missing,
    Bool(bool),
    Int(i64),
    Double(f64),
    /// Milliseconds; infinite for `since` of what never was.
    Duration(f64),
    Text(String),
    List(Vec<Value>),
    /// Unlike everything, itself included.
    Object,
}

impl Value {
    /// A JSON value as conditions see it; every JSON number is a double.
    pub(crate) fn from_json(json: &Json) -> Value {
        match json {
            Json::Null => Value::Missing,
            Json::Bool(value) => Value::Bool(*value),
            Json::Number(number) => number.as_f64().map_or(Value::Missing, Value::Double),
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

    fn number(&self) -> Option<f64> {
        match self {
            Value::Int(value) => Some(*value as f64),
            Value::Double(value) => Some(*value),
            _ => None,
        }
    }

    /// `None` where the two have no order: unlike types, or types without one.
    fn order(&self, other: &Value) -> Option<Ordering> {
        match (self, other) {
            (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
            (Value::Duration(left), Value::Duration(right)) => left.partial_cmp(right),
            (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
            _ => self.number()?.partial_cmp(&other.number()?),
        }
    }

    /// `==`, of values that are not missing.
    pub(crate) fn equals(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Bool(left), Value::Bool(right)) => left == right,
            (Value::List(left), Value::List(right)) => {
                left.len() == right.len() && left.iter().zip(right).all(|(left, right)| left.equals(right))
            }
            _ => self.order(other) == Some(Ordering::Equal),
        }
    }

    /// A comparison; with something missing it is false, whatever the operator.
    pub(crate) fn compare(&self, operator: &str, other: &Value) -> bool {
        if self.is_missing() || other.is_missing() {
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

    /// `+ - * /`: integers stay integers, division cuts towards zero; missing where there is no result.
    pub(crate) fn reckon(&self, operator: &str, other: &Value) -> Value {
        if let (Value::Int(left), Value::Int(right)) = (self, other) {
            let result = match operator {
                "+" => left.checked_add(*right),
                "-" => left.checked_sub(*right),
                "*" => left.checked_mul(*right),
                _ => left.checked_div(*right),
            };
            return result.map_or(Value::Missing, Value::Int);
        }
        if let (Value::Duration(left), Value::Duration(right)) = (self, other) {
            let result = match operator {
                "+" => left + right,
                "-" => left - right,
                _ => f64::NAN,
            };
            return if result.is_nan() { Value::Missing } else { Value::Duration(result) };
        }
        let (Some(left), Some(right)) = (self.number(), other.number()) else { return Value::Missing };
        match operator {
            "+" => Value::Double(left + right),
            "-" => Value::Double(left - right),
            "*" => Value::Double(left * right),
            _ if right == 0.0 => Value::Missing,
            _ => Value::Double(left / right),
        }
    }

    /// `-x`.
    pub(crate) fn negate(&self) -> Value {
        match self {
            Value::Int(value) => value.checked_neg().map_or(Value::Missing, Value::Int),
            Value::Double(value) => Value::Double(-value),
            _ => Value::Missing,
        }
    }
}

//! Values of the language: comparison and arithmetic.

use std::cmp::Ordering;

use serde_json::Value as Json;

use super::log::json_number;
use super::span::OracleSpan;
use crate::decoder_oracle::decimal::OracleDecimal;

/// The largest value, in bytes of JSON.
const VALUE_BYTES_MAX: usize = 8_192;

/// The largest double in size.
const DOUBLE_MAX: f64 = 1e30;

/// The value of an expression.
#[derive(Clone, Debug)]
pub(crate) enum OracleValue {
    Missing,
    Bool(bool),
    Number(OracleDecimal),
    /// What a model gives, and what is worked out with it.
    Double(f64),
    Duration(OracleSpan),
    Text(String),
    List(Vec<OracleValue>),
    /// Equal to nothing, itself included.
    Object,
}

impl OracleValue {
    /// A JSON value as conditions see it. Its numbers are so short that serde_json keeps all their digits.
    pub(crate) fn from_json(json: &Json) -> OracleValue {
        match json {
            Json::Array(_) | Json::Object(_) | Json::String(_) if json.to_string().len() > VALUE_BYTES_MAX => {
                OracleValue::Missing
            }
            Json::Null => OracleValue::Missing,
            Json::Bool(value) => OracleValue::Bool(*value),
            Json::Number(number) => number_or_none(OracleDecimal::parse(&number.to_string())),
            Json::String(text) => OracleValue::Text(text.clone()),
            Json::Array(items) => OracleValue::List(items.iter().map(OracleValue::from_json).collect()),
            Json::Object(_) => OracleValue::Object,
        }
    }

    /// A value as actions bear it; what is missing is null. Random rules have only numbers there.
    pub(crate) fn to_json(&self) -> Json {
        match self {
            OracleValue::Number(number) => json_number(&number.written()),
            OracleValue::Double(number) => Json::from(*number),
            OracleValue::Text(text) => Json::from(text.as_str()),
            OracleValue::Bool(value) => Json::from(*value),
            _ => Json::Null,
        }
    }

    /// A value at a path of keys; missing where the path leads nowhere.
    pub(crate) fn at_path(json: &Json, path: &[String]) -> OracleValue {
        path.iter()
            .try_fold(json, |json, key| json.as_object()?.get(key))
            .map_or(OracleValue::Missing, OracleValue::from_json)
    }

    /// A double; larger than 10^30 in size it is missing.
    pub(crate) fn double(number: f64) -> OracleValue {
        if number.abs() <= DOUBLE_MAX { OracleValue::Double(number) } else { OracleValue::Missing }
    }

    /// Both sides as doubles, where both are numbers and one is a double.
    fn doubles(&self, other: &OracleValue) -> Option<(f64, f64)> {
        match (self, other) {
            (OracleValue::Double(left), OracleValue::Double(right)) => Some((*left, *right)),
            (OracleValue::Double(left), OracleValue::Number(right)) => Some((*left, right.to_double())),
            (OracleValue::Number(left), OracleValue::Double(right)) => Some((left.to_double(), *right)),
            _ => None,
        }
    }

    pub(crate) fn is_true(&self) -> bool {
        matches!(self, OracleValue::Bool(true))
    }

    pub(crate) fn is_missing(&self) -> bool {
        matches!(self, OracleValue::Missing)
    }

    /// `None` where the two have no order: unlike types, or types without one.
    fn order(&self, other: &OracleValue) -> Option<Ordering> {
        if let Some((left, right)) = self.doubles(other) {
            return left.partial_cmp(&right);
        }
        match (self, other) {
            (OracleValue::Number(left), OracleValue::Number(right)) => Some(left.cmp(right)),
            (OracleValue::Duration(left), OracleValue::Duration(right)) => Some(left.cmp(right)),
            (OracleValue::Text(left), OracleValue::Text(right)) => Some(left.cmp(right)),
            _ => None,
        }
    }

    /// `==`, of values that are not missing.
    pub(crate) fn equals(&self, other: &OracleValue) -> bool {
        match (self, other) {
            (OracleValue::Bool(left), OracleValue::Bool(right)) => left == right,
            _ => self.order(other) == Some(Ordering::Equal),
        }
    }

    /// A comparison; with something missing, an array or an object it is false, whatever the operator.
    pub(crate) fn compare(&self, operator: &str, other: &OracleValue) -> bool {
        if [self, other]
            .iter()
            .any(|side| matches!(side, OracleValue::Missing | OracleValue::List(_) | OracleValue::Object))
        {
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
    pub(crate) fn arithmetic(&self, operator: &str, other: &OracleValue) -> OracleValue {
        let span = |span: Option<OracleSpan>| span.map_or(OracleValue::Missing, OracleValue::Duration);
        match (self, operator, other) {
            (OracleValue::Duration(left), "+", OracleValue::Duration(right)) => return span(left.plus(*right)),
            (OracleValue::Duration(left), "-", OracleValue::Duration(right)) => {
                return span(left.plus(right.negated()));
            }
            (OracleValue::Duration(left), "/", OracleValue::Duration(right)) => {
                return number_or_none(left.over(*right).and_then(OracleDecimal::bounded));
            }
            (OracleValue::Duration(length), "*", OracleValue::Number(number))
            | (OracleValue::Number(number), "*", OracleValue::Duration(length)) => return span(length.times(number)),
            (OracleValue::Duration(length), "/", OracleValue::Number(number)) => {
                return span(length.over_number(number));
            }
            _ => {}
        }
        if let Some((left, right)) = self.doubles(other) {
            return match operator {
                "+" => OracleValue::double(left + right),
                "-" => OracleValue::double(left - right),
                "*" => OracleValue::double(left * right),
                _ if right == 0.0 => OracleValue::Missing,
                _ => OracleValue::double(left / right),
            };
        }
        let (OracleValue::Number(left), OracleValue::Number(right)) = (self, other) else {
            return OracleValue::Missing;
        };
        let result = match operator {
            "+" => Some(left.plus(right)),
            "-" => Some(left.plus(&right.negated())),
            "*" => Some(left.times(right)),
            _ => left.over(right),
        };
        number_or_none(result.and_then(OracleDecimal::bounded))
    }

    /// `number(x)`.
    pub(crate) fn to_number(&self) -> OracleValue {
        match self {
            OracleValue::Number(_) | OracleValue::Double(_) => self.clone(),
            OracleValue::Text(text) => number_or_none(OracleDecimal::of_text(text)),
            _ => OracleValue::Missing,
        }
    }

    /// `-x`.
    pub(crate) fn negate(&self) -> OracleValue {
        match self {
            OracleValue::Number(value) => OracleValue::Number(value.negated()),
            OracleValue::Double(value) => OracleValue::Double(-value),
            OracleValue::Duration(length) => OracleValue::Duration(length.negated()),
            _ => OracleValue::Missing,
        }
    }
}

pub(crate) fn number_or_none(number: Option<OracleDecimal>) -> OracleValue {
    number.map_or(OracleValue::Missing, OracleValue::Number)
}

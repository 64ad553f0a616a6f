//! What a value is turned into: `as number`, `as seconds`, `as time(%d/%m/%Y)`.

use std::borrow::Cow;

use rekindle_core::diagnostics::{join_quoted, suggest};
use serde_json::{Map, Value};

use super::times::{MappingZone, check_format, time_of, written_time};

/// What a value is turned into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ValueForm {
    AsIs,
    /// The digits of a number, too.
    Text,
    /// A decimal written as a text.
    Number,
    /// A decimal with separators of thousands, and a currency before or behind it.
    Amount {
        point: char,
    },
    /// Milliseconds from whole or decimal seconds.
    Seconds,
    /// Milliseconds that are written as a text.
    Millis,
    /// Milliseconds from microseconds.
    Micros,
    /// A time in the usual forms, or in a format of its own.
    Time {
        format: Option<String>,
    },
    /// An object that is written as JSON in a text.
    Json,
    /// Whether there is some left: a number above 0, yes or no, or as feeds write it (`in_stock`, `out of stock`).
    Stock,
    /// An object from a list of `{key, value}`, or of `{name, value}`.
    KeyValues,
}

/// All names, for mistakes.
const NAMES: [&str; 11] =
    ["text", "number", "amount", "amount_comma", "seconds", "millis", "micros", "time", "json", "key_values", "stock"];

impl ValueForm {
    pub(super) fn parse(name: &str) -> Result<ValueForm, String> {
        if let Some(format) = name.strip_prefix("time(").and_then(|format| format.strip_suffix(')')) {
            check_format(format)?;
            return Ok(ValueForm::Time { format: Some(format.to_owned()) });
        }
        Ok(match name {
            "" => ValueForm::AsIs,
            "text" => ValueForm::Text,
            "number" => ValueForm::Number,
            "amount" => ValueForm::Amount { point: '.' },
            "amount_comma" => ValueForm::Amount { point: ',' },
            "seconds" => ValueForm::Seconds,
            "millis" => ValueForm::Millis,
            "micros" => ValueForm::Micros,
            "time" => ValueForm::Time { format: None },
            "json" => ValueForm::Json,
            "key_values" => ValueForm::KeyValues,
            "stock" => ValueForm::Stock,
            other => {
                let help = suggest(other, NAMES, "forms");
                let help = if help.is_empty() { format!("forms are {}", join_quoted(&NAMES)) } else { help };
                return Err(format!("`{other}` is no form of a value: {help}"));
            }
        })
    }

    /// The value in this form; `None`: it has none.
    pub(super) fn of<'v>(&self, found: &'v Value, zone: Option<&MappingZone>) -> Option<Cow<'v, Value>> {
        let made = match self {
            ValueForm::AsIs => return Some(Cow::Borrowed(found)),
            ValueForm::Text => Value::String(text_of(found)?),
            ValueForm::Number => number_of(found)?,
            ValueForm::Amount { point } => amount_of(found, *point)?,
            ValueForm::Seconds => {
                let seconds = text_of(found)?.trim().parse::<f64>().ok().filter(|seconds| seconds.is_finite())?;
                Value::from((seconds * 1_000.0).round() as i64)
            }
            ValueForm::Millis => Value::from(text_of(found)?.trim().parse::<i64>().ok()?),
            ValueForm::Micros => Value::from(text_of(found)?.trim().parse::<i64>().ok()?.div_euclid(1_000)),
            ValueForm::Time { format } => {
                let (text, utc) = (text_of(found)?, MappingZone::utc());
                let zone = zone.unwrap_or(&utc);
                let time = match format {
                    Some(format) => time_of(text.trim(), format, zone)?,
                    None => written_time(text.trim(), zone)?,
                };
                Value::String(time.to_string())
            }
            ValueForm::Json => serde_json::from_str(found.as_str()?).ok()?,
            ValueForm::KeyValues => key_values_of(found)?,
            ValueForm::Stock => Value::Bool(is_in_stock(found)?),
        };
        Some(Cow::Owned(made))
    }
}

pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(truth) => Some(truth.to_string()),
        _ => None,
    }
}

/// A number, or the number that a text is: shops write amounts as texts so that no digit is lost.
fn number_of(value: &Value) -> Option<Value> {
    match value {
        Value::Number(_) => Some(value.clone()),
        Value::String(text) => text.trim().parse().ok().map(Value::Number),
        _ => None,
    }
}

/// `$1,234.50`, `1 234.50 kr`, and with a comma for the point `1.234,50 €`. Whatever is not exactly that is no amount.
fn amount_of(value: &Value, point: char) -> Option<Value> {
    let Value::String(text) = value else { return number_of(value) };
    let is_currency = |c: char| !c.is_ascii_digit() && !"+-.,'’".contains(c);
    let text = text.trim();
    let (is_negative, text) = match text.strip_prefix(['-', '−']) {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let text = text.trim_matches(is_currency);
    let (is_negative, text) = match text.strip_prefix('-') {
        Some(rest) if !is_negative => (true, rest),
        _ => (is_negative, text),
    };
    let (whole, decimals) = text.split_once(point).map_or((text, None), |(whole, decimals)| (whole, Some(decimals)));
    let separator = whole.chars().find(|c| !c.is_ascii_digit());
    if separator.is_some_and(|c| c == point || !",.'’ \u{a0}\u{202f}".contains(c)) {
        return None;
    }
    let mut groups = whole.split(|c| Some(c) == separator);
    let first = groups.next()?;
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_sound = is_digits(first)
        && (separator.is_none() || first.len() <= 3)
        && groups.all(|group| group.len() == 3 && is_digits(group))
        && decimals.is_none_or(is_digits);
    let digits: String = whole.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_start_matches('0');
    let sign = if is_negative { "-" } else { "" };
    let digits = if digits.is_empty() { "0" } else { digits };
    let number = decimals.map_or_else(|| format!("{sign}{digits}"), |decimals| format!("{sign}{digits}.{decimals}"));
    number.parse().ok().map(Value::Number).filter(|_| is_sound)
}

/// Whether there is some left. What can be ordered but is not there yet is not in stock.
fn is_in_stock(value: &Value) -> Option<bool> {
    let text = text_of(value)?.trim().to_ascii_lowercase();
    if let Ok(number) = text.parse::<f64>() {
        return Some(number > 0.0);
    }
    match text.replace(['_', '-'], " ").as_str() {
        "true" | "yes" | "y" | "in stock" | "instock" | "available" => Some(true),
        "false" | "no" | "n" | "out of stock" | "outofstock" | "sold out" | "unavailable" | "discontinued" => {
            Some(false)
        }
        "preorder" | "pre order" | "backorder" | "back order" => Some(false),
        _ => None,
    }
}

/// The members of a list of pairs, as BigQuery writes them: `{"key": "a", "value": {"string_value": null, "int_value": "5"}}`.
fn key_values_of(value: &Value) -> Option<Value> {
    let mut members = Map::new();
    for pair in value.as_array()? {
        let key = pair.get("key").or_else(|| pair.get("name")).and_then(Value::as_str);
        let (Some(key), Some(value)) = (key, pair.get("value")) else { continue };
        members.insert(key.to_owned(), typed(value));
    }
    Some(Value::Object(members))
}

/// The member of `{string_value, int_value, …}` that is there, or the value itself.
fn typed(value: &Value) -> Value {
    let Value::Object(typed) = value else { return value.clone() };
    let Some((kind, value)) = typed.iter().find(|(kind, value)| kind.ends_with("_value") && !value.is_null()) else {
        return if typed.keys().all(|kind| kind.ends_with("_value")) { Value::Null } else { value.clone() };
    };
    // Whole numbers are texts in BigQuery's JSON.
    let number = (kind != "string_value").then(|| number_of(value)).flatten();
    number.unwrap_or_else(|| value.clone())
}

//! Arithmetic of doubles, which only models give (semantics §16). What is worked out of one is one, but for durations, which
//! are cut toward zero to a whole millisecond.

use super::{Arithmetic, Value};

/// The largest number that may be worked out.
const RESULT_MAX: f64 = 1e30;

/// `left op right`; missing where it is larger than 10^30 in size, or divided by zero.
pub(super) fn arithmetic<'a>(op: Arithmetic, left: f64, right: f64) -> Value<'a> {
    let result = match op {
        Arithmetic::Add => left + right,
        Arithmetic::Subtract => left - right,
        Arithmetic::Multiply => left * right,
        Arithmetic::Divide => left / right,
    };
    // Nothing that is not a number is at most anything.
    if result.abs() <= RESULT_MAX { Value::Double(result) } else { Value::Missing }
}

/// A duration times or divided by a double.
pub(super) fn scaled_duration<'a>(op: Arithmetic, duration: &Value<'_>, by: f64) -> Value<'a> {
    let factor = match op {
        Arithmetic::Multiply => by,
        Arithmetic::Divide => 1.0 / by,
        Arithmetic::Add | Arithmetic::Subtract => return Value::Missing,
    };
    match (duration, op) {
        (Value::Span(ms), Arithmetic::Multiply) => whole_ms(*ms as f64 * by),
        (Value::Span(ms), _) => whole_ms(*ms as f64 / by),
        (Value::Forever, _) if factor > 0.0 => Value::Forever,
        (Value::Forever, _) if factor < 0.0 => Value::MinusForever,
        (Value::MinusForever, _) if factor > 0.0 => Value::MinusForever,
        (Value::MinusForever, _) if factor < 0.0 => Value::Forever,
        _ => Value::Missing,
    }
}

/// Cut toward zero; as long as can be where it is longer.
fn whole_ms<'a>(ms: f64) -> Value<'a> {
    if ms.is_finite() { Value::Span((ms as i64).max(-i64::MAX)) } else { Value::Missing }
}

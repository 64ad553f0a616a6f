//! Arithmetic of durations (semantics §10).
//!
//! A duration times or divided by a number is a duration, cut toward zero to a whole millisecond; a duration divided by a
//! duration is a number. What would be longer than 292 million years is as long as that: nothing wraps, and a longer time
//! never makes a shorter result.
//!
//! An infinite duration stays infinite under all but 0, which makes nothing of it. There is no infinite number: an
//! infinite duration divided by a duration is missing, as what is larger than 10^30 is; divided by an infinite one, a
//! finite duration is 0.

use std::cmp::Ordering;

use super::{Arithmetic, Value, doubles};
use crate::decimal::Decimal;

/// Millionths of one, which decimals count.
const SCALE: u128 = 1_000_000;

/// `left op right` where one of them is a duration; missing where that has no value.
pub(super) fn arithmetic<'a>(op: Arithmetic, left: &Value<'_>, right: &Value<'_>) -> Value<'a> {
    match (op, left, right) {
        (Arithmetic::Multiply, duration, Value::Number(factor)) => times(*duration, *factor),
        (Arithmetic::Multiply, Value::Number(factor), duration) => times(*duration, *factor),
        (Arithmetic::Divide, duration, Value::Number(divisor)) => over(*duration, *divisor),
        (Arithmetic::Multiply, duration, Value::Double(by)) | (Arithmetic::Multiply, Value::Double(by), duration) => {
            doubles::scaled_duration(op, duration, *by)
        }
        (Arithmetic::Divide, duration, Value::Double(by)) => doubles::scaled_duration(op, duration, *by),
        (Arithmetic::Divide, dividend, divisor) => ratio(*dividend, *divisor),
        (Arithmetic::Add, left, right) => sum(*left, *right),
        (Arithmetic::Subtract, left, right) => sum(*left, opposite(*right)),
        (Arithmetic::Multiply, ..) => Value::Missing,
    }
}

/// Infinite and infinite make nothing where they point in opposite directions.
fn sum<'a>(left: Value<'_>, right: Value<'_>) -> Value<'a> {
    match (left, right) {
        (Value::Span(a), Value::Span(b)) => Value::Span(a.saturating_add(b)),
        (Value::Forever, Value::Forever | Value::Span(_)) | (Value::Span(_), Value::Forever) => Value::Forever,
        (Value::MinusForever, Value::MinusForever | Value::Span(_)) | (Value::Span(_), Value::MinusForever) => {
            Value::MinusForever
        }
        _ => Value::Missing,
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

fn times<'a>(duration: Value<'_>, factor: Decimal) -> Value<'a> {
    let Value::Span(ms) = duration else { return infinite(duration, factor) };
    let (length, factor_size) = (u128::from(ms.unsigned_abs()), factor.millionths().unsigned_abs());
    let whole = length.checked_mul(factor_size / SCALE);
    // Below 2^64 times 10^6.
    let rest = length * (factor_size % SCALE) / SCALE;
    signed(whole.and_then(|whole| whole.checked_add(rest)), (ms < 0) != (factor < Decimal::ZERO))
}

fn over<'a>(duration: Value<'_>, divisor: Decimal) -> Value<'a> {
    let Value::Span(ms) = duration else { return infinite(duration, divisor) };
    if divisor == Decimal::ZERO {
        return Value::Missing;
    }
    let quotient = u128::from(ms.unsigned_abs()) * SCALE / divisor.millionths().unsigned_abs();
    signed(Some(quotient), (ms < 0) != (divisor < Decimal::ZERO))
}

/// A duration of that many milliseconds, or the longest where there are more than fit.
fn signed<'a>(length: Option<u128>, is_negative: bool) -> Value<'a> {
    let length = length.and_then(|length| i64::try_from(length).ok()).unwrap_or(i64::MAX);
    Value::Span(if is_negative { -length } else { length })
}

/// An infinite duration times or divided by a number.
fn infinite<'a>(duration: Value<'_>, by: Decimal) -> Value<'a> {
    match (duration, by.cmp(&Decimal::ZERO)) {
        (Value::Forever, Ordering::Greater) | (Value::MinusForever, Ordering::Less) => Value::Forever,
        (Value::Forever, Ordering::Less) | (Value::MinusForever, Ordering::Greater) => Value::MinusForever,
        _ => Value::Missing,
    }
}

fn ratio<'a>(dividend: Value<'_>, divisor: Value<'_>) -> Value<'a> {
    match (dividend, divisor) {
        (Value::Span(a), Value::Span(b)) => Value::from(Decimal::from(a).over(Decimal::from(b))),
        (Value::Span(_), Value::Forever | Value::MinusForever) => Value::Number(Decimal::ZERO),
        _ => Value::Missing,
    }
}

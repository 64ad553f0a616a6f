//! What users are ordered by.

use crate::value::Value;

/// A number, in the order of numbers. All those of one rank are millionths, or all are doubles: a term that asks a model always
/// gives a double.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RankNumber(i128);

impl RankNumber {
    /// The number that a value is; `None`: it is none.
    pub fn of(value: &Value<'_>) -> Option<RankNumber> {
        match value {
            Value::Number(number) => Some(RankNumber(number.millionths())),
            Value::Double(double) if !double.is_nan() => Some(RankNumber(ordered_bits(*double).into())),
            _ => None,
        }
    }
}

/// The bits of a double as a number in the order of doubles; both zeros are one.
fn ordered_bits(double: f64) -> i64 {
    let bits = (double + 0.0).to_bits().cast_signed();
    if bits < 0 { bits ^ i64::MAX } else { bits }
}

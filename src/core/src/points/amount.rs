//! Numbers of whole points.

use std::fmt;

use crate::decimal::Decimal;
use crate::value::Value;

const SCALE: i128 = 1_000_000;

/// Whole points, 0 or more.
///
/// An amount is at most 10^30, as every number that is worked out. Sums of them stay exact up to 10^32, and stop there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(Rust, packed(8))]
pub struct Points(i128);

/// Points less a debt: below 0 where something is owed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(Rust, packed(8))]
pub struct PointsBalance(i128);

impl Points {
    /// None.
    pub const ZERO: Points = Points(0);
    /// The most that is counted.
    pub const MAX: Points = Points(10_i128.pow(32));

    /// The whole points of an amount; none where it is missing, no number or below 1.
    pub fn of(amount: &Value<'_>) -> Points {
        let number = match amount {
            Value::Number(number) => Some(*number),
            Value::Double(double) => Decimal::from_double(*double),
            _ => None,
        };
        Points(number.map_or(0, |number| number.millionths().max(0) / SCALE))
    }

    /// As it is stored: in millionths, as sums are.
    pub(super) fn millionths(self) -> i128 {
        self.0 * SCALE
    }

    /// What was stored; `None`: it cannot have been.
    pub(super) fn from_millionths(millionths: i128) -> Option<Points> {
        Points::of_whole(millionths / SCALE).filter(|_| millionths % SCALE == 0)
    }

    /// Their number.
    pub(crate) fn whole(self) -> i128 {
        self.0
    }

    /// This number of points; `None`: there are never as many.
    pub(crate) fn of_whole(points: i128) -> Option<Points> {
        Some(Points(points)).filter(|points| (Points::ZERO..=Points::MAX).contains(points))
    }

    /// As a number of the language; missing above 10^30.
    pub fn to_value(self) -> Value<'static> {
        Value::from(Decimal::of_sum(self.millionths()))
    }

    /// As a decimal number, for features.
    pub(crate) fn to_decimal(self) -> Decimal {
        Decimal::from_millionths(self.millionths())
    }

    /// In 64 bits, or the most that fits there.
    pub fn saturated(self) -> u64 {
        u64::try_from(self.0).unwrap_or(u64::MAX)
    }

    pub(super) fn plus(self, other: Points) -> Points {
        Points(self.0 + other.0).min(Points::MAX)
    }

    /// None where `other` is more.
    pub(super) fn less(self, other: Points) -> Points {
        Points((self.0 - other.0).max(0))
    }
}

impl From<u64> for Points {
    fn from(points: u64) -> Points {
        Points(points.into())
    }
}

impl PointsBalance {
    /// Neither points nor a debt.
    pub const ZERO: PointsBalance = PointsBalance(0);

    pub(super) fn new(points: Points, debt: Points) -> PointsBalance {
        PointsBalance(points.0 - debt.0)
    }

    /// Its points.
    pub(crate) fn whole(self) -> i128 {
        self.0
    }

    /// A balance of this number of points; `None`: there is never as much, or as much owed.
    pub(crate) fn of_whole(points: i128) -> Option<PointsBalance> {
        Points::of_whole(i128::try_from(points.unsigned_abs()).ok()?).map(|_| PointsBalance(points))
    }

    /// Whether an amount can be spent.
    pub fn covers(self, amount: Points) -> bool {
        self.0 >= amount.0
    }

    /// As a number of the language; missing above 10^30 in size.
    pub fn to_value(self) -> Value<'static> {
        Value::from(Decimal::of_sum(self.0 * SCALE))
    }

    /// In 64 bits, or the nearest that fits there.
    pub fn saturated(self) -> i64 {
        i64::try_from(self.0).unwrap_or(if self.0 < 0 { i64::MIN } else { i64::MAX })
    }
}

impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let points = self.0;
        points.fmt(f)
    }
}

impl fmt::Display for PointsBalance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let points = self.0;
        points.fmt(f)
    }
}

//! What can be accumulated: counts, sums, minima, maxima.

use crate::decimal::Decimal;
use crate::encoding::{StateReader, StateWriter};
use crate::value::Value;

/// An accumulated value, of one pane or of all time.
pub(crate) trait Aggregate: Copy {
    /// Adds another value.
    fn add(&mut self, other: Self);

    /// As conditions see it.
    fn to_value(self) -> Value<'static>;

    /// Writes it as a single value, in any format.
    fn write<W: StateWriter>(self, writer: &mut W);

    /// Reads it.
    fn read<R: StateReader>(reader: &mut R) -> Result<Self, R::Error>;
}

/// How many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct EventCount(pub(crate) u64);

/// A sum in whole millionths, modulo 2^128 (see [`Decimal::of_sum`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(Rust, packed(8))]
pub(crate) struct DecimalSum(pub(crate) i128);

/// The smallest number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Minimum(pub(crate) Decimal);

/// The largest number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Maximum(pub(crate) Decimal);

impl Aggregate for EventCount {
    fn add(&mut self, other: Self) {
        self.0 += other.0;
    }

    fn to_value(self) -> Value<'static> {
        Value::Number(Decimal::from(self.0))
    }

    fn write<W: StateWriter>(self, writer: &mut W) {
        writer.count("value", self.0);
    }

    fn read<R: StateReader>(reader: &mut R) -> Result<Self, R::Error> {
        reader.count("a count").map(EventCount)
    }
}

impl Aggregate for DecimalSum {
    fn add(&mut self, other: Self) {
        self.0 = self.0.wrapping_add(other.0);
    }

    fn to_value(self) -> Value<'static> {
        Value::from(self.to_number())
    }

    fn write<W: StateWriter>(self, writer: &mut W) {
        writer.sum("value", self.0);
    }

    fn read<R: StateReader>(reader: &mut R) -> Result<Self, R::Error> {
        reader.sum("a sum").map(DecimalSum)
    }
}

impl Aggregate for Minimum {
    fn add(&mut self, other: Self) {
        self.0 = self.0.min(other.0);
    }

    fn to_value(self) -> Value<'static> {
        Value::Number(self.0)
    }

    fn write<W: StateWriter>(self, writer: &mut W) {
        writer.decimal("value", self.0);
    }

    fn read<R: StateReader>(reader: &mut R) -> Result<Self, R::Error> {
        reader.decimal("a minimum").map(Minimum)
    }
}

impl Aggregate for Maximum {
    fn add(&mut self, other: Self) {
        self.0 = self.0.max(other.0);
    }

    fn to_value(self) -> Value<'static> {
        Value::Number(self.0)
    }

    fn write<W: StateWriter>(self, writer: &mut W) {
        writer.decimal("value", self.0);
    }

    fn read<R: StateReader>(reader: &mut R) -> Result<Self, R::Error> {
        reader.decimal("a maximum").map(Maximum)
    }
}

impl DecimalSum {
    /// The sum as a number; `None`: it is larger than 10^30 in size.
    pub(crate) fn to_number(self) -> Option<Decimal> {
        Decimal::of_sum(self.0)
    }
}

impl From<Decimal> for DecimalSum {
    fn from(number: Decimal) -> DecimalSum {
        DecimalSum(number.millionths())
    }
}

//! Amounts of money, figures of a metric, and rates. Exact: nothing is rounded before it is shown.

use std::fmt;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// An amount of money in millionths of the currency of the events; currencies are not distinguished. In JSON it is a
/// decimal number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Default, Hash)]
pub struct Money(pub i128);

/// The value of a metric: a count or an amount. In JSON a number in the unit of the metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// A count.
    Count(i128),
    /// An amount.
    Money(Money),
}

/// A rate: a part and the whole it is divided by. In JSON `{"part", "whole", "rate"}`, `rate` null where the whole is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Ratio {
    /// The numerator.
    pub part: i128,
    /// The denominator.
    pub whole: i128,
}

/// A figure over its target. In JSON like a [`Ratio`], in the unit of the figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FigureProgress {
    /// The figure.
    pub part: Figure,
    /// The target.
    pub whole: Figure,
}

impl Money {
    /// The amount as a double.
    pub fn to_number(self) -> f64 {
        self.0 as f64 / 1e6
    }
}

impl std::ops::Add for Money {
    type Output = Money;

    fn add(self, other: Money) -> Money {
        Money(self.0 + other.0)
    }
}

impl std::ops::Sub for Money {
    type Output = Money;

    fn sub(self, other: Money) -> Money {
        Money(self.0 - other.0)
    }
}

impl std::iter::Sum for Money {
    fn sum<I: Iterator<Item = Money>>(amounts: I) -> Money {
        amounts.fold(Money(0), |sum, amount| sum + amount)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_number())
    }
}

impl Serialize for Money {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.to_number())
    }
}

impl Figure {
    /// The figure as a double.
    pub fn to_number(self) -> f64 {
        match self {
            Figure::Count(count) => count as f64,
            Figure::Money(amount) => amount.to_number(),
        }
    }
}

impl Serialize for Figure {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Figure::Count(count) => serializer.serialize_i128(*count),
            Figure::Money(amount) => amount.serialize(serializer),
        }
    }
}

impl Ratio {
    /// A part of a whole.
    pub fn new(part: impl Into<i128>, whole: impl Into<i128>) -> Ratio {
        Ratio { part: part.into(), whole: whole.into() }
    }

    /// Its value; `None` where the whole is 0.
    pub fn rate(self) -> Option<f64> {
        (self.whole != 0).then(|| self.part as f64 / self.whole as f64)
    }

    /// The same of amounts in millionths, which are written as amounts are.
    pub(crate) fn serialize_amounts<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_rate(&Money(self.part), &Money(self.whole), self.rate(), serializer)
    }
}

impl Serialize for Ratio {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_rate(&self.part, &self.whole, self.rate(), serializer)
    }
}

impl FigureProgress {
    /// Its value; `None` where the target is 0.
    pub fn rate(self) -> Option<f64> {
        let whole = self.whole.to_number();
        (whole != 0.0).then(|| self.part.to_number() / whole)
    }
}

impl Serialize for FigureProgress {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serialize_rate(&self.part, &self.whole, self.rate(), serializer)
    }
}

fn serialize_rate<S: Serializer>(
    part: &impl Serialize,
    whole: &impl Serialize,
    rate: Option<f64>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut fields = serializer.serialize_struct("Ratio", 3)?;
    fields.serialize_field("part", part)?;
    fields.serialize_field("whole", whole)?;
    fields.serialize_field("rate", &rate)?;
    fields.end()
}

//! Durations as values: whole milliseconds, or infinite.

use std::cmp::Ordering;

use crate::decoder_oracle::decimal::OracleDecimal;

/// A duration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OracleSpan {
    /// Milliseconds.
    Finite(i128),
    /// As `since` of an event that never occurred is.
    Infinite { negative: bool },
}

impl OracleSpan {
    pub(crate) fn of_ms(milliseconds: i64) -> OracleSpan {
        OracleSpan::Finite(milliseconds.into())
    }

    pub(crate) fn negated(self) -> OracleSpan {
        match self {
            OracleSpan::Finite(length) => OracleSpan::Finite(-length),
            OracleSpan::Infinite { negative } => OracleSpan::Infinite { negative: !negative },
        }
    }

    /// `None`: infinite less infinite.
    pub(crate) fn plus(self, other: OracleSpan) -> Option<OracleSpan> {
        match (self, other) {
            (OracleSpan::Finite(left), OracleSpan::Finite(right)) => left.checked_add(right).map(OracleSpan::Finite),
            (OracleSpan::Finite(_), infinite) | (infinite, OracleSpan::Finite(_)) => Some(infinite),
            (left, right) => (left == right).then_some(left),
        }
    }

    /// Cut toward zero to a whole millisecond; `None`: infinite, times nothing.
    pub(crate) fn times(self, number: &OracleDecimal) -> Option<OracleSpan> {
        let millionths = millionths(number)?;
        match self {
            OracleSpan::Finite(length) => Some(OracleSpan::Finite(length.checked_mul(millionths)? / 1_000_000)),
            OracleSpan::Infinite { negative } => {
                (millionths != 0).then_some(OracleSpan::Infinite { negative: negative != (millionths < 0) })
            }
        }
    }

    /// Cut toward zero to a whole millisecond; `None`: by 0.
    pub(crate) fn over_number(self, number: &OracleDecimal) -> Option<OracleSpan> {
        let millionths = millionths(number).filter(|divisor| *divisor != 0)?;
        match self {
            OracleSpan::Finite(length) => Some(OracleSpan::Finite(length.checked_mul(1_000_000)? / millionths)),
            OracleSpan::Infinite { negative } => Some(OracleSpan::Infinite { negative: negative != (millionths < 0) }),
        }
    }

    /// How often the other is in this one; `None`: by 0, or infinite.
    pub(crate) fn over(self, other: OracleSpan) -> Option<OracleDecimal> {
        let number = |length: i128| OracleDecimal::parse(&length.to_string());
        match (self, other) {
            (OracleSpan::Finite(left), OracleSpan::Finite(right)) => number(left)?.over(&number(right)?),
            (OracleSpan::Finite(_), OracleSpan::Infinite { .. }) => number(0),
            _ => None,
        }
    }

    fn rank(self) -> (i8, i128) {
        match self {
            OracleSpan::Infinite { negative: true } => (-1, 0),
            OracleSpan::Finite(length) => (0, length),
            OracleSpan::Infinite { negative: false } => (1, 0),
        }
    }
}

impl PartialOrd for OracleSpan {
    fn partial_cmp(&self, other: &OracleSpan) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for OracleSpan {
    fn cmp(&self, other: &OracleSpan) -> Ordering {
        self.rank().cmp(&other.rank())
    }
}

fn millionths(number: &OracleDecimal) -> Option<i128> {
    number.millionths().parse().ok()
}

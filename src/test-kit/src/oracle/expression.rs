//! Expressions of the language, with their names resolved.

use regex::Regex;

use super::calendar::CalendarPeriod;
use super::points::OraclePointsDirection;
use super::value::OracleValue;

/// Where a path of fields starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PathRoot {
    Properties,
    Context,
    Traits,
    /// The element of an array that a name with `each` looks at.
    Item,
    /// The match that set off a campaign.
    Event,
}

/// The time that a function looks back on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum OracleWindow {
    /// Milliseconds.
    Sliding(i64),
    /// The period that now lies in (0), or the one before it (-1).
    Calendar(CalendarPeriod, i32),
}

/// An expression.
#[derive(Clone, Debug)]
pub(crate) enum OracleExpression {
    Literal(OracleValue),
    List(Vec<OracleExpression>),
    Not(Box<OracleExpression>),
    And(Box<OracleExpression>, Box<OracleExpression>),
    Or(Box<OracleExpression>, Box<OracleExpression>),
    Compare(&'static str, Box<OracleExpression>, Box<OracleExpression>),
    Arithmetic(&'static str, Box<OracleExpression>, Box<OracleExpression>),
    Negate(Box<OracleExpression>),
    /// `number(x)`.
    ToNumber(Box<OracleExpression>),
    In(Box<OracleExpression>, Box<OracleExpression>),
    Text(String, Box<OracleExpression>, Box<OracleExpression>),
    Matches(Box<OracleExpression>, Regex),
    Field(PathRoot, Vec<String>),
    Has(PathRoot, Vec<String>),
    /// `count`, `sum`, `min`, `max`, `avg`, `distinct` of a name's property (no path for `count`) over a window.
    Window(String, usize, Vec<String>, OracleWindow),
    /// `total`; of matches where the path is empty.
    Total(usize, Vec<String>),
    First(usize, Vec<String>),
    Last(usize, Vec<String>),
    Since(usize),
    Gap(usize),
    UsualGap(usize),
    /// On how many of the last days, today among them, there was a match.
    Days(usize, i32),
    Streak(usize),
    /// How many of the second name came at most this many milliseconds after the first.
    Followed(usize, usize, i64),
    Until(Box<OracleExpression>),
    Anniversary(Box<OracleExpression>),
    /// `balance` of a ledger.
    Balance(String),
    /// `earned` and `spent` of a ledger over a window.
    Moved(OraclePointsDirection, String, OracleWindow),
    /// `expiring` of a ledger within a number of milliseconds.
    Expiring(String, i64),
    /// `p_alive` of a model.
    PAlive(String),
    /// `expected` of a model within a number of milliseconds.
    Expected(String, i64),
    /// `clv` of a model within a number of milliseconds.
    LifetimeValue(String, i64),
    /// `rank`, `quantile` or `ranked`, of a rank.
    Ranking(String, String),
    /// Whether a function has a value.
    HasValue(Box<OracleExpression>),
    /// `consent` to a purpose.
    Consent(String),
    /// The code of the coupon that a reservation is for.
    Code,
    Hour,
    Weekday,
    Idle,
    Age,
    InSegment(usize),
    /// How many instances are in a segment.
    KeysIn(usize),
    /// `key()`.
    Key,
    /// `row(TABLE, KEY).path`; without a table, `row.path` of the key that is asked about.
    Row(Option<String>, Box<OracleExpression>, Vec<String>),
    /// `has(row.x)`.
    IsThere(Box<OracleExpression>),
    /// `part(total, n, k)`.
    Part(Box<[OracleExpression; 3]>),
    /// `user.f(…)`: what the function says of the user.
    OfUser(Box<OracleExpression>),
}

impl OracleExpression {
    /// The expressions right inside this one.
    pub(crate) fn children(&self) -> Vec<&OracleExpression> {
        match self {
            OracleExpression::Not(inner)
            | OracleExpression::Negate(inner)
            | OracleExpression::ToNumber(inner)
            | OracleExpression::Until(inner)
            | OracleExpression::Anniversary(inner)
            | OracleExpression::OfUser(inner)
            | OracleExpression::Row(_, inner, _)
            | OracleExpression::IsThere(inner)
            | OracleExpression::HasValue(inner)
            | OracleExpression::Matches(inner, _) => vec![inner],
            OracleExpression::And(left, right)
            | OracleExpression::Or(left, right)
            | OracleExpression::Compare(_, left, right)
            | OracleExpression::Arithmetic(_, left, right)
            | OracleExpression::In(left, right)
            | OracleExpression::Text(_, left, right) => vec![left, right],
            OracleExpression::List(items) => items.iter().collect(),
            _ => Vec::new(),
        }
    }

    /// Whether its value moves steadily with time, in one direction.
    pub(crate) fn is_moving(&self) -> bool {
        let is_condition = matches!(
            self,
            OracleExpression::Not(_)
                | OracleExpression::And(..)
                | OracleExpression::Or(..)
                | OracleExpression::Compare(..)
                | OracleExpression::In(..)
                | OracleExpression::Text(..)
        );
        let moves = matches!(
            self,
            OracleExpression::Since(_)
                | OracleExpression::Idle
                | OracleExpression::Age
                | OracleExpression::Until(_)
                | OracleExpression::PAlive(_)
        );
        moves || !is_condition && self.children().into_iter().any(OracleExpression::is_moving)
    }
}

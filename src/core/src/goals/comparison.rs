//! What is compared: who got a campaign with who got nothing, by how many reach the goal, or by what that is worth.

use std::sync::Arc;

use num_bigint::BigInt;

use super::tally::GoalTally;
use crate::statistics::{DifferenceInterval, GroupEstimate};

/// How many mature users a side must have before an interval is shown: it holds for large groups.
pub const USERS_MIN: u64 = 100;

/// Millionths of one.
const SCALE: f64 = 1e6;

/// By what users are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// The share of users who reached the goal.
    Users,
    /// What the goal was worth, per user.
    Value,
}

/// Which comparison.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ComparisonKey {
    /// The campaign's id.
    pub campaign: Arc<str>,
    /// The goal's id.
    pub goal: Arc<str>,
    /// The variant; `None`: all that was sent.
    pub variant: Option<Arc<str>>,
    /// By what.
    pub measure: Measure,
}

impl Measure {
    /// Both.
    pub const ALL: [Measure; 2] = [Measure::Users, Measure::Value];

    /// Its name: `users`, `value`.
    pub fn name(self) -> &'static str {
        match self {
            Measure::Users => "users",
            Measure::Value => "value",
        }
    }

    /// The one with a name.
    pub fn named(name: &str) -> Option<Measure> {
        Measure::ALL.into_iter().find(|measure| measure.name() == name)
    }
}

impl GoalTally {
    /// What its users do, one by one; `None`: there are none.
    pub fn estimate(&self, measure: Measure) -> Option<GroupEstimate> {
        match measure {
            Measure::Users => GroupEstimate::of_share(self.users, self.reached),
            Measure::Value => self.of_values(),
        }
    }

    /// The sums are exact: rounding begins with the quotients.
    fn of_values(&self) -> Option<GroupEstimate> {
        let n = self.users as f64;
        let squares = BigInt::from(self.sum_squares.clone()) * self.users - &self.sum * &self.sum;
        let variance = if self.users > 1 { double(&squares) / (n * (n - 1.0)) / (SCALE * SCALE) } else { 0.0 };
        (self.users > 0).then(|| GroupEstimate { n: self.users, mean: double(&self.sum) / n / SCALE, variance })
    }
}

/// The nearest double.
fn double(number: &BigInt) -> f64 {
    number.to_string().parse().unwrap_or(f64::NAN)
}

/// The interval of a comparison; `None` before there are [`USERS_MIN`] users on each side.
pub(crate) fn interval(measure: Measure, treated: &GoalTally, control: &GoalTally) -> Option<DifferenceInterval> {
    let is_enough = treated.users.min(control.users) >= USERS_MIN;
    let (treated, control) = (treated.estimate(measure)?, control.estimate(measure)?);
    is_enough.then(|| DifferenceInterval::new(treated, control))
}

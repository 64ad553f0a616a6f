//! What a number of mature exposures adds up to.

use num_bigint::{BigInt, BigUint};

/// Users who were exposed, and what they did. Counts and sums are exact whatever the values are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GoalTally {
    /// Users with a mature exposure.
    pub users: u64,
    /// Those of them with a match of the goal.
    pub reached: u64,
    /// The actions that went out to them until then.
    pub messages: u64,
    /// The sum of what each user's matches are worth, in millionths.
    pub sum: BigInt,
    /// The sum of the squares of that, in millionths of millionths.
    pub sum_squares: BigUint,
}

impl GoalTally {
    /// That of one user.
    pub fn of_user(count: u64, millionths: i128, messages: u64) -> GoalTally {
        let magnitude = BigUint::from(millionths.unsigned_abs());
        GoalTally {
            users: 1,
            reached: u64::from(count > 0),
            messages,
            sum: BigInt::from(millionths),
            sum_squares: &magnitude * &magnitude,
        }
    }

    /// Adds another.
    pub fn add(&mut self, other: &GoalTally) {
        self.users += other.users;
        self.reached += other.reached;
        self.messages += other.messages;
        self.sum += &other.sum;
        self.sum_squares += &other.sum_squares;
    }
}

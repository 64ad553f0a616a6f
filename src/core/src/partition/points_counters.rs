//! What a partition has counted of the points of a ledger.

use serde::{Deserialize, Serialize};

use super::io::PointsChange;
use crate::points::{Points, PointsBalance};

/// Points of all users in one ledger: what was told since the partition was created, and what they have. Numbers that do not fit
/// stop at the largest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerCounters {
    /// Points by change, as in [`PointsChange::ALL`].
    pub points: [u64; PointsChange::ALL.len()],
    /// How often each change was told.
    pub changes: [u64; PointsChange::ALL.len()],
    /// The sum of all balances now.
    pub balance: i64,
}

impl LedgerCounters {
    pub(super) fn add(&mut self, change: PointsChange, amount: Points) {
        let points = &mut self.points[change as usize];
        *points = points.saturating_add(amount.saturated());
        self.changes[change as usize] += 1;
        let signed = i64::try_from(amount.saturated()).unwrap_or(i64::MAX);
        match change {
            PointsChange::Earned => self.balance = self.balance.saturating_add(signed),
            PointsChange::Spent | PointsChange::Expired => self.balance = self.balance.saturating_sub(signed),
            PointsChange::Refused => {}
        }
    }

    pub(super) fn enter(&mut self, balance: PointsBalance) {
        self.balance = self.balance.saturating_add(balance.saturated());
    }

    pub(super) fn leave(&mut self, balance: PointsBalance) {
        self.balance = self.balance.saturating_sub(balance.saturated());
    }

    /// Adds another partition's.
    pub(super) fn unite(&mut self, other: &LedgerCounters) {
        for (ours, theirs) in self.points.iter_mut().zip(other.points) {
            *ours = ours.saturating_add(theirs);
        }
        for (ours, theirs) in self.changes.iter_mut().zip(other.changes) {
            *ours += theirs;
        }
        self.balance = self.balance.saturating_add(other.balance);
    }
}

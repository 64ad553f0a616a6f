//! What one user has in one ledger.

use super::Earning;
use super::amount::{Points, PointsBalance};
use super::earning_days::EarningDays;
use super::lots::{Lot, Lots};
use crate::rules::ruleset::Ledger;
use crate::time::{Timestamp, ZoneCalendar};

/// What one user has in one ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserLedger {
    lots: Lots,
    debt: Points,
    days: EarningDays,
}

impl UserLedger {
    /// A ledger as it was stored; `None`: it cannot have been.
    pub(super) fn restore(lots: Lots, debt: Points, days: EarningDays) -> Option<UserLedger> {
        (lots.is_empty() || debt == Points::ZERO).then_some(UserLedger { lots, debt, days })
    }

    /// Points by the instant at which they expire.
    pub fn lots(&self) -> &Lots {
        &self.lots
    }

    /// What was spent beyond the balance.
    pub fn debt(&self) -> Points {
        self.debt
    }

    pub(super) fn days(&self) -> &EarningDays {
        &self.days
    }

    /// The points less the debt.
    pub fn balance(&self) -> PointsBalance {
        PointsBalance::new(self.lots.total(), self.debt)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lots.is_empty() && self.debt == Points::ZERO && self.days.is_empty()
    }

    pub(super) fn next_expiry(&self) -> Timestamp {
        self.lots.next_expiry()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.lots.heap_bytes() + self.days.heap_bytes()
    }

    /// Adds what `daily_max` leaves of an earning, a debt being paid from it first.
    pub(super) fn earn(&mut self, rules: &Ledger, earning: Earning<'_>, expires: Timestamp) -> Points {
        let earned = match rules.daily_max {
            None => earning.amount,
            Some(most) => self.days.earn(most.into(), earning),
        };
        let paid = earned.min(self.debt);
        self.debt = self.debt.less(paid);
        self.lots.add(Lot { expires, left: earned.less(paid) });
        earned
    }

    pub(super) fn spend(&mut self, amount: Points) {
        self.debt = self.debt.plus(self.lots.take(amount));
    }

    pub(super) fn expire(&mut self, now: Timestamp) -> Points {
        self.lots.expire(now)
    }

    pub(super) fn tidy(&mut self, now: Timestamp, calendar: &ZoneCalendar) {
        self.days.tidy(now, calendar);
    }

    pub(super) fn merge(&mut self, other: UserLedger) {
        self.lots.merge(other.lots);
        self.days.merge(other.days);
        let debt = self.debt.plus(other.debt);
        self.debt = self.lots.take(debt);
    }
}

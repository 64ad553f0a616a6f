//! Points of one user: what is left of what was earned, by ledger (semantics §14). Pure.
//!
//! A ledger has *lots*, points by the instant at which they expire, and a *debt*, what was spent beyond the balance. What
//! was earned and spent in windows is kept by features ([`PointsEarned`](crate::features::PointsEarned)), not here.
//!
//! # Invariants
//! - A ledger has lots or a debt, never both: a debt is paid from every lot at once.
//! - earned - spent - expired = balance, exactly, after every change.

mod amount;
mod codec;
mod earning_days;
mod ledger;
mod lots;
#[cfg(test)]
mod tests;

pub use amount::{Points, PointsBalance};
pub use ledger::UserLedger;
pub use lots::Lot;

use thin_vec::ThinVec;

use crate::rules::ruleset::{Ledger, LedgerId};
use crate::time::{Timestamp, ZoneCalendar};
use crate::value::{Comparison, ConditionResult, TermResult, Value};

/// The points of one user, ascending by ledger. A ledger without anything left takes no room.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserPoints(ThinVec<(LedgerId, UserLedger)>);

/// Points that an event would earn.
#[derive(Clone, Copy, Debug)]
pub struct Earning<'c> {
    /// How many.
    pub amount: Points,
    /// The event's own time.
    pub ts: Timestamp,
    /// The user's clock.
    pub now: Timestamp,
    /// The days of the rules.
    pub calendar: &'c ZoneCalendar,
}

impl UserPoints {
    /// What the user has in a ledger; `None`: nothing.
    pub fn ledger(&self, id: LedgerId) -> Option<&UserLedger> {
        self.0.binary_search_by_key(&id, |(other, _)| *other).ok().map(|at| &self.0[at].1)
    }

    /// The ledgers in which the user has anything, in file order.
    pub fn ledgers(&self) -> impl ExactSizeIterator<Item = (LedgerId, &UserLedger)> + Clone {
        self.0.iter().map(|(id, ledger)| (*id, ledger))
    }

    /// Whether the user has nothing, and owes nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the user has points, or a debt.
    pub fn has_balance(&self) -> bool {
        self.0.iter().any(|(_, ledger)| ledger.balance() != PointsBalance::ZERO)
    }

    /// The balance of a ledger.
    pub fn balance(&self, id: LedgerId) -> PointsBalance {
        self.ledger(id).map_or(PointsBalance::ZERO, UserLedger::balance)
    }

    /// Adds an earning. Returns how much was earned, after `daily_max` was applied; nothing where that is 0, or where it would
    /// have expired by now.
    pub(crate) fn earn(&mut self, id: LedgerId, rules: &Ledger, earning: Earning<'_>) -> Points {
        let expires = rules.expires.map_or(Timestamp::NEVER, |expires| earning.ts + expires);
        if expires <= earning.now || earning.amount == Points::ZERO {
            return Points::ZERO;
        }
        self.change(id, |ledger| ledger.earn(rules, earning, expires.min(Timestamp::NEVER)))
    }

    /// Spends an amount if the balance has it; with `debt`, in any case. Returns whether it was spent.
    pub(crate) fn spend(&mut self, id: LedgerId, amount: Points, debt: bool) -> bool {
        if !debt && !self.balance(id).covers(amount) {
            return false;
        }
        self.change(id, |ledger| ledger.spend(amount));
        true
    }

    /// Takes out the points of a ledger that expire at or before an instant, and returns how many those were.
    pub(crate) fn expire(&mut self, id: LedgerId, now: Timestamp) -> Points {
        if self.ledger(id).is_none_or(|ledger| ledger.next_expiry() > now) {
            return Points::ZERO;
        }
        self.change(id, |ledger| ledger.expire(now))
    }

    /// The earliest instant at which points expire.
    pub fn due(&self) -> Timestamp {
        self.0.iter().map(|(_, ledger)| ledger.next_expiry()).min().unwrap_or(Timestamp::NEVER)
    }

    /// Frees what was earned on days that no earning can be added to any more.
    pub(crate) fn tidy(&mut self, now: Timestamp, calendar: &ZoneCalendar) {
        self.0.retain_mut(|(_, ledger)| {
            ledger.tidy(now, calendar);
            !ledger.is_empty()
        });
    }

    /// Unites them with those of another user, at the same instant.
    pub(crate) fn merge(&mut self, other: UserPoints) {
        for (id, theirs) in other.0 {
            self.change(id, |ledger| ledger.merge(theirs));
        }
    }

    /// Takes some ledgers as they are in another state of the same user.
    pub(crate) fn take_ledgers(&mut self, other: UserPoints, is_taken: impl Fn(LedgerId) -> bool) {
        self.0.retain(|(id, _)| !is_taken(*id));
        self.0.extend(other.0.into_iter().filter(|(id, _)| is_taken(*id)));
        self.0.sort_unstable_by_key(|(id, _)| *id);
    }

    /// What is left of points that expire at most `within` from now, and until when that stays so without an event or an
    /// expiry.
    pub(crate) fn expiring(&self, id: LedgerId, by: Timestamp) -> TermResult<'static> {
        let Some(ledger) = self.ledger(id) else { return TermResult::constant(Points::ZERO.to_value()) };
        let (amount, next) = ledger.lots().expiring(by);
        TermResult { value: amount.to_value(), slope: 0, until: next }
    }

    /// Whether `expiring op constant`, where `by` is now and the length of time after it. `until` is the expiry of the lot that
    /// changes it.
    pub(crate) fn expiring_comparison(
        &self,
        id: LedgerId,
        by: Timestamp,
        op: Comparison,
        constant: &Value<'_>,
    ) -> ConditionResult {
        let holds = |amount: Points| crate::value::compare(op, &amount.to_value(), constant);
        match self.ledger(id) {
            None => ConditionResult { holds: holds(Points::ZERO), until: Timestamp::NEVER },
            Some(ledger) => ledger.lots().expiring_until(by, holds),
        }
    }

    /// The bytes on the heap.
    pub(crate) fn heap_bytes(&self) -> usize {
        let ledgers = self.0.iter().map(|(_, ledger)| ledger.heap_bytes()).sum::<usize>();
        self.0.capacity() * size_of::<(LedgerId, UserLedger)>() + ledgers
    }

    /// Changes a ledger, which is made before where there is none, and removed after where nothing is left.
    fn change<R>(&mut self, id: LedgerId, change: impl FnOnce(&mut UserLedger) -> R) -> R {
        let at = self.0.binary_search_by_key(&id, |(other, _)| *other).unwrap_or_else(|at| {
            self.0.insert(at, (id, UserLedger::default()));
            at
        });
        let result = change(&mut self.0[at].1);
        if self.0[at].1.is_empty() {
            self.0.remove(at);
        }
        result
    }
}

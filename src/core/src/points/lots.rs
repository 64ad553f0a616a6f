//! Lots: points by the instant at which they expire.

use super::amount::Points;
use crate::time::Timestamp;
use crate::value::ConditionResult;

/// How many lots are kept exactly. With one more, neighbours are united.
pub(super) const LOTS_MAX: usize = 2_000;

/// How many are left at most when neighbours are united.
const LOTS_UNITED: i64 = 1_000;

/// Points that expire at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lot {
    /// When.
    pub expires: Timestamp,
    /// What is left of them; above 0.
    pub left: Points,
}

/// The lots of a user in one ledger.
///
/// Ascending by expiry, one for each instant; points that never expire are the last. There are at most
/// [`LOTS_MAX`]: beyond that, expiries are rounded up to a multiple of a power of two milliseconds that leaves about a
/// thousand. A user who earns more than 2,000 times within `expires` keeps points for up to a five-hundredth of it longer,
/// never shorter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lots(Vec<Lot>);

impl Lots {
    /// Lots as they were stored; `None`: they cannot have been.
    pub(super) fn restore(lots: Vec<Lot>) -> Option<Lots> {
        let is_sound = lots.len() <= LOTS_MAX
            && lots.windows(2).all(|pair| pair[0].expires < pair[1].expires)
            && lots.iter().all(|lot| lot.left > Points::ZERO);
        is_sound.then_some(Lots(lots))
    }

    /// All of them, those that expire first before others.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Lot> + Clone {
        self.0.iter().copied()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn heap_bytes(&self) -> usize {
        self.0.capacity() * size_of::<Lot>()
    }

    pub(super) fn total(&self) -> Points {
        self.0.iter().fold(Points::ZERO, |total, lot| total.plus(lot.left))
    }

    /// When the first of them expires.
    pub fn next_expiry(&self) -> Timestamp {
        self.0.first().map_or(Timestamp::NEVER, |lot| lot.expires)
    }

    pub(super) fn add(&mut self, lot: Lot) {
        if lot.left == Points::ZERO {
            return;
        }
        let at = self.0.partition_point(|other| other.expires < lot.expires);
        match self.0.get_mut(at) {
            Some(other) if other.expires == lot.expires => other.left = other.left.plus(lot.left),
            _ => self.0.insert(at, lot),
        }
        self.unite();
    }

    /// Takes points from those that expire first, and returns what lacks.
    pub(super) fn take(&mut self, amount: Points) -> Points {
        let (mut lacks, mut gone) = (amount, 0);
        for lot in &mut self.0 {
            if lacks < lot.left {
                lot.left = lot.left.less(lacks);
                lacks = Points::ZERO;
                break;
            }
            lacks = lacks.less(lot.left);
            gone += 1;
        }
        self.0.drain(..gone);
        lacks
    }

    /// Takes out those that expire at or before an instant, and returns how many points those were.
    pub(super) fn expire(&mut self, now: Timestamp) -> Points {
        let gone = self.0.iter().take_while(|lot| lot.expires <= now && lot.expires < Timestamp::NEVER).count();
        self.0.drain(..gone).fold(Points::ZERO, |total, lot| total.plus(lot.left))
    }

    pub(super) fn merge(&mut self, other: Lots) {
        other.0.into_iter().for_each(|lot| self.add(lot));
    }

    /// What expires at or before an instant, and when the first of the rest does.
    pub(super) fn expiring(&self, by: Timestamp) -> (Points, Timestamp) {
        let within = self.0.partition_point(|lot| lot.expires <= by && lot.expires < Timestamp::NEVER);
        let amount = self.0[..within].iter().fold(Points::ZERO, |total, lot| total.plus(lot.left));
        (amount, self.0.get(within).map_or(Timestamp::NEVER, |lot| lot.expires))
    }

    /// Whether `holds` of what expires at or before an instant, and the expiry of the lot with which that changes.
    pub(super) fn expiring_until(&self, by: Timestamp, holds: impl Fn(Points) -> bool) -> ConditionResult {
        let (mut amount, _) = self.expiring(by);
        let holds_now = holds(amount);
        let beyond = self.0.iter().filter(|lot| lot.expires > by && lot.expires < Timestamp::NEVER);
        for lot in beyond {
            amount = amount.plus(lot.left);
            if holds(amount) != holds_now {
                return ConditionResult { holds: holds_now, until: lot.expires };
            }
        }
        ConditionResult { holds: holds_now, until: Timestamp::NEVER }
    }

    /// Unites neighbours where there are too many lots. The step is a power of two, so that what was rounded once is not
    /// moved again by the next rounding.
    fn unite(&mut self) {
        if self.0.len() <= LOTS_MAX {
            return;
        }
        let expiries = self.0.iter().map(|lot| lot.expires.0).filter(|at| *at < Timestamp::NEVER.0);
        let (first, last) = (expiries.clone().min().unwrap_or(0), expiries.max().unwrap_or(0));
        let step = ((last - first) / LOTS_UNITED + 1).cast_unsigned().next_power_of_two().cast_signed();
        let lots = std::mem::take(&mut self.0);
        for lot in lots {
            let expires = match lot.expires {
                Timestamp::NEVER => Timestamp::NEVER,
                // Neither can overflow: both are below 2^62.
                Timestamp(at) => Timestamp((at + step - 1).div_euclid(step) * step).min(Timestamp::NEVER),
            };
            match self.0.last_mut() {
                Some(other) if other.expires == expires => other.left = other.left.plus(lot.left),
                _ => self.0.push(Lot { expires, ..lot }),
            }
        }
    }
}

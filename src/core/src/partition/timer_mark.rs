//! How far timers have fired: through an instant, and part of the way through the next.

use crate::route::turn_of;
use crate::time::Timestamp;

/// A place in the order in which timers fire: by due time, those due at the same instant by the [turns](turn_of) of their
/// users. However many users are due at one instant, some of them can fire before the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TimerMark {
    /// Every timer that is due at or before this instant lies before the mark.
    pub instant: Timestamp,
    /// Those due a millisecond later do so too if the user's turn is below this.
    pub turns: u32,
}

impl TimerMark {
    /// Before all timers.
    pub const MIN: TimerMark = TimerMark::through(Timestamp::MIN);
    /// After all timers.
    pub const NEVER: TimerMark = TimerMark::through(Timestamp::NEVER);

    /// After all timers that are due at or before an instant.
    pub const fn through(instant: Timestamp) -> TimerMark {
        TimerMark { instant, turns: 0 }
    }

    /// The latest instant at which a timer before the mark can be due.
    pub fn latest(self) -> Timestamp {
        if self.turns == 0 { self.instant } else { self.next_instant() }
    }

    /// Through which instant a user's timers lie before the mark.
    pub fn instant_for(self, user: &str) -> Timestamp {
        if self.turns > 0 && turn_of(user) < self.turns { self.next_instant() } else { self.instant }
    }

    fn next_instant(self) -> Timestamp {
        Timestamp(self.instant.0.saturating_add(1))
    }

    /// What the timers before the mark are below of, and all others are not.
    pub(super) fn end(self) -> TimerKey {
        TimerKey::new(self.next_instant(), self.turns)
    }
}

/// What timers are ordered by, in 96 bits: the due time, then the user's turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct TimerKey(u128);

impl TimerKey {
    /// The bits of the turn.
    pub(super) const TURN_BITS: usize = 32;
    /// All bits.
    pub(super) const BITS: usize = 64 + TimerKey::TURN_BITS;

    pub(super) fn new(due: Timestamp, turn: u32) -> TimerKey {
        // With the sign bit turned over, times before 1970 come first.
        TimerKey(u128::from(due.0 as u64 ^ 1 << 63) << TimerKey::TURN_BITS | u128::from(turn))
    }

    /// The key as a number.
    pub(super) fn bits(self) -> u128 {
        self.0
    }

    pub(super) fn from_bits(bits: u128) -> TimerKey {
        TimerKey(bits)
    }

    /// The mark that has all lower keys before it.
    pub(super) fn mark(self) -> TimerMark {
        let due = ((self.0 >> TimerKey::TURN_BITS) as u64 ^ 1 << 63) as i64;
        TimerMark { instant: Timestamp(due.saturating_sub(1)), turns: self.0 as u32 }
    }

    /// The last key with the same due time.
    pub(super) fn last_of_instant(self) -> TimerKey {
        TimerKey(self.0 | u128::from(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_divides_the_users_of_one_instant() {
        let users: Vec<String> = (0..1_000).map(|n| format!("u{n}")).collect();
        let half = TimerMark { instant: Timestamp(-1), turns: 1 << 31 };
        let before: Vec<&String> = users.iter().filter(|user| half.instant_for(user) == Timestamp(0)).collect();
        assert!((400..600).contains(&before.len()), "{} of 1,000", before.len());
        assert!(users.iter().all(|user| half.instant_for(user) >= Timestamp(-1)));
        for user in users.iter() {
            let is_before = TimerKey::new(Timestamp(0), turn_of(user)) < half.end();
            assert_eq!(is_before, before.contains(&user));
            assert!(TimerKey::new(Timestamp(-1), turn_of(user)) < half.end());
            assert!(TimerKey::new(Timestamp(1), turn_of(user)) > half.end());
        }
        assert_eq!((half.latest(), TimerMark::through(Timestamp(-1)).latest()), (Timestamp(0), Timestamp(-1)));
    }

    #[test]
    fn keys_are_ordered_as_marks_are() {
        let marks = [
            TimerMark::MIN,
            TimerMark::through(Timestamp(-2)),
            TimerMark { instant: Timestamp(-2), turns: 1 },
            TimerMark { instant: Timestamp(-2), turns: u32::MAX },
            TimerMark::through(Timestamp(-1)),
            TimerMark { instant: Timestamp(-1), turns: 7 },
            TimerMark::through(Timestamp(0)),
            TimerMark::NEVER,
        ];
        assert!(marks.is_sorted() && marks.map(TimerMark::end).is_sorted());
        assert_eq!(marks.map(|mark| mark.end().mark()), marks);
    }
}

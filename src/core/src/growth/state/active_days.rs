//! The days on which a user was active.
//!
//! Exact for the 512 days up to the latest; older days are dropped. Reports cover 400 days, the first of which needs 29 more,
//! so dropping days changes no report.

use crate::growth::calendar::Day;
use crate::time::DayBits;

/// A set of days, relative to the latest, which the owner keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ActiveDays(pub(super) DayBits);

impl ActiveDays {
    /// The latest day alone.
    pub(super) fn new() -> ActiveDays {
        ActiveDays(DayBits::new())
    }

    /// Whether it contains a day.
    pub(super) fn contains(&self, latest: Day, day: Day) -> bool {
        self.0.contains(latest.since(day))
    }

    /// Adds a day, and moves `latest` to it where it is later. Returns whether it is new.
    pub(super) fn insert(&mut self, latest: &mut Day, day: Day) -> bool {
        if day <= *latest {
            return self.0.insert(latest.since(day));
        }
        self.0.insert_later(day.since(*latest));
        *latest = day;
        true
    }

    /// All days, ascending.
    pub(super) fn iter(&self, latest: Day) -> impl Iterator<Item = Day> + '_ {
        self.0.iter().map(move |back| latest.plus(-back))
    }
}

//! What the events of one partition add to the counts of days and hours, until it is entered into the [`Book`](super::book::Book).
//!
//! Sums of whole numbers, so neither the order of the entries nor how they were spread over partitions shows.

use hashbrown::HashMap;

use super::calendar::{Calendar, Day, Hour};
use crate::time::Timestamp;

type Hasher = foldhash::fast::FixedState;

/// Entries that wait for the book.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    pub(super) counts: HashMap<(Day, u16), i64, Hasher>,
    pub(super) amounts: HashMap<(Day, u16), i128, Hasher>,
    pub(super) hour_counts: HashMap<(Hour, u16), i64, Hasher>,
    pub(super) hour_amounts: HashMap<(Hour, u16), i128, Hasher>,
    pub(super) categories: Vec<CategorySale>,
    /// The hour that was looked up last, with its first and last millisecond.
    hour: Option<(i64, i64, Hour)>,
    /// Events in that hour that are not in `hour_counts` yet.
    pub(super) hour_events: i64,
}

/// A sale in a category, at its place in the log.
#[derive(Clone, Debug)]
pub(super) struct CategorySale {
    pub(super) position: u64,
    pub(super) day: Day,
    pub(super) category: Box<str>,
    pub(super) value: i64,
}

impl Ledger {
    pub(super) fn add(&mut self, day: Day, column: u16, by: i64) {
        *self.counts.entry((day, column)).or_default() += by;
    }

    pub(super) fn add_amount(&mut self, day: Day, column: u16, by: i128) {
        if by != 0 {
            *self.amounts.entry((day, column)).or_default() += by;
        }
    }

    pub(super) fn add_hour(&mut self, hour: Hour, column: u16, by: i64) {
        *self.hour_counts.entry((hour, column)).or_default() += by;
    }

    pub(super) fn add_hour_amount(&mut self, hour: Hour, column: u16, by: i128) {
        if by != 0 {
            *self.hour_amounts.entry((hour, column)).or_default() += by;
        }
    }

    /// Counts an event; the hour it lies in.
    pub(super) fn event(&mut self, calendar: &Calendar, at: Timestamp) -> Hour {
        match self.hour {
            Some((first, last, hour)) if (first..=last).contains(&at.0) => {
                self.hour_events += 1;
                hour
            }
            _ => {
                self.settle();
                let (first, last, hour) = calendar.hour_around(at);
                self.hour = Some((first, last, hour));
                self.hour_events = 1;
                hour
            }
        }
    }

    /// Adds the events that were counted apart.
    pub(super) fn settle(&mut self) {
        if let Some((_, _, hour)) = self.hour
            && self.hour_events > 0
        {
            let events = std::mem::take(&mut self.hour_events);
            self.add_hour(hour, super::plan::HourCount::Events as u16, events);
        }
    }

    /// The bytes it takes.
    pub fn heap_bytes(&self) -> usize {
        self.counts.allocation_size()
            + self.amounts.allocation_size()
            + self.hour_counts.allocation_size()
            + self.hour_amounts.allocation_size()
            + self.categories.capacity() * size_of::<CategorySale>()
    }
}

//! What the events of one partition add to the counts of days and hours, until it is entered into the [`Book`](super::book::Book).
//!
//! Sums of whole numbers, so neither the order of the entries nor how they were spread over partitions shows.

use std::sync::Arc;

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
    /// What was seen, where somebody watches.
    pub(super) sightings: Option<Vec<Sighting>>,
}

/// An event as the growth numbers took it: for those who ask of a file what the numbers do not keep.
#[derive(Clone, Debug)]
pub struct Sighting {
    /// Its position in the log.
    pub position: u64,
    /// Whose it was, as far as was known then.
    pub user: Arc<str>,
    /// The visitor who turned out to be the user, with it; for whoever goes through a log to fill in.
    pub visitor: Option<Arc<str>>,
    /// Its time.
    pub ts: Timestamp,
    /// The hour it lies in.
    pub hour: Hour,
    /// The channel it came by, as it would be if it were the user's first: its place among the channels.
    pub channel: u8,
    /// Whether a session began with it.
    pub begins_session: bool,
    /// Whether it belongs to the session under way.
    pub in_session: bool,
    /// Whether it counted as a sale.
    pub sale: Option<Sale>,
}

/// What was bought, or given back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sale {
    /// An order.
    Order {
        /// Its value in millionths.
        value: i64,
        /// Its parts by category: at least one.
        parts: Vec<OrderPart>,
    },
    /// A refund.
    Refund {
        /// What was paid back, in millionths.
        value: i64,
    },
}

/// What of an order is of one category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderPart {
    /// Which; `None`: of none.
    pub category: Option<Box<str>>,
    /// Its part of the order's value, in millionths; the parts add up to it.
    pub value: i64,
    /// Its part of the order, in millionths; the parts add up to one.
    pub share: i64,
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
    /// From here on, what is seen is kept until it is taken.
    pub fn watch(&mut self) {
        self.sightings.get_or_insert_default();
    }

    /// Takes what was seen, in no particular order.
    pub fn take_sightings(&mut self) -> Vec<Sighting> {
        self.sightings.as_mut().map(std::mem::take).unwrap_or_default()
    }

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

    /// What the event under way counted as.
    pub(super) fn saw(&mut self, sale: Sale) {
        if let Some(last) = self.sightings.as_mut().and_then(|sightings| sightings.last_mut()) {
            last.sale = Some(sale);
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

    /// The day of an instant, which mostly lies in the hour that was looked up last.
    pub(super) fn day(&self, calendar: &Calendar, at: Timestamp) -> Day {
        match self.hour {
            Some((first, last, hour)) if (first..=last).contains(&at.0) => hour.day(),
            _ => calendar.day(at),
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

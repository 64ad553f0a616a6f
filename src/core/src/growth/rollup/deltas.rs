//! What the events of one partition add to the counts, until it is merged into the [`Rollup`](super::Rollup).
//!
//! Sums of whole numbers: neither the order of events nor their partitioning affects the rollup.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::growth::FixedHashBuilder;
use crate::growth::calendar::{BusinessCalendar, Day, Hour, HourSpan};
use crate::growth::counts::{HourAmount, HourCount};
use crate::growth::plan::{HOUR_EVENTS, hour_amount, hour_count};
use crate::time::Timestamp;

/// Changes that wait to be merged, and the events that made them, where an analysis observes them.
#[derive(Clone, Debug, Default)]
pub struct RollupDeltas {
    pub(super) counts: HashMap<(Day, u16), i64, FixedHashBuilder>,
    pub(super) amounts: HashMap<(Day, u16), i128, FixedHashBuilder>,
    pub(super) hour_counts: HashMap<(Hour, u16), i64, FixedHashBuilder>,
    pub(super) hour_amounts: HashMap<(Hour, u16), i128, FixedHashBuilder>,
    pub(super) category_sales: Vec<CategorySale>,
    /// The hour that was looked up last.
    hour: Option<HourSpan>,
    /// Events in that hour that are not in `hour_counts` yet.
    hour_events: i64,
    /// The events since the last call of [`take_observed`](RollupDeltas::take_observed), where they are observed.
    observed: Option<Vec<ObservedEvent>>,
}

/// How an event counted, for analyses that need more than the rollup keeps.
#[derive(Clone, Debug)]
pub struct ObservedEvent {
    /// Its position in the log.
    pub position: u64,
    /// Its user, as known at that position.
    pub user: Arc<str>,
    /// The visitor that was merged into the user at that position; set by the reader of the log.
    pub visitor: Option<Arc<str>>,
    /// Its time.
    pub ts: Timestamp,
    /// Its hour.
    pub hour: Hour,
    /// The number of the channel it would give the user if it were the first event.
    pub channel: u8,
    /// Whether it started a session.
    pub starts_session: bool,
    /// Whether it belongs to the current session.
    pub in_session: bool,
    /// The sale it counted as.
    pub sale: Option<Sale>,
}

/// An order or a refund.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sale {
    /// An order.
    Order {
        /// Its value in millionths.
        value: i64,
        /// Its parts by category: at least one.
        parts: Vec<OrderPart>,
        /// Its products, where the rules say which matches they are.
        items: Option<Vec<PurchasedItem>>,
    },
    /// A refund.
    Refund {
        /// The refunded value in millionths.
        value: i64,
    },
}

/// A product of an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurchasedItem {
    /// What identifies it.
    pub id: Box<str>,
    /// Its name, if it has one.
    pub name: Option<Box<str>>,
}

/// The part of an order in one category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderPart {
    /// The category; `None`: uncategorised.
    pub category: Option<Box<str>>,
    /// Its part of the order's value, in millionths; the parts add up to the value.
    pub value: i64,
    /// Its part of the order, in millionths; the parts add up to one.
    pub share: i64,
}

/// A sale in a category.
#[derive(Clone, Debug)]
pub(crate) struct CategorySale {
    /// Its position in the log.
    pub(crate) position: u64,
    pub(crate) day: Day,
    pub(crate) category: Box<str>,
    /// In millionths.
    pub(crate) value: i64,
}

impl RollupDeltas {
    /// Keeps every event from here on until it is [taken](RollupDeltas::take_observed).
    pub fn observe_events(&mut self) {
        self.observed.get_or_insert_default();
    }

    /// Whether events are observed.
    pub(crate) fn is_observing(&self) -> bool {
        self.observed.is_some()
    }

    /// Takes the events so far, in no particular order.
    pub fn take_observed(&mut self) -> Vec<ObservedEvent> {
        self.observed.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// Keeps an event; call it only while events are [observed](RollupDeltas::is_observing).
    pub(crate) fn observe(&mut self, event: ObservedEvent) {
        self.observed.get_or_insert_default().push(event);
    }

    /// Sets the sale of the event that was kept last.
    pub(crate) fn observe_sale(&mut self, sale: Sale) {
        if let Some(last) = self.observed.as_mut().and_then(|observed| observed.last_mut()) {
            last.sale = Some(sale);
        }
    }

    pub(crate) fn add(&mut self, day: Day, column: u16, by: i64) {
        *self.counts.entry((day, column)).or_default() += by;
    }

    pub(crate) fn add_amount(&mut self, day: Day, column: u16, by: i128) {
        if by != 0 {
            *self.amounts.entry((day, column)).or_default() += by;
        }
    }

    pub(crate) fn add_hour(&mut self, hour: Hour, count: HourCount, by: i64) {
        *self.hour_counts.entry((hour, hour_count(count))).or_default() += by;
    }

    pub(crate) fn add_hour_amount(&mut self, hour: Hour, amount: HourAmount, by: i64) {
        if by != 0 {
            *self.hour_amounts.entry((hour, hour_amount(amount))).or_default() += i128::from(by);
        }
    }

    pub(crate) fn add_category_sale(&mut self, sale: CategorySale) {
        self.category_sales.push(sale);
    }

    /// Counts an event, and returns its hour.
    pub(crate) fn count_event(&mut self, calendar: &BusinessCalendar, at: Timestamp) -> Hour {
        match &self.hour {
            Some(span) if span.contains(at) => {
                self.hour_events += 1;
                span.hour
            }
            _ => {
                self.flush_events();
                let span = self.hour.insert(calendar.hour_span(at));
                self.hour_events = 1;
                span.hour
            }
        }
    }

    /// The day of an instant, which mostly lies in the hour that was looked up last.
    pub(crate) fn day(&self, calendar: &BusinessCalendar, at: Timestamp) -> Day {
        match &self.hour {
            Some(span) if span.contains(at) => span.hour.day(),
            _ => calendar.day(at),
        }
    }

    /// Adds the events of the current hour to its count.
    pub(super) fn flush_events(&mut self) {
        if let Some(span) = self.hour
            && self.hour_events > 0
        {
            let events = std::mem::take(&mut self.hour_events);
            *self.hour_counts.entry((span.hour, HOUR_EVENTS)).or_default() += events;
        }
    }

    /// The heap bytes it takes.
    pub fn heap_bytes(&self) -> usize {
        self.counts.allocation_size()
            + self.amounts.allocation_size()
            + self.hour_counts.allocation_size()
            + self.hour_amounts.allocation_size()
            + self.category_sales.capacity() * size_of::<CategorySale>()
    }
}

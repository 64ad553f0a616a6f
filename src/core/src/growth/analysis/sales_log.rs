//! Every sale of a log, attributed to its buyer as known at the end of the log.

use std::sync::Arc;

use hashbrown::HashMap;

use crate::growth::FixedHashBuilder;
use crate::growth::calendar::Day;
use crate::growth::rollup::{ObservedEvent, Sale};
use crate::time::Timestamp;

/// The sales so far, and the first touch of every user.
#[derive(Debug, Default)]
pub struct SalesLog {
    numbers: HashMap<Arc<str>, u32, FixedHashBuilder>,
    /// The first touch of each user, by the user's number.
    touches: Vec<FirstTouch>,
    sales: Vec<RecordedSale>,
    first_day: Option<Day>,
}

/// A user's first event.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct FirstTouch {
    ts: Timestamp,
    position: u64,
    channel: u8,
}

#[derive(Debug)]
struct RecordedSale {
    user: u32,
    ts: Timestamp,
    day: Day,
    sale: Sale,
}

/// A sale with its buyer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttributedSale {
    /// The buyer's number.
    pub buyer: u32,
    /// The buyer's first-touch channel.
    pub channel: u8,
    /// The business day.
    pub day: Day,
    /// Whether it is the buyer's first order ever.
    pub is_first: bool,
    /// The order or refund.
    pub sale: Sale,
}

impl SalesLog {
    /// Adds an event.
    pub fn add(&mut self, event: &ObservedEvent) {
        let day = event.hour.day();
        self.first_day = Some(self.first_day.map_or(day, |first| first.min(day)));
        let touch = FirstTouch { ts: event.ts, position: event.position, channel: event.channel };
        let user = match self.numbers.get(&event.user) {
            Some(user) => {
                let known = &mut self.touches[*user as usize];
                *known = touch.min(*known);
                *user
            }
            None => {
                let user = u32::try_from(self.touches.len()).unwrap_or(u32::MAX);
                self.numbers.insert(Arc::clone(&event.user), user);
                self.touches.push(touch);
                user
            }
        };
        if let Some(sale) = &event.sale {
            self.sales.push(RecordedSale { user, ts: event.ts, day, sale: sale.clone() });
        }
    }

    /// The day of the earliest event of any kind.
    pub fn first_day(&self) -> Option<Day> {
        self.first_day
    }

    /// All sales, by time, then in log order; `user_of` gives the user whom a visitor was merged into.
    pub fn attribute<'l>(mut self, user_of: impl Fn(&str) -> Option<&'l str>) -> Vec<AttributedSale> {
        let mut owner: Vec<u32> = (0..self.touches.len()).map(|user| user as u32).collect();
        for (name, user) in &self.numbers {
            if let Some(known) = user_of(name).and_then(|known| self.numbers.get(known)) {
                owner[*user as usize] = *known;
            }
        }
        for (user, owner) in owner.iter().enumerate() {
            let touch = self.touches[user];
            let known = &mut self.touches[*owner as usize];
            *known = touch.min(*known);
        }
        self.sales.sort_by_key(|sale| sale.ts);
        let mut has_bought = vec![false; owner.len()];
        let attributed = self.sales.into_iter().map(|recorded| {
            let buyer = owner[recorded.user as usize];
            let is_order = matches!(recorded.sale, Sale::Order { .. });
            let is_first = is_order && !has_bought[buyer as usize];
            has_bought[buyer as usize] |= is_order;
            AttributedSale {
                buyer,
                channel: self.touches[buyer as usize].channel,
                day: recorded.day,
                is_first,
                sale: recorded.sale,
            }
        });
        attributed.collect()
    }
}

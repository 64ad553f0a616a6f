//! Every sale of a log, with whose it was in the end.

use std::sync::Arc;

use hashbrown::HashMap;

use rekindle_core::growth::calendar::Day;
use rekindle_core::growth::{Sale, Sighting};
use rekindle_core::time::Timestamp;

type Hasher = foldhash::fast::FixedState;

/// The sales so far, and the first touch of everybody.
#[derive(Debug, Default)]
pub struct Sales {
    numbers: HashMap<Arc<str>, u32, Hasher>,
    /// By the users' numbers: the time and position of the first event, and its channel.
    touches: Vec<(Timestamp, u64, u8)>,
    sales: Vec<Taken>,
    first_day: Option<Day>,
}

#[derive(Debug)]
struct Taken {
    user: u32,
    ts: Timestamp,
    day: Day,
    sale: Sale,
}

/// A sale, once everything is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    /// The buyer's number.
    pub buyer: u32,
    /// The buyer's first-touch channel.
    pub channel: u8,
    /// The business day.
    pub day: Day,
    /// Whether it is the buyer's first order ever.
    pub is_first: bool,
    /// What it was.
    pub sale: Sale,
}

impl Sales {
    /// Takes in an event.
    pub fn take(&mut self, seen: &Sighting) {
        let day = seen.hour.day();
        self.first_day = Some(self.first_day.map_or(day, |first| first.min(day)));
        let touch = (seen.ts, seen.position, seen.channel);
        let user = match self.numbers.get(&seen.user) {
            Some(user) => {
                let known = &mut self.touches[*user as usize];
                *known = touch.min(*known);
                *user
            }
            None => {
                let user = u32::try_from(self.touches.len()).unwrap_or(u32::MAX);
                self.numbers.insert(Arc::clone(&seen.user), user);
                self.touches.push(touch);
                user
            }
        };
        if let Some(sale) = &seen.sale {
            self.sales.push(Taken { user, ts: seen.ts, day, sale: sale.clone() });
        }
    }

    /// The day of the earliest event of any kind.
    pub fn first_day(&self) -> Option<Day> {
        self.first_day
    }

    /// All sales, by time, then in the log's order; `user_of` tells which user a visitor turned out to be.
    pub fn settle<'l>(mut self, user_of: impl Fn(&str) -> Option<&'l str>) -> Vec<Settled> {
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
        self.sales.sort_by_key(|taken| taken.ts);
        let mut has_bought = vec![false; owner.len()];
        let settled = self.sales.into_iter().map(|taken| {
            let buyer = owner[taken.user as usize];
            let is_order = matches!(taken.sale, Sale::Order { .. });
            let is_first = is_order && !has_bought[buyer as usize];
            has_bought[buyer as usize] |= is_order;
            Settled { buyer, channel: self.touches[buyer as usize].2, day: taken.day, is_first, sale: taken.sale }
        });
        settled.collect()
    }
}

//! The orders and refunds of a user: by day, and the first two orders ever.

use thin_vec::ThinVec;

use super::heap_bytes::thin_vec_bytes;
use super::updater::StateUpdater;
use crate::growth::calendar::Day;
use crate::growth::counts::{DayAmount, DayCount};
use crate::growth::rollup::UserContribution;
use crate::time::Timestamp;

/// Days with orders that are kept; older ones are outside of every window of a report.
const DAYS_KEPT: i64 = 512;
/// Order ids that are kept to recognise an order that is sent again.
const IDS_KEPT: usize = 256;

/// What [`OrderDay::counts`] are, in order.
const COUNTS: [DayCount; 3] = [DayCount::Orders, DayCount::CouponOrders, DayCount::Refunds];
/// What [`OrderDay::amounts`] are, in order.
const AMOUNTS: [DayAmount; 3] = [DayAmount::Gmv, DayAmount::Refunded, DayAmount::Discount];

/// The orders and refunds of a user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct UserOrders {
    /// Ascending.
    pub(super) days: ThinVec<OrderDay>,
    /// The first order ever.
    pub(super) first: Option<PlacedOrder>,
    /// The time of the second.
    pub(super) second: Option<Timestamp>,
    /// Hashes of the ids of the latest orders, oldest first.
    pub(super) ids: ThinVec<u64>,
}

/// An order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PlacedOrder {
    pub(super) at: Timestamp,
    /// In millionths.
    pub(super) value: i64,
}

/// A user's orders and refunds of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OrderDay {
    pub(super) day: Day,
    /// Orders, orders with a coupon, refunds.
    pub(super) counts: [u32; COUNTS.len()],
    /// GMV, refunded, discounts, in millionths.
    pub(super) amounts: [i64; AMOUNTS.len()],
}

impl OrderDay {
    fn empty(day: Day) -> OrderDay {
        OrderDay { day, counts: [0; COUNTS.len()], amounts: [0; AMOUNTS.len()] }
    }

    /// One order.
    pub(super) fn of_order(day: Day, value: i64, discount: i64, has_coupon: bool) -> OrderDay {
        OrderDay { day, counts: [1, has_coupon.into(), 0], amounts: [value, 0, discount] }
    }

    /// One refund.
    pub(super) fn of_refund(day: Day, refunded: i64) -> OrderDay {
        OrderDay { day, counts: [0, 0, 1], amounts: [0, refunded, 0] }
    }

    fn has_orders(&self) -> bool {
        self.counts[0] > 0
    }

    fn add(&mut self, other: &OrderDay) {
        self.counts.iter_mut().zip(other.counts).for_each(|(sum, count)| *sum = sum.saturating_add(count));
        self.amounts.iter_mut().zip(other.amounts).for_each(|(sum, amount)| *sum = sum.saturating_add(amount));
    }

    /// What does not depend on other days.
    fn contribute(&self, to: &mut UserContribution<'_>) {
        COUNTS.into_iter().zip(self.counts).for_each(|(count, by)| to.count(self.day, count, by));
        AMOUNTS.into_iter().zip(self.amounts).for_each(|(amount, by)| to.amount(self.day, amount, by));
    }
}

impl UserOrders {
    pub(super) fn heap_bytes(&self) -> usize {
        thin_vec_bytes(&self.days) + thin_vec_bytes(&self.ids)
    }

    /// Remembers the id of an order. Returns whether it is new.
    pub(super) fn insert_id(&mut self, id: u64) -> bool {
        if self.ids.contains(&id) {
            return false;
        }
        if self.ids.len() == IDS_KEPT {
            self.ids.remove(0);
        }
        self.ids.push(id);
        true
    }

    /// Adds an order (`more` with `order`) or a refund, and its contribution.
    pub(super) fn add(
        &mut self,
        more: &OrderDay,
        order: Option<PlacedOrder>,
        channel: u8,
        updater: &mut StateUpdater<'_>,
    ) {
        let last = self.days.last().copied();
        if last.is_some_and(|last| more.day < last.day) {
            self.contribute(&mut updater.removing(channel));
            self.add_day(more);
            order.into_iter().for_each(|order| self.add_order(order));
            self.contribute(&mut updater.adding(channel));
            return;
        }
        if let Some(order) = order {
            self.contribute_firsts(&mut updater.removing(channel));
            self.add_order(order);
            self.contribute_firsts(&mut updater.adding(channel));
        }
        let before = last.filter(|last| last.day == more.day).unwrap_or_else(|| OrderDay::empty(more.day));
        let mut after = before;
        after.add(more);
        before.contribute(&mut updater.removing(channel));
        after.contribute(&mut updater.adding(channel));
        if !before.has_orders() && after.has_orders() {
            let earlier = self.days.iter().rev().find(|held| held.has_orders()).map(|held| held.day);
            contribute_buyer(more.day, earlier, &mut updater.adding(channel));
        }
        self.add_day(more);
    }

    fn add_order(&mut self, order: PlacedOrder) {
        match self.first {
            None => self.first = Some(order),
            Some(first) if order.at < first.at => {
                self.second = Some(first.at);
                self.first = Some(order);
            }
            Some(_) if self.second.is_none_or(|second| order.at < second) => self.second = Some(order.at),
            Some(_) => {}
        }
    }

    fn add_day(&mut self, more: &OrderDay) {
        match self.days.binary_search_by_key(&more.day, |held| held.day) {
            Ok(at) => self.days[at].add(more),
            Err(at) => self.days.insert(at, *more),
        }
        if let Some(last) = self.days.last().map(|held| held.day) {
            self.days.retain(|held| last.since(held.day) < DAYS_KEPT);
        }
    }

    /// Contributes all of it.
    pub(super) fn contribute(&self, to: &mut UserContribution<'_>) {
        let mut previous = None;
        for held in &self.days {
            held.contribute(to);
            if held.has_orders() {
                contribute_buyer(held.day, previous, to);
                previous = Some(held.day);
            }
        }
        self.contribute_firsts(to);
    }

    fn contribute_firsts(&self, to: &mut UserContribution<'_>) {
        if let Some(first) = self.first {
            let day = to.plan.calendar.day(first.at);
            to.count(day, DayCount::NewBuyers, 1);
            to.amount(day, DayAmount::GmvNew, first.value);
        }
        if let Some(second) = self.second {
            let day = to.plan.calendar.day(second);
            to.count(day, DayCount::RepeatBuyers, 1);
        }
    }

    /// Merges the orders of a visitor. An order that both have counts for both.
    pub(super) fn merge(&mut self, visitor: UserOrders) {
        for held in &visitor.days {
            self.add_day(held);
        }
        let seconds = [self.second, visitor.second];
        let firsts = [self.first, visitor.first].into_iter().flatten();
        // Of two at the same time, the user's own is the first.
        let first = firsts.clone().min_by_key(|order| order.at);
        let later =
            (self.first.is_some() && visitor.first.is_some()).then(|| firsts.map(|order| order.at).max()).flatten();
        self.second = seconds.into_iter().chain([later]).flatten().min();
        self.first = first;
        for id in visitor.ids {
            self.insert_id(id);
        }
    }

    /// Whether it is valid: days ascending, and the second order not before the first.
    pub(super) fn is_sound(&self) -> bool {
        let is_ascending = self.days.windows(2).all(|pair| pair[0].day < pair[1].day);
        let has_first = self.first.is_some() || self.second.is_none();
        let is_in_order = self.first.zip(self.second).is_none_or(|(first, second)| first.at <= second);
        is_ascending && has_first && is_in_order && self.ids.len() <= IDS_KEPT
    }
}

/// A day with orders, after the `previous` one.
fn contribute_buyer(day: Day, previous: Option<Day>, to: &mut UserContribution<'_>) {
    to.count(day, DayCount::Buyers, 1);
    to.windows([DayCount::Buyers7d, DayCount::Buyers30d], day, previous);
}

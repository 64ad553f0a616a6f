//! What a user bought: each day with orders or refunds, and the first two orders ever.

use thin_vec::ThinVec;

use super::calendar::Day;
use super::ledger::Ledger;
use super::plan::{Amount, Count, Plan};
use super::record::{add_windows, thin_bytes};
use crate::time::Timestamp;

/// Days with orders that are kept; older ones have long left every window that shows.
const DAYS_KEPT: i64 = 512;
/// Ids of orders by which a reload of the same order is told.
const IDS_KEPT: usize = 256;

/// What a user bought.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Orders {
    /// Ascending.
    pub(super) days: ThinVec<OrderDay>,
    /// The first order ever, with its value.
    pub(super) first: Option<(Timestamp, i64)>,
    /// The second.
    pub(super) second: Option<Timestamp>,
    /// Hashes of the latest orders' ids, oldest first.
    pub(super) ids: ThinVec<u64>,
}

/// A user's orders and refunds of a day. Amounts in millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OrderDay {
    pub(super) day: Day,
    pub(super) orders: u32,
    pub(super) coupon_orders: u32,
    pub(super) refunds: u32,
    pub(super) gmv: i64,
    pub(super) refunded: i64,
    pub(super) discount: i64,
}

impl OrderDay {
    pub(super) fn new(day: Day) -> OrderDay {
        OrderDay { day, orders: 0, coupon_orders: 0, refunds: 0, gmv: 0, refunded: 0, discount: 0 }
    }

    fn add(&mut self, other: &OrderDay) {
        self.orders = self.orders.saturating_add(other.orders);
        self.coupon_orders = self.coupon_orders.saturating_add(other.coupon_orders);
        self.refunds = self.refunds.saturating_add(other.refunds);
        self.gmv = self.gmv.saturating_add(other.gmv);
        self.refunded = self.refunded.saturating_add(other.refunded);
        self.discount = self.discount.saturating_add(other.discount);
    }

    /// What adds up over users without regard to other days.
    fn contribute(&self, plan: &Plan, channel: u8, sign: i64, ledger: &mut Ledger) {
        for (count, number) in
            [(Count::Orders, self.orders), (Count::CouponOrders, self.coupon_orders), (Count::Refunds, self.refunds)]
        {
            if number > 0 {
                ledger.add(self.day, plan.layout.count(channel, count, 0), sign * i64::from(number));
            }
        }
        for (amount, number) in
            [(Amount::Gmv, self.gmv), (Amount::Refunded, self.refunded), (Amount::Discount, self.discount)]
        {
            ledger.add_amount(self.day, plan.layout.amount(channel, amount), i128::from(sign) * i128::from(number));
        }
    }
}

impl Orders {
    pub(super) fn heap_bytes(&self) -> usize {
        thin_bytes(&self.days) + thin_bytes(&self.ids)
    }

    /// Whether an order of this id is new; it is not any more.
    pub(super) fn is_new(&mut self, id: u64) -> bool {
        if self.ids.contains(&id) {
            return false;
        }
        if self.ids.len() == IDS_KEPT {
            self.ids.remove(0);
        }
        self.ids.push(id);
        true
    }

    /// Takes in an order (its time and value) or a refund, of a day, and enters what that adds.
    pub(super) fn take(
        &mut self,
        (plan, channel): (&Plan, u8),
        more: &OrderDay,
        order: Option<(Timestamp, i64)>,
        ledger: &mut Ledger,
    ) {
        let last = self.days.last().copied();
        if last.is_some_and(|last| more.day < last.day) {
            self.contribute(plan, channel, -1, ledger);
            self.add_day(more);
            order.into_iter().for_each(|(ts, value)| self.order(ts, value));
            self.contribute(plan, channel, 1, ledger);
            return;
        }
        if let Some((ts, value)) = order {
            self.contribute_firsts(plan, channel, -1, ledger);
            self.order(ts, value);
            self.contribute_firsts(plan, channel, 1, ledger);
        }
        let before = last.filter(|last| last.day == more.day).unwrap_or_else(|| OrderDay::new(more.day));
        let mut after = before;
        after.add(more);
        before.contribute(plan, channel, -1, ledger);
        after.contribute(plan, channel, 1, ledger);
        if before.orders == 0 && after.orders > 0 {
            let earlier = self.days.iter().rev().find(|held| held.orders > 0).map(|held| held.day);
            Orders::contribute_buyer(plan, channel, more.day, earlier, 1, ledger);
        }
        self.add_day(more);
    }

    /// An order of that value.
    fn order(&mut self, ts: Timestamp, value: i64) {
        match self.first {
            None => self.first = Some((ts, value)),
            Some((first, _)) if ts < first => {
                self.second = Some(first);
                self.first = Some((ts, value));
            }
            Some(_) if self.second.is_none_or(|second| ts < second) => self.second = Some(ts),
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

    /// Enters all of it, with a plus (1) or a minus (−1).
    pub(super) fn contribute(&self, plan: &Plan, channel: u8, sign: i64, ledger: &mut Ledger) {
        let mut previous = None;
        for held in &self.days {
            held.contribute(plan, channel, sign, ledger);
            if held.orders > 0 {
                Orders::contribute_buyer(plan, channel, held.day, previous, sign, ledger);
                previous = Some(held.day);
            }
        }
        self.contribute_firsts(plan, channel, sign, ledger);
    }

    /// Enters a day with orders, after `previous` one.
    fn contribute_buyer(plan: &Plan, channel: u8, day: Day, previous: Option<Day>, sign: i64, ledger: &mut Ledger) {
        let count = |count| plan.layout.count(channel, count, 0);
        ledger.add(day, count(Count::Buyers), sign);
        add_windows(ledger, [count(Count::Buyers7d), count(Count::Buyers30d)], day, previous, sign);
    }

    fn contribute_firsts(&self, plan: &Plan, channel: u8, sign: i64, ledger: &mut Ledger) {
        let count = |count| plan.layout.count(channel, count, 0);
        if let Some((first, value)) = self.first {
            let day = plan.calendar.day(first);
            ledger.add(day, count(Count::NewBuyers), sign);
            let value = i128::from(sign) * i128::from(value);
            ledger.add_amount(day, plan.layout.amount(channel, Amount::GmvNew), value);
        }
        if let Some(second) = self.second {
            ledger.add(plan.calendar.day(second), count(Count::RepeatBuyers), sign);
        }
    }

    /// Takes in a visitor's. Of orders that both have, both count.
    pub(super) fn unite(&mut self, theirs: Orders) {
        for held in &theirs.days {
            self.add_day(held);
        }
        let second = [self.second, theirs.second];
        let firsts = [self.first, theirs.first].into_iter().flatten();
        // Of two at the same time, the user's own is the first.
        let first = firsts.clone().min_by_key(|(at, _)| *at);
        let later = (self.first.is_some() && theirs.first.is_some()).then(|| firsts.map(|(at, _)| at).max()).flatten();
        self.second = second.into_iter().chain([later]).flatten().min();
        self.first = first;
        for id in theirs.ids {
            self.is_new(id);
        }
    }

    /// Whether what it holds can be: days ascending, and none without anything.
    pub(super) fn is_sound(&self) -> bool {
        let ascending = self.days.windows(2).all(|pair| pair[0].day < pair[1].day);
        let has_first = self.first.is_some() || self.second.is_none();
        let in_order = self.first.zip(self.second).is_none_or(|((first, _), second)| first <= second);
        ascending && has_first && in_order && self.ids.len() <= IDS_KEPT
    }
}

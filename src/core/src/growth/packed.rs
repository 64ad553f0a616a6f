//! A record as few bytes as can be, for the many users who are idle.
//!
//! ```text
//! latest · latest − first · sign-up − first + 1 or 0 · latest − session's day · channel, stage, session (1 byte each) ·
//! latest − day of the latest change of stages · the stage before it · depths · days, the latest 64 · the words of those before ·
//! funnel steps · orders
//! ```
//!
//! Instants are relative to one that the caller knows. The form lives in memory only.

use thin_vec::ThinVec;

use super::calendar::Day;
use super::days::Days;
use super::funnels::Step;
use super::orders::{OrderDay, Orders};
use super::record::{NEVER_BEFORE, Record, SignUp};
use crate::compact::{OURS, Reader, Writer};
use crate::time::Timestamp;

impl Record {
    /// Appends the record.
    pub(crate) fn pack(&self, writer: &mut Writer<'_>) {
        writer.unsigned(self.latest.0.into());
        writer.unsigned((self.latest.0 - self.first.0).into());
        writer.optional(self.signed_up.map(|day| i64::from(day.get()) - i64::from(self.first.0)));
        writer.signed(self.latest.since(self.session_day));
        writer.out.extend([self.channel, self.stage, self.session]);
        writer.signed(self.latest.since(self.moved));
        writer.out.push(self.stage_before);
        writer.unsigned(self.depths.into());
        writer.unsigned(self.days.recent);
        writer.unsigned(self.days.older.len() as u64);
        self.days.older.iter().for_each(|word| writer.unsigned(*word));
        writer.unsigned(self.steps.len() as u64);
        self.steps.iter().for_each(|step| writer.step(step));
        writer.out.push(u8::from(self.orders.is_some()));
        if let Some(orders) = &self.orders {
            writer.orders(orders);
        }
    }

    /// The record that comes next.
    pub(crate) fn unpack(reader: &mut Reader<'_>) -> Record {
        let latest = reader.day();
        let first = Day(latest.0 - reader.day().0);
        let signed_up = reader.optional().map(|after| i64::from(first.0) + after);
        let session_day = latest.plus(-reader.signed());
        let [channel, stage, session] = [reader.byte(), reader.byte(), reader.byte()];
        let (moved, stage_before) = (latest.plus(-reader.signed()), reader.byte());
        let depths = reader.small();
        let days = Days { recent: reader.unsigned(), older: reader.all_into(ThinVec::with_capacity, Reader::unsigned) };
        let steps = reader.all_into(ThinVec::with_capacity, Reader::step);
        let orders = (reader.byte() == 1).then(|| Box::new(reader.orders()));
        Record {
            days,
            steps,
            orders,
            depths,
            latest,
            first,
            signed_up: signed_up.and_then(|day| SignUp::new(u16::try_from(day).expect(OURS))),
            session_day,
            moved,
            channel,
            stage,
            stage_before,
            session,
        }
    }
}

impl Writer<'_> {
    fn instant(&mut self, at: i64) {
        self.optional((at != NEVER_BEFORE).then(|| at - self.base.0));
    }

    fn step(&mut self, step: &Step) {
        self.instant(step.start);
        if step.is_reached() {
            self.signed(step.time - step.start);
            self.unsigned(step.latest.0.into());
            self.unsigned(step.days.into());
        }
    }

    fn orders(&mut self, orders: &Orders) {
        let (first, value) = orders.first.unwrap_or((Timestamp(NEVER_BEFORE), 0));
        self.instant(first.0);
        self.signed(value);
        self.instant(orders.second.map_or(NEVER_BEFORE, |at| at.0));
        self.unsigned(orders.days.len() as u64);
        let mut before = 0;
        for held in &orders.days {
            self.unsigned((held.day.0 - before).into());
            before = held.day.0;
            [held.orders, held.coupon_orders, held.refunds].into_iter().for_each(|count| self.unsigned(count.into()));
            [held.gmv, held.refunded, held.discount].into_iter().for_each(|amount| self.signed(amount));
        }
        self.unsigned(orders.ids.len() as u64);
        orders.ids.iter().for_each(|id| self.out.extend_from_slice(&id.to_le_bytes()));
    }
}

impl Reader<'_> {
    fn day(&mut self) -> Day {
        Day(self.small())
    }

    fn instant(&mut self) -> i64 {
        self.optional().map_or(NEVER_BEFORE, |after| self.base.0 + after)
    }

    fn step(&mut self) -> Step {
        let start = self.instant();
        if start == NEVER_BEFORE {
            return Step::NEVER;
        }
        Step { start, time: start + self.signed(), latest: self.day(), days: self.small() }
    }

    fn orders(&mut self) -> Orders {
        let known = |at: i64| (at != NEVER_BEFORE).then_some(Timestamp(at));
        let (first, value) = (self.instant(), self.signed());
        let second = known(self.instant());
        let mut before = 0;
        let days = self.all_into(ThinVec::with_capacity, |reader| {
            before += reader.day().0;
            let [orders, coupon_orders, refunds] = [reader.small(), reader.small(), reader.small()];
            let [gmv, refunded, discount] = [reader.signed(), reader.signed(), reader.signed()];
            OrderDay { day: Day(before), orders, coupon_orders, refunds, gmv, refunded, discount }
        });
        let ids = self.all_into(ThinVec::with_capacity, |reader| u64::from_le_bytes(reader.array()));
        Orders { days, first: known(first).map(|first| (first, value)), second, ids }
    }
}

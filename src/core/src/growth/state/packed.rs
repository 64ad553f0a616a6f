//! The growth state of a user in as few bytes as possible, for the many users who are idle.
//!
//! ```text
//! latest · latest − first · sign-up − first + 1 or 0 · latest − session's day · channel, stage, session (1 byte each) ·
//! latest − day of the latest change of stages · the stage before it · depths · days, the latest 64 · the words of those before ·
//! funnel steps · orders
//! ```
//!
//! Instants are relative to one that the caller knows. The form lives in memory only.

use std::num::NonZeroU16;

use thin_vec::ThinVec;

use super::active_days::ActiveDays;
use super::funnel_steps::{FunnelStepState, FunnelSteps, NOT_REACHED};
use super::orders::{OrderDay, PlacedOrder, UserOrders};
use super::user_state::UserGrowthState;
use crate::compact::{CompactReader, CompactWriter, OURS};
use crate::growth::calendar::Day;
use crate::time::{DayBits, Timestamp};

impl UserGrowthState {
    /// Appends the state.
    pub(crate) fn pack(&self, writer: &mut CompactWriter<'_>) {
        writer.unsigned(self.latest.0.into());
        writer.unsigned((self.latest.0 - self.first.0).into());
        writer.optional(self.signed_up.map(|day| i64::from(day.get()) - i64::from(self.first.0)));
        writer.signed(self.latest.since(self.session_day));
        writer.out.extend([self.channel, self.stage, self.session]);
        writer.signed(self.latest.since(self.stage_day));
        writer.out.push(self.stage_before);
        writer.unsigned(self.depths.into());
        let DayBits { recent, older } = &self.days.0;
        writer.unsigned(*recent);
        writer.unsigned(older.len() as u64);
        older.iter().for_each(|word| writer.unsigned(*word));
        writer.unsigned(self.steps.slots.len() as u64);
        self.steps.slots.iter().for_each(|step| writer.step(step));
        writer.out.push(u8::from(self.orders.is_some()));
        if let Some(orders) = &self.orders {
            writer.orders(orders);
        }
    }

    /// Reads the state that comes next.
    pub(crate) fn unpack(reader: &mut CompactReader<'_>) -> UserGrowthState {
        let latest = reader.day();
        let first = Day(latest.0 - reader.day().0);
        let signed_up = reader.optional().map(|after| i64::from(first.0) + after);
        let session_day = latest.plus(-reader.signed());
        let [channel, stage, session] = [reader.byte(), reader.byte(), reader.byte()];
        let (stage_day, stage_before) = (latest.plus(-reader.signed()), reader.byte());
        let depths = reader.small();
        let (recent, older) = (reader.unsigned(), reader.all_into(ThinVec::with_capacity, CompactReader::unsigned));
        let days = ActiveDays(DayBits { recent, older });
        let steps = FunnelSteps { slots: reader.all_into(ThinVec::with_capacity, CompactReader::step) };
        let orders = (reader.byte() == 1).then(|| Box::new(reader.orders()));
        UserGrowthState {
            days,
            steps,
            orders,
            depths,
            latest,
            first,
            signed_up: signed_up.and_then(|day| NonZeroU16::new(u16::try_from(day).expect(OURS))),
            session_day,
            stage_day,
            channel,
            stage,
            stage_before,
            session,
        }
    }
}

impl CompactWriter<'_> {
    fn instant(&mut self, at: i64) {
        self.optional((at != NOT_REACHED).then(|| at - self.base.0));
    }

    fn step(&mut self, step: &FunnelStepState) {
        self.instant(step.start);
        if step.is_reached() {
            self.signed(step.time - step.start);
            self.unsigned(step.latest.0.into());
            self.unsigned(step.days.into());
        }
    }

    fn orders(&mut self, orders: &UserOrders) {
        let first = orders.first.unwrap_or(PlacedOrder { at: Timestamp(NOT_REACHED), value: 0 });
        self.instant(first.at.0);
        self.signed(first.value);
        self.instant(orders.second.map_or(NOT_REACHED, |at| at.0));
        self.unsigned(orders.days.len() as u64);
        let mut before = 0;
        for held in &orders.days {
            self.unsigned((held.day.0 - before).into());
            before = held.day.0;
            held.counts.into_iter().for_each(|count| self.unsigned(count.into()));
            held.amounts.into_iter().for_each(|amount| self.signed(amount));
        }
        self.unsigned(orders.ids.len() as u64);
        orders.ids.iter().for_each(|id| self.out.extend_from_slice(&id.to_le_bytes()));
    }
}

impl CompactReader<'_> {
    fn day(&mut self) -> Day {
        Day(self.small())
    }

    fn instant(&mut self) -> i64 {
        self.optional().map_or(NOT_REACHED, |after| self.base.0 + after)
    }

    fn step(&mut self) -> FunnelStepState {
        let start = self.instant();
        if start == NOT_REACHED {
            return FunnelStepState::NEVER;
        }
        FunnelStepState { start, time: start + self.signed(), latest: self.day(), days: self.small() }
    }

    fn orders(&mut self) -> UserOrders {
        let known = |at: i64| (at != NOT_REACHED).then_some(Timestamp(at));
        let (first, value) = (self.instant(), self.signed());
        let second = known(self.instant());
        let mut before = 0;
        let days = self.all_into(ThinVec::with_capacity, |reader| {
            before += reader.day().0;
            let counts = std::array::from_fn(|_| reader.small());
            OrderDay { day: Day(before), counts, amounts: std::array::from_fn(|_| reader.signed()) }
        });
        let ids = self.all_into(ThinVec::with_capacity, |reader| u64::from_le_bytes(reader.array()));
        UserOrders { days, first: known(first).map(|at| PlacedOrder { at, value }), second, ids }
    }
}

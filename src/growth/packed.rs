//! A record as few bytes as can be, for the many users who are idle.
//!
//! ```text
//! latest · latest − first · sign-up − first + 1 or 0 · latest − session's day · channel, stage, session (1 byte each) ·
//! depths · words of days · days · chains · orders
//! ```
//!
//! Numbers are of variable length (LEB128, signed ones zigzag), instants relative to one that the caller knows. The form
//! lives in memory only.

use integer_encoding::VarInt;
use thin_vec::ThinVec;

use super::calendar::Day;
use super::days::Days;
use super::orders::{OrderDay, Orders};
use super::record::{NEVER_BEFORE, Record, SignUp};
use crate::time::Timestamp;

/// Every byte string here was written by [`Record::pack`].
const OURS: &str = "packed records are whole";

impl Record {
    /// Appends the record to `out`.
    pub fn pack(&self, base: Timestamp, out: &mut Vec<u8>) {
        let mut writer = Writer { out, base: base.0 };
        writer.unsigned(self.latest.0.into());
        writer.unsigned((self.latest.0 - self.first.0).into());
        writer.signed(self.signed_up.map_or(0, |day| match i64::from(day.get()) - i64::from(self.first.0) {
            after @ 0.. => after + 1,
            before => before,
        }));
        writer.signed(self.latest.since(self.session_day));
        writer.out.extend([self.channel, self.stage, self.session]);
        writer.unsigned(self.depths.into());
        let words = self.days.words().count();
        writer.unsigned(words as u64);
        self.days.words().for_each(|word| writer.unsigned(word));
        writer.unsigned(self.chains.len() as u64);
        self.chains.iter().for_each(|at| writer.time(*at));
        writer.out.push(u8::from(self.orders.is_some()));
        if let Some(orders) = &self.orders {
            writer.orders(orders);
        }
    }

    /// The record that stands at the beginning of `left`, which is then what follows.
    pub fn unpack(base: Timestamp, left: &mut &[u8]) -> Record {
        let mut reader = Reader { left, base: base.0 };
        let latest = reader.day();
        let first = Day(latest.0 - reader.day().0);
        let signed_up = match reader.signed() {
            0 => None,
            after @ 1.. => Some(i64::from(first.0) + after - 1),
            before => Some(i64::from(first.0) + before),
        };
        let session_day = latest.plus(-reader.signed());
        let [channel, stage, session] = [reader.byte(), reader.byte(), reader.byte()];
        let depths = u32::try_from(reader.unsigned()).expect(OURS);
        let words: Vec<u64> = (0..reader.unsigned()).map(|_| reader.unsigned()).collect();
        let chains: ThinVec<i64> = (0..reader.unsigned()).map(|_| reader.time()).collect();
        let orders = (reader.byte() == 1).then(|| Box::new(reader.orders()));
        Record {
            days: Days::from_words(&words).expect(OURS),
            chains,
            orders,
            depths,
            latest,
            first,
            signed_up: signed_up.and_then(|day| SignUp::new(u16::try_from(day).expect(OURS))),
            session_day,
            channel,
            stage,
            session,
        }
    }
}

struct Writer<'o> {
    out: &'o mut Vec<u8>,
    base: i64,
}

impl Writer<'_> {
    fn number(&mut self, number: impl VarInt) {
        let mut bytes = [0; 10];
        let length = number.encode_var(&mut bytes);
        self.out.extend_from_slice(&bytes[..length]);
    }

    fn unsigned(&mut self, number: u64) {
        self.number(number);
    }

    fn signed(&mut self, number: i64) {
        self.number(number);
    }

    /// Never is 0, and so the base is 1.
    fn time(&mut self, at: i64) {
        self.signed(match at.wrapping_sub(self.base) {
            _ if at == NEVER_BEFORE => 0,
            after @ 0.. => after + 1,
            before => before,
        });
    }

    fn orders(&mut self, orders: &Orders) {
        let (first, value) = orders.first.unwrap_or((Timestamp(NEVER_BEFORE), 0));
        self.time(first.0);
        self.signed(value);
        self.time(orders.second.map_or(NEVER_BEFORE, |at| at.0));
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

struct Reader<'l, 'p> {
    left: &'l mut &'p [u8],
    base: i64,
}

impl Reader<'_, '_> {
    fn byte(&mut self) -> u8 {
        let (byte, left) = self.left.split_first().expect(OURS);
        *self.left = left;
        *byte
    }

    fn number<N: VarInt>(&mut self) -> N {
        let (number, length) = N::decode_var(self.left).expect(OURS);
        *self.left = &self.left[length..];
        number
    }

    fn unsigned(&mut self) -> u64 {
        self.number()
    }

    fn signed(&mut self) -> i64 {
        self.number()
    }

    fn day(&mut self) -> Day {
        Day(u16::try_from(self.unsigned()).expect(OURS))
    }

    fn small(&mut self) -> u32 {
        u32::try_from(self.unsigned()).expect(OURS)
    }

    fn time(&mut self) -> i64 {
        match self.signed() {
            0 => NEVER_BEFORE,
            after @ 1.. => self.base + after - 1,
            before => self.base + before,
        }
    }

    fn orders(&mut self) -> Orders {
        let known = |at: i64| (at != NEVER_BEFORE).then_some(Timestamp(at));
        let (first, value) = (self.time(), self.signed());
        let second = known(self.time());
        let mut before = 0;
        let days = (0..self.unsigned()).map(|_| {
            before += self.day().0;
            let [orders, coupon_orders, refunds] = [self.small(), self.small(), self.small()];
            let [gmv, refunded, discount] = [self.signed(), self.signed(), self.signed()];
            OrderDay { day: Day(before), orders, coupon_orders, refunds, gmv, refunded, discount }
        });
        let days = days.collect();
        let ids = (0..self.unsigned()).map(|_| {
            let (id, left) = self.left.split_first_chunk().expect(OURS);
            *self.left = left;
            u64::from_le_bytes(*id)
        });
        Orders { days, first: known(first).map(|first| (first, value)), second, ids: ids.collect() }
    }
}

//! Calls on their way: some arrive late, some twice.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::call::{CallBody, CallLine, CallOrigin};
use super::random::RandomStream;
use super::shopper::Shopper;
use super::{MAX_LATENESS, Shop};
use rekindle_core::time::Timestamp;

/// The chance that a line arrives twice.
const DUPLICATE: f64 = 0.01;
/// The chance that a line arrives up to 2 s late, and that it arrives up to 30 s late.
const LATE: (f64, f64) = (0.05, 0.002);

/// Lines that have not arrived yet, the next to arrive first.
pub(super) type PendingLines = BinaryHeap<Reverse<PendingLine>>;

/// A line on its way. Ordered by arrival; ties break by shopper, then by the line's place in the outbox.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct PendingLine {
    /// When it arrives.
    pub(super) at: i64,
    slot: u32,
    ordinal: u32,
    /// The time it bears.
    pub(super) time: i64,
    /// The line, without the newline.
    pub(super) bytes: Vec<u8>,
}

/// Takes the calls of one visit, or of one check-in, and of all that follows from it.
pub(super) struct Outbox<'a> {
    pending: &'a mut PendingLines,
    silent_until: i64,
    slot: u32,
    /// What the messageIds begin with.
    occasion: String,
    ordinal: u32,
}

impl<'a> Outbox<'a> {
    /// `occasion` differs from that of every other outbox of the shopper.
    pub(super) fn new(shop: &Shop, shopper: &Shopper, occasion: &str, pending: &'a mut PendingLines) -> Outbox<'a> {
        Outbox {
            silent_until: shop.silent_until,
            slot: shopper.slot,
            occasion: format!("{:x}.{occasion}", shopper.number(shop)),
            ordinal: 0,
            pending,
        }
    }

    /// One of the shop's servers, for calls about no shopper.
    pub(super) fn of_servers(shop: &Shop, occasion: &str, pending: &'a mut PendingLines) -> Outbox<'a> {
        let occasion = format!("rows.{occasion}");
        Outbox { silent_until: shop.silent_until, slot: u32::MAX, occasion, ordinal: 0, pending }
    }

    /// Sends a call that bears the time `time`.
    pub(super) fn send(&mut self, dice: &mut RandomStream, time: i64, origin: CallOrigin<'_>, call: &CallBody) {
        // Whether nobody will see it, however late it arrives.
        let is_silent = time + MAX_LATENESS.0 <= self.silent_until;
        let bytes = if is_silent { Vec::new() } else { self.line(time, origin, call) };
        let late = if dice.chance(LATE.1) {
            dice.between(2_000, MAX_LATENESS.0)
        } else if dice.chance(LATE.0) {
            dice.between(1, 2_000)
        } else {
            0
        };
        if dice.chance(DUPLICATE) {
            let again = dice.between(late, MAX_LATENESS.0);
            self.arrive(time, again, bytes.clone());
        }
        self.arrive(time, late, bytes);
    }

    fn line(&self, time: i64, origin: CallOrigin<'_>, call: &CallBody) -> Vec<u8> {
        let message_id = format!("{}.{:x}", self.occasion, self.ordinal);
        let line = CallLine { message_id, timestamp: Timestamp(time).to_string(), call, origin };
        serde_json::to_vec(&line).expect("only a map with keys that are no strings can fail here, and there is none")
    }

    fn arrive(&mut self, time: i64, late: i64, bytes: Vec<u8>) {
        if time + late > self.silent_until {
            let (slot, ordinal) = (self.slot, self.ordinal);
            self.pending.push(Reverse(PendingLine { at: time + late, slot, ordinal, time, bytes }));
        }
        self.ordinal += 1;
    }
}

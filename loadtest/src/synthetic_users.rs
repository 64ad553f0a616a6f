//! Synthetic users as lines of events, generated as they are needed: all users have a history, and a few stay active.
//!
//! The lines are like those of W1. They are a function of the number of users and of the active share.

use std::io::Write;

use rand::{Rng, SeedableRng};
use rand_xoshiro::{SplitMix64, Xoshiro256PlusPlus};
use rekindle_core::time::{Span, Timestamp};

/// The time of the first event: 2026-03-02T00:00:00Z.
pub(crate) const BEGIN: Timestamp = Timestamp(1_772_409_600_000);
/// Histories extend over a day, and traffic begins when all users have been idle for long.
pub(crate) const TRAFFIC: Timestamp = Timestamp(BEGIN.0 + 4 * DAY_MS);
const DAY_MS: i64 = 86_400_000;
/// The mean time between two events of an active user.
const EVENT_INTERVAL_MEAN_MS: f64 = 120_000.0;
/// About the size of blocks.
const BLOCK_BYTES: usize = 4 << 20;

/// What a user did.
#[derive(Clone, Copy, Debug)]
enum UserAction {
    View,
    Add,
    Order { cents: u64 },
}

/// Writes events.
#[derive(Default)]
pub(crate) struct EventLineWriter {
    /// Numbers of messages.
    number: u64,
    /// The second that was last written, and how.
    second: i64,
    text: String,
}

impl EventLineWriter {
    /// Lines whose messages are numbered from the one after this.
    pub(crate) fn numbered_from(number: u64) -> EventLineWriter {
        EventLineWriter { number, ..EventLineWriter::default() }
    }

    fn write(&mut self, user: u32, at: Timestamp, deed: UserAction, out: &mut Vec<u8>) {
        let product = (self.number + 1) % 5_000;
        self.write_about(user, (product, at), deed, out);
    }

    /// The same about a product, where it is about one.
    fn write_about(&mut self, user: u32, (product, at): (u64, Timestamp), deed: UserAction, out: &mut Vec<u8>) {
        let second = at.0.div_euclid(1_000);
        if second != self.second {
            (self.second, self.text) = (second, Timestamp(second * 1_000).to_string());
            // "…:05.000Z": what stands before the milliseconds.
            self.text.truncate(19);
        }
        self.number += 1;
        let (number, text, ms) = (self.number, &self.text, at.0.rem_euclid(1_000));
        let name = match deed {
            UserAction::View => "Product Viewed",
            UserAction::Add => "Product Added",
            UserAction::Order { .. } => "Order Completed",
        };
        let head = format_args!(
            "{{\"type\":\"track\",\"event\":\"{name}\",\"messageId\":\"m{number:010}\",\"userId\":\"u{user:07}\",\
             \"timestamp\":\"{text}.{ms:03}Z\",\"properties\":"
        );
        let context = "\"context\":{\"timezone\":\"Asia/Shanghai\",\"campaign\":{\"source\":\"search\"}}}";
        let written = match deed {
            UserAction::Order { cents } => writeln!(
                out,
                "{head}{{\"order_id\":\"o{number}\",\"total\":{}.{:02},\"currency\":\"USD\",\"coupon\":null}},{context}",
                cents / 100,
                cents % 100
            ),
            UserAction::View | UserAction::Add => writeln!(
                out,
                "{head}{{\"product_id\":\"p{product:04}\",\"category\":\"shoes\",\"price\":{}.{:02},\"quantity\":1,\
                 \"currency\":\"USD\"}},{context}",
                5 + number % 95,
                number % 100
            ),
        };
        written.expect("writing to memory cannot fail");
    }

    /// An order of this value in cents.
    pub(crate) fn order(&mut self, user: u32, at: Timestamp, cents: u64, out: &mut Vec<u8>) {
        self.write(user, at, UserAction::Order { cents }, out);
    }

    /// Appends something put into the cart.
    pub(crate) fn addition(&mut self, user: u32, at: Timestamp, out: &mut Vec<u8>) {
        self.write(user, at, UserAction::Add, out);
    }

    /// Appends a view of a product.
    pub(crate) fn view_of(&mut self, user: u32, product: u32, at: Timestamp, out: &mut Vec<u8>) {
        self.write_about(user, (product.into(), at), UserAction::View, out);
    }

    /// Appends a view.
    pub(crate) fn view(&mut self, user: u32, at: Timestamp, out: &mut Vec<u8>) {
        self.write(user, at, UserAction::View, out);
    }
}

/// What everybody did on the first day, in blocks of whole lines: one or two views, for one in four something put into
/// the cart, and for one in eight an order.
pub(crate) fn histories(users: u32) -> impl Iterator<Item = Vec<u8>> {
    let (mut lines, mut next) = (EventLineWriter::numbered_from(0), 0);
    std::iter::from_fn(move || {
        let mut block = Vec::new();
        while next < users && block.len() < BLOCK_BYTES {
            let mut dice = SplitMix64::seed_from_u64(u64::from(next));
            let dice = dice.next_u64();
            let at = |ms| BEGIN + Span(i64::from(next) * DAY_MS / i64::from(users) + ms);
            lines.write(next, at(0), UserAction::View, &mut block);
            if dice & 1 == 0 {
                lines.write(next, at(1_000), UserAction::View, &mut block);
            }
            if dice >> 8 & 3 == 0 {
                lines.write(next, at(2_000), UserAction::Add, &mut block);
            }
            if dice >> 16 & 7 == 0 {
                lines.write(next, at(3_000), UserAction::Order { cents: 1_000 + (dice >> 24) % 20_000 }, &mut block);
            }
            next += 1;
        }
        (!block.is_empty()).then_some(block)
    })
}

/// What the active users go on to do, without an end.
pub(crate) struct Traffic {
    lines: EventLineWriter,
    dice: Xoshiro256PlusPlus,
    active: u32,
    /// Active is every so manieth user.
    step: u32,
    /// Milliseconds since traffic began.
    at: f64,
}

impl Traffic {
    /// Of this number of users, of which a share is active: at least one.
    pub(crate) fn new(users: u32, active_percent: f64) -> Traffic {
        let active = ((f64::from(users) * active_percent / 100.0) as u32).clamp(1, users.max(1));
        Traffic {
            // Histories have four lines at most.
            lines: EventLineWriter::numbered_from(u64::from(users) * 4),
            dice: Xoshiro256PlusPlus::seed_from_u64(u64::from(users)),
            active,
            step: users.max(1) / active,
            at: 0.0,
        }
    }

    /// How many users are active.
    pub(crate) fn active(&self) -> u64 {
        u64::from(self.active)
    }

    fn gap(&self) -> f64 {
        EVENT_INTERVAL_MEAN_MS / f64::from(self.active)
    }

    /// Adds the next event's line; its time.
    pub(crate) fn next(&mut self, out: &mut Vec<u8>) -> Timestamp {
        self.at += self.gap();
        let at = TRAFFIC + Span(self.at as i64);
        let dice = self.dice.next_u64();
        let user = (dice >> 32).wrapping_mul(u64::from(self.active)) >> 32;
        let user = u32::try_from(user).unwrap_or(0) * self.step;
        let deed = match dice & 31 {
            0 => UserAction::Order { cents: 1_000 + (dice >> 8) % 20_000 },
            1..=4 => UserAction::Add,
            _ => UserAction::View,
        };
        self.lines.write(user, at, deed, out);
        at
    }

    /// The next events, in blocks of complete lines.
    pub(crate) fn blocks(&mut self, events: u64) -> impl Iterator<Item = Vec<u8>> {
        let mut left = events;
        std::iter::from_fn(move || {
            let mut block = Vec::new();
            while left > 0 && block.len() < BLOCK_BYTES {
                self.next(&mut block);
                left -= 1;
            }
            (!block.is_empty()).then_some(block)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rekindle_runtime::pipeline::{Pipeline, PipelineOptions};

    use super::*;
    use crate::workload;

    fn users_of(blocks: impl Iterator<Item = Vec<u8>>) -> BTreeSet<String> {
        let bytes: Vec<u8> = blocks.flatten().collect();
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        let parse = |line| serde_json::from_slice::<serde_json::Value>(line).expect("an event");
        lines.map(parse).map(|event| event["userId"].as_str().expect("a text").to_owned()).collect()
    }

    #[test]
    fn everybody_has_a_history_and_a_hundredth_goes_on() {
        assert_eq!(users_of(histories(1_000)).len(), 1_000);
        let mut traffic = Traffic::new(1_000, 1.0);
        let active = users_of(traffic.blocks(2_000));
        assert_eq!(active.len(), 10);
        assert!(active.is_subset(&users_of(histories(1_000))));
    }

    #[test]
    fn every_event_is_accepted_and_none_twice() {
        let plan = workload::compile(workload::W1).expect("it compiles");
        let mut pipeline =
            Pipeline::new(plan, PipelineOptions { workers: 1, ..PipelineOptions::default() }).expect("threads start");
        let (mut outputs, mut events) = (Vec::new(), 0);
        let mut traffic = Traffic::new(100, 10.0);
        for block in histories(100).chain(traffic.blocks(30_000)) {
            events += block.iter().filter(|byte| **byte == b'\n').count() as u64;
            pipeline.feed(&block, &mut |_| panic!("a rejected event"), &mut outputs);
        }
        let totals = pipeline.totals();
        assert_eq!((totals.events, totals.users), (events, 100));
        assert_eq!((totals.counts.duplicates, totals.counts.late), (0, 0));
    }
}

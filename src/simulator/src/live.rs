//! A live storefront: the simulated shop's time, translated to the time of the receiver.
//!
//! Two clocks run here. The *shop's* says what shoppers do; the *stamps'* says what time their events bear. The caller
//! moves both at once, by as much as fits: the stamps' clock with the wall clock, the shop's faster or slower so that as
//! many events come as are wanted. An event's stamp is what the stamps' clock said when the shop's stood at the event's
//! time. So a stamp is never far from the caller's present, whatever the pace and however long the caller was held up:
//! while nobody asks, the shop stands still. An event that is late in the shop is as late by the stamps, shortened as
//! time is; an event sent twice bears the same stamp twice.

use std::collections::VecDeque;

use super::{MAX_LATENESS, ShopScope, Simulator, SimulatorOptions};
use rekindle_core::time::{Span, Timestamp};

/// Silent history before the first event: long enough for shoppers to have gone cold.
pub const WARM_UP: Span = Span(75 * 86_400_000);

/// What every line begins with.
const BEFORE_ID: &str = "{\"messageId\":\"";
/// What stands between a line's id and its timestamp.
const BEFORE_STAMP: &str = "\",\"timestamp\":\"";
/// How long a timestamp is: `2026-03-03T10:00:00.000Z`.
const STAMP_LEN: usize = 24;
/// A step of the shop without another bound: in a shop of few shoppers weeks may pass between two events.
const FOREVER: Span = Span(366 * 86_400_000);

/// A shop, and the two clocks.
#[derive(Debug)]
pub struct LiveStorefront {
    simulator: Simulator,
    /// What messageIds begin with: they are to differ from those of another run.
    tag: String,
    /// Moments of the shop's clock and the stamps' clock, both ever later. The last is now.
    moments: VecDeque<(Timestamp, Timestamp)>,
}

impl LiveStorefront {
    /// Opens a shop that has its history behind it. `shop` is the shop's time now (its shoppers live by the hours of
    /// day and night), `stamps` the time that events bear from now on. The same seed, shoppers and `shop` give
    /// the same behaviour; the messageIds differ with seed and `stamps`.
    pub fn open(seed: u64, shoppers: u32, scope: ShopScope, shop: Timestamp, stamps: Timestamp) -> LiveStorefront {
        let mut simulator = Simulator::new(SimulatorOptions { seed, shoppers, start: shop - WARM_UP, scope });
        simulator.skip(shop);
        let tag = format!("{seed:x}.{:x}.", stamps.0);
        LiveStorefront { simulator, tag, moments: VecDeque::from([(shop, stamps)]) }
    }

    /// The shop's time, and the stamps'.
    fn now(&self) -> (Timestamp, Timestamp) {
        self.moments.back().copied().unwrap_or((Timestamp(0), Timestamp(0)))
    }

    /// Lets the shop live for at most `shop_span` and until at most `lines` lines have been told, which are appended to
    /// `out`. When they are, the stamps' clock says `stamps`, and the last of them took `stamps_span`.
    pub fn tell(
        &mut self,
        shop_span: Option<Span>,
        lines: usize,
        (stamps, stamps_span): (Timestamp, Span),
        out: &mut Vec<Vec<u8>>,
    ) {
        let (shop, stamps_before) = self.now();
        let until = shop + shop_span.unwrap_or(FOREVER);
        let mut told = Vec::new();
        while told.len() < lines {
            let Some(arrival) = self.simulator.next(until) else { break };
            told.push(arrival);
        }
        let is_cut_short = told.len() == lines;
        let shop_now = if is_cut_short { told.last().map_or(shop, |last| last.at) } else { until };
        // Whatever passed before this span did not pass in the shop.
        let begins = (stamps - stamps_span).max(stamps_before);
        // Where the first lines are asked for long after the shop was made, late ones from before its opening are not as late.
        if self.moments.len() == 1 {
            self.moments.pop_back();
        }
        self.moments.push_back((shop, begins));
        self.moments.push_back((shop_now, stamps.max(begins)));
        // Lines that arrive from here on have no earlier timestamp.
        let earliest = shop - MAX_LATENESS;
        while self.moments.get(1).is_some_and(|(at, _)| *at < earliest) {
            self.moments.pop_front();
        }
        out.extend(told.into_iter().map(|arrival| self.stamped(&arrival.line, arrival.time)));
    }

    /// The line as of this run.
    fn stamped(&self, line: &[u8], time: Timestamp) -> Vec<u8> {
        let rest = &line[BEFORE_ID.len()..];
        let id = &rest[..memchr::memchr(b'"', rest).unwrap_or(rest.len())];
        let after = &rest[(id.len() + BEFORE_STAMP.len() + STAMP_LEN).min(rest.len())..];
        let mut stamped = Vec::with_capacity(line.len() + self.tag.len());
        stamped.extend_from_slice(BEFORE_ID.as_bytes());
        stamped.extend_from_slice(self.tag.as_bytes());
        stamped.extend_from_slice(id);
        stamped.extend_from_slice(BEFORE_STAMP.as_bytes());
        stamped.extend_from_slice(self.stamp(time).to_string().as_bytes());
        stamped.extend_from_slice(after);
        stamped
    }

    /// What the stamps' clock said at a time of the shop: between two moments, in proportion.
    fn stamp(&self, time: Timestamp) -> Timestamp {
        let after = self.moments.partition_point(|(shop, _)| *shop < time);
        let Some(&(shop_after, stamp_after)) = self.moments.get(after) else { return self.now().1 };
        let Some(&(shop_before, stamp_before)) = after.checked_sub(1).and_then(|before| self.moments.get(before))
        else {
            return stamp_after;
        };
        let share = (time - shop_before).0 as f64 / (shop_after - shop_before).0.max(1) as f64;
        stamp_before + Span(((stamp_after - stamp_before).0 as f64 * share) as i64)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const SHOP: Timestamp = Timestamp(1_772_409_600_000);
    const NOW: Timestamp = Timestamp(1_800_000_000_000);

    fn field(line: &[u8], name: &str) -> String {
        let event: serde_json::Value = serde_json::from_slice(line).expect("JSON");
        event[name].as_str().unwrap_or_default().to_owned()
    }

    fn stamp(line: &[u8]) -> Timestamp {
        Timestamp::parse_rfc3339(&field(line, "timestamp")).expect("a time")
    }

    /// Ten lines every `step` of the stamps' clock.
    fn run(seed: u64, stamps: Timestamp, steps: i64, step: Span) -> Vec<(Timestamp, Vec<u8>)> {
        let mut live = LiveStorefront::open(seed, 300, ShopScope::Together, SHOP, stamps);
        let mut all = Vec::new();
        for number in 1..=steps {
            let (mut out, now) = (Vec::new(), stamps + Span(number * step.0));
            live.tell(None, 10, (now, step), &mut out);
            assert_eq!(out.len(), 10);
            all.extend(out.into_iter().map(|line| (now, line)));
        }
        all
    }

    #[test]
    fn stamps_are_as_near_to_the_present_as_the_last_step_is_long() {
        for (now, line) in run(3, NOW, 500, Span(1_000)).iter().skip(100) {
            // Ten events take the shop hours: even the latest of them shrinks to nothing.
            let behind = *now - stamp(line);
            assert!((0..=2_000).contains(&behind.0), "{behind}");
        }
    }

    #[test]
    fn after_a_pause_nothing_bears_a_time_of_the_pause() {
        let mut live = LiveStorefront::open(3, 300, ShopScope::TogetherWithRows, SHOP, NOW);
        let mut out = Vec::new();
        live.tell(None, 10, (NOW + Span(100), Span(100)), &mut out);
        out.clear();
        let later = NOW + Span(3_600_000);
        live.tell(None, 50, (later, Span(1_000)), &mut out);
        let behind: Vec<_> = out.iter().map(|line| (later - stamp(line)).0).collect();
        assert!(behind.iter().filter(|behind| **behind <= 1_000).count() >= 48, "{behind:?}");
    }

    #[test]
    fn at_the_shops_own_pace_stamps_are_the_shops_times() {
        let mut live = LiveStorefront::open(5, 2_000, ShopScope::TogetherWithRows, SHOP, SHOP);
        let mut simulator = Simulator::new(SimulatorOptions {
            seed: 5,
            shoppers: 2_000,
            start: SHOP - WARM_UP,
            scope: ShopScope::TogetherWithRows,
        });
        simulator.skip(SHOP);
        let (step, mut out, mut last) = (Span(60_000), Vec::new(), SHOP);
        for number in 1..600 {
            let now = SHOP + Span(number * step.0);
            live.tell(Some(step), 1_000, (now, step), &mut out);
            last = now;
        }
        let mut expected = Vec::new();
        let count = simulator.advance(last, &mut expected);
        assert_eq!(out.len() as u64, count);
        let expected = expected.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
        for (line, original) in out.iter().zip(expected) {
            let (told, meant) = (stamp(line), stamp(original));
            assert!((told - meant).0.abs() <= 1 || meant < SHOP, "{told} for {meant}");
            assert_eq!(
                field(line, "messageId").rsplit_once('.').map(|(_, n)| n.to_owned()),
                field(original, "messageId").rsplit_once('.').map(|(_, n)| n.to_owned())
            );
        }
    }

    #[test]
    fn runs_of_one_seed_do_the_same_under_other_names() {
        let strip = |lines: Vec<(Timestamp, Vec<u8>)>| -> Vec<_> {
            lines
                .iter()
                .map(|(_, line)| (field(line, "anonymousId"), field(line, "event"), field(line, "type")))
                .collect()
        };
        let (first, second) = (run(3, NOW, 50, Span(10)), run(3, NOW + Span(1), 50, Span(10)));
        let ids: std::collections::HashSet<_> = first.iter().map(|(_, line)| field(line, "messageId")).collect();
        assert!(second.iter().all(|(_, line)| !ids.contains(&field(line, "messageId"))));
        assert!(run(4, NOW, 50, Span(10)).iter().all(|(_, line)| !ids.contains(&field(line, "messageId"))));
        assert_eq!(strip(first), strip(second));
    }

    #[test]
    fn what_is_sent_twice_is_the_same_twice() {
        let lines = run(3, NOW, 2_000, Span(10));
        let (mut seen, mut twice) = (HashMap::new(), 0);
        for (_, line) in &lines {
            if let Some(first) = seen.insert(field(line, "messageId"), line) {
                assert!(first == line, "{}", String::from_utf8_lossy(line));
                twice += 1;
            }
        }
        assert!(twice > 50, "{twice}");
    }
}

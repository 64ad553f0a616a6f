//! Events of a simulated storefront, numbered: an event's number is its messageId, so that its outputs
//! tell when it was to be sent.

use bytes::Bytes;
use rekindle_core::time::{Span, Timestamp};
use rekindle_simulator::{ShopScope, Simulator, SimulatorOptions};

/// When the storefront opens.
const START: Timestamp = Timestamp(1_767_225_600_000);
/// What every line begins with.
const BEFORE_ID: &[u8] = b"{\"messageId\":\"";

/// The storefront.
pub(crate) struct NumberedEvents {
    simulator: Simulator,
    latest: Timestamp,
    next: u64,
}

impl NumberedEvents {
    /// Opens it.
    pub(crate) fn open(shoppers: u32) -> NumberedEvents {
        let simulator = Simulator::new(SimulatorOptions { seed: 1, shoppers, start: START, scope: ShopScope::Alone });
        NumberedEvents { simulator, latest: START, next: 0 }
    }

    /// The number of the next event.
    pub(crate) fn next_number(&self) -> u64 {
        self.next
    }

    /// The next events.
    pub(crate) fn take(&mut self, count: u64) -> Vec<Bytes> {
        let mut taken = Vec::with_capacity(usize::try_from(count).unwrap_or(0));
        for _ in 0..count {
            let Some(arrival) = self.simulator.next(self.latest + Span(366 * 86_400_000)) else { break };
            self.latest = self.latest.max(arrival.time);
            taken.push(numbered(&arrival.line, self.next));
            self.next += 1;
        }
        taken
    }

    /// The event whose output shows that all events before it were processed.
    pub(crate) fn the_end(&mut self) -> Bytes {
        let line = format!(
            r#"{{"messageId":"{}","type":"identify","userId":"the-last-user","timestamp":"{}","traits":{{"the_end":true}}}}"#,
            self.next, self.latest
        );
        self.next += 1;
        line.into()
    }
}

fn numbered(line: &[u8], number: u64) -> Bytes {
    let id_end = BEFORE_ID.len() + memchr::memchr(b'"', &line[BEFORE_ID.len()..]).unwrap_or(0);
    [BEFORE_ID, number.to_string().as_bytes(), &line[id_end..]].concat().into()
}

/// The number of an event, from its line.
pub(crate) fn number_of(line: &[u8]) -> Option<u64> {
    let rest = line.strip_prefix(BEFORE_ID)?;
    std::str::from_utf8(&rest[..memchr::memchr(b'"', rest)?]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_numbered_from_zero_on_and_else_as_they_were() {
        let (mut events, mut simulator) = (
            NumberedEvents::open(100),
            Simulator::new(SimulatorOptions { seed: 1, shoppers: 100, start: START, scope: ShopScope::Alone }),
        );
        for (number, line) in events.take(500).into_iter().enumerate() {
            assert_eq!(number_of(&line), Some(number as u64));
            let original = simulator.next(Timestamp(i64::MAX)).expect("there are more").line;
            let parse = |line: &[u8]| serde_json::from_slice::<serde_json::Value>(line).expect("JSON");
            let (mut found, mut expected) = (parse(&line), parse(&original));
            for event in [&mut found, &mut expected] {
                event["messageId"] = "".into();
            }
            assert_eq!(found, expected);
        }
        assert_eq!(number_of(&events.the_end()), Some(500));
    }
}

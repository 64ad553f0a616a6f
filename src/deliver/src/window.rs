//! The messages that are being delivered or wait for it: bounded in number and bytes, one at a time of each user.
//!
//! Only the earliest message of a user is ready; those behind it wait until it is finished, whatever becomes of it. Of
//! messages that wait long only their sequences are kept, and their events are read again from the stream.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use rekindle_core::time::Timestamp;

use crate::event::DeliverableEvent;

/// The most messages: as many as the consumer may have unacknowledged.
pub const WINDOW_MESSAGES: usize = 10_000;
/// The most bytes of messages, but for one message.
const WINDOW_BYTES: usize = 32 << 20;
/// Messages that wait longer than this are read again when they are due.
const KEPT_MS: i64 = 30_000;

/// A message in the window. `A` is what acknowledges it.
#[derive(Debug)]
pub struct WindowMessage<A> {
    /// Its event; `None`: it must be read again.
    pub event: Option<DeliverableEvent>,
    /// The user, or the message's own id where there is none: what keeps the order.
    pub lane: String,
    /// Attempts so far.
    pub attempts: u32,
    /// When the stream took it in.
    pub stored: Timestamp,
    /// When the next attempt is due.
    pub due: Timestamp,
    /// It was in a request of several messages that was refused: it is sent alone, so that it fails by itself.
    pub is_alone: bool,
    /// Its bytes in the stream.
    pub bytes: usize,
    /// What acknowledges it.
    pub acker: A,
}

/// The window.
#[derive(Debug)]
pub struct DeliveryWindow<A> {
    messages: BTreeMap<u64, WindowMessage<A>>,
    /// The sequences of each user.
    lanes: HashMap<String, BTreeSet<u64>>,
    /// The first of each user, by when it is due; without those that are in flight.
    ready: BTreeSet<(Timestamp, u64)>,
    bytes: usize,
}

impl<A> Default for DeliveryWindow<A> {
    fn default() -> Self {
        DeliveryWindow { messages: BTreeMap::new(), lanes: HashMap::new(), ready: BTreeSet::new(), bytes: 0 }
    }
}

impl<A> DeliveryWindow<A> {
    /// Whether another message may be taken in.
    pub fn has_room(&self) -> bool {
        self.messages.len() < WINDOW_MESSAGES && self.has_bytes()
    }

    /// Whether another event may be kept.
    pub fn has_bytes(&self) -> bool {
        self.bytes < WINDOW_BYTES
    }

    /// Whether the next message that is due must be read again.
    pub fn next_is_read_again(&self) -> bool {
        self.ready
            .first()
            .and_then(|(_, sequence)| self.messages.get(sequence))
            .is_some_and(|next| next.event.is_none())
    }

    /// How many messages it holds.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// When the oldest message was stored.
    pub fn oldest(&self) -> Option<Timestamp> {
        self.messages.values().next().map(|message| message.stored)
    }

    /// What acknowledges each message.
    pub fn ackers(&self) -> impl Iterator<Item = &A> {
        self.messages.values().map(|message| &message.acker)
    }

    /// Takes in a message. One that is there already keeps what is known of it, and is acknowledged by what came last.
    pub fn insert(&mut self, sequence: u64, mut message: WindowMessage<A>) {
        if let Some(known) = self.messages.get_mut(&sequence) {
            known.acker = message.acker;
            return;
        }
        let lane = self.lanes.entry(message.lane.clone()).or_default();
        let first = lane.first().copied();
        lane.insert(sequence);
        match first {
            Some(first) if first < sequence => {
                if self.messages.get(&first).is_some_and(|first| first.event.is_none()) {
                    message.event = None;
                }
            }
            // One that came late: the one that was first waits, unless it is in flight.
            Some(first) => {
                let was_due = self.messages.get(&first).map(|first| first.due);
                if was_due.is_some_and(|due| self.ready.remove(&(due, first))) {
                    self.ready.insert((message.due, sequence));
                }
            }
            None => {
                self.ready.insert((message.due, sequence));
            }
        }
        self.bytes += if message.event.is_some() { message.bytes } else { 0 };
        self.messages.insert(sequence, message);
    }

    /// When the next message is due.
    pub fn next_due(&self) -> Option<Timestamp> {
        self.ready.first().map(|(due, _)| *due)
    }

    /// How many messages are due, counted up to `most`.
    pub fn count_due(&self, now: Timestamp, most: usize) -> usize {
        self.ready.iter().take_while(|(due, _)| *due <= now).take(most).count()
    }

    /// Takes the next message that is due: it is in flight then.
    pub fn take_due(&mut self, now: Timestamp) -> Option<u64> {
        let first = self.ready.first().copied().filter(|(due, _)| *due <= now)?;
        self.ready.remove(&first);
        Some(first.1)
    }

    /// A message.
    pub fn get(&self, sequence: u64) -> Option<&WindowMessage<A>> {
        self.messages.get(&sequence)
    }

    /// The event of a message was read again.
    pub fn restore(&mut self, sequence: u64, event: DeliverableEvent) {
        if let Some(message) = self.messages.get_mut(&sequence)
            && message.event.is_none()
        {
            message.event = Some(event);
            self.bytes += message.bytes;
        }
    }

    /// A message in flight is to be sent again when it is due; `attempts` is how many there were.
    pub fn postpone(&mut self, sequence: u64, due: Timestamp, attempts: u32, now: Timestamp) {
        let Some(message) = self.messages.get_mut(&sequence) else { return };
        message.due = due;
        message.attempts = attempts;
        let lane = self.lanes.get(&message.lane);
        if due.0.saturating_sub(now.0) > KEPT_MS {
            for sequence in lane.into_iter().flatten() {
                let Some(message) = self.messages.get_mut(sequence) else { continue };
                self.bytes -= if message.event.take().is_some() { message.bytes } else { 0 };
            }
        }
        // Another may have come before it meanwhile.
        let first = lane.and_then(|lane| lane.first().copied()).unwrap_or(sequence);
        if let Some(first) = self.messages.get(&first).map(|message| (message.due, first)) {
            self.ready.insert(first);
        }
    }

    /// A message in flight was refused together with others: it is sent again, alone.
    pub fn send_alone(&mut self, sequence: u64, now: Timestamp) {
        let Some(message) = self.messages.get_mut(&sequence) else { return };
        message.is_alone = true;
        let attempts = message.attempts + 1;
        self.postpone(sequence, now, attempts, now);
    }

    /// A message in flight is finished: the next one of its user is ready.
    pub fn finish(&mut self, sequence: u64) -> Option<WindowMessage<A>> {
        let message = self.messages.remove(&sequence)?;
        self.bytes -= if message.event.is_some() { message.bytes } else { 0 };
        if let Some(lane) = self.lanes.get_mut(&message.lane) {
            lane.remove(&sequence);
            match lane.first().copied() {
                None => drop(self.lanes.remove(&message.lane)),
                Some(next) => {
                    if let Some(due) = self.messages.get(&next).map(|message| message.due) {
                        self.ready.insert((due, next));
                    }
                }
            }
        }
        Some(message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(lane: &str, due: i64) -> WindowMessage<u64> {
        let event = DeliverableEvent::of(serde_json::json!({ "id": "i" })).ok();
        let (stored, due) = (Timestamp(0), Timestamp(due));
        WindowMessage { event, lane: lane.to_owned(), attempts: 0, stored, due, is_alone: false, bytes: 100, acker: 1 }
    }

    fn all_due(window: &mut DeliveryWindow<u64>, now: i64) -> Vec<u64> {
        std::iter::from_fn(|| window.take_due(Timestamp(now))).collect()
    }

    #[test]
    fn a_message_that_fails_holds_its_user_only() {
        let mut window = DeliveryWindow::default();
        for (sequence, lane) in [(1, "a"), (2, "b"), (3, "a"), (4, "a"), (5, "c")] {
            window.insert(sequence, message(lane, 0));
        }
        assert_eq!(all_due(&mut window, 0), [1, 2, 5]);
        window.postpone(1, Timestamp(100_000), 1, Timestamp(0));
        window.finish(2);
        window.insert(6, message("b", 0));
        assert_eq!(all_due(&mut window, 0), [6]);
        assert_eq!(window.next_due(), Some(Timestamp(100_000)));
        assert!(window.get(1).unwrap().event.is_none(), "what waits long is read again");
        assert_eq!(all_due(&mut window, 100_000), [1]);
        assert!(window.finish(1).is_some());
        assert_eq!(all_due(&mut window, 100_000), [3]);
        window.finish(3);
        assert_eq!(all_due(&mut window, 100_000), [4]);
    }

    #[test]
    fn a_message_that_comes_again_is_there_once() {
        let mut window = DeliveryWindow::default();
        window.insert(1, message("a", 0));
        assert_eq!(window.take_due(Timestamp(0)), Some(1));
        window.insert(1, WindowMessage { acker: 2, ..message("a", 0) });
        assert_eq!(window.take_due(Timestamp(0)), None);
        assert_eq!(window.finish(1).map(|message| message.acker), Some(2));
        assert!(window.is_empty());
    }

    #[test]
    fn an_earlier_message_that_comes_late_goes_first() {
        let mut window = DeliveryWindow::default();
        window.insert(5, message("a", 0));
        window.insert(3, message("a", 0));
        assert_eq!(all_due(&mut window, 0), [3]);
        window.insert(2, message("a", 0));
        assert!(all_due(&mut window, 0).is_empty(), "one at a time");
        window.postpone(3, Timestamp(9), 1, Timestamp(0));
        assert_eq!(all_due(&mut window, 0), [2]);
        window.finish(2);
        assert_eq!(all_due(&mut window, 9), [3]);
    }

    #[test]
    fn it_is_bounded_in_messages_and_bytes_and_counts_them_right() {
        let mut window = DeliveryWindow::default();
        window.insert(1, WindowMessage { bytes: WINDOW_BYTES, ..message("a", 0) });
        assert!(!window.has_room());
        window.take_due(Timestamp(0));
        window.postpone(1, Timestamp(KEPT_MS + 1), 1, Timestamp(0));
        assert!(window.has_room());
        window.insert(2, message("a", 0));
        assert!(window.get(2).unwrap().event.is_none(), "nor are those behind it kept");
        window.take_due(Timestamp(KEPT_MS + 1));
        window.restore(1, DeliverableEvent::of(serde_json::json!({ "id": "i" })).unwrap());
        assert!(!window.has_room());
        window.finish(1);
        window.take_due(Timestamp(0));
        window.finish(2);
        assert_eq!((window.bytes, window.lanes.len(), window.ready.len()), (0, 0, 0));
        for sequence in 0..WINDOW_MESSAGES as u64 {
            window.insert(sequence, message(&sequence.to_string(), 0));
        }
        assert!(!window.has_room());
    }
}

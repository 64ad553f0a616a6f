//! The position in the stream, and the check of each message's sequences against it.
//!
//! Which properties of the sequences are relied on, and why: [`super::jetstream`].

use thiserror::Error;

use super::consumer::ConsumerStart;
use super::metadata::MessageMetadata;

/// The position after the last message handed on.
#[derive(Debug, Default)]
pub(super) struct StreamPosition {
    /// Where to continue; `None` until the stream was inspected.
    pub(super) next: Option<ConsumerStart>,
    /// Every message of the stream is read, so their sequences have no holes.
    pub(super) is_unfiltered: bool,
    /// The consumer's sequence of its last message.
    delivered: u64,
}

/// Messages that are missing before the one that came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum SequenceGap {
    /// The consumer had delivered others before it.
    #[error("messages were lost in transit (delivery {received} came instead of {expected})")]
    Deliveries {
        /// The consumer's next sequence.
        expected: u64,
        /// The one that came.
        received: u64,
    },
    /// The stream may hold others before it.
    #[error("messages {first} to {last} did not come")]
    Messages {
        /// The first of them.
        first: u64,
        /// The last of them.
        last: u64,
    },
}

/// What to do with a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SequenceCheck {
    /// It is the next one.
    Next,
    /// It is the next one, because those from `first` to `last` are not in the stream any more.
    NextAfterRemoved { first: u64, last: u64 },
    /// It was handed on before.
    Repeated,
    /// Messages before it were lost in transit, or seem to be: read them again.
    Gap(SequenceGap),
}

impl StreamPosition {
    /// The position before there is a consumer.
    pub(super) fn starting_at(next: Option<ConsumerStart>) -> StreamPosition {
        StreamPosition { next, ..StreamPosition::default() }
    }

    /// A new consumer starts there.
    pub(super) fn consumer_created(&mut self, start: ConsumerStart, is_unfiltered: bool) {
        *self = StreamPosition { next: Some(start), is_unfiltered, delivered: 0 };
    }

    /// The last message handed on; 0: none, or not known yet.
    pub(super) fn last_read(&self) -> u64 {
        match self.next {
            Some(ConsumerStart::At(next)) => next.saturating_sub(1),
            _ => 0,
        }
    }

    /// Checks the next message of this consumer, and advances past it unless there is a gap.
    pub(super) fn advance(&mut self, metadata: &MessageMetadata) -> SequenceCheck {
        let (expected, received) = (self.delivered + 1, metadata.consumer_sequence);
        if received != expected {
            return SequenceCheck::Gap(SequenceGap::Deliveries { expected, received });
        }
        let sequence = metadata.stream_sequence;
        let check = match self.next {
            Some(ConsumerStart::At(next)) if sequence < next => SequenceCheck::Repeated,
            Some(ConsumerStart::At(next)) if sequence > next && self.is_unfiltered => {
                if self.delivered > 0 {
                    return SequenceCheck::Gap(SequenceGap::Messages { first: next, last: sequence - 1 });
                }
                SequenceCheck::NextAfterRemoved { first: next, last: sequence - 1 }
            }
            _ => SequenceCheck::Next,
        };
        self.delivered += 1;
        if check != SequenceCheck::Repeated {
            self.next = Some(ConsumerStart::At(sequence + 1));
        }
        check
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rekindle_core::time::Timestamp;

    fn at(start: ConsumerStart, is_unfiltered: bool) -> StreamPosition {
        let mut position = StreamPosition::default();
        position.consumer_created(start, is_unfiltered);
        position
    }

    fn message(consumer_sequence: u64, stream_sequence: u64) -> MessageMetadata {
        MessageMetadata { stream_sequence, consumer_sequence, received: Timestamp(0), pending: 0 }
    }

    fn is_gap(check: &SequenceCheck) -> bool {
        matches!(check, SequenceCheck::Gap(_))
    }

    #[test]
    fn a_hole_in_the_deliveries_is_a_gap_with_and_without_filter() {
        for is_unfiltered in [true, false] {
            let mut position = at(ConsumerStart::At(10), is_unfiltered);
            assert_eq!(position.advance(&message(1, 10)), SequenceCheck::Next);
            assert!(is_gap(&position.advance(&message(3, 12))));
            assert_eq!(position.last_read(), 10, "a gap is not passed");
            position.consumer_created(ConsumerStart::At(11), is_unfiltered);
            assert_eq!(position.advance(&message(1, 11)), SequenceCheck::Next);
        }
        assert!(is_gap(&at(ConsumerStart::At(10), true).advance(&message(2, 11))), "the first was lost");
    }

    #[test]
    fn a_hole_in_an_unfiltered_stream_is_read_once_more_and_then_counts_as_removed() {
        let mut position = at(ConsumerStart::At(1), true);
        assert_eq!(position.advance(&message(1, 1)), SequenceCheck::Next);
        assert!(is_gap(&position.advance(&message(2, 5))));
        position.consumer_created(ConsumerStart::At(2), true);
        assert_eq!(position.advance(&message(1, 5)), SequenceCheck::NextAfterRemoved { first: 2, last: 4 });
        assert_eq!(position.advance(&message(2, 6)), SequenceCheck::Next);
    }

    #[test]
    fn a_filtered_stream_has_holes() {
        let mut position = at(ConsumerStart::At(1), false);
        assert_eq!(position.advance(&message(1, 7)), SequenceCheck::Next);
        assert_eq!(position.advance(&message(2, 90)), SequenceCheck::Next);
        assert_eq!(position.last_read(), 90);
    }

    #[test]
    fn a_message_that_was_handed_on_is_dropped() {
        let mut position = at(ConsumerStart::At(10), true);
        assert_eq!(position.advance(&message(1, 8)), SequenceCheck::Repeated);
        assert_eq!(position.advance(&message(2, 9)), SequenceCheck::Repeated);
        assert_eq!(position.last_read(), 9);
    }

    #[test]
    fn a_start_at_a_time_accepts_any_first_message() {
        let mut position = at(ConsumerStart::Time(Timestamp(0)), true);
        assert_eq!(position.advance(&message(1, 500)), SequenceCheck::Next);
        assert!(is_gap(&position.advance(&message(2, 502))));
    }
}

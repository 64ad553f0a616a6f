//! Where in the stream we are, and what the numbers of a message say about it.
//!
//! What is trusted about the numbers, and why, stands at [`super::jetstream`].

use super::consumer::ConsumerStart;
use super::metadata::MessageMetadata;

/// The place after the last message handed on, and how the consumer came there.
#[derive(Debug, Default)]
pub(super) struct StreamPosition {
    /// Where to go on; none until the stream was seen.
    pub(super) begin: Option<ConsumerStart>,
    /// Every message of the stream is ours, so its numbers have no holes.
    pub(super) is_whole: bool,
    /// The number of the last message by this consumer.
    delivered: u64,
}

/// What to do with a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum SequenceCheck {
    /// It comes next.
    Keep,
    /// It comes next, because those from the first to the last of these are gone from the stream.
    KeepAfterGone(u64, u64),
    /// It was handed on before.
    Repeated,
    /// Messages before it were lost on the way, or seem so: ask again.
    Gap(String),
}

impl StreamPosition {
    /// Before the first consumer, where it may be known already where to begin.
    pub(super) fn before(begin: Option<ConsumerStart>) -> StreamPosition {
        StreamPosition { begin, ..StreamPosition::default() }
    }

    /// A new consumer begins there.
    pub(super) fn consumer_created(&mut self, begin: ConsumerStart, is_whole: bool) {
        *self = StreamPosition { begin: Some(begin), is_whole, delivered: 0 };
    }

    /// The last message handed on; 0: none, or not known yet.
    pub(super) fn last_read(&self) -> u64 {
        match self.begin {
            Some(ConsumerStart::At(next)) => next.saturating_sub(1),
            _ => 0,
        }
    }

    /// Judges the next message of this consumer, and goes on past it unless there is a gap.
    pub(super) fn judge(&mut self, metadata: &MessageMetadata) -> SequenceCheck {
        let (expected, got) = (self.delivered + 1, metadata.consumer_sequence);
        if got != expected {
            return SequenceCheck::Gap(format!(
                "messages were lost on the way (delivery {got} came instead of {expected})"
            ));
        }
        let sequence = metadata.stream_sequence;
        let verdict = match self.begin {
            Some(ConsumerStart::At(next)) if sequence < next => SequenceCheck::Repeated,
            Some(ConsumerStart::At(next)) if sequence > next && self.is_whole && self.delivered > 0 => {
                return SequenceCheck::Gap(format!("messages {next} to {} did not come", sequence - 1));
            }
            Some(ConsumerStart::At(next)) if sequence > next && self.is_whole => {
                SequenceCheck::KeepAfterGone(next, sequence - 1)
            }
            _ => SequenceCheck::Keep,
        };
        self.delivered += 1;
        if verdict != SequenceCheck::Repeated {
            self.begin = Some(ConsumerStart::At(sequence + 1));
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rekindle_core::time::Timestamp;

    fn at(begin: ConsumerStart, is_whole: bool) -> StreamPosition {
        let mut position = StreamPosition::default();
        position.consumer_created(begin, is_whole);
        position
    }

    fn message(consumer_sequence: u64, stream_sequence: u64) -> MessageMetadata {
        MessageMetadata { stream_sequence, consumer_sequence, received: Timestamp(0), pending: 0 }
    }

    fn is_gap(verdict: &SequenceCheck) -> bool {
        matches!(verdict, SequenceCheck::Gap(_))
    }

    #[test]
    fn a_hole_in_the_deliveries_is_a_gap_whole_stream_or_not() {
        for is_whole in [true, false] {
            let mut position = at(ConsumerStart::At(10), is_whole);
            assert_eq!(position.judge(&message(1, 10)), SequenceCheck::Keep);
            assert!(is_gap(&position.judge(&message(3, 12))));
            assert_eq!(position.last_read(), 10, "a gap is not passed");
            position.consumer_created(ConsumerStart::At(11), is_whole);
            assert_eq!(position.judge(&message(1, 11)), SequenceCheck::Keep);
        }
        assert!(is_gap(&at(ConsumerStart::At(10), true).judge(&message(2, 11))), "the first was lost");
    }

    #[test]
    fn a_hole_in_a_whole_stream_is_asked_for_once_more_and_then_gone() {
        let mut position = at(ConsumerStart::At(1), true);
        assert_eq!(position.judge(&message(1, 1)), SequenceCheck::Keep);
        assert!(is_gap(&position.judge(&message(2, 5))));
        position.consumer_created(ConsumerStart::At(2), true);
        assert_eq!(position.judge(&message(1, 5)), SequenceCheck::KeepAfterGone(2, 4));
        assert_eq!(position.judge(&message(2, 6)), SequenceCheck::Keep);
    }

    #[test]
    fn a_filtered_stream_has_holes() {
        let mut position = at(ConsumerStart::At(1), false);
        assert_eq!(position.judge(&message(1, 7)), SequenceCheck::Keep);
        assert_eq!(position.judge(&message(2, 90)), SequenceCheck::Keep);
        assert_eq!(position.last_read(), 90);
    }

    #[test]
    fn what_was_handed_on_is_dropped() {
        let mut position = at(ConsumerStart::At(10), true);
        assert_eq!(position.judge(&message(1, 8)), SequenceCheck::Repeated);
        assert_eq!(position.judge(&message(2, 9)), SequenceCheck::Repeated);
        assert_eq!(position.last_read(), 9);
    }

    #[test]
    fn beginning_at_a_time_takes_what_comes_first() {
        let mut position = at(ConsumerStart::Time(Timestamp(0)), true);
        assert_eq!(position.judge(&message(1, 500)), SequenceCheck::Keep);
        assert!(is_gap(&position.judge(&message(2, 502))));
    }
}

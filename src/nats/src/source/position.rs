//! Where in the stream we are, and what the numbers of a message say about it.
//!
//! What is trusted about the numbers, and why, stands at [`super::jetstream`].

use super::consumer::Begin;
use super::metadata::Metadata;

/// The place after the last message handed on, and how the consumer came there.
#[derive(Debug, Default)]
pub(super) struct Position {
    /// Where to go on; none until the stream was seen.
    pub(super) begin: Option<Begin>,
    /// Every message of the stream is ours, so its numbers have no holes.
    pub(super) is_whole: bool,
    /// The number of the last message by this consumer.
    delivered: u64,
}

/// What to do with a message.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It comes next.
    Keep,
    /// It comes next, because those from the first to the last of these are gone from the stream.
    KeepAfterGone(u64, u64),
    /// It was handed on before.
    Repeated,
    /// Messages before it were lost on the way, or seem so: ask again.
    Gap(String),
}

impl Position {
    /// Before the first consumer, where it may be known already where to begin.
    pub(super) fn before(begin: Option<Begin>) -> Position {
        Position { begin, ..Position::default() }
    }

    /// A new consumer begins there.
    pub(super) fn consumer_created(&mut self, begin: Begin, is_whole: bool) {
        *self = Position { begin: Some(begin), is_whole, delivered: 0 };
    }

    /// The last message handed on; 0: none, or not known yet.
    pub(super) fn last_read(&self) -> u64 {
        match self.begin {
            Some(Begin::At(next)) => next.saturating_sub(1),
            _ => 0,
        }
    }

    /// Judges the next message of this consumer, and goes on past it unless there is a gap.
    pub(super) fn judge(&mut self, metadata: &Metadata) -> Verdict {
        let (expected, got) = (self.delivered + 1, metadata.consumer_sequence);
        if got != expected {
            return Verdict::Gap(format!("messages were lost on the way (delivery {got} came instead of {expected})"));
        }
        let sequence = metadata.stream_sequence;
        let verdict = match self.begin {
            Some(Begin::At(next)) if sequence < next => Verdict::Repeated,
            Some(Begin::At(next)) if sequence > next && self.is_whole && self.delivered > 0 => {
                return Verdict::Gap(format!("messages {next} to {} did not come", sequence - 1));
            }
            Some(Begin::At(next)) if sequence > next && self.is_whole => Verdict::KeepAfterGone(next, sequence - 1),
            _ => Verdict::Keep,
        };
        self.delivered += 1;
        if verdict != Verdict::Repeated {
            self.begin = Some(Begin::At(sequence + 1));
        }
        verdict
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rekindle_core::time::Timestamp;

    fn at(begin: Begin, is_whole: bool) -> Position {
        let mut position = Position::default();
        position.consumer_created(begin, is_whole);
        position
    }

    fn message(consumer_sequence: u64, stream_sequence: u64) -> Metadata {
        Metadata { stream_sequence, consumer_sequence, received: Timestamp(0), pending: 0 }
    }

    fn is_gap(verdict: &Verdict) -> bool {
        matches!(verdict, Verdict::Gap(_))
    }

    #[test]
    fn a_hole_in_the_deliveries_is_a_gap_whole_stream_or_not() {
        for is_whole in [true, false] {
            let mut position = at(Begin::At(10), is_whole);
            assert_eq!(position.judge(&message(1, 10)), Verdict::Keep);
            assert!(is_gap(&position.judge(&message(3, 12))));
            assert_eq!(position.last_read(), 10, "a gap is not passed");
            position.consumer_created(Begin::At(11), is_whole);
            assert_eq!(position.judge(&message(1, 11)), Verdict::Keep);
        }
        assert!(is_gap(&at(Begin::At(10), true).judge(&message(2, 11))), "the first was lost");
    }

    #[test]
    fn a_hole_in_a_whole_stream_is_asked_for_once_more_and_then_gone() {
        let mut position = at(Begin::At(1), true);
        assert_eq!(position.judge(&message(1, 1)), Verdict::Keep);
        assert!(is_gap(&position.judge(&message(2, 5))));
        position.consumer_created(Begin::At(2), true);
        assert_eq!(position.judge(&message(1, 5)), Verdict::KeepAfterGone(2, 4));
        assert_eq!(position.judge(&message(2, 6)), Verdict::Keep);
    }

    #[test]
    fn a_filtered_stream_has_holes() {
        let mut position = at(Begin::At(1), false);
        assert_eq!(position.judge(&message(1, 7)), Verdict::Keep);
        assert_eq!(position.judge(&message(2, 90)), Verdict::Keep);
        assert_eq!(position.last_read(), 90);
    }

    #[test]
    fn what_was_handed_on_is_dropped() {
        let mut position = at(Begin::At(10), true);
        assert_eq!(position.judge(&message(1, 8)), Verdict::Repeated);
        assert_eq!(position.judge(&message(2, 9)), Verdict::Repeated);
        assert_eq!(position.last_read(), 9);
    }

    #[test]
    fn beginning_at_a_time_takes_what_comes_first() {
        let mut position = at(Begin::Time(Timestamp(0)), true);
        assert_eq!(position.judge(&message(1, 500)), Verdict::Keep);
        assert!(is_gap(&position.judge(&message(2, 502))));
    }
}

//! Beats (semantics §8): the log's time is divided at every whole second of UTC, and what users share is settled there.

use super::Timestamp;

/// The length of a beat.
const BEAT_MS: i64 = 1_000;

/// The end of the beat that a watermark is in: the first whole second after it.
pub fn beat_after(watermark: Timestamp) -> Timestamp {
    Timestamp(watermark.0.div_euclid(BEAT_MS).saturating_add(1).saturating_mul(BEAT_MS))
}

/// The end of the beat in which the watermark reaches an instant: the first whole second that is not before it.
pub fn beat_through(instant: Timestamp) -> Timestamp {
    beat_after(Timestamp(instant.0.saturating_sub(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_second_ends_a_beat_and_begins_the_next() {
        let ends = |at: i64| (beat_through(Timestamp(at)).0, beat_after(Timestamp(at)).0);
        assert_eq!([ends(999), ends(1_000), ends(1_001)], [(1_000, 1_000), (1_000, 2_000), (2_000, 2_000)]);
        assert_eq!([ends(-1), ends(0), ends(-1_000)], [(0, 0), (0, 1_000), (-1_000, 0)]);
    }
}

//! The events: one user who does a great many things, among others who do few.

use bytes::Bytes;
use rekindle_core::time::{Span, Timestamp};

use crate::synthetic_users::{BEGIN, EventLineWriter};

/// The number of the user who is asked about.
const ASKED: u32 = 9_999_999;
/// For how long all of them do things.
const PERIOD_MS: i64 = 30 * 86_400_000;

/// The id of the user who is asked about.
pub(super) fn asked_user() -> String {
    format!("u{ASKED:07}")
}

/// Lines of events, one a message, in the order of their times.
pub(super) struct HistoryEvents {
    pub(super) lines: Vec<Bytes>,
    /// The time of the latest event.
    pub(super) end: Timestamp,
}

/// This number of events of others, and of the user who is asked about, evenly spread among them.
pub(super) fn history(own: u32, others: u32, users: u32) -> HistoryEvents {
    let all = u64::from(own) + u64::from(others);
    let (mut lines, mut writer, mut end) = (Vec::new(), EventLineWriter::default(), BEGIN);
    let (mut owned, mut other) = (0_u64, 0_u64);
    for number in 0..all {
        end = BEGIN + Span((i128::from(number) * i128::from(PERIOD_MS) / i128::from(all)) as i64);
        let is_own = (number + 1) * u64::from(own) / all > owned;
        let (user, nth) = if is_own { (ASKED, &mut owned) } else { ((other % u64::from(users)) as u32, &mut other) };
        *nth += 1;
        let mut line = Vec::new();
        match *nth % 20 {
            0 => writer.order(user, end, 1_000 + *nth % 9_000, &mut line),
            5 | 11 => writer.addition(user, end, &mut line),
            _ => writer.view(user, end, &mut line),
        }
        line.pop();
        lines.push(line.into());
    }
    HistoryEvents { lines, end }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_user_has_that_many_events_among_those_of_others() {
        let HistoryEvents { lines, end } = history(100, 900, 30);
        let asked = format!("\"{}\"", asked_user());
        let own: Vec<usize> =
            (0..lines.len()).filter(|at| memchr::memmem::find(&lines[*at], asked.as_bytes()).is_some()).collect();
        assert_eq!((lines.len(), own.len()), (1_000, 100));
        assert!(own.windows(2).all(|pair| pair[1] - pair[0] == 10), "{own:?}");
        assert!(lines.iter().all(|line| serde_json::from_slice::<serde_json::Value>(line).is_ok()));
        assert!(end < BEGIN + Span(PERIOD_MS) && end > BEGIN + Span(PERIOD_MS - 86_400_000), "{end}");
    }
}

//! How large segments were, hour by hour, and how many entered and left them: for charts.
//!
//! It is kept in memory, from the counts that the engine publishes: their last in each hour of the log. What the engine replays at a
//! start is seen again as far as it is replayed; what lies before the checkpoint is not.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::pipeline::PipelineTotals;
use rekindle_core::rules::ruleset::Ruleset;
use rekindle_core::time::{Span, Timestamp};

/// An hour.
const HOUR: Span = Span(3_600_000);

/// How many hours are kept of each segment: 92 days.
const HOURS_MAX: usize = 92 * 24;

/// A segment in one hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentHour {
    /// When the hour begins, in milliseconds since 1970.
    pub at_ms: i64,
    /// How many users, or keys, were in it at its end, or are now.
    pub size: u64,
    /// How many entered in it.
    pub entered: u64,
    /// How many left in it, other than by being merged, dropped or forgotten.
    pub left: u64,
}

/// The history of all segments.
#[derive(Debug, Default)]
pub(super) struct SegmentHistory {
    state: Mutex<HistoryState>,
}

#[derive(Debug, Default)]
struct HistoryState {
    hours: BTreeMap<String, VecDeque<SegmentHour>>,
    /// The rules and the transitions when it was last updated.
    before: Option<(String, Vec<[u64; 2]>)>,
}

impl SegmentHistory {
    /// Takes the counts up to the watermark.
    pub(super) fn update(&self, rules: &Ruleset, totals: &PipelineTotals, watermark: Timestamp) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if watermark <= Timestamp::MIN {
            state.before = Some((rules.version.clone(), totals.counts.transitions.clone()));
            return;
        }
        let HistoryState { hours, before } = &mut *state;
        let transitions = &totals.counts.transitions;
        let before_of = |index: usize| match &*before {
            // A new generation of rules begins with the counts that it has.
            Some((version, counts)) if *version == rules.version => counts.get(index).copied(),
            _ => transitions.get(index).copied(),
        };
        let at_ms = watermark.0.div_euclid(HOUR.0) * HOUR.0;
        for (index, segment) in rules.segments.iter().enumerate() {
            let size = totals.counts.sizes.get(index).copied().unwrap_or_default();
            let [entered, left] = transitions.get(index).copied().unwrap_or_default();
            let [entered_before, left_before] = before_of(index).unwrap_or_default();
            let of_segment = hours.entry(segment.id.clone()).or_default();
            if of_segment.back().is_none_or(|last| last.at_ms < at_ms) {
                of_segment.push_back(SegmentHour { at_ms, size, entered: 0, left: 0 });
            }
            if of_segment.len() > HOURS_MAX {
                of_segment.pop_front();
            }
            if let Some(last) = of_segment.back_mut() {
                last.size = size;
                last.entered += entered.saturating_sub(entered_before);
                last.left += left.saturating_sub(left_before);
            }
        }
        if before.as_ref().is_none_or(|(version, _)| *version != rules.version) {
            hours.retain(|id, _| rules.segments.iter().any(|segment| segment.id == *id));
        }
        *before = Some((rules.version.clone(), transitions.clone()));
    }

    /// The hours of a segment that begin in `[from, to)`, oldest first.
    pub(super) fn of(&self, segment: &str, from: Timestamp, to: Timestamp) -> Vec<SegmentHour> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let hours = state.hours.get(segment).into_iter().flatten();
        hours.filter(|hour| (from.0..to.0).contains(&hour.at_ms)).copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rekindle_core::rules;

    fn rules_of(ids: &[&str]) -> Ruleset {
        let segment = |id: &&str| format!("[[segments]]\nid = '{id}'\nwhen = 'total(view) > 1'\n");
        let segments: String = ids.iter().map(segment).collect();
        rules::compile(&format!("[events]\nview = 'View'\n{segments}")).unwrap_or_else(|_| unreachable!("sound rules"))
    }

    fn totals(rules: &Ruleset, counts: &[(u64, [u64; 2])]) -> PipelineTotals {
        let mut of_all = rekindle_core::partition::PartitionCounters::new(rules);
        of_all.sizes = counts.iter().map(|(size, _)| *size).collect();
        of_all.transitions = counts.iter().map(|(_, transitions)| *transitions).collect();
        PipelineTotals { counts: of_all, ..PipelineTotals::default() }
    }

    fn hour(number: i64, size: u64, entered: u64, left: u64) -> SegmentHour {
        SegmentHour { at_ms: number * HOUR.0, size, entered, left }
    }

    #[test]
    fn each_hour_has_the_size_at_its_end_and_what_changed_in_it() {
        let (history, rules) = (SegmentHistory::default(), rules_of(&["a", "b"]));
        let update =
            |ms: i64, counts: &[(u64, [u64; 2])]| history.update(&rules, &totals(&rules, counts), Timestamp(ms));
        update(Timestamp::MIN.0, &[(5, [8, 4]), (0, [0, 0])]);
        update(HOUR.0 + 1, &[(5, [9, 4]), (0, [0, 0])]);
        update(HOUR.0 + 2, &[(6, [11, 5]), (0, [0, 0])]);
        update(3 * HOUR.0, &[(2, [11, 9]), (1, [1, 0])]);
        let all = |id| history.of(id, Timestamp(0), Timestamp(i64::MAX));
        assert_eq!(all("a"), [hour(1, 6, 3, 1), hour(3, 2, 0, 4)]);
        assert_eq!(all("b"), [hour(1, 0, 0, 0), hour(3, 1, 1, 0)]);
        assert_eq!(history.of("a", Timestamp(HOUR.0), Timestamp(3 * HOUR.0)), [hour(1, 6, 3, 1)]);
        assert_eq!(all("c"), []);
    }

    #[test]
    fn other_rules_keep_the_segments_that_stay_and_count_nothing_twice() {
        let (history, before, after) = (SegmentHistory::default(), rules_of(&["a", "b"]), rules_of(&["b", "c"]));
        history.update(&before, &totals(&before, &[(5, [9, 4]), (1, [1, 0])]), Timestamp(1));
        history.update(&after, &totals(&after, &[(3, [7, 0]), (4, [4, 0])]), Timestamp(2));
        history.update(&after, &totals(&after, &[(4, [8, 0]), (4, [4, 0])]), Timestamp(3));
        let all = |id| history.of(id, Timestamp(0), Timestamp(i64::MAX));
        assert_eq!((all("a"), all("b"), all("c")), (vec![], vec![hour(0, 4, 1, 0)], vec![hour(0, 4, 0, 0)]));
    }

    #[test]
    fn old_hours_are_dropped() {
        let (history, rules) = (SegmentHistory::default(), rules_of(&["a"]));
        for number in 0..=HOURS_MAX as i64 {
            history.update(&rules, &totals(&rules, &[(1, [1, 0])]), Timestamp(number * HOUR.0));
        }
        let kept = history.of("a", Timestamp(0), Timestamp(i64::MAX));
        assert_eq!((kept.len(), kept[0].at_ms), (HOURS_MAX, HOUR.0));
    }
}

//! How large segments were, hour by hour, and how many entered and left them: for charts.
//!
//! It is kept in memory, from the counts that the engine publishes: their last in each hour of the log. Checkpoints have it, up to
//! where they are taken; what the engine replays after one is seen again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use crate::pipeline::PipelineTotals;
use rekindle_core::checkpoint::{SegmentHour, SegmentHours};
use rekindle_core::rules::ruleset::Ruleset;
use rekindle_core::time::{Span, Timestamp};

/// An hour.
const HOUR: Span = Span(3_600_000);

/// How many hours are kept of each segment: 92 days.
const HOURS_MAX: usize = 92 * 24;

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
    /// The last hour that the last snapshot has; `None`: there is none that another could continue.
    stored_ms: Option<i64>,
}

impl SegmentHistory {
    /// Takes the counts up to the watermark.
    pub(super) fn update(&self, rules: &Ruleset, totals: &PipelineTotals, watermark: Timestamp) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if watermark <= Timestamp::MIN {
            state.before = Some((rules.version.clone(), totals.counts.transitions.clone()));
            return;
        }
        let HistoryState { hours, before, .. } = &mut *state;
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

    /// Begins with the hours of a checkpoint, as far as these rules have their segments; the next snapshot may continue it.
    pub(super) fn restore(&self, rules: &Ruleset, hours: BTreeMap<String, VecDeque<SegmentHour>>) {
        let is_known = |id: &String| rules.segments.iter().any(|segment| segment.id == *id);
        let known = hours.into_iter().filter(|(id, _)| is_known(id));
        let hours: BTreeMap<_, VecDeque<SegmentHour>> = known
            .map(|(id, mut hours)| {
                hours.drain(..hours.len().saturating_sub(HOURS_MAX));
                (id, hours)
            })
            .collect();
        let stored_ms = last_hour(&hours);
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = HistoryState { hours, before: None, stored_ms };
    }

    /// The hours that a snapshot has from here: all, or those that are new or have changed since the last one.
    pub(super) fn begin_snapshot(&self, is_full: bool) -> Vec<SegmentHours> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let from = state.stored_ms.filter(|_| !is_full).unwrap_or(i64::MIN);
        state.stored_ms = last_hour(&state.hours);
        let since = |(id, hours): (&String, &VecDeque<SegmentHour>)| SegmentHours {
            segment: id.clone(),
            hours: hours.iter().filter(|hour| hour.at_ms >= from).copied().collect(),
        };
        state.hours.iter().map(since).filter(|of_segment| !of_segment.hours.is_empty()).collect()
    }

    /// The hours of a segment that begin in `[from, to)`, oldest first.
    pub(super) fn of(&self, segment: &str, from: Timestamp, to: Timestamp) -> Vec<SegmentHour> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let hours = state.hours.get(segment).into_iter().flatten();
        hours.filter(|hour| (from.0..to.0).contains(&hour.at_ms)).copied().collect()
    }
}

/// The last hour of all segments.
fn last_hour(hours: &BTreeMap<String, VecDeque<SegmentHour>>) -> Option<i64> {
    hours.values().filter_map(|hours| Some(hours.back()?.at_ms)).max()
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

    #[test]
    fn a_snapshot_has_the_hours_since_the_last_and_a_start_goes_on_with_them() {
        let (history, rules) = (SegmentHistory::default(), rules_of(&["a", "b"]));
        let update =
            |ms: i64, counts: &[(u64, [u64; 2])]| history.update(&rules, &totals(&rules, counts), Timestamp(ms));
        update(HOUR.0, &[(1, [1, 0]), (0, [0, 0])]);
        update(2 * HOUR.0, &[(3, [3, 0]), (0, [0, 0])]);
        let of_a = |hours: &[SegmentHours]| hours[0].hours.clone();
        let base = history.begin_snapshot(true);
        assert_eq!((base.len(), of_a(&base)), (2, vec![hour(1, 1, 0, 0), hour(2, 3, 2, 0)]));
        update(2 * HOUR.0 + 1, &[(4, [4, 0]), (0, [0, 0])]);
        update(3 * HOUR.0, &[(4, [5, 1]), (0, [0, 0])]);
        let delta = history.begin_snapshot(false);
        assert_eq!(of_a(&delta), [hour(2, 4, 3, 0), hour(3, 4, 1, 1)], "the last hour of the one before has changed");

        let mut restored = crate::pipeline::RecentHistory::default();
        restored.add_hours(base);
        restored.add_hours(delta);
        let (restarted, other_rules) = (SegmentHistory::default(), rules_of(&["a"]));
        restarted.restore(&other_rules, restored.hours);
        // Counts begin again at a start.
        restarted.update(&other_rules, &totals(&other_rules, &[(4, [0, 0])]), Timestamp(3 * HOUR.0));
        restarted.update(&other_rules, &totals(&other_rules, &[(6, [2, 0])]), Timestamp(3 * HOUR.0 + 1));
        let all = |id| restarted.of(id, Timestamp(0), Timestamp(i64::MAX));
        assert_eq!(all("a"), [hour(1, 1, 0, 0), hour(2, 4, 3, 0), hour(3, 6, 3, 1)]);
        assert_eq!(all("b"), [], "these rules have no such segment");
        assert_eq!(of_a(&restarted.begin_snapshot(false)), [hour(3, 6, 3, 1)]);
    }
}

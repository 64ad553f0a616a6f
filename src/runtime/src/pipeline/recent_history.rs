//! What checkpoints have beside the state: the latest decisions, and how large segments were hour by hour. Nothing that is decided
//! depends on it; the live engine keeps it for requests, and a start has it again.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use hashbrown::HashMap;

use rekindle_core::checkpoint::{ForgottenDecisions, SegmentHour, SegmentHours};
use rekindle_core::partition::{ExecutionPlan, Output};
use rekindle_core::time::Timestamp;

/// As it was read from a base and the deltas that continue it.
#[derive(Debug, Default)]
pub struct RecentHistory {
    /// The latest decisions, in the order in which they were made.
    pub decisions: Vec<Output>,
    /// The hours of each segment, oldest first.
    pub hours: BTreeMap<String, VecDeque<SegmentHour>>,
}

/// A part of it that goes into a checkpoint.
#[derive(Debug, Default)]
pub struct RecentHistoryPart {
    /// Whose decisions are gone, of those of the checkpoint before.
    pub forgotten: Vec<ForgottenDecisions>,
    /// Decisions that are new since, each with the rules that made it.
    pub decisions: Vec<(Arc<ExecutionPlan>, Output)>,
    /// Hours that are new or have changed since.
    pub hours: Vec<SegmentHours>,
}

impl RecentHistory {
    /// Removes decisions that are gone.
    pub(super) fn forget(&mut self, forgotten: Vec<ForgottenDecisions>) {
        let mut before: HashMap<Arc<str>, Timestamp> = HashMap::new();
        for of_user in forgotten {
            let at = before.entry(of_user.user).or_insert(of_user.before);
            *at = of_user.before.max(*at);
        }
        if !before.is_empty() {
            self.decisions.retain(|decision| before.get(&decision.user).is_none_or(|at| decision.at >= *at));
        }
    }

    /// Adds hours, which replace those that are there.
    pub(crate) fn add_hours(&mut self, hours: Vec<SegmentHours>) {
        for SegmentHours { segment, hours } in hours {
            let of_segment = self.hours.entry(segment).or_default();
            for hour in hours {
                while of_segment.back().is_some_and(|last| last.at_ms >= hour.at_ms) {
                    of_segment.pop_back();
                }
                of_segment.push_back(hour);
            }
        }
    }
}

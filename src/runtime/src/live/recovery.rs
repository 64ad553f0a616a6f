//! Recovery: the plan by which the log is replayed from the checkpoint to the committed position.
//!
//! [`Recovery::next`] returns the next step; the engine executes it (`Engine::recover`).
//!
//! Rules changes take effect at the positions where they did before. Up to the committed position outputs are computed and
//! not published; a partially published group is formed again of the same records, and its published outputs are skipped by
//! their number.

use std::collections::VecDeque;
use std::sync::Arc;

use super::past_pipeline::RecoveredPast;
use crate::log::{LogRecord, RecordBatch};
use crate::output::committed_position::{CommittedPosition, PartialGroup};
use rekindle_core::partition::{ExecutionPlan, TimerMark};

/// What a start has to replay.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    /// The committed position.
    pub committed: CommittedPosition,
    /// The rules changes to come, in order.
    pub changes: VecDeque<RecoveredRulesChange>,
}

/// A rules change of the past.
#[derive(Clone, Debug)]
pub struct RecoveredRulesChange {
    /// After this record of the log.
    pub sequence: u64,
    /// The number of the change, from 1.
    pub generation: u64,
    /// The rules.
    pub plan: Arc<ExecutionPlan>,
    /// What they had made of the log's past; `None`: they did not know it.
    pub past: Option<RecoveredPast>,
}

/// The next step of a recovery.
#[derive(Debug)]
pub(super) enum RecoveryStep {
    /// Wait for more records.
    Wait,
    /// Apply these; all of their outputs are published.
    ApplyPublished(Vec<LogRecord>),
    /// Skip to this sequence: the log no longer has the records before.
    SkipTo(u64),
    /// Apply these as one group, of which a part may be published.
    Apply(Vec<LogRecord>, Option<PartialGroup>),
    /// Fire the timers up to the mark; all of their outputs are published, or a part.
    FireTimers(TimerMark, Option<PartialGroup>),
    /// Change the rules.
    ChangeRules(RecoveredRulesChange, RulesChangePublication),
    /// The recovery is finished.
    Finish,
}

/// How much of a rules change is published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RulesChangePublication {
    /// All of it.
    All,
    /// A part.
    Partial(PartialGroup),
    /// Nothing.
    Nothing,
}

impl Recovery {
    /// The last record of the log that is needed: a published output was computed from it.
    pub fn last_needed(&self) -> u64 {
        self.committed.last_needed()
    }

    /// The record after which the log is to be read, where the engine continues after `restored`: what rules made of the log's
    /// past may have been stored before the checkpoint.
    pub fn reads_after(&self, restored: u64) -> u64 {
        let pasts = self.changes.iter().filter_map(|change| change.past.as_ref()?.sequence());
        pasts.fold(restored, u64::min)
    }

    /// Records that the engine is given, some of which it may have applied already, go through the past of the rules to come.
    pub(super) fn read_past(&self, records: &[LogRecord]) {
        for change in &self.changes {
            if let Some(past) = &change.past {
                past.read(records, change.sequence);
            }
        }
    }

    /// The next step after the record `sequence`, with all timers fired up to `fired`; the backlog has the next records.
    pub(super) fn next(&mut self, sequence: u64, fired: TimerMark, backlog: &mut RecordBatch) -> RecoveryStep {
        if sequence >= self.committed.sequence {
            let up_to = self.committed.fired();
            if up_to < TimerMark::NEVER && fired < up_to {
                return RecoveryStep::FireTimers(up_to, None);
            }
            if let Some(open) = self.committed.open
                && let Some(to) = open.fires_to()
            {
                self.committed.open = None;
                return RecoveryStep::FireTimers(to, Some(open));
            }
        }
        let next_is_beyond = |limit: u64| backlog.first().is_some_and(|record| record.sequence > limit);
        let is_due = |change: &RecoveredRulesChange| change.sequence <= sequence || next_is_beyond(change.sequence);
        if self.changes.front().is_some_and(|change| is_due(change) && !change.knows_past()) {
            return RecoveryStep::Wait;
        }
        if self.changes.front().is_some_and(is_due)
            && let Some(change) = self.changes.pop_front()
        {
            let publication = self.publication_of(&change);
            return RecoveryStep::ChangeRules(change, publication);
        }
        let next_change = self.changes.front().map(|change| change.sequence);
        if sequence < self.committed.sequence {
            let limit = next_change.map_or(self.committed.sequence, |change| change.min(self.committed.sequence));
            let batch = up_to(backlog, limit);
            return match (batch.is_empty(), backlog.is_empty()) {
                (false, _) => RecoveryStep::ApplyPublished(batch),
                (true, false) => RecoveryStep::SkipTo(limit),
                (true, true) => RecoveryStep::Wait,
            };
        }
        if let Some(open) =
            self.committed.open.filter(|open| open.changes_rules_to.is_none() && open.fires_to_ms.is_none())
        {
            if backlog.last().is_none_or(|last| last.sequence < open.through) {
                return RecoveryStep::Wait;
            }
            self.committed.open = None;
            return RecoveryStep::Apply(up_to(backlog, open.through), Some(open));
        }
        let Some(limit) = next_change else { return RecoveryStep::Finish };
        let batch = up_to(backlog, limit);
        if batch.is_empty() { RecoveryStep::Wait } else { RecoveryStep::Apply(batch, None) }
    }

    fn publication_of(&mut self, change: &RecoveredRulesChange) -> RulesChangePublication {
        match self.committed.open {
            _ if change.generation <= self.committed.generation => RulesChangePublication::All,
            Some(open) if open.changes_rules_to == Some(change.generation) => {
                self.committed.open = None;
                RulesChangePublication::Partial(open)
            }
            _ => RulesChangePublication::Nothing,
        }
    }
}

impl RecoveredRulesChange {
    /// Whether the rules know as much of the log's past as they knew when they took effect.
    fn knows_past(&self) -> bool {
        self.past.as_ref().and_then(RecoveredPast::sequence).is_none_or(|read| read >= self.sequence)
    }
}

fn up_to(backlog: &mut RecordBatch, limit: u64) -> Vec<LogRecord> {
    let count = backlog.partition_point(|record| record.sequence <= limit);
    backlog.drain(..count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::RecordKind;
    use rekindle_core::rules;
    use rekindle_core::time::Timestamp;

    fn records(sequences: impl IntoIterator<Item = u64>) -> RecordBatch {
        let record = |sequence| LogRecord {
            sequence,
            received: Timestamp(0),
            kind: RecordKind::Events,
            lines: bytes::Bytes::new(),
        };
        sequences.into_iter().map(record).collect()
    }

    fn change(sequence: u64, generation: u64) -> RecoveredRulesChange {
        RecoveredRulesChange {
            sequence,
            generation,
            plan: Arc::new(ExecutionPlan::new(rules::compile("").expect("no rules are fine"))),
            past: None,
        }
    }

    fn committed(sequence: u64, generation: u64, open: Option<PartialGroup>) -> CommittedPosition {
        CommittedPosition { generation, open, ..CommittedPosition::before(sequence) }
    }

    /// All steps after `sequence`, as text, with the records of the log arriving a few at a time.
    fn steps(mut recovery: Recovery, mut sequence: u64, log: &[u64], at_a_time: usize) -> Vec<String> {
        let (mut steps, mut backlog, mut rest, mut fired) = (Vec::new(), RecordBatch::new(), log, TimerMark::MIN);
        loop {
            let step = match recovery.next(sequence, fired, &mut backlog) {
                RecoveryStep::Wait => {
                    let (some, more) = rest.split_at(at_a_time.min(rest.len()));
                    if some.is_empty() {
                        steps.push("waits".to_owned());
                        return steps;
                    }
                    backlog.extend(records(some.iter().copied()));
                    rest = more;
                    continue;
                }
                RecoveryStep::ApplyPublished(batch) => format!("apply published {:?}", applied(&mut sequence, &batch)),
                RecoveryStep::Apply(batch, open) => {
                    format!(
                        "apply, {} published, {:?}",
                        open.map_or(0, |open| open.sent),
                        applied(&mut sequence, &batch)
                    )
                }
                RecoveryStep::SkipTo(to) => {
                    sequence = to;
                    format!("skip to {to}")
                }
                RecoveryStep::ChangeRules(change, publication) => {
                    format!("change {} {publication:?}", change.generation)
                }
                RecoveryStep::FireTimers(to, open) => {
                    fired = fired.max(to);
                    format!("fire to {}+{}, {:?} published", to.instant.0, to.turns, open.map(|open| open.sent))
                }
                RecoveryStep::Finish => {
                    steps.push("finish".to_owned());
                    return steps;
                }
            };
            steps.push(step);
        }
    }

    /// The sequences of the records, the last of which is the last one applied.
    fn applied(sequence: &mut u64, batch: &[LogRecord]) -> Vec<u64> {
        *sequence = batch.last().map_or(*sequence, |record| record.sequence);
        batch.iter().map(|record| record.sequence).collect()
    }

    #[test]
    fn a_first_start_has_nothing_to_replay() {
        assert_eq!(steps(Recovery::default(), 0, &[], 1), ["finish"]);
    }

    #[test]
    fn published_outputs_are_skipped_and_a_partial_group_is_formed_again() {
        let open = Some(PartialGroup { sent: 3, ..PartialGroup::messages_through(8) });
        let recovery = || Recovery { committed: committed(6, 0, open), changes: VecDeque::new() };
        let log: Vec<u64> = (5..=20).collect();
        assert_eq!(
            steps(recovery(), 4, &log, 1),
            ["apply published [5]", "apply published [6]", "apply, 3 published, [7, 8]", "finish"],
            "one by one"
        );
        assert_eq!(
            steps(recovery(), 4, &log, 9),
            ["apply published [5, 6]", "apply, 3 published, [7, 8]", "finish"],
            "all at once"
        );
        assert_eq!(
            steps(recovery(), 4, &[5, 6, 7], 9),
            ["apply published [5, 6]", "waits"],
            "without its end it is not applied"
        );
        assert_eq!(recovery().last_needed(), 8);
    }

    #[test]
    fn rules_take_effect_where_they_did_before() {
        let changes: VecDeque<_> = [change(5, 1), change(7, 2), change(9, 3)].into();
        let recovery = Recovery { committed: committed(8, 2, None), changes };
        assert_eq!(
            steps(recovery, 5, &(6..=12).collect::<Vec<_>>(), 4),
            [
                "change 1 All",
                "apply published [6, 7]",
                "change 2 All",
                "apply published [8]",
                "apply, 0 published, [9]",
                "change 3 Nothing",
                "finish"
            ]
        );
    }

    #[test]
    fn a_partially_published_rules_change_continues_where_it_stopped() {
        let open = PartialGroup { sent: 2, changes_rules_to: Some(1), ..PartialGroup::messages_through(6) };
        let recovery = Recovery { committed: committed(6, 0, Some(open)), changes: [change(6, 1)].into() };
        let last = format!("change 1 Partial({open:?})");
        assert_eq!(steps(recovery, 5, &[6, 7], 2), ["apply published [6]", last.as_str(), "finish"]);
    }

    #[test]
    fn timers_fire_as_far_as_they_had() {
        let open = PartialGroup { sent: 3, fires_to_ms: Some(70), ..PartialGroup::messages_through(6) };
        let fired = |open| CommittedPosition { fired_ms: Some(50), ..committed(6, 0, open) };
        let recovery = Recovery { committed: fired(Some(open)), changes: [change(6, 1)].into() };
        assert_eq!(
            steps(recovery, 5, &[6, 7], 2),
            [
                "apply published [6]",
                "fire to 50+0, None published",
                "fire to 70+0, Some(3) published",
                "change 1 Nothing",
                "finish"
            ],
            "the timers due before a rules change were published in part"
        );
        let recovery = Recovery { committed: fired(None), changes: VecDeque::new() };
        assert_eq!(
            steps(recovery, 6, &[7], 2),
            ["fire to 50+0, None published", "finish"],
            "from a checkpoint at the committed position"
        );
    }

    /// Also where steps of one instant were published, and one in part.
    #[test]
    fn timers_fire_as_far_as_they_had_within_an_instant() {
        let to = TimerMark { instant: Timestamp(50), turns: 9 };
        let open = PartialGroup { sent: 3, ..PartialGroup::messages_through(6).firing_to(Some(to)) };
        let committed = CommittedPosition { fired_ms: Some(50), fired_turns: 7, ..committed(6, 0, Some(open)) };
        let written = serde_json::to_string(&committed).expect("JSON");
        assert!(written.contains(r#""fired_ms":50,"fired_turns":7"#), "{written}");
        let committed = serde_json::from_str(&written).expect("JSON");
        assert_eq!(
            steps(Recovery { committed, changes: VecDeque::new() }, 6, &[7], 2),
            ["fire to 50+7, None published", "fire to 50+9, Some(3) published", "finish"]
        );
    }

    #[test]
    fn records_that_the_log_no_longer_has_are_skipped() {
        let recovery = Recovery { committed: committed(6, 0, None), changes: [change(4, 1)].into() };
        assert_eq!(steps(recovery, 2, &[9, 10], 2), ["change 1 Nothing", "skip to 6", "finish"]);
    }
}

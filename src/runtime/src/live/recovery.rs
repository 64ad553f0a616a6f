//! Recovery: replaying the log from the checkpoint to the committed position.
//!
//! Rules changes take effect at the positions where they did before. Up to the committed position outputs are computed and
//! not published; a partially published group is formed again of the same records, and its published outputs are skipped by
//! their number.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::log::{LogRecord, RecordBatch};
use crate::output::committed_position::{CommittedPosition, PartialGroup};
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::time::Timestamp;

/// What a start has to replay.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    /// The committed position.
    pub out: CommittedPosition,
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
}

/// The next step of a recovery.
#[derive(Debug)]
pub(super) enum RecoveryStep {
    /// Wait for more records.
    Wait,
    /// Apply these; all of their outputs are published.
    Discard(Vec<LogRecord>),
    /// The log no longer has the records up to this one.
    PassOver(u64),
    /// Apply these as one group, of which a part may be published.
    Take(Vec<LogRecord>, Option<PartialGroup>),
    /// Fire the timers due up to then; all of their outputs are published, or a part.
    Fire(Timestamp, Option<PartialGroup>),
    /// Change the rules.
    Change(RecoveredRulesChange, RulesChangePublication),
    /// The recovery is finished.
    Done,
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
        self.out.last_needed()
    }

    /// The next step after the record `sequence`, with all timers fired up to `fired`; the backlog has the next records.
    pub(super) fn next(&mut self, sequence: u64, fired: Timestamp, backlog: &mut RecordBatch) -> RecoveryStep {
        if sequence >= self.out.sequence {
            let up_to = self.out.fired();
            if up_to < Timestamp::NEVER && fired < up_to {
                return RecoveryStep::Fire(up_to, None);
            }
            if let Some(open) = self.out.open
                && let Some(to) = open.fires_to_ms
            {
                self.out.open = None;
                return RecoveryStep::Fire(Timestamp(to), Some(open));
            }
        }
        let next_is_beyond = |limit: u64| backlog.first().is_some_and(|message| message.sequence > limit);
        let is_due = |change: &RecoveredRulesChange| change.sequence <= sequence || next_is_beyond(change.sequence);
        if self.changes.front().is_some_and(is_due)
            && let Some(change) = self.changes.pop_front()
        {
            let out = self.out_of(&change);
            return RecoveryStep::Change(change, out);
        }
        let next_change = self.changes.front().map(|change| change.sequence);
        if sequence < self.out.sequence {
            let limit = next_change.map_or(self.out.sequence, |change| change.min(self.out.sequence));
            let batch = up_to(backlog, limit);
            return match (batch.is_empty(), backlog.is_empty()) {
                (false, _) => RecoveryStep::Discard(batch),
                (true, false) => RecoveryStep::PassOver(limit),
                (true, true) => RecoveryStep::Wait,
            };
        }
        if let Some(open) = self.out.open.filter(|open| open.changes_rules_to.is_none() && open.fires_to_ms.is_none()) {
            if backlog.last().is_none_or(|last| last.sequence < open.through) {
                return RecoveryStep::Wait;
            }
            self.out.open = None;
            return RecoveryStep::Take(up_to(backlog, open.through), Some(open));
        }
        let Some(limit) = next_change else { return RecoveryStep::Done };
        let batch = up_to(backlog, limit);
        if batch.is_empty() { RecoveryStep::Wait } else { RecoveryStep::Take(batch, None) }
    }

    fn out_of(&mut self, change: &RecoveredRulesChange) -> RulesChangePublication {
        match self.out.open {
            _ if change.generation <= self.out.generation => RulesChangePublication::All,
            Some(open) if open.changes_rules_to == Some(change.generation) => {
                self.out.open = None;
                RulesChangePublication::Partial(open)
            }
            _ => RulesChangePublication::Nothing,
        }
    }
}

fn up_to(backlog: &mut RecordBatch, limit: u64) -> Vec<LogRecord> {
    let count = backlog.partition_point(|message| message.sequence <= limit);
    backlog.drain(..count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::RecordKind;
    use rekindle_core::rules;

    fn messages(sequences: impl IntoIterator<Item = u64>) -> RecordBatch {
        let message = |sequence| LogRecord {
            sequence,
            received: Timestamp(0),
            kind: RecordKind::Events,
            lines: bytes::Bytes::new(),
        };
        sequences.into_iter().map(message).collect()
    }

    fn change(sequence: u64, generation: u64) -> RecoveredRulesChange {
        RecoveredRulesChange {
            sequence,
            generation,
            plan: Arc::new(ExecutionPlan::new(rules::compile("").expect("no rules are fine"))),
        }
    }

    fn out(sequence: u64, generation: u64, open: Option<PartialGroup>) -> CommittedPosition {
        CommittedPosition { generation, open, ..CommittedPosition::before(sequence) }
    }

    /// All steps from behind `sequence` on, as text, with the messages of the log coming a few at a time.
    fn steps(mut recovery: Recovery, mut sequence: u64, log: &[u64], at_a_time: usize) -> Vec<String> {
        let (mut steps, mut backlog, mut rest, mut fired) = (Vec::new(), RecordBatch::new(), log, Timestamp::MIN);
        loop {
            let step = match recovery.next(sequence, fired, &mut backlog) {
                RecoveryStep::Wait => {
                    let (some, more) = rest.split_at(at_a_time.min(rest.len()));
                    if some.is_empty() {
                        steps.push("waits".to_owned());
                        return steps;
                    }
                    backlog.extend(messages(some.iter().copied()));
                    rest = more;
                    continue;
                }
                RecoveryStep::Discard(batch) => format!("discard {:?}", go_on(&mut sequence, &batch)),
                RecoveryStep::Take(batch, open) => {
                    format!("take, {} out, {:?}", open.map_or(0, |open| open.sent), go_on(&mut sequence, &batch))
                }
                RecoveryStep::PassOver(to) => {
                    sequence = to;
                    format!("pass over to {to}")
                }
                RecoveryStep::Change(change, out) => format!("change {} {out:?}", change.generation),
                RecoveryStep::Fire(to, open) => {
                    fired = fired.max(to);
                    format!("fire to {to:?}, {:?} out", open.map(|open| open.sent))
                }
                RecoveryStep::Done => {
                    steps.push("done".to_owned());
                    return steps;
                }
            };
            steps.push(step);
        }
    }

    /// The numbers of the messages, the last of which was taken in then.
    fn go_on(sequence: &mut u64, batch: &[LogRecord]) -> Vec<u64> {
        *sequence = batch.last().map_or(*sequence, |message| message.sequence);
        batch.iter().map(|message| message.sequence).collect()
    }

    #[test]
    fn a_first_start_has_nothing_to_go_through() {
        assert_eq!(steps(Recovery::default(), 0, &[], 1), ["done"]);
    }

    #[test]
    fn what_is_out_is_left_out_and_an_open_group_is_taken_together_once_more() {
        let open = Some(PartialGroup { sent: 3, ..PartialGroup::messages_through(8) });
        let recovery = || Recovery { out: out(6, 0, open), changes: VecDeque::new() };
        let log: Vec<u64> = (5..=20).collect();
        assert_eq!(
            steps(recovery(), 4, &log, 1),
            ["discard [5]", "discard [6]", "take, 3 out, [7, 8]", "done"],
            "one by one"
        );
        assert_eq!(steps(recovery(), 4, &log, 9), ["discard [5, 6]", "take, 3 out, [7, 8]", "done"], "in one go");
        assert_eq!(steps(recovery(), 4, &[5, 6, 7], 9), ["discard [5, 6]", "waits"], "without its end it is not taken");
        assert_eq!(recovery().last_needed(), 8);
    }

    #[test]
    fn rules_take_effect_where_they_did() {
        let changes: VecDeque<_> = [change(5, 1), change(7, 2), change(9, 3)].into();
        let recovery = Recovery { out: out(8, 2, None), changes };
        assert_eq!(
            steps(recovery, 5, &(6..=12).collect::<Vec<_>>(), 4),
            [
                "change 1 All",
                "discard [6, 7]",
                "change 2 All",
                "discard [8]",
                "take, 0 out, [9]",
                "change 3 Nothing",
                "done"
            ]
        );
    }

    #[test]
    fn a_change_of_the_rules_that_is_out_in_part_goes_on_where_it_was() {
        let open = PartialGroup { through: 6, sent: 2, messages: 0, fires_to_ms: None, changes_rules_to: Some(1) };
        let recovery = Recovery { out: out(6, 0, Some(open)), changes: [change(6, 1)].into() };
        let last = format!("change 1 Partial({open:?})");
        assert_eq!(steps(recovery, 5, &[6, 7], 2), ["discard [6]", last.as_str(), "done"]);
    }

    #[test]
    fn time_passes_as_far_as_it_had() {
        let open = PartialGroup { sent: 3, fires_to_ms: Some(70), ..PartialGroup::messages_through(6) };
        let fired = |open| CommittedPosition { fired_ms: Some(50), ..out(6, 0, open) };
        let recovery = Recovery { out: fired(Some(open)), changes: [change(6, 1)].into() };
        assert_eq!(
            steps(recovery, 5, &[6, 7], 2),
            [
                "discard [6]",
                "fire to Timestamp(50), None out",
                "fire to Timestamp(70), Some(3) out",
                "change 1 Nothing",
                "done"
            ],
            "what was due was out in part when the rules were about to change"
        );
        let recovery = Recovery { out: fired(None), changes: VecDeque::new() };
        assert_eq!(steps(recovery, 6, &[7], 2), ["fire to Timestamp(50), None out", "done"], "from a checkpoint at it");
    }

    #[test]
    fn messages_that_are_gone_from_the_log_are_passed_over() {
        let recovery = Recovery { out: out(6, 0, None), changes: [change(4, 1)].into() };
        assert_eq!(steps(recovery, 2, &[9, 10], 2), ["change 1 Nothing", "pass over to 6", "done"]);
    }
}

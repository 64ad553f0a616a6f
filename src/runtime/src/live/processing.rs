//! What the engine's actions do to the pipeline, and the output batches that result.
//!
//! The outputs of one group come in one order, whenever the same records form a group: by position in the log, due time and
//! user, and each user's in the order in which they happened. So a group of which a part is published already can be
//! computed again, and that part be skipped by its number.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use super::engine::{Engine, EngineState, SinkClosed};
use super::recovery::{RecoveredRulesChange, RecoveryStep, RulesChangePublication};
use crate::log::LogRecord;
use crate::output::batch::{DeadLetter, DeadLetterCollector, OutputBatch, OutputItem, RulesActivation};
use crate::output::committed_position::{CommittedPosition, PartialGroup};
use crate::output::dead_letter::MAX_DEAD_LETTERS_PER_MESSAGE;
use crate::pipeline::{InputEntry, Pipeline, Rejection};
use rekindle_core::partition::{ExecutionPlan, Output, TimerMark};

/// Rules that take effect.
pub(super) enum NextRules {
    /// What is new in them begins empty.
    Plan(Arc<ExecutionPlan>),
    /// They know the past: a pipeline has read the log under them, up to the same record.
    Past(Box<Pipeline>),
}

/// About the number of timers that fire in one action, since events that arrive meanwhile wait for them.
const TIMERS_PER_ACTION: usize = 2_000;

fn sort(outputs: &mut [Output]) {
    // Stable: each user's outputs stay in the order in which they happened.
    outputs.sort_by(|a, b| (a.position, a.at, &a.user).cmp(&(b.position, b.at, &b.user)));
}

/// Removes the published outputs of a partially published group; `before` messages precede its outputs. Returns how many of
/// the messages that follow are published too.
fn skip_published(outputs: &mut Vec<Output>, partial: Option<PartialGroup>, before: u64) -> u64 {
    let Some(partial) = partial else { return 0 };
    let published = usize::try_from(partial.sent.saturating_sub(before)).unwrap_or(usize::MAX);
    outputs.drain(..published.min(outputs.len()));
    partial.messages
}

pub(super) fn entry(record: &LogRecord) -> InputEntry<'_> {
    InputEntry { kind: record.kind, lines: &record.lines, received: Some(record.received), is_whole: true }
}

impl Engine {
    /// Applies records as one group, and publishes its outputs; of a partially published one, the rest.
    pub(super) fn apply_group(
        &mut self,
        records: &[LogRecord],
        partial: Option<PartialGroup>,
    ) -> Result<(), SinkClosed> {
        let Some(last) = records.last() else { return Ok(()) };
        let before = CommittedPosition { open: partial, ..self.committed_position() };
        let first_position = self.pipeline.position();
        self.pipeline.limit_timers(self.pipeline.timer_mark());
        let (mut outputs, dead_letters) = self.feed(records);
        self.sequence = last.sequence;
        self.shared.sequence.store(self.sequence, Ordering::Relaxed);
        let messages_published = skip_published(&mut outputs, partial, 0);
        let received = self.pipeline.received().to_vec();
        let batch = OutputBatch {
            dead_letters,
            first_position,
            received,
            ..self.output_batch(outputs, before, messages_published)
        };
        self.publish(OutputItem::Batch(batch))
    }

    /// An output batch under the rules in force, without events.
    fn output_batch(&self, outputs: Vec<Output>, before: CommittedPosition, messages_published: u64) -> OutputBatch {
        OutputBatch {
            plan: Arc::clone(self.pipeline.plan()),
            rules_activation: None,
            fires_to: None,
            outputs,
            before,
            committed: self.committed_position(),
            messages_published,
            dead_letters: Vec::new(),
            first_position: self.pipeline.position(),
            received: Vec::new(),
        }
    }

    /// Feeds records to the pipeline; returns the outputs in their order.
    fn feed(&mut self, records: &[LogRecord]) -> (Vec<Output>, Vec<DeadLetter>) {
        let entries: Vec<InputEntry<'_>> = records.iter().map(entry).collect();
        let (mut outputs, mut dead_letters) = (Vec::new(), DeadLetterCollector::new(MAX_DEAD_LETTERS_PER_MESSAGE));
        let mut reject = |rejection: Rejection<'_>| {
            let Rejection { entry, line, rejected } = rejection;
            dead_letters.add(records[entry].sequence, line + 1, rejected.reason, rejected.original);
        };
        self.pipeline.feed_entries(&entries, &mut reject, &mut outputs);
        // Before they are sorted: a forgotten user's place is given by the number of outputs before it.
        self.shared.note(&self.pipeline, &outputs);
        sort(&mut outputs);
        (outputs, dead_letters.into_dead_letters())
    }

    /// The committed position once everything up to here is published.
    fn committed_position(&self) -> CommittedPosition {
        let mark = self.pipeline.timer_mark();
        CommittedPosition {
            sequence: self.sequence,
            position: self.pipeline.position(),
            watermark_ms: self.pipeline.watermark().0,
            fired_ms: Some(mark.instant.0),
            fired_turns: mark.turns,
            rules: self.pipeline.plan().rules.version.clone(),
            generation: self.generation,
            open: None,
        }
    }

    /// Fires due timers for some users, if that is allowed now.
    pub(super) fn fire_some_timers(&mut self) -> Result<(), SinkClosed> {
        if !self.has_due_timers() || !self.may_fire_timers() {
            return Ok(());
        }
        let to = self.pipeline.next_timer_step(TIMERS_PER_ACTION);
        self.fire_timers(to, None)
    }

    /// Fires all due timers, for some users at a time.
    pub(super) fn fire_all_timers(&mut self) -> Result<(), SinkClosed> {
        while self.pipeline.fired() < self.pipeline.watermark() {
            let to = self.pipeline.next_timer_step(TIMERS_PER_ACTION);
            self.fire_timers(to, None)?;
        }
        Ok(())
    }

    /// Fires the timers before the mark, and publishes the outputs; of a partially published group, the rest.
    fn fire_timers(&mut self, to: TimerMark, partial: Option<PartialGroup>) -> Result<(), SinkClosed> {
        let before = CommittedPosition { open: partial, ..self.committed_position() };
        let mut outputs = self.timer_outputs(to);
        let messages_published = skip_published(&mut outputs, partial, 0);
        self.timers_fired = Instant::now();
        if outputs.is_empty() {
            return Ok(());
        }
        let batch = OutputBatch { fires_to: Some(to), ..self.output_batch(outputs, before, messages_published) };
        self.publish(OutputItem::Batch(batch))
    }

    /// Fires the timers before the mark; returns the outputs in their order.
    fn timer_outputs(&mut self, to: TimerMark) -> Vec<Output> {
        let mut outputs = Vec::new();
        self.pipeline.fire_timers(to, &mut outputs);
        self.shared.note(&self.pipeline, &outputs);
        sort(&mut outputs);
        outputs
    }

    /// Replays as far as the records in the backlog allow. At the end the engine is running.
    pub(super) fn recover(&mut self) -> Result<(), SinkClosed> {
        while let EngineState::Recovering { recovery: Some(recovery), backlog } = &mut self.state {
            match recovery.next(self.sequence, self.pipeline.timer_mark(), backlog) {
                RecoveryStep::Wait => return Ok(()),
                RecoveryStep::ApplyPublished(records) => {
                    self.pipeline.limit_timers(recovery.committed.fired());
                    let _ = self.feed(&records);
                    self.sequence = records.last().map_or(self.sequence, |record| record.sequence);
                }
                RecoveryStep::SkipTo(sequence) => self.sequence = sequence,
                RecoveryStep::Apply(records, partial) => self.apply_group(&records, partial)?,
                RecoveryStep::FireTimers(to, Some(partial)) => self.fire_timers(to, Some(partial))?,
                RecoveryStep::FireTimers(to, None) => drop(self.timer_outputs(to)),
                RecoveryStep::ChangeRules(RecoveredRulesChange { plan, generation, past, .. }, publication) => {
                    let past = past.and_then(|past| past.take());
                    let next = past.map_or(NextRules::Plan(plan), |past| NextRules::Past(Box::new(past)));
                    self.change_rules(next, generation, Some(publication))?;
                }
                RecoveryStep::Finish => {
                    let rest = std::mem::take(backlog);
                    self.state = EngineState::Running { snapshot: None };
                    self.shared.is_live.send_replace(true);
                    self.apply_group(&rest, None)?;
                }
            }
        }
        Ok(())
    }

    /// Makes other rules take effect between two groups. Timers that are due under the old rules fire before. In a recovery,
    /// `publication` says how much of the result is published already.
    pub(super) fn change_rules(
        &mut self,
        next: NextRules,
        generation: u64,
        publication: Option<RulesChangePublication>,
    ) -> Result<RulesActivation, SinkClosed> {
        match publication {
            None | Some(RulesChangePublication::Nothing) => self.fire_all_timers()?,
            Some(RulesChangePublication::All | RulesChangePublication::Partial(_)) => {
                drop(self.timer_outputs(TimerMark::through(self.pipeline.watermark())));
            }
        }
        let previous = self.pipeline.plan().rules.version.clone();
        let (plan, from_log) = match &next {
            NextRules::Plan(plan) => (Arc::clone(plan), false),
            NextRules::Past(past) => (Arc::clone(past.plan()), true),
        };
        let (at, rules) = (self.pipeline.watermark(), plan.rules.version.clone());
        let activation = RulesActivation { at, rules, previous, from_log };
        let partial = match publication {
            Some(RulesChangePublication::Partial(partial)) => Some(partial),
            _ => None,
        };
        let before = CommittedPosition { open: partial, ..self.committed_position() };
        let mut outputs = Vec::new();
        match next {
            NextRules::Plan(plan) => self.pipeline.change_rules(plan, &mut outputs),
            NextRules::Past(past) => self.pipeline.change_rules_to(*past, &mut outputs),
        }
        self.generation = generation;
        sort(&mut outputs);
        self.shared.recent.add(&plan, &outputs);
        self.shared.forget_decisions(&self.pipeline);
        self.restart_reports();
        if !matches!(publication, Some(RulesChangePublication::All)) {
            let is_published = partial.is_some_and(|partial| partial.sent > 0);
            let messages_published = skip_published(&mut outputs, partial, 1);
            let rules_activation = (!is_published).then(|| activation.clone());
            let batch = OutputBatch { rules_activation, ..self.output_batch(outputs, before, messages_published) };
            self.publish(OutputItem::Batch(batch))?;
        }
        Ok(activation)
    }
}

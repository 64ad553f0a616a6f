//! What the engine hands to the sink: output batches, with barriers between them.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::oneshot;

use super::committed_position::CommittedPosition;
use rekindle_core::decode::RejectionReason;
use rekindle_core::partition::{ExecutionPlan, Output, TimerMark};
use rekindle_core::time::Timestamp;

/// One item of the queue to the sink, in the log's order.
#[expect(clippy::large_enum_variant, reason = "barriers are rare")]
#[derive(Debug)]
pub enum OutputItem {
    /// The outputs of a group of records, of timers, or of a rules change.
    Batch(OutputBatch),
    /// No output: the sink reports it once everything before it is published.
    Barrier(Barrier),
}

/// A marker between two output batches.
#[derive(Debug)]
pub struct Barrier {
    /// Receives the report once everything before the barrier is published.
    pub passed: oneshot::Sender<BarrierReport>,
}

/// The state of the output stream at a barrier.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BarrierReport {
    /// The ordinal of the stream's last output.
    pub ordinal: u64,
    /// The sequence of the stream's last message.
    pub stream_last: u64,
}

/// All outputs and dead letters of one group.
#[derive(Debug)]
pub struct OutputBatch {
    /// The rules that decided the outputs.
    pub plan: Arc<ExecutionPlan>,
    /// A rules change, which precedes the outputs.
    pub rules_activation: Option<RulesActivation>,
    /// The group is no records, but the timers up to this mark.
    pub fires_to: Option<TimerMark>,
    /// The outputs, in order per user, without those that are known to be published.
    pub outputs: Vec<Output>,
    /// The committed position before the group, with the part of the group that is published.
    pub before: CommittedPosition,
    /// The committed position once the last message of the group is published.
    pub committed: CommittedPosition,
    /// The number of messages at the front that are published too, beside the outputs that are skipped.
    pub messages_published: u64,
    /// Events that were rejected, in the log's order.
    pub dead_letters: Vec<DeadLetter>,
    /// The position of the batch's first event in the log of accepted events.
    pub first_position: u64,
    /// When the broker received each accepted event of the batch, from `first_position` on.
    pub received: Vec<Timestamp>,
}

/// A dead letter: a rejected call with its place.
#[derive(Debug)]
pub struct DeadLetter {
    /// The sequence of its message.
    pub sequence: u64,
    /// Its line in the message, from 1.
    pub line: u64,
    /// The reason.
    pub reason: RejectionReason,
    /// The original bytes.
    pub original: Vec<u8>,
    /// If it also stands for all later rejections of its message: their summary.
    pub rest: Option<DeadLetterSummary>,
}

/// The rejections of one message after the first few.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeadLetterSummary {
    /// Their number by reason.
    pub by_reason: BTreeMap<&'static str, u64>,
}

impl DeadLetterSummary {
    /// Their number.
    pub fn count(&self) -> u64 {
        self.by_reason.values().sum()
    }
}

/// Collects rejections in the log's order: of each message the first few one by one, the rest in a summary.
#[derive(Debug)]
pub struct DeadLetterCollector {
    /// The number of rejections of a message that become dead letters of their own.
    max_per_message: u64,
    dead_letters: Vec<DeadLetter>,
    /// The number of rejections of the last one's message.
    of_message: u64,
}

impl DeadLetterCollector {
    /// An empty collector. This number of rejections of each message become dead letters of their own.
    pub fn new(max_per_message: u64) -> DeadLetterCollector {
        DeadLetterCollector { max_per_message, dead_letters: Vec::new(), of_message: 0 }
    }

    /// Adds a rejection in a line of a message.
    pub fn add(&mut self, sequence: u64, line: u64, reason: RejectionReason, original: &[u8]) {
        let is_same = self.dead_letters.last().is_some_and(|last| last.sequence == sequence);
        self.of_message = if is_same { self.of_message + 1 } else { 1 };
        if self.of_message > self.max_per_message
            && let Some(rest) = self.dead_letters.last_mut().and_then(|last| last.rest.as_mut())
        {
            *rest.by_reason.entry(reason.code()).or_default() += 1;
            return;
        }
        let is_rest = self.of_message > self.max_per_message;
        let rest = is_rest.then(|| DeadLetterSummary { by_reason: BTreeMap::from([(reason.code(), 1)]) });
        self.dead_letters.push(DeadLetter { sequence, line, reason, original: original.to_vec(), rest });
    }

    /// The dead letters.
    pub fn into_dead_letters(self) -> Vec<DeadLetter> {
        self.dead_letters
    }
}

/// Other rules took effect, between two events.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RulesActivation {
    /// The watermark then.
    pub at: Timestamp,
    /// The fingerprint of the rules since.
    pub rules: String,
    /// The fingerprint of those before.
    pub previous: String,
    /// They know the log's past.
    pub from_log: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::dead_letter::MAX_DEAD_LETTERS_PER_MESSAGE as MAX;

    #[test]
    fn one_message_makes_few_dead_letters_and_a_summary() {
        let mut dead_letters = DeadLetterCollector::new(MAX);
        let reason = |line| if line % 2 == 0 { RejectionReason::NotAnObject } else { RejectionReason::NoUser };
        dead_letters.add(6, 1, RejectionReason::NoTime, b"x");
        (1..=500_000).for_each(|line| dead_letters.add(7, line, reason(line), b"1"));
        (1..=MAX).for_each(|line| dead_letters.add(8, line, reason(line), b"2"));
        let dead_letters = dead_letters.into_dead_letters();
        let of = |sequence| dead_letters.iter().filter(move |letter| letter.sequence == sequence);
        let counts = [6, 7, 8].map(|sequence| of(sequence).count() as u64);
        assert_eq!(counts, [1, MAX + 1, MAX]);
        let rest = of(7).next_back().expect("the rest");
        assert_eq!(rest.line, MAX + 1);
        let expected =
            DeadLetterSummary { by_reason: BTreeMap::from([("no_user", 249_995), ("not_an_object", 249_995)]) };
        assert_eq!(rest.rest, Some(expected));
        assert!(dead_letters.iter().filter(|letter| letter.rest.is_some()).count() == 1, "nothing else is summarised");
    }
}

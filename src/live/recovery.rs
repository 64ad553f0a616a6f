//! What a start goes through before what comes is new: the log from the checkpoint on, of which much is out already.
//!
//! The rules of then take effect where they did. Up to where everything is out, outputs are computed and left out; a group
//! of messages that was out in part is taken together once more, and what is out of it is left out by its number.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::partition::Plan;
use crate::sink::progress::{Open, Reached};
use crate::source::message::{Batch, Message};

/// What is to be gone through.
#[derive(Clone, Debug, Default)]
pub struct Recovery {
    /// What is out.
    pub out: Reached,
    /// Changes of the rules that come, in order.
    pub changes: VecDeque<Change>,
}

/// Other rules took effect.
#[derive(Clone, Debug)]
pub struct Change {
    /// Behind this message of the source.
    pub sequence: u64,
    /// The number of the change, from 1.
    pub generation: u64,
    /// The rules.
    pub plan: Arc<Plan>,
}

/// What to do next.
#[derive(Debug)]
pub(super) enum Step {
    /// More messages must come first.
    Wait,
    /// Take these in; all of what they come to is out.
    Discard(Vec<Message>),
    /// The log has no messages up to this one any more.
    PassOver(u64),
    /// Take these in together; a part of what they come to may be out.
    Take(Vec<Message>, Option<Open>),
    /// Other rules take effect.
    Change(Change, Out),
    /// Everything that comes is new.
    Done,
}

/// How much of what a change of the rules comes to is out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Out {
    /// All of it.
    All,
    /// A part.
    Open(Open),
    /// Nothing.
    Nothing,
}

impl Recovery {
    /// The last message of the source that must come: what is out was computed from it.
    pub fn last_needed(&self) -> u64 {
        self.out.open.map_or(0, |open| open.through).max(self.out.sequence)
    }

    /// What to do where `sequence` was the last message taken in and these are the next.
    pub(super) fn next(&mut self, sequence: u64, backlog: &mut Batch) -> Step {
        let next_is_beyond = |limit: u64| backlog.first().is_some_and(|message| message.sequence > limit);
        let is_due = |change: &Change| change.sequence <= sequence || next_is_beyond(change.sequence);
        if self.changes.front().is_some_and(is_due)
            && let Some(change) = self.changes.pop_front()
        {
            let out = self.out_of(&change);
            return Step::Change(change, out);
        }
        let next_change = self.changes.front().map(|change| change.sequence);
        if sequence < self.out.sequence {
            let limit = next_change.map_or(self.out.sequence, |change| change.min(self.out.sequence));
            let batch = up_to(backlog, limit);
            return match (batch.is_empty(), backlog.is_empty()) {
                (false, _) => Step::Discard(batch),
                (true, false) => Step::PassOver(limit),
                (true, true) => Step::Wait,
            };
        }
        if let Some(open) = self.out.open.filter(|open| open.changes_rules_to.is_none()) {
            if backlog.last().is_none_or(|last| last.sequence < open.through) {
                return Step::Wait;
            }
            self.out.open = None;
            return Step::Take(up_to(backlog, open.through), Some(open));
        }
        let Some(limit) = next_change else { return Step::Done };
        let batch = up_to(backlog, limit);
        if batch.is_empty() { Step::Wait } else { Step::Take(batch, None) }
    }

    fn out_of(&mut self, change: &Change) -> Out {
        match self.out.open {
            _ if change.generation <= self.out.generation => Out::All,
            Some(open) if open.changes_rules_to == Some(change.generation) => {
                self.out.open = None;
                Out::Open(open)
            }
            _ => Out::Nothing,
        }
    }
}

fn up_to(backlog: &mut Batch, limit: u64) -> Vec<Message> {
    let count = backlog.partition_point(|message| message.sequence <= limit);
    backlog.drain(..count).collect()
}

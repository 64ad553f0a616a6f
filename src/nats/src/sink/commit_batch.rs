//! The outputs that are committed together: consecutive chunks.

use std::collections::VecDeque;

use super::encoder::MessageChunk;
use super::message::OutputMessage;
use rekindle_runtime::output::committed_position::CommittedPosition;

/// Outputs that are committed together, with the committed position of each.
#[derive(Debug)]
pub(super) struct CommitBatch {
    parts: VecDeque<CommitBatchPart>,
    committed: CommittedPosition,
}

/// Outputs of one group.
#[derive(Debug)]
struct CommitBatchPart {
    /// Each with the number of messages of the group up to it, counted from `before`.
    outputs: VecDeque<(u64, OutputMessage)>,
    /// The committed position before it; its group is open.
    before: CommittedPosition,
    /// The committed position with its last output.
    committed: CommittedPosition,
}

impl CommitBatch {
    /// No outputs, only a committed position.
    pub(super) fn at(committed: CommittedPosition) -> CommitBatch {
        CommitBatch { parts: VecDeque::new(), committed }
    }

    /// Appends the outputs of a chunk; its dead letters are ignored.
    pub(super) fn push(&mut self, chunk: MessageChunk) {
        let MessageChunk { outputs, before, committed, .. } = chunk;
        self.committed = committed.clone();
        if !outputs.is_empty() {
            self.parts.push_back(CommitBatchPart { outputs: (1..).zip(outputs).collect(), before, committed });
        } else if let Some(last) = self.parts.back_mut() {
            last.committed = committed;
        }
    }

    /// The number of outputs.
    pub(super) fn len(&self) -> usize {
        self.parts.iter().map(|part| part.outputs.len()).sum()
    }

    /// The committed position with all of it.
    pub(super) fn committed(&self) -> &CommittedPosition {
        &self.committed
    }

    /// The outputs, in order.
    pub(super) fn messages(&self) -> impl Iterator<Item = &OutputMessage> {
        self.parts.iter().flat_map(|part| part.outputs.iter().map(|(_, message)| message))
    }

    /// The committed position with each of the outputs.
    pub(super) fn positions(&self) -> impl Iterator<Item = CommittedPosition> {
        self.parts.iter().flat_map(|part| {
            let last = part.outputs.len() - 1;
            part.outputs.iter().enumerate().map(move |(index, (place, _))| match index {
                index if index == last => part.committed.clone(),
                _ => part.position_after(*place),
            })
        })
    }

    /// Removes the first outputs.
    pub(super) fn take_first(&mut self, count: usize) -> Vec<OutputMessage> {
        let mut taken = Vec::with_capacity(count.min(self.len()));
        while taken.len() < count
            && let Some(part) = self.parts.front_mut()
        {
            let some = part.outputs.len().min(count - taken.len());
            taken.extend(part.outputs.drain(..some).map(|(_, message)| message));
            self.drop_empty_parts();
        }
        taken
    }

    /// Removes the outputs that are larger than this.
    pub(super) fn take_larger_than(&mut self, bytes: usize) -> Vec<OutputMessage> {
        let mut taken = Vec::new();
        for part in &mut self.parts {
            let (larger, rest): (Vec<_>, Vec<_>) =
                part.outputs.drain(..).partition(|(_, message)| message.size() > bytes);
            part.outputs = rest.into();
            taken.extend(larger.into_iter().map(|(_, message)| message));
        }
        self.drop_empty_parts();
        taken
    }

    /// Removes the largest output.
    pub(super) fn take_largest(&mut self) -> Option<OutputMessage> {
        let size = self.messages().map(OutputMessage::size).max()?;
        let part = self.parts.iter_mut().find(|part| part.outputs.iter().any(|(_, message)| message.size() == size))?;
        let index = part.outputs.iter().position(|(_, message)| message.size() == size)?;
        let taken = part.outputs.remove(index);
        self.drop_empty_parts();
        taken.map(|(_, message)| message)
    }

    /// A part without outputs is committed with the one before it.
    fn drop_empty_parts(&mut self) {
        while let Some(empty) = self.parts.iter().position(|part| part.outputs.is_empty()) {
            let removed = self.parts.remove(empty);
            if let (Some(removed), Some(before)) = (removed, empty.checked_sub(1)) {
                self.parts[before].committed = removed.committed;
            }
        }
    }
}

impl CommitBatchPart {
    fn position_after(&self, place: u64) -> CommittedPosition {
        let mut committed = self.before.clone();
        if let Some(open) = &mut committed.open {
            open.messages += place;
        }
        committed
    }
}

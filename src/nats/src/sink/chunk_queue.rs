//! The chunks that wait to be published, and which of them are committed together.

use std::collections::VecDeque;
use std::time::Duration;

use rekindle_runtime::output::batch::Barrier;
use rekindle_runtime::output::committed_position::CommittedPosition;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::commit_batch::CommitBatch;
use super::encoder::{EncodedOutput, MessageChunk};
use super::message::OutputMessage;

/// The most outputs in a commit: with the progress record, as many messages as the server accepts in an atomic batch.
const COMMIT_OUTPUTS_MAX: usize = 999;
/// The most bytes in a commit, plus one chunk: the server keeps a batch in memory until it is complete.
const COMMIT_BYTES_MAX: usize = 4 << 20;

/// Encoded outputs in their order.
pub(super) struct ChunkQueue {
    encoded: mpsc::Receiver<EncodedOutput>,
    waiting: VecDeque<EncodedOutput>,
    /// How long to wait for more outputs to commit together.
    linger: Duration,
}

/// What is published next.
pub(super) enum NextPublish {
    /// Everything before a barrier is published.
    Barrier(Barrier),
    /// Outputs, and the dead letters that are published before them.
    Commit { batch: CommitBatch, dead_letters: Vec<OutputMessage> },
}

impl ChunkQueue {
    pub(super) fn new(encoded: mpsc::Receiver<EncodedOutput>, linger: Duration) -> ChunkQueue {
        ChunkQueue { encoded, waiting: VecDeque::new(), linger }
    }

    /// Takes in what is ready; waits, no longer than `wait_max`, if there is nothing. Returns false when there is nothing
    /// left and never will be.
    pub(super) async fn gather(&mut self, wait_max: Option<Duration>) -> bool {
        if self.waiting.is_empty() {
            let first = match wait_max {
                Some(wait_max) => match timeout(wait_max, self.encoded.recv()).await {
                    Ok(first) => first,
                    Err(_) => return true,
                },
                None => self.encoded.recv().await,
            };
            let Some(first) = first else { return false };
            self.waiting.push_back(first);
        }
        let until = Instant::now() + self.linger;
        while self.outputs() < COMMIT_OUTPUTS_MAX {
            match self.encoded.try_recv() {
                Ok(more) => self.waiting.push_back(more),
                Err(mpsc::error::TryRecvError::Disconnected) => break,
                Err(mpsc::error::TryRecvError::Empty) if self.linger.is_zero() || self.outputs() == 0 => break,
                Err(mpsc::error::TryRecvError::Empty) => match timeout_at(until, self.encoded.recv()).await {
                    Ok(Some(more)) => self.waiting.push_back(more),
                    Ok(None) | Err(_) => break,
                },
            }
        }
        true
    }

    /// What is published next, where `committed` is the position before it; `None`: nothing waits.
    pub(super) fn next(&mut self, committed: &CommittedPosition) -> Option<NextPublish> {
        match self.waiting.pop_front()? {
            EncodedOutput::Barrier(barrier) => Some(NextPublish::Barrier(barrier)),
            chunk @ EncodedOutput::Chunk(_) => {
                self.waiting.push_front(chunk);
                Some(self.next_commit(committed))
            }
        }
    }

    fn next_commit(&mut self, committed: &CommittedPosition) -> NextPublish {
        let (mut batch, mut dead_letters, mut bytes) = (CommitBatch::at(committed.clone()), Vec::new(), 0);
        while bytes < COMMIT_BYTES_MAX
            && let Some(mut chunk) = self.pop_chunk(COMMIT_OUTPUTS_MAX - batch.len())
        {
            bytes += chunk.outputs.iter().map(OutputMessage::size).sum::<usize>();
            dead_letters.append(&mut chunk.dead_letters);
            batch.push(chunk);
        }
        NextPublish::Commit { batch, dead_letters }
    }

    /// The chunk at the front, if there is one with no more outputs than this.
    fn pop_chunk(&mut self, outputs_max: usize) -> Option<MessageChunk> {
        match self.waiting.pop_front() {
            Some(EncodedOutput::Chunk(chunk)) if chunk.outputs.len() <= outputs_max => Some(*chunk),
            Some(other) => {
                self.waiting.push_front(other);
                None
            }
            None => None,
        }
    }

    /// How many outputs wait.
    fn outputs(&self) -> usize {
        let outputs = |encoded: &EncodedOutput| match encoded {
            EncodedOutput::Chunk(chunk) => chunk.outputs.len(),
            EncodedOutput::Barrier(_) => 0,
        };
        self.waiting.iter().map(outputs).sum()
    }
}

//! One attempt at a commit: which transport it uses, and what is known after it.

use std::time::Instant;

use super::{CommitError, Committer, publish};
use crate::sink::commit_batch::CommitBatch;
use crate::sink::publish_error::PublishError;

/// A commit that may be stored, whole or in part.
pub(super) struct CommitAttempt {
    /// The prefix of the ids of its batches and messages.
    id: String,
    attempts: u32,
    /// It was sent as a batch, which may still be stored.
    pub(super) was_batch: bool,
}

impl Committer {
    /// Makes one attempt, after settling the last one. Returns whether the whole batch is stored.
    pub(super) async fn attempt(
        &mut self,
        batch: &mut CommitBatch,
        failed: Option<PublishError>,
    ) -> Result<bool, CommitError> {
        if let Some(failed) = failed
            && self.settle(batch, &failed).await?
        {
            return Ok(true);
        }
        let attempt = self.session.begin_attempt()?;
        if self.in_doubt.is_some() {
            self.session.status.retried();
        } else {
            self.commits += 1;
        }
        let client = &self.session.connection.client;
        let in_doubt = self.in_doubt.get_or_insert_with(|| CommitAttempt {
            id: publish::unique_id(client),
            attempts: 0,
            was_batch: false,
        });
        in_doubt.attempts += 1;
        let is_behind_foreign_message = self.view.last != self.view.own_last;
        // A record alone is a message of its own, and as good as a batch.
        in_doubt.was_batch |= batch.len() == 0
            || self.view.is_atomic
                && (batch.len() >= self.batch_from || self.commits <= self.batches_until || is_behind_foreign_message);
        let is_batch = in_doubt.was_batch;
        // An id per attempt: the server must not take the rest of one for the beginning of another.
        let id = format!("{}.{}", in_doubt.id, in_doubt.attempts);
        if is_batch {
            self.publish_batch(batch, &id, attempt).await?;
            return Ok(true);
        }
        if is_behind_foreign_message {
            self.publish_batch(&mut CommitBatch::at(self.committed.clone()), &id, attempt).await?;
            return Ok(false);
        }
        self.publish_one_by_one(batch, &id, attempt).await
    }

    /// The first `count` outputs of the batch are in the stream, the last of them with this sequence.
    pub(super) fn record_stored(&mut self, batch: &mut CommitBatch, count: usize, sequence: u64) {
        if count == batch.len() {
            self.committed = batch.committed().clone();
        } else if let Some(committed) = count.checked_sub(1).and_then(|last| batch.positions().nth(last)) {
            self.committed = committed;
        }
        let stored = batch.take_first(count);
        let status = &self.session.status;
        if self.in_doubt.as_ref().is_some_and(|in_doubt| in_doubt.was_batch) {
            status.acknowledged(stored.iter());
            status.committed();
        } else {
            stored.iter().for_each(|message| status.acknowledged(std::iter::once(message)));
        }
        self.has_released = status.is_releasing();
        self.ordinal += count as u64;
        (self.view.last, self.view.own_last) = (sequence, sequence);
        self.view.inspected_to = self.view.inspected_to.max(sequence);
        self.written_at = Instant::now();
        self.session.reset_retries();
    }
}

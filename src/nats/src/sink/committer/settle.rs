//! Settling an attempt that was not acknowledged: what of it is stored, and whether this daemon still owns the stream.

use async_nats::subject::Subject;
use backon::Retryable;
use rekindle_runtime::output::committed_position::ProgressRecord;
use tracing::warn;

use super::{CommitError, Committer, CommitterClosed, StreamView};
use crate::retry;
use crate::sink::commit_batch::CommitBatch;
use crate::sink::publish_error::PublishError;
use crate::sink::records::{RecordSearch, VerifiedRecord};
use crate::sink::stream_state::StreamState;
use crate::subjects::covers;

/// For this number of commits after a foreign message, commits are batches, or verify the fence.
const FOREIGN_MESSAGE_COMMITS: u64 = 64;

/// Why the state of the stream could not be used.
enum StateError {
    Publish(PublishError),
    /// The stream ends before what it had acknowledged.
    EndsAt(u64),
}

impl Committer {
    /// Finds out the outcome of an attempt that ended with the error `failed`. Returns whether the whole batch is stored.
    pub(super) async fn settle(&mut self, batch: &mut CommitBatch, failed: &PublishError) -> Result<bool, CommitError> {
        let before = (self.view.last, self.view.fence);
        let state = self.state_without_loss().await?;
        self.view.max_message_bytes = state.max_message_bytes;
        let RecordSearch { fence, inspected_to, record } = self.newest_record(self.view.inspected_to).await?;
        self.check_ownership(record.as_ref())?;
        if fence > self.view.fence && record.as_ref().is_none_or(|record| record.sequence != fence) {
            warn!(
                stream = %self.session.stream,
                subject = %self.progress_subject,
                sequence = fence,
                "a foreign message on the subject of progress records is skipped: check who may publish there, or name it as a \
                 reply subject (config/nats-permissions.conf)"
            );
            self.verify_fence_until = self.commits + FOREIGN_MESSAGE_COMMITS;
        }
        let last = state.last_sequence.max(inspected_to);
        (self.view.last, self.view.fence, self.view.inspected_to) = (last, fence, inspected_to);
        if let Some(record) = &record {
            self.view.own_last = record.sequence;
        }
        let Some(in_doubt) = &self.in_doubt else { return Ok(false) };
        if let Some(VerifiedRecord { progress, sequence, .. }) =
            record.filter(|record| record.progress.commit == self.commits)
        {
            // A batch that is stored is stored whole; one by one, the record counts what is stored.
            let count = usize::try_from(progress.ordinal.saturating_sub(self.ordinal)).unwrap_or(usize::MAX);
            let count = count.min(batch.len());
            if count > 0 || in_doubt.was_batch {
                self.session.status.already_stored(count);
                self.record_stored(batch, count, sequence);
                self.view.last = last;
            }
            if batch.len() == 0 && progress.committed == *batch.committed() {
                return Ok(true);
            }
        }
        self.note_batch_support(state.is_atomic);
        match failed {
            // Nobody has written, and yet the message was not the next one: another stream takes it.
            PublishError::UnexpectedSequence if before == (self.view.last, self.view.fence) => {
                let subject = batch.messages().next().map_or(&self.progress_subject, |message| &message.subject);
                let (subject, stream) = (subject.to_string(), self.session.stream.clone());
                Err(PublishError::OtherStream { subject, stream }.into())
            }
            PublishError::UnexpectedSequence => {
                self.batches_until = self.commits + FOREIGN_MESSAGE_COMMITS;
                Ok(false)
            }
            PublishError::IncompleteBatch { denial: None } => match self.refused_message(batch, &state) {
                Some(error) => Err(error.into()),
                None => Ok(false),
            },
            _ => Ok(false),
        }
    }

    /// A record of another owner ends this one.
    fn check_ownership(&self, record: Option<&VerifiedRecord>) -> Result<(), CommitError> {
        let is_own = |progress: &ProgressRecord| {
            (progress.epoch, progress.instance.as_str()) == (self.owner.epoch, self.owner.instance.as_str())
        };
        match record {
            Some(VerifiedRecord { progress, .. }) if !is_own(progress) => {
                Err(CommitError::Closed(CommitterClosed::TakenOver {
                    stream: self.session.stream.clone(),
                    instance: progress.instance.clone(),
                    epoch: progress.epoch,
                    own_epoch: self.owner.epoch,
                }))
            }
            _ => Ok(()),
        }
    }

    fn note_batch_support(&mut self, is_atomic: bool) {
        if is_atomic == self.view.is_atomic {
            return;
        }
        warn!(stream = %self.session.stream, is_atomic, "the stream's support for atomic batches has changed");
        self.view.is_atomic = is_atomic;
        // A batch that the stream does not accept any more can't be stored late.
        if let Some(in_doubt) = &mut self.in_doubt {
            in_doubt.was_batch &= is_atomic;
        }
    }

    /// The state of the stream; asks again where it looks like a loss.
    async fn state_without_loss(&mut self) -> Result<StreamState, CommitError> {
        let (session, view) = (&self.session, self.view);
        let ask = || async move {
            let state = session.stream_state().await.map_err(StateError::Publish)?;
            let is_behind = state.created_ns == view.created_ns && state.last_sequence < view.last;
            if is_behind { Err(StateError::EndsAt(state.last_sequence)) } else { Ok(state) }
        };
        let asked = ask
            .retry(retry::LOSS_CHECK)
            .when(|error| matches!(error, StateError::EndsAt(_)))
            .notify(|error, _| {
                if let StateError::EndsAt(found) = error {
                    let (stream, last) = (&session.stream, view.last);
                    warn!(%stream, last, found, "the stream seems to have lost messages; checking again");
                }
            })
            .await;
        let state = asked.map_err(|error| match error {
            StateError::Publish(error) => CommitError::Publish(error),
            StateError::EndsAt(found) => {
                CommitError::Closed(CommitterClosed::Lost { stream: session.stream.clone(), found, last: view.last })
            }
        })?;
        if state.created_ns != view.created_ns {
            let stream = &self.session.stream;
            warn!(%stream, "the output stream was created again: its previous contents are gone");
            let StreamView { is_atomic, max_message_bytes, .. } = view;
            let created_ns = state.created_ns;
            self.view = StreamView { created_ns, is_atomic, max_message_bytes, ..StreamView::default() };
        }
        Ok(state)
    }

    /// Why a message of the batch was not stored, if the server did not say so and the state of the stream does.
    fn refused_message(&self, batch: &CommitBatch, state: &StreamState) -> Option<PublishError> {
        let limit = state.max_message_bytes;
        if limit.is_some_and(|limit| batch.messages().any(|message| message.size() > limit)) {
            return Some(PublishError::TooLarge);
        }
        let mut subjects =
            batch.messages().map(|message| &message.subject).chain(std::iter::once(&self.progress_subject));
        let is_taken = |subject: &Subject| state.subjects.iter().any(|taken| covers(taken, subject));
        let subject = subjects.find(|subject| !is_taken(subject))?.to_string();
        Some(PublishError::SubjectNotTaken { subject, stream: self.session.stream.clone() })
    }
}

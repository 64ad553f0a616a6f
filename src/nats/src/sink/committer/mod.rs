//! Commits outputs: into the output stream together with their committed position, each once, and by one daemon only.
//!
//! # Invariants
//! 1. **Outputs and progress are stored together.** A message is stored with its [`ProgressRecord`], or neither is.
//! 2. **At most one commit is in progress**, and it is settled before anything else is sent.
//! 3. **Two attempts at a commit are never both stored.** Every message of an attempt expects a state of the stream that the
//!    other attempt, once stored, ends.
//! 4. **A commit that was once sent as a batch is never sent one by one**: that would not stop the batch.
//! 5. **A former owner stores nothing more.** A takeover is a record that changes what every commit of the former owner expects.
//! 6. **Ordinals have no holes.** Every output has the header `Rekindle-Ordinal`: 1, 2, 3, …
//!
//! So the [newest record](super::records) says what is published, whenever the process or the server died. The server may
//! forget its window of message ids: nothing depends on it.
//!
//! # Transports of a commit ([publish](self::publish))
//! - **A few outputs** are published one by one, several in flight at a time, each with its own progress record in the header
//!   `Rekindle-Progress`. This keeps the latency of a lone action low.
//! - **Many outputs** are published as one atomic batch (nats-server 2.12) whose last message is the record: stored whole or
//!   not at all. A batch has a far higher throughput, but the server takes several milliseconds for one.
//!
//! Older servers get everything one by one. That is weaker in one respect: readers can see a part of a commit.
//!
//! # Expectations
//! A batch expects that no message has been added on the subject of records since the last one known, the *fence*
//! (`Nats-Expected-Last-Subject-Sequence`); messages of others elsewhere in the stream do not matter to it. Of messages
//! that are published one by one, the first expects to follow the stream's last message, which is the committer's own
//! (`Nats-Expected-Last-Sequence`), and each of the others expects the one before it, of the same attempt
//! (`Nats-Expected-Last-Msg-Id`): a foreign message cannot take the place of one and let the rest through.
//!
//! # Attempts without an acknowledgement ([settle])
//! The stream's leader is asked for the newest record. Its ordinal says what of the commit is stored; the rest is published again.
//!
//! # Foreign messages
//! A message of another writer is no record, whatever its content: a [record](super::records) names the place where it was
//! written. After one is found in the stream, everything is sent as batches for some commits, and publishing one by one
//! restarts behind a record of the committer's own. After one is found on the subject of records, it is the new fence unless it
//! is a takeover; for some commits the fence is then verified once more when all of a batch but its last message is at the
//! server, so that a writer on that subject can only slow the committer down.
//!
//! # Takeover ([claim])
//! A start writes a record with a higher epoch than the last, expecting both the stream's last message and the last record to be
//! those it has seen. The former owner's next expectation fails; it inspects the stream, and [ends](CommitterClosed::TakenOver).

mod attempt;
mod claim;
mod closed;
mod publish;
mod settle;

use std::time::{Duration, Instant};

use async_nats::subject::Subject;
use rekindle_core::time::Timestamp;
use rekindle_runtime::output::committed_position::CommittedPosition;

use super::commit_batch::CommitBatch;
use super::message::OutputMessage;
use super::publish_error::PublishError;
use super::records::RecordStream;
use super::stream_session::StreamSession;
use attempt::CommitAttempt;
pub(super) use claim::StreamInspection;
pub use claim::{CommittedOutputs, OutputOwner, OutputRecovery};
pub use closed::CommitterClosed;
pub use publish::{ID, ORDINAL};

/// Failed attempts in a row that are retried at once, if the next one can differ.
const IMMEDIATE_RETRIES_MAX: u32 = 3;

/// Owns an output stream.
pub(super) struct Committer {
    session: StreamSession,
    /// The subject of records.
    progress_subject: Subject,
    /// Every subject of outputs and records.
    all_subjects: Subject,
    /// With its epoch.
    owner: OutputOwner,
    /// When it took the stream over, by the server's clock.
    owned_since: Option<Timestamp>,
    /// The smallest number of outputs for which a commit is a batch.
    batch_from: usize,
    view: StreamView,
    /// The number of outputs in the stream.
    ordinal: u64,
    /// The committed position of its last message.
    committed: CommittedPosition,
    /// The number of commits that were begun.
    commits: u64,
    /// The commit whose outcome is not known.
    in_doubt: Option<CommitAttempt>,
    /// All commits up to this one are batches, where there are batches: foreign messages were found in the stream.
    batches_until: u64,
    /// In all commits up to this one the fence is verified again: foreign messages were found on the subject of records.
    verify_fence_until: u64,
    /// When it last wrote.
    written_at: Instant,
    /// Its last message announces the end of this daemon.
    has_released: bool,
}

/// What the committer knows of its stream.
#[derive(Clone, Copy, Debug, Default)]
struct StreamView {
    /// The sequence of the last message; 0: it never had any.
    last: u64,
    /// The sequence of the last message of this owner, once it has claimed the stream.
    own_last: u64,
    /// The sequence of the last message on the subject of records, of any writer; 0: there is none.
    fence: u64,
    /// All messages up to this one were inspected for records.
    inspected_to: u64,
    /// When the stream was created, in nanoseconds since 1970.
    created_ns: i128,
    /// It accepts atomic batches.
    is_atomic: bool,
    /// The largest message it accepts, where it has a limit of its own.
    max_message_bytes: Option<usize>,
}

/// The outcome of [`Committer::commit`].
#[derive(Debug)]
pub(super) enum CommitOutcome {
    /// All of it is stored.
    Stored,
    /// These outputs, which the server can never accept, were removed and must be dealt with before the rest is stored.
    TooLarge(Vec<OutputMessage>),
}

/// Why an attempt did not store the commit.
enum CommitError {
    /// It is retried.
    Publish(PublishError),
    /// This daemon must not continue.
    Closed(CommitterClosed),
}

impl From<PublishError> for CommitError {
    fn from(error: PublishError) -> CommitError {
        CommitError::Publish(error)
    }
}

impl Committer {
    /// A committer that owns nothing: it can inspect the stream, and claim it.
    pub(super) fn unowned(session: StreamSession, prefix: &str, batch_from: usize) -> Committer {
        Committer {
            session,
            progress_subject: format!("{prefix}.progress").into(),
            all_subjects: format!("{prefix}.>").into(),
            owner: OutputOwner { instance: String::new(), epoch: 0, log: None, settings: None },
            owned_since: None,
            batch_from,
            view: StreamView::default(),
            ordinal: 0,
            committed: CommittedPosition::default(),
            commits: 0,
            in_doubt: None,
            batches_until: 0,
            verify_fence_until: 0,
            written_at: Instant::now(),
            has_released: false,
        }
    }

    /// How many outputs are in the stream.
    pub(super) fn ordinal(&self) -> u64 {
        self.ordinal
    }

    /// The sequence of the last message of the last commit.
    pub(super) fn last_sequence(&self) -> u64 {
        self.view.last
    }

    /// The time since it last wrote.
    pub(super) fn idle(&self) -> Duration {
        self.written_at.elapsed()
    }

    /// Whether the end of this daemon was announced to a waiting one.
    pub(super) fn has_released(&self) -> bool {
        self.has_released
    }

    /// Whether commits can be stored whole or not at all.
    pub(super) fn is_atomic(&self) -> bool {
        self.view.is_atomic
    }

    /// Reports that publishing works.
    pub(super) fn report_working(&mut self) {
        self.session.report_working();
    }

    fn records(&self) -> RecordStream<'_> {
        RecordStream {
            connection: &self.session.connection,
            stream: &self.session.stream,
            progress_subject: &self.progress_subject,
            all_subjects: &self.all_subjects,
        }
    }

    /// Stores the whole batch; retries for as long as it takes, unless this daemon does not own the stream any more.
    pub(super) async fn commit(&mut self, batch: &mut CommitBatch) -> Result<CommitOutcome, CommitterClosed> {
        let mut failed = None;
        loop {
            if self.in_doubt.is_none()
                && let Some(limit) = self.view.max_message_bytes
            {
                let too_large = batch.take_larger_than(limit);
                if !too_large.is_empty() {
                    return Ok(CommitOutcome::TooLarge(too_large));
                }
            }
            let error = match self.attempt(batch, failed.take()).await {
                Ok(true) => {
                    self.session.report_working();
                    self.in_doubt = None;
                    return Ok(CommitOutcome::Stored);
                }
                Ok(false) => continue,
                Err(CommitError::Closed(closed)) => return Err(closed),
                Err(CommitError::Publish(error)) => error,
            };
            self.session.record_failure(&error);
            if matches!(error, PublishError::TooLarge)
                && let Some(largest) = batch.take_largest()
            {
                // Nothing of a batch that is refused is stored; one by one, nothing from that message on.
                self.in_doubt = None;
                return Ok(CommitOutcome::TooLarge(vec![largest]));
            }
            if !error.is_resolved_by_next_attempt() || self.session.failures() > IMMEDIATE_RETRIES_MAX {
                self.session.wait_after(&error).await;
            }
            failed = Some(error);
        }
    }
}

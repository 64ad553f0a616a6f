//! Committing outputs: into the stream together with how far they have got, once, and by one daemon only.
//!
//! # What a commit is
//! Some outputs and the [`ProgressRecord`] they come to, stored together in one of two ways:
//!
//! - **A few** go one by one, several on their way at a time, each with its own record of progress in the header
//!   `Rekindle-Progress`: a message is stored with its record or not at all. This is what keeps a lone action fast.
//! - **Many** go as one atomic batch (nats-server 2.12), the record its last message: stored whole or not at all. A batch
//!   carries far more a second, but the server takes several milliseconds to make one.
//!
//! So a reader of the [last record](records) knows what is published, whenever the process or the server died. Every
//! output has the header `Rekindle-Ordinal`: 1, 2, 3 … without a hole.
//!
//! # How it gets in once
//! The committer knows the stream's last message and the last on the subject of records. A batch expects that there is none
//! on that subject after that one (`Nats-Expected-Last-Subject-Sequence`), so what others write elsewhere in the stream is no
//! matter to it. Of messages that go one by one, the first expects to follow the stream's last, a message of its own
//! (`Nats-Expected-Last-Sequence`), and each of the others the one before it, of the same attempt
//! (`Nats-Expected-Last-Msg-Id`): nobody's message can take another's place and let the rest through. One commit is under way
//! at a time. When no acknowledgement comes, the leader is asked for the last record: its ordinal says what of the commit is
//! in. What is not is sent again: an attempt that is late, and the next one, can't both be stored. (A commit that was once
//! sent as a batch is never sent one by one: that would not stop the batch.) The server may forget its window of message ids.
//!
//! # What others write
//! Somebody else's message in the stream, whatever it says, is no record: a [record](records) bears the place where it was
//! written. Where one is seen, everything goes as batches for a while, and what goes one by one begins behind a record of its
//! own. Where it is on the subject of records, the committer looks whether it is a takeover, and then expects it to be the last
//! there; while that goes on, it looks once more when all of a batch but its last message is at the server, so that
//! somebody who writes there all the time can only slow it down.
//!
//! # How there is one daemon
//! A start [takes over](Committer::take_over): it writes a record with a higher epoch than the last, expecting both that the
//! stream's last message and that its last record are those it has seen. A previous writer finds that its expectation does
//! not hold any more, looks, and [ends](Ended::TakenOver). A process that was stopped for an hour and wakes up in the middle
//! of a commit has nothing more stored.
//!
//! # Where there are no batches
//! Older servers get everything one by one. Weaker than batches in one thing: readers can see a part of what belongs together.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use async_nats::header::{
    HeaderMap, NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL, NATS_BATCH_ID, NATS_BATCH_SEQUENCE,
    NATS_EXPECTED_LAST_MESSAGE_ID, NATS_EXPECTED_LAST_SEQUENCE, NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, NATS_MESSAGE_ID,
};
use async_nats::subject::Subject;
use thiserror::Error;
use tokio::time::sleep;
use tracing::{info, warn};

use super::commit_batch::CommitBatch;
use super::message::{DeadLetterTruncation, MessageKind, OutputMessage};
use super::publish_error::PublishError;
use super::records::{self, RECORD, RecordPlacement, RecordSearch, RecordStream, VerifiedRecord};
use super::stream_session::{PublishAttempt, StreamSession, unique};
use super::stream_state::{self, StreamState};
use crate::subjects::covers;
use rekindle_core::time::Timestamp;
use rekindle_runtime::output::committed_position::{CommittedPosition, ProgressRecord};

/// The header with an output's place among all outputs of the stream, from 1.
pub const ORDINAL: &str = "Rekindle-Ordinal";
/// The header with an output's id, which is the same whenever the same log is read.
pub const ID: &str = "Rekindle-Id";

/// Most messages on their way one by one.
const WINDOW: usize = 256;
/// Where others write into the stream, this number of commits are batches, however small.
const CROWDED: u64 = 64;
/// A new leader may be a little behind with what it knows: how often, and how long apart, it is asked before what it says
/// counts as lost.
const ASK_AGAIN: (u32, Duration) = (20, Duration::from_millis(500));

/// Why no more can be committed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum CommitterClosed {
    /// Another daemon goes on from here.
    #[error(
        "another daemon has taken over stream {stream} (instance {instance}, epoch {epoch}; this one had epoch {ours}): it \
         goes on where this one stops, and nothing is sent twice. Two daemons must not share [output] stream and prefix: see \
         that only one is started"
    )]
    TakenOver {
        /// The stream.
        stream: String,
        /// Who.
        instance: String,
        /// Its epoch.
        epoch: u64,
        /// The epoch of this one.
        ours: u64,
    },
    /// The broker has lost what it had acknowledged.
    #[error(
        "stream {stream} ends with message {found}, though the server had acknowledged message {last}: the broker has lost \
         outputs. Start again: what was lost is computed again, from a checkpoint before it"
    )]
    Lost {
        /// The stream.
        stream: String,
        /// Its last message.
        found: u64,
        /// What had been acknowledged.
        last: u64,
    },
}

/// Who takes a stream of outputs over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputOwner {
    /// A name that no other start of a daemon has.
    pub instance: String,
    /// Its epoch, at least.
    pub epoch: u64,
    /// Which log its outputs come of: the stream's name and when it was made; `None`: not known, or it is no stream.
    pub log: Option<String>,
    /// The settings that decide what comes of a log.
    pub settings: Option<String>,
}

/// What a start finds in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputRecovery {
    /// The last progress record, with what a killed process left behind it; `None`: there is none (any more).
    pub progress: Option<ProgressRecord>,
    /// The sequence of the stream's last message; 0: it never had any.
    pub stream_last: u64,
}

/// What a call of [`Committer::commit`] came to.
#[derive(Debug)]
pub(super) enum CommitOutcome {
    /// All of it is stored.
    Stored,
    /// These, which the server can never take, are taken out and must be dealt with before the rest is stored.
    TooLarge(Vec<OutputMessage>),
}

/// Owns a stream of outputs.
pub(super) struct Committer {
    line: StreamSession,
    progress: Subject,
    /// Every subject of outputs and records.
    all: Subject,
    /// With its epoch.
    owner: OutputOwner,
    commits: u64,
    /// The sequence of the stream's last message, as far as is known; 0: it never had any.
    last: u64,
    /// The sequence of the last message of this instance, once it has claimed the stream.
    own_last: u64,
    /// The sequence of the last message on the subject of records, of any writer; 0: there is none.
    fence: u64,
    /// Up to this message everything was looked at, and what is a record behind its own last is known.
    seen: u64,
    /// When it took the stream over, by the server's clock.
    since: Option<Timestamp>,
    /// What is out with its last message.
    out: CommittedPosition,
    /// When the stream was made.
    created_ns: i128,
    ordinal: u64,
    is_atomic: bool,
    /// From how many outputs on a commit goes as a batch.
    batch_from: usize,
    /// Every commit up to this one goes as a batch, where there are batches.
    crowded_until: u64,
    /// In every commit up to this one it is looked once more who wrote on the subject of records.
    contended_until: u64,
    /// The largest message the stream takes, where it has a bound of its own.
    max_message_bytes: Option<usize>,
    /// The commit whose outcome is not known.
    open: Option<CommitAttempt>,
    /// When it last wrote.
    written: Instant,
    /// Its last message says that it is the last.
    has_released: bool,
}

/// A commit that may be stored, or a part of it.
struct CommitAttempt {
    /// What the ids of its batches begin with.
    id: String,
    attempts: u32,
    /// It was sent as a batch, which may still come in.
    was_batch: bool,
}

enum CommitInterruption {
    Refused(PublishError),
    Ended(CommitterClosed),
}

impl From<PublishError> for CommitInterruption {
    fn from(refusal: PublishError) -> CommitInterruption {
        CommitInterruption::Refused(refusal)
    }
}

impl Committer {
    /// Looks how the stream stands, and makes it this daemon's: `decide` says of what is found what is published, and how many
    /// outputs that is, or why this daemon must not go on. The epoch is the owner's, or one more than the last where that is
    /// more. Tries for as long as it takes.
    pub(super) async fn take_over<E, Confirmed: Future<Output = Result<(), E>>>(
        line: StreamSession,
        prefix: &str,
        batch_from: usize,
        owner: &OutputOwner,
        (mut confirm, mut decide): (
            impl FnMut() -> Confirmed,
            impl FnMut(&OutputRecovery) -> Result<(u64, CommittedPosition), E>,
        ),
    ) -> Result<(Committer, CommittedPosition), E> {
        let mut committer = Committer { owner: owner.clone(), batch_from, ..Committer::of_nobody(line, prefix) };
        loop {
            let refusal = match committer.look().await {
                Ok(known) => {
                    // Not sooner: who confirmed, then looked, could take the stream from a start that is to go on.
                    confirm().await?;
                    let (ordinal, committed) = decide(&known)?;
                    committer.ordinal = ordinal;
                    committer.owner.epoch =
                        owner.epoch.max(known.progress.as_ref().map_or(0, |progress| progress.epoch) + 1);
                    match committer.claim(committed.clone()).await {
                        Ok(()) => return Ok((committer, committed)),
                        Err(refusal) => refusal,
                    }
                }
                Err(refusal) => refusal,
            };
            committer.line.failed(&refusal);
            if refusal != PublishError::Unexpected || committer.line.failures > 3 {
                committer.line.wait_after(&refusal).await;
            }
        }
    }

    /// One that owns nothing: it can only look.
    pub(super) fn of_nobody(line: StreamSession, prefix: &str) -> Committer {
        Committer {
            line,
            progress: format!("{prefix}.progress").into(),
            all: format!("{prefix}.>").into(),
            owner: OutputOwner { instance: String::new(), epoch: 0, log: None, settings: None },
            commits: 0,
            last: 0,
            own_last: 0,
            fence: 0,
            seen: 0,
            since: None,
            out: CommittedPosition::default(),
            created_ns: 0,
            ordinal: 0,
            is_atomic: false,
            batch_from: 1,
            crowded_until: 0,
            contended_until: 0,
            max_message_bytes: None,
            open: None,
            written: Instant::now(),
            has_released: false,
        }
    }

    /// How the stream stands, and what it says of progress.
    async fn look(&mut self) -> Result<OutputRecovery, PublishError> {
        Ok(self.look_around().await?.0)
    }

    /// The same, with the newest record, and the server's clock.
    pub(super) async fn look_around(
        &mut self,
    ) -> Result<(OutputRecovery, Option<VerifiedRecord>, Option<Timestamp>), PublishError> {
        let StreamState { last, is_atomic, created_ns, max_message_bytes, now, .. } = self.line.standing().await?;
        (self.is_atomic, self.created_ns, self.max_message_bytes) = (is_atomic, created_ns, max_message_bytes);
        let RecordSearch { fence, record, .. } = self.newest_record(0).await?;
        (self.last, self.fence) = (last, fence);
        let progress = record.as_ref().map(|record| record.progress.clone());
        Ok((OutputRecovery { progress, stream_last: last }, record, now))
    }

    /// Publishes a record that expects what cannot be: nothing is stored, but the server says whether it would be.
    pub(super) async fn rehearse(&mut self) -> Result<(), PublishError> {
        let impossible = self.line.standing().await?.last + (1 << 32);
        let message = self.record_message(impossible, 0, CommittedPosition::default());
        let mut headers = HeaderMap::new();
        headers.insert(NATS_EXPECTED_LAST_SEQUENCE, impossible.to_string());
        let attempt = self.line.begin()?;
        let asking = async {
            let ack = self.line.request(&message, headers).await?;
            ack.await.map_err(|error| PublishError::of_publish(&error, &self.progress, &self.line.stream))
        };
        match attempt.unless_cut(asking).await.map_err(|refusal| self.line.explained(refusal)) {
            // Of another stream, one that takes the subject: a start would find out.
            Ok(ack) => self.line.check(&ack, &self.progress),
            Err(PublishError::Unexpected) => Ok(()),
            Err(refusal) => Err(refusal),
        }
    }

    fn records(&self) -> RecordStream<'_> {
        RecordStream {
            context: &self.line.context,
            stream: &self.line.stream,
            progress: &self.progress,
            all: &self.all,
        }
    }

    /// The newest record, if it stands behind message `seen`.
    async fn newest_record(&self, seen: u64) -> Result<RecordSearch, PublishError> {
        self.records().newest(seen).await.map_err(|refusal| self.line.explained(refusal))
    }

    async fn claim(&mut self, committed: CommittedPosition) -> Result<(), PublishError> {
        let message = self.record_message(self.fence, 0, committed.clone());
        let mut headers = HeaderMap::new();
        headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, self.fence.to_string());
        headers.insert(NATS_EXPECTED_LAST_SEQUENCE, self.last.to_string());
        let attempt = self.line.begin()?;
        let claiming = async {
            let ack = self.line.request(&message, headers).await?;
            ack.await.map_err(|error| PublishError::of_publish(&error, &self.progress, &self.line.stream))
        };
        let claimed = attempt.unless_cut(claiming).await.map_err(|refusal| self.line.explained(refusal));
        let ack = claimed?;
        self.line.check(&ack, &self.progress)?;
        (self.last, self.own_last, self.fence, self.seen) = (ack.sequence, ack.sequence, ack.sequence, ack.sequence);
        (self.out, self.written) = (committed, Instant::now());
        // Only for others to know since when: without it they take the time of the record they look at.
        let claim = stream_state::at(&self.line.context, &self.line.stream, ack.sequence).await;
        self.since = claim.ok().flatten().and_then(|claim| claim.time);
        info!(stream = %self.line.stream, epoch = self.owner.epoch, ordinal = self.ordinal, "this daemon owns the output stream");
        Ok(())
    }

    /// How many outputs are in the stream.
    pub(super) fn ordinal(&self) -> u64 {
        self.ordinal
    }

    /// The sequence of the last commit's last message.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// How long ago it last wrote.
    pub(super) fn idle(&self) -> Duration {
        self.written.elapsed()
    }

    /// Whether the end of this daemon was announced to a waiting one.
    pub(super) fn has_released(&self) -> bool {
        self.has_released
    }

    /// Whether commits can be stored whole or not at all.
    pub(super) fn is_atomic(&self) -> bool {
        self.is_atomic
    }

    /// Says that it works.
    pub(super) fn works(&mut self) {
        self.line.works();
    }

    /// Stores all of it, however long that takes, unless this daemon does not own the stream any more.
    pub(super) async fn commit(&mut self, unit: &mut CommitBatch) -> Result<CommitOutcome, CommitterClosed> {
        let mut refused = None;
        loop {
            if self.open.is_none()
                && let Some(limit) = self.max_message_bytes
            {
                let too_large = unit.take_larger_than(limit);
                if !too_large.is_empty() {
                    return Ok(CommitOutcome::TooLarge(too_large));
                }
            }
            let refusal = match self.attempt(unit, refused.take()).await {
                Ok(true) => {
                    self.line.works();
                    self.open = None;
                    return Ok(CommitOutcome::Stored);
                }
                Ok(false) => continue,
                Err(CommitInterruption::Ended(ended)) => return Err(ended),
                Err(CommitInterruption::Refused(refusal)) => refusal,
            };
            self.line.failed(&refusal);
            if refusal == PublishError::TooLarge
                && let Some(largest) = unit.take_largest()
            {
                // Nothing of a batch that is refused is stored; of what goes one by one, nothing from that message on.
                self.open = None;
                return Ok(CommitOutcome::TooLarge(vec![largest]));
            }
            if !refusal.is_harmless() || self.line.failures > 3 {
                self.line.wait_after(&refusal).await;
            }
            refused = Some(refusal);
        }
    }

    /// One attempt, after finding out what became of the last. Whether all of it is stored.
    async fn attempt(
        &mut self,
        unit: &mut CommitBatch,
        refused: Option<PublishError>,
    ) -> Result<bool, CommitInterruption> {
        if let Some(refused) = refused
            && self.settle(unit, &refused).await?
        {
            return Ok(true);
        }
        let attempt = self.line.begin()?;
        if self.open.is_none() {
            self.commits += 1;
            self.open = Some(CommitAttempt { id: unique(&self.line.client()), attempts: 0, was_batch: false });
        } else {
            self.line.status.retried();
        }
        let open = self.open.as_mut().expect("it was just opened");
        open.attempts += 1;
        // Somebody else's message stands behind the last of its own.
        let is_apart = self.last != self.own_last;
        // A record alone is a message of its own, and stands for a batch.
        open.was_batch |= unit.len() == 0
            || self.is_atomic && (unit.len() >= self.batch_from || self.commits <= self.crowded_until || is_apart);
        let is_batch = open.was_batch;
        // An id for each attempt: the server must not take the rest of one for the beginning of another.
        let id = format!("{}.{}", open.id, open.attempts);
        if is_batch {
            self.send_batch(unit, &id, attempt).await?;
            return Ok(true);
        }
        if is_apart {
            self.send_batch(&mut CommitBatch::at(self.out.clone()), &id, attempt).await?;
            return Ok(false);
        }
        self.send_singly(unit, &id, attempt).await
    }

    /// The record of a commit in progress, once this number of further outputs are stored.
    fn record(&self, place: RecordPlacement, more: u64, committed: CommittedPosition) -> String {
        let progress = ProgressRecord {
            epoch: self.owner.epoch,
            instance: self.owner.instance.clone(),
            log: self.owner.log.clone(),
            settings: self.owner.settings.clone(),
            commit: self.commits,
            ordinal: self.ordinal + more,
            since_ms: self.since.map(|since| since.0),
            released: self.line.status.is_leaving(),
            committed,
        };
        records::write(place, progress)
    }

    /// That record as a message, the first on its subject behind message `after`.
    fn record_message(&self, after: u64, more: u64, committed: CommittedPosition) -> OutputMessage {
        OutputMessage {
            kind: MessageKind::Progress,
            subject: self.progress.clone(),
            id: String::new(),
            content: Vec::new(),
            payload: self.record(RecordPlacement::After(after), more, committed).into(),
            received: None,
            shortened: DeadLetterTruncation::default(),
        }
    }

    /// The outputs of a commit with their headers.
    fn outputs<'u>(&self, unit: &'u CommitBatch) -> impl Iterator<Item = (&'u OutputMessage, HeaderMap)> + use<'u> {
        unit.messages().zip(self.ordinal + 1..).map(|(message, ordinal)| {
            let mut headers = message.headers();
            headers.insert(ORDINAL, ordinal.to_string());
            headers.insert(ID, message.id.as_str());
            (message, headers)
        })
    }

    /// This number of messages of a commit are in the stream, the last of them with this sequence.
    fn stored(&mut self, unit: &mut CommitBatch, count: usize, sequence: u64) {
        if count == unit.len() {
            self.out = unit.committed().clone();
        } else if let Some(committed) = count.checked_sub(1).and_then(|last| unit.steps().nth(last)) {
            self.out = committed;
        }
        let stored = unit.take_first(count);
        if self.open.as_ref().is_some_and(|open| open.was_batch) {
            self.line.status.acknowledged(stored.iter());
            self.line.status.committed();
        } else {
            stored.iter().for_each(|message| self.line.status.acknowledged(std::iter::once(message)));
        }
        self.ordinal += count as u64;
        (self.last, self.own_last) = (sequence, sequence);
        self.seen = self.seen.max(sequence);
        (self.written, self.has_released) = (Instant::now(), self.line.status.is_leaving());
        self.line.failures = 0;
    }

    /// Publishes all of it as an atomic batch; a record alone is just a message.
    async fn send_batch(
        &mut self,
        unit: &mut CommitBatch,
        id: &str,
        attempt: PublishAttempt,
    ) -> Result<(), PublishError> {
        let count = unit.len();
        let (line, is_contended) = (&self.line, self.commits <= self.contended_until);
        let sending = async {
            let client = line.client();
            for (place, (message, mut headers)) in (1..).zip(self.outputs(unit)) {
                headers.insert(NATS_BATCH_ID, id);
                headers.insert(NATS_BATCH_SEQUENCE, (place as usize).to_string());
                let sent = client.publish_with_headers(message.subject.clone(), headers, message.payload.clone()).await;
                sent.map_err(|error| match error.kind() {
                    async_nats::client::PublishErrorKind::MaxPayloadExceeded => PublishError::TooLarge,
                    _ => PublishError::Other { why: error.to_string() },
                })?;
            }
            let fence = if is_contended { self.fence_now().await? } else { self.fence };
            let record = self.record_message(fence, count as u64, unit.committed().clone());
            let mut headers = HeaderMap::new();
            headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, fence.to_string());
            if count > 0 {
                headers.insert(NATS_BATCH_ID, id);
                headers.insert(NATS_BATCH_SEQUENCE, (count + 1).to_string());
                headers.insert(NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL);
            }
            let ack = line.request(&record, headers).await?.await;
            let ack = ack.map_err(|error| PublishError::of_publish(&error, &record.subject, &line.stream))?;
            line.check(&ack, &record.subject)?;
            Ok(ack.sequence)
        };
        let sequence = attempt.unless_cut(sending).await.map_err(|refusal| self.line.explained(refusal))?;
        self.stored(unit, count, sequence);
        self.fence = sequence;
        Ok(())
    }

    /// The last message on the subject of records now, if nothing behind the last one known is a record.
    async fn fence_now(&self) -> Result<u64, PublishError> {
        let last = stream_state::last_of(&self.line.context, &self.line.stream, &self.progress).await?;
        let last = last.map_or(0, |last| last.sequence);
        match self.records().last_between(self.fence.max(self.own_last), last).await? {
            None => Ok(last.max(self.fence)),
            // Who wrote it is found out before anything is sent again.
            Some(_) => Err(PublishError::Unexpected),
        }
    }

    /// Publishes the next few one by one, all on their way at once, each expecting the one before it. Whether all is stored.
    async fn send_singly(
        &mut self,
        unit: &mut CommitBatch,
        id: &str,
        attempt: PublishAttempt,
    ) -> Result<bool, CommitInterruption> {
        let (mut stored, mut last) = (0, self.last);
        let sending = async {
            let mut sent = VecDeque::new();
            let steps = (0..).zip(unit.steps());
            for ((message, mut headers), (ahead, committed)) in self.outputs(unit).zip(steps).take(WINDOW) {
                headers.insert(RECORD, self.record(RecordPlacement::At(self.last + ahead + 1), ahead + 1, committed));
                headers.insert(NATS_MESSAGE_ID, format!("{id}.{ahead}"));
                match ahead.checked_sub(1) {
                    None => headers.insert(NATS_EXPECTED_LAST_SEQUENCE, self.last.to_string()),
                    Some(previous) => headers.insert(NATS_EXPECTED_LAST_MESSAGE_ID, format!("{id}.{previous}")),
                }
                sent.push_back((self.line.request(message, headers).await, &message.subject));
            }
            while let Some((ack, subject)) = sent.pop_front() {
                let ack = ack?.await.map_err(|error| PublishError::of_publish(&error, subject, &self.line.stream))?;
                self.line.check(&ack, subject)?;
                (stored, last) = (stored + 1, ack.sequence);
            }
            Ok(())
        };
        let sent = attempt.unless_cut(sending).await.map_err(|refusal| self.line.explained(refusal));
        if stored > 0 {
            self.stored(unit, stored, last);
        }
        sent?;
        Ok(unit.len() == 0)
    }

    /// Finds out what became of an attempt that was not acknowledged. Whether all of the commit is stored.
    async fn settle(&mut self, unit: &mut CommitBatch, refused: &PublishError) -> Result<bool, CommitInterruption> {
        let before = (self.last, self.fence);
        let standing = self.standing().await?;
        self.max_message_bytes = standing.max_message_bytes;
        let RecordSearch { fence, seen, record } = self.newest_record(self.seen).await?;
        let is_ours = |progress: &ProgressRecord| {
            (progress.epoch, progress.instance.as_str()) == (self.owner.epoch, self.owner.instance.as_str())
        };
        if let Some(VerifiedRecord { progress, .. }) = &record
            && !is_ours(progress)
        {
            return Err(CommitInterruption::Ended(CommitterClosed::TakenOver {
                stream: self.line.stream.clone(),
                instance: progress.instance.clone(),
                epoch: progress.epoch,
                ours: self.owner.epoch,
            }));
        }
        if fence > self.fence && record.as_ref().is_none_or(|record| record.sequence != fence) {
            warn!(
                stream = %self.line.stream,
                subject = %self.progress,
                sequence = fence,
                "a foreign message on the subject of progress records is skipped: check who may publish there, or name it as a \
                 reply subject (config/nats-permissions.conf)"
            );
            self.contended_until = self.commits + CROWDED;
        }
        (self.last, self.fence, self.seen) = (standing.last.max(seen), fence, seen);
        if let Some(record) = &record {
            self.own_last = record.sequence;
        }
        let Some(open) = &self.open else { return Ok(false) };
        if let Some(VerifiedRecord { progress, sequence, .. }) =
            record.filter(|record| record.progress.commit == self.commits)
        {
            // A batch that is in is in whole; of what goes one by one, what the record counts.
            let count =
                usize::try_from(progress.ordinal.saturating_sub(self.ordinal)).unwrap_or(usize::MAX).min(unit.len());
            if count > 0 || open.was_batch {
                self.line.status.was_there(count);
                self.stored(unit, count, sequence);
                self.last = standing.last.max(seen);
            }
            if unit.len() == 0 && progress.committed == *unit.committed() {
                return Ok(true);
            }
        }
        if standing.is_atomic != self.is_atomic {
            warn!(stream = %self.line.stream, is_atomic = standing.is_atomic, "the stream's support for atomic batches has changed");
            self.is_atomic = standing.is_atomic;
            // A batch that the stream does not take any more can't come in late.
            if let Some(open) = &mut self.open {
                open.was_batch &= standing.is_atomic;
            }
        }
        match refused {
            // Nobody has written, and yet the message was not the next one: it is another stream that takes it.
            PublishError::Unexpected if before == (self.last, self.fence) => {
                let subject = unit.messages().next().map_or(&self.progress, |message| &message.subject).to_string();
                Err(PublishError::OtherStream { subject, stream: self.line.stream.clone() }.into())
            }
            PublishError::Unexpected => {
                self.crowded_until = self.commits + CROWDED;
                Ok(false)
            }
            PublishError::Incomplete { said: None } => match self.why_incomplete(unit, &standing) {
                PublishError::Incomplete { .. } => Ok(false),
                why => Err(why.into()),
            },
            _ => Ok(false),
        }
    }

    /// How the stream stands; asks again where that looks like a loss.
    async fn standing(&mut self) -> Result<StreamState, CommitInterruption> {
        for _ in 0..ASK_AGAIN.0 {
            let standing = self.line.standing().await?;
            if standing.created_ns != self.created_ns {
                warn!(stream = %self.line.stream, "the output stream was created again: its previous contents are gone");
                (self.created_ns, self.last) = (standing.created_ns, 0);
                (self.own_last, self.fence, self.seen) = (0, 0, 0);
                return Ok(standing);
            }
            if standing.last >= self.last {
                return Ok(standing);
            }
            let (last, found) = (self.last, standing.last);
            warn!(stream = %self.line.stream, last, found, "the stream seems to have lost messages; checking again");
            sleep(ASK_AGAIN.1).await;
        }
        let found = self.line.standing().await?.last;
        Err(CommitInterruption::Ended(CommitterClosed::Lost {
            stream: self.line.stream.clone(),
            found,
            last: self.last,
        }))
    }

    /// A message of the batch did not arrive, and the server did not say why.
    fn why_incomplete(&self, unit: &CommitBatch, standing: &StreamState) -> PublishError {
        let limit = standing.max_message_bytes;
        if limit.is_some_and(|limit| unit.messages().any(|message| message.size() > limit)) {
            return PublishError::TooLarge;
        }
        let mut subjects = unit.messages().map(|message| &message.subject).chain(std::iter::once(&self.progress));
        let is_taken = |subject: &Subject| standing.subjects.iter().any(|taken| covers(taken, subject));
        match subjects.find(|subject| !is_taken(subject)) {
            Some(subject) => PublishError::NoSubject { subject: subject.to_string(), stream: self.line.stream.clone() },
            None => PublishError::Incomplete { said: None },
        }
    }
}

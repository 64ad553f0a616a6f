//! Committing outputs: into the stream together with how far they have got, once, and by one daemon only.
//!
//! # What a commit is
//! Some outputs and, behind them, a [`Progress`] record. Where the stream takes atomic batches (nats-server 2.12) all of it
//! is one batch: stored whole or not at all. So whoever reads the last record knows what is out, whenever it was that the
//! process or the server died. Every output has the header `Rekindle-Ordinal`: 1, 2, 3 … without a hole.
//!
//! # How it gets in once
//! The committer knows the sequence of the last progress record, and each commit expects that there is none after it
//! (`Nats-Expected-Last-Subject-Sequence`): it is stored, or nothing of it is. One commit is under way at a time. When no
//! acknowledgement comes, the leader is asked for the last record: if it is the one just sent, the commit is in. If not it
//! is sent again, with the same expectation: an attempt that is late, and the next one, can't both be stored. No memory of
//! the server's (its window of message ids) is needed for any of this, and what others write into the stream is no matter.
//!
//! # How there is one daemon
//! A start [takes over](Committer::take_over): it writes a record with a higher epoch than the last. Whoever wrote before
//! finds that its expectation does not hold any more, looks, and [ends](Ended::TakenOver). A process that was stopped for an
//! hour and wakes up in the middle of a batch has nothing stored.
//!
//! # Where there are no batches
//! Older servers get the same messages one by one, several on their way, each expecting the one before it. An *intent*
//! goes first: a record that says which group of outputs comes; so what a killed process leaves behind can be told by the
//! ordinal of the stream's last message. Weaker than batches in one thing: readers can see a part of what belongs together.

use std::collections::VecDeque;
use std::time::Duration;

use async_nats::header::{
    HeaderMap, NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL, NATS_BATCH_ID, NATS_BATCH_SEQUENCE,
    NATS_EXPECTED_LAST_SEQUENCE, NATS_EXPECTED_LAST_SUBJECT_SEQUENCE,
};
use async_nats::subject::Subject;
use bytes::Bytes;
use thiserror::Error;
use tokio::time::sleep;
use tracing::{info, warn};

use super::line::Line;
use super::message::{Kind, Message};
use super::publish::unique;
use super::refusal::Refusal;
use super::stream::{self, Found, Standing};
use crate::nats::subjects::covers;
use crate::sink::progress::{Progress, Reached};

/// The header with an output's place among all outputs of the stream, from 1.
pub const ORDINAL: &str = "Rekindle-Ordinal";
/// The header with an output's id, which is the same whenever the same log is read.
pub const ID: &str = "Rekindle-Id";
/// The header that tells which commit a message belongs to, where there are no batches.
const COMMIT: &str = "Rekindle-Commit";

/// Most messages on their way where there are no batches.
const WINDOW: usize = 256;
/// A new leader may be a little behind with what it knows: how often, and how long apart, it is asked before what it says
/// counts as lost.
const ASK_AGAIN: (u32, Duration) = (20, Duration::from_millis(500));

/// Why no more can be committed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Ended {
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
pub struct Owner {
    /// A name that no other start of a daemon has.
    pub instance: String,
    /// Its epoch, at least.
    pub epoch: u64,
    /// Which log its outputs come of: the stream's name and when it was made; `None`: not known, or it is no stream.
    pub log: Option<String>,
}

/// What a start finds in the stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// The last progress record, with what a killed process left behind it; `None`: there is none (any more).
    pub progress: Option<Progress>,
    /// The sequence of the stream's last message; 0: it never had any.
    pub stream_last: u64,
}

/// Some outputs that go together.
#[derive(Debug)]
pub(super) struct Unit {
    pub(super) outputs: VecDeque<Message>,
    /// What is out before it; its group is open.
    pub(super) before: Reached,
    /// What is out with it.
    pub(super) reached: Reached,
}

/// What a call of [`Committer::commit`] came to.
#[derive(Debug)]
pub(super) enum Committed {
    /// All of it is stored.
    Stored,
    /// Nothing was stored: these, which the server can never take, are taken out and must be dealt with first.
    TooLarge(Vec<Message>),
}

/// Owns a stream of outputs.
pub(super) struct Committer {
    line: Line,
    progress: Subject,
    epoch: u64,
    instance: String,
    log: Option<String>,
    commits: u64,
    /// The sequence of the last progress record; of the stream's last message, where there are no batches. Both 0: none.
    last: u64,
    /// When the stream was made.
    created_ns: i128,
    ordinal: u64,
    is_atomic: bool,
    /// The largest message the stream takes, where it has a bound of its own.
    max_message_bytes: Option<usize>,
    /// The attempt whose outcome is not known.
    open: Option<Attempted>,
}

/// A commit that may be stored, or a part of it.
struct Attempted {
    /// As the record in the stream would read.
    record: Bytes,
    /// What the ids of its batches begin with.
    batch: String,
    attempts: u32,
    /// How many of its messages are stored, where they go one by one.
    stored: usize,
}

enum Stop {
    Refused(Refusal),
    Ended(Ended),
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Stop {
        Stop::Refused(refusal)
    }
}

impl Committer {
    /// Looks how the stream stands, and makes it this daemon's: `decide` says of what is found what is out, and how many
    /// outputs that is, or why this daemon must not go on. The epoch is the owner's, or one more than the last where that is
    /// more. Tries for as long as it takes.
    pub(super) async fn take_over<E, Confirmed: Future<Output = Result<(), E>>>(
        line: Line,
        progress: Subject,
        owner: &Owner,
        all: &str,
        (mut confirm, mut decide): (impl FnMut() -> Confirmed, impl FnMut(&Known) -> Result<(u64, Reached), E>),
    ) -> Result<(Committer, Reached), E> {
        let mut committer = Committer {
            line,
            progress,
            epoch: owner.epoch,
            instance: owner.instance.clone(),
            log: owner.log.clone(),
            commits: 0,
            last: 0,
            created_ns: 0,
            ordinal: 0,
            is_atomic: false,
            max_message_bytes: None,
            open: None,
        };
        loop {
            let refusal = match committer.look(all).await {
                Ok(known) => {
                    // Not sooner: who confirmed, then looked, could take the stream from a start that is to go on.
                    confirm().await?;
                    let (ordinal, reached) = decide(&known)?;
                    committer.ordinal = ordinal;
                    committer.epoch = owner.epoch.max(known.progress.as_ref().map_or(0, |progress| progress.epoch) + 1);
                    match committer.claim(reached.clone()).await {
                        Ok(()) => return Ok((committer, reached)),
                        Err(refusal) => refusal,
                    }
                }
                Err(refusal) => refusal,
            };
            committer.line.failed(&refusal);
            committer.line.wait_after(&refusal).await;
        }
    }

    /// How the stream stands, and what it says of progress.
    async fn look(&mut self, all: &str) -> Result<Known, Refusal> {
        let Standing { last, is_atomic, created_ns, max_message_bytes, .. } = self.line.standing().await?;
        (self.is_atomic, self.created_ns, self.max_message_bytes) = (is_atomic, created_ns, max_message_bytes);
        let record = self.last_progress().await?;
        self.last = if is_atomic { record.as_ref().map_or(0, |(sequence, _)| *sequence) } else { last };
        let Some((sequence, mut progress)) = record else {
            return Ok(Known { progress: None, stream_last: last });
        };
        // Messages behind the record: only where a process died that published one by one.
        let behind = stream::last_of(&self.line.context, &self.line.stream, all).await?;
        if let Some(Found { sequence: after, headers, .. }) = behind
            && after > sequence
            && let Some(ordinal) = stream::value(&headers, ORDINAL).and_then(|ordinal| ordinal.parse::<u64>().ok())
            && let Some(more) = ordinal.checked_sub(progress.ordinal)
        {
            progress.ordinal = ordinal;
            if let Some(open) = &mut progress.reached.open {
                open.messages += more;
            }
        }
        Ok(Known { progress: Some(progress), stream_last: last })
    }

    async fn claim(&mut self, reached: Reached) -> Result<(), Refusal> {
        let record = self.record(reached, 0);
        let message = self.progress_message(&record);
        let mut headers = HeaderMap::new();
        let expected = if self.is_atomic { NATS_EXPECTED_LAST_SUBJECT_SEQUENCE } else { NATS_EXPECTED_LAST_SEQUENCE };
        headers.insert(expected, self.last.to_string());
        let attempt = self.line.begin()?;
        let claiming = async {
            let ack = self.line.request(&message, headers).await?;
            ack.await.map_err(|error| Refusal::of_publish(&error, &self.progress, &self.line.stream))
        };
        let claimed = attempt.unless_cut(claiming).await.map_err(|refusal| self.line.explained(refusal));
        let ack = claimed?;
        self.line.check(&ack, &self.progress)?;
        self.last = ack.sequence;
        info!(stream = %self.line.stream, epoch = self.epoch, ordinal = self.ordinal, "this daemon owns the stream of outputs");
        Ok(())
    }

    /// How many outputs are in the stream.
    pub(super) fn ordinal(&self) -> u64 {
        self.ordinal
    }

    /// The sequence of the last commit's record.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// Whether commits are stored whole or not at all.
    pub(super) fn is_atomic(&self) -> bool {
        self.is_atomic
    }

    /// Says that it works.
    pub(super) fn works(&mut self) {
        self.line.works();
    }

    /// Stores all of it, however long that takes, unless this daemon does not own the stream any more.
    pub(super) async fn commit(&mut self, unit: &mut Unit) -> Result<Committed, Ended> {
        let mut refused = None;
        loop {
            let too_large = self.take_too_large(unit);
            if !too_large.is_empty() {
                return Ok(Committed::TooLarge(too_large));
            }
            let refusal = match self.attempt(unit, refused.take()).await {
                Ok(true) => {
                    self.line.works();
                    return Ok(Committed::Stored);
                }
                Ok(false) => continue,
                Err(Stop::Ended(ended)) => return Err(ended),
                Err(Stop::Refused(refusal)) => refusal,
            };
            self.line.failed(&refusal);
            if refusal == Refusal::TooLarge && self.is_atomic {
                // Nothing of a batch that is refused is stored.
                self.open = None;
                if let Some(largest) = largest(&unit.outputs) {
                    return Ok(Committed::TooLarge(unit.outputs.remove(largest).into_iter().collect()));
                }
            }
            if !refusal.is_harmless() || self.line.failures > 3 {
                self.line.wait_after(&refusal).await;
            }
            refused = Some(refusal);
        }
    }

    /// Takes out what the stream can never take, as long as nothing of the commit can be stored.
    fn take_too_large(&mut self, unit: &mut Unit) -> Vec<Message> {
        let Some(limit) = self.max_message_bytes else { return Vec::new() };
        if self.open.as_ref().is_some_and(|open| !self.is_atomic && open.stored > 0) {
            return Vec::new();
        }
        let (too_large, rest): (Vec<_>, Vec<_>) =
            std::mem::take(&mut unit.outputs).into_iter().partition(|message| message.size() > limit);
        unit.outputs = rest.into();
        if !too_large.is_empty() {
            self.open = None;
        }
        too_large
    }

    /// One attempt, after finding out what became of the last. Whether all of it is stored.
    async fn attempt(&mut self, unit: &mut Unit, refused: Option<Refusal>) -> Result<bool, Stop> {
        if let Some(refused) = refused
            && self.settle(unit, &refused).await?
        {
            return Ok(true);
        }
        let attempt = self.line.begin()?;
        if self.is_atomic {
            let (record, batch) = self.begin(unit);
            let messages = self.messages(unit, &record);
            let sent = attempt.unless_cut(send_batch(&self.line, &batch, self.last, &messages)).await;
            let sequence = sent.map_err(|refusal| self.line.explained(refusal))?;
            self.stored(unit, sequence);
            return Ok(true);
        }
        self.send_singly(unit, attempt).await
    }

    /// The record of the commit, and the id of this attempt at it.
    fn begin(&mut self, unit: &Unit) -> (Bytes, String) {
        if self.open.is_none() {
            let record = self.record(unit.reached.clone(), unit.outputs.len() as u64);
            self.commits += 1;
            self.open = Some(Attempted { record, batch: unique(&self.line.client()), attempts: 0, stored: 0 });
        } else {
            self.line.status.retried();
        }
        let open = self.open.as_mut().expect("it was just opened");
        open.attempts += 1;
        // An id for each attempt: the server must not take the rest of one for the beginning of another.
        (open.record.clone(), format!("{}.{}", open.batch, open.attempts))
    }

    fn record(&self, reached: Reached, outputs: u64) -> Bytes {
        let progress = Progress {
            epoch: self.epoch,
            instance: self.instance.clone(),
            log: self.log.clone(),
            commit: self.commits,
            ordinal: self.ordinal + outputs,
            reached,
        };
        serde_json::to_vec(&progress).expect("a record can be written").into()
    }

    fn progress_message(&self, record: &Bytes) -> Message {
        Message {
            kind: Kind::Progress,
            subject: self.progress.clone(),
            id: String::new(),
            content: Vec::new(),
            payload: record.clone(),
            received: None,
        }
    }

    /// The messages of a commit with their headers: the outputs, and the record last.
    fn messages(&self, unit: &Unit, record: &Bytes) -> Vec<(Message, HeaderMap)> {
        let outputs = unit.outputs.iter().zip(self.ordinal + 1..).map(|(message, ordinal)| {
            let mut headers = message.headers();
            headers.insert(ORDINAL, ordinal.to_string());
            headers.insert(ID, message.id.as_str());
            (message.clone(), headers)
        });
        outputs.chain(std::iter::once((self.progress_message(record), HeaderMap::new()))).collect()
    }

    /// The whole commit is in the stream, its record with this sequence.
    fn stored(&mut self, unit: &mut Unit, sequence: u64) {
        self.line.status.acknowledged(unit.outputs.iter());
        self.line.status.committed();
        self.ordinal += unit.outputs.len() as u64;
        unit.outputs.clear();
        self.last = sequence;
        self.open = None;
        self.line.failures = 0;
    }

    /// Finds out what became of an attempt that was not acknowledged. Whether all of the commit is stored.
    async fn settle(&mut self, unit: &mut Unit, refused: &Refusal) -> Result<bool, Stop> {
        let standing = self.standing().await?;
        self.max_message_bytes = standing.max_message_bytes;
        let record = self.last_progress().await?;
        if let Some((_, progress)) = &record
            && (progress.epoch, progress.instance.as_str()) != (self.epoch, self.instance.as_str())
        {
            return Err(Stop::Ended(Ended::TakenOver {
                stream: self.line.stream.clone(),
                instance: progress.instance.clone(),
                epoch: progress.epoch,
                ours: self.epoch,
            }));
        }
        if !self.is_atomic {
            if self.settle_singly(unit, standing.last).await? {
                return Ok(true);
            }
        } else if let (Some(open), Some((sequence, progress))) = (&self.open, &record)
            && serde_json::to_vec(progress).is_ok_and(|record| record == open.record)
        {
            self.line.status.was_there(unit.outputs.len());
            let sequence = *sequence;
            self.stored(unit, sequence);
            return Ok(true);
        }
        let found = if self.is_atomic { record.map_or(0, |(sequence, _)| sequence) } else { self.last };
        let is_as_expected = std::mem::replace(&mut self.last, found) == found;
        // What may be half stored one by one stays so; a batch was stored whole, or not.
        if standing.is_atomic != self.is_atomic && self.open.as_ref().is_none_or(|open| open.stored == 0) {
            warn!(stream = %self.line.stream, is_atomic = standing.is_atomic, "the stream's way of batches has changed");
            (self.is_atomic, self.open) = (standing.is_atomic, None);
            self.last = if self.is_atomic { found } else { standing.last };
        }
        match refused {
            // Nobody has written, and yet the message was not the next one: it is another stream that takes it.
            Refusal::Unexpected if is_as_expected => {
                let subject = unit.outputs.front().map_or(&self.progress, |message| &message.subject).to_string();
                Err(Refusal::OtherStream { subject, stream: self.line.stream.clone() }.into())
            }
            Refusal::Incomplete { said: None } => match self.why_incomplete(unit, &standing) {
                Refusal::Incomplete { .. } => Ok(false),
                why => Err(why.into()),
            },
            _ => Ok(false),
        }
    }

    /// How the stream stands; asks again where that looks like a loss.
    async fn standing(&mut self) -> Result<Standing, Stop> {
        for _ in 0..ASK_AGAIN.0 {
            let standing = self.line.standing().await?;
            if standing.created_ns != self.created_ns {
                warn!(stream = %self.line.stream, "the stream of outputs was made anew: what it held is gone with it");
                (self.created_ns, self.last) = (standing.created_ns, standing.last);
                if let Some(open) = &mut self.open {
                    open.stored = 0;
                }
                return Ok(standing);
            }
            if standing.last >= self.last {
                return Ok(standing);
            }
            let (last, found) = (self.last, standing.last);
            warn!(stream = %self.line.stream, last, found, "the stream seems to have lost messages; asking again");
            sleep(ASK_AGAIN.1).await;
        }
        let found = self.line.standing().await?.last;
        Err(Stop::Ended(Ended::Lost { stream: self.line.stream.clone(), found, last: self.last }))
    }

    async fn last_progress(&mut self) -> Result<Option<(u64, Progress)>, Refusal> {
        let found = stream::last_of(&self.line.context, &self.line.stream, &self.progress).await;
        let Some(found) = found.map_err(|refusal| self.line.explained(refusal))? else { return Ok(None) };
        match serde_json::from_slice(&found.payload) {
            Ok(progress) => Ok(Some((found.sequence, progress))),
            Err(error) => Err(Refusal::Other {
                why: format!(
                    "message {} of stream {} on {} is no progress record ({error}): only this program may write there",
                    found.sequence, self.line.stream, self.progress
                ),
            }),
        }
    }

    /// A message of the batch did not arrive, and the server did not say why.
    fn why_incomplete(&self, unit: &Unit, standing: &Standing) -> Refusal {
        let limit = standing.max_message_bytes;
        if limit.is_some_and(|limit| unit.outputs.iter().any(|message| message.size() > limit)) {
            return Refusal::TooLarge;
        }
        let mut subjects = unit.outputs.iter().map(|message| &message.subject).chain(std::iter::once(&self.progress));
        let is_taken = |subject: &Subject| standing.subjects.iter().any(|taken| covers(taken, subject));
        match subjects.find(|subject| !is_taken(subject)) {
            Some(subject) => Refusal::NoSubject { subject: subject.to_string(), stream: self.line.stream.clone() },
            None => Refusal::Incomplete { said: None },
        }
    }

    /// Publishes one by one, several on their way at a time: an intent, the outputs, the record. Whether all is stored.
    async fn send_singly(&mut self, unit: &mut Unit, attempt: super::line::Attempt) -> Result<bool, Stop> {
        let (record, _) = self.begin(unit);
        let mut messages = self.messages(unit, &record);
        let intent = Progress {
            epoch: self.epoch,
            instance: self.instance.clone(),
            log: self.log.clone(),
            commit: self.commits,
            ordinal: self.ordinal,
            reached: unit.before.clone(),
        };
        let intent = serde_json::to_vec(&intent).expect("a record can be written").into();
        messages.insert(0, (self.progress_message(&intent), HeaderMap::new()));
        let total = messages.len();
        let from = self.open.as_ref().map_or(0, |open| open.stored);
        let sent = {
            let (line, last) = (&self.line, self.last);
            let id = self.commit_id();
            let part = messages.into_iter().enumerate().skip(from).take(WINDOW);
            attempt.unless_cut(send_window(line, &id, last, part)).await
        };
        let (stored, refused) = sent.map_err(|refusal| self.line.explained(refusal))?;
        let stored_now = from + stored;
        self.last += stored as u64;
        if let Some(open) = &mut self.open {
            open.stored = stored_now;
        }
        if let Some(refusal) = refused {
            return Err(self.line.explained(refusal).into());
        }
        if stored_now == total {
            let last = self.last;
            self.stored(unit, last);
        }
        Ok(stored_now == total)
    }

    fn commit_id(&self) -> String {
        format!("{}.{}.{}", self.epoch, self.instance, self.commits)
    }

    /// Which of the messages that went one by one are in the stream.
    async fn settle_singly(&mut self, unit: &mut Unit, found: u64) -> Result<bool, Stop> {
        let total = unit.outputs.len() + 2;
        let id = self.commit_id();
        while self.last < found {
            let next = self.last + 1;
            let headers = stream::headers_at(&self.line.context, &self.line.stream, next).await?.unwrap_or_default();
            if let Some(open) = &mut self.open
                && stream::value(&headers, COMMIT) == Some(&format!("{id}.{}", open.stored))
            {
                open.stored += 1;
                self.line.status.was_there(1);
            }
            self.last = next;
        }
        let is_done = self.open.as_ref().is_some_and(|open| open.stored == total);
        if is_done {
            let last = self.last;
            self.stored(unit, last);
        }
        Ok(is_done)
    }
}

fn largest(messages: &VecDeque<Message>) -> Option<usize> {
    messages.iter().enumerate().max_by_key(|(_, message)| message.size()).map(|(index, _)| index)
}

/// Publishes an atomic batch; returns the sequence of its last message.
async fn send_batch(line: &Line, id: &str, last: u64, messages: &[(Message, HeaderMap)]) -> Result<u64, Refusal> {
    let client = line.client();
    let is_alone = messages.len() == 1;
    for (place, (message, headers)) in (1..).zip(messages) {
        let mut headers = headers.clone();
        if place == messages.len() {
            headers.insert(NATS_EXPECTED_LAST_SUBJECT_SEQUENCE, last.to_string());
        }
        if !is_alone {
            headers.insert(NATS_BATCH_ID, id);
            headers.insert(NATS_BATCH_SEQUENCE, place.to_string());
        }
        if place < messages.len() {
            let sent = client.publish_with_headers(message.subject.clone(), headers, message.payload.clone()).await;
            sent.map_err(|error| match error.kind() {
                async_nats::client::PublishErrorKind::MaxPayloadExceeded => Refusal::TooLarge,
                _ => Refusal::Other { why: error.to_string() },
            })?;
            continue;
        }
        if !is_alone {
            headers.insert(NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL);
        }
        let ack = line.request(message, headers).await?.await;
        let ack = ack.map_err(|error| Refusal::of_publish(&error, &message.subject, &line.stream))?;
        line.check(&ack, &message.subject)?;
        return Ok(ack.sequence);
    }
    Err(Refusal::Other { why: "there was nothing to commit".to_owned() })
}

/// Publishes messages, each expecting the one before it; returns how many are stored, and why not all are.
async fn send_window(
    line: &Line,
    id: &str,
    last: u64,
    messages: impl Iterator<Item = (usize, (Message, HeaderMap))>,
) -> Result<(usize, Option<Refusal>), Refusal> {
    let mut sent = VecDeque::new();
    for ((part, (message, mut headers)), ahead) in messages.zip(0..) {
        headers.insert(COMMIT, format!("{id}.{part}"));
        headers.insert(NATS_EXPECTED_LAST_SEQUENCE, (last + ahead).to_string());
        sent.push_back((line.request(&message, headers).await, message.subject.clone()));
    }
    let mut stored = 0;
    while let Some((ack, subject)) = sent.pop_front() {
        let acked = match ack {
            Ok(ack) => ack.await.map_err(|error| Refusal::of_publish(&error, &subject, &line.stream)),
            Err(refusal) => Err(refusal),
        };
        match acked.and_then(|ack| line.check(&ack, &subject)) {
            Ok(()) => stored += 1,
            Err(refusal) => return Ok((stored, Some(refusal))),
        }
    }
    Ok((stored, None))
}

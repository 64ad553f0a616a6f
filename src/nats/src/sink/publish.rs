//! Publishing into one stream, each message once and in order, whatever happens to the connection: for dead letters,
//! which nobody owns (several daemons may share their stream). Outputs are [committed](super::commit).
//!
//! # How a message gets in once
//! The publisher knows the sequence of the stream's last message, `last`, and whatever it publishes carries it as
//! `Nats-Expected-Last-Sequence`: the server stores a batch at `last + 1`, or nowhere. Only one batch is under way at a
//! time. An acknowledgement moves `last` on.
//!
//! When none comes (a cut, a restart, a time-out), the batch may be in the stream or not, and the attempt may even still
//! be on its way. Before anything is sent again the stream's leader is asked: if its last sequence is still `last`, the
//! batch is not in. If it is higher, the message at `last + 1` tells: it bears the id of the batch's attempts, or it is
//! somebody else's. In both cases only the next attempt or a late earlier one can be stored, since both expect the same
//! `last` and the first of them changes it. So nothing is stored twice, however long the outage: the server's memory of
//! message ids (two minutes, usually) is not needed for it. It does serve another purpose: every message has an id that
//! is the same when the same log is read again, so a daemon that starts over within that time does not repeat itself.
//!
//! # How
//! - **Batches.** Where the stream allows them (nats-server 2.12 or later, `allow_atomic_publish`), up to 1,000 messages
//!   go as one atomic batch: all are stored or none is.
//! - **One by one.** Elsewhere, and for what a batch is refused for (nats-server 2.15.1 refuses a batch whole for one
//!   message that it has by its id already; one without its permission or without a stream only leaves a gap in it),
//!   messages go in a window, each expecting the one before it, so that one that fails stops all behind it. Weaker than
//!   batches in one thing: readers of the stream can see a part of what belongs together.
//!
//! # What it does not do
//! Somebody else who writes to the stream is no danger to the order, only slow: every foreign message makes an attempt
//! fail. After three in a row one is sent without the expectation, guarded by the message ids alone, so that the other
//! cannot hold it up for good. A message that was stored and is gone (purged, or past the stream's limits) before the
//! publisher could look is published again.

use std::collections::VecDeque;

use async_nats::header::{
    NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL, NATS_BATCH_ID, NATS_BATCH_SEQUENCE, NATS_EXPECTED_LAST_SEQUENCE,
    NATS_MESSAGE_ID,
};
use tracing::{info, warn};

use super::message::OutputMessage;
use super::publish_error::PublishError;
use super::stream_session::StreamSession;
use super::stream_state::{self, StreamState};

/// Most messages in an atomic batch; the server's limit.
const BATCH: usize = 1_000;
/// Most bytes in a batch, but for one message more: the server keeps a batch until it is whole.
const BATCH_BYTES: usize = 4 << 20;
/// Most messages on their way where there are no batches.
const WINDOW: usize = 256;
/// After this number of consecutive foreign messages one attempt goes without the expectation.
const CONTENDED: u32 = 3;

/// Publishes into one stream.
pub(super) struct StreamPublisher {
    line: StreamSession,
    /// The last sequence of the stream, once it is known.
    last: Option<u64>,
    is_atomic: bool,
    /// Batches carry message ids; servers before 2.12.1 refuse that.
    with_ids: bool,
    /// The number of messages to publish one by one.
    singly: usize,
    /// How many may be on their way one by one: few after a surprise, more with every success.
    window: usize,
    /// The attempt whose outcome is not known.
    open: Option<UnresolvedAttempt>,
    contended: u32,
}

/// An attempt that may have been stored.
struct UnresolvedAttempt {
    /// What the ids of all attempts at this batch begin with; `None`: one by one.
    batch: Option<String>,
    /// How many messages it has, from the front.
    messages: usize,
    /// Attempts so far.
    attempts: u32,
}

impl StreamPublisher {
    pub(super) fn new(line: StreamSession) -> StreamPublisher {
        StreamPublisher {
            line,
            last: None,
            is_atomic: false,
            with_ids: true,
            singly: 0,
            window: WINDOW,
            open: None,
            contended: 0,
        }
    }

    /// Waits until the stream is there; does not yet say that it [works](Line::works).
    pub(super) async fn reach(&mut self) {
        while self.last.is_none() {
            if let Err(refusal) = self.settle(&mut VecDeque::new(), None).await {
                self.line.wait_after(&refusal).await;
            }
        }
    }

    /// Publishes some of the messages, from the front, at least one unless there are none, and takes out those that
    /// are stored. A message that the server can never take ends in `too_large`, taken out too. Returns when the server
    /// has acknowledged; tries for as long as it takes.
    pub(super) async fn publish(&mut self, messages: &mut VecDeque<OutputMessage>, too_large: &mut Vec<OutputMessage>) {
        let before = messages.len();
        if before == 0 {
            return;
        }
        let mut refused = None;
        while messages.len() == before {
            match self.attempt(messages, refused.take()).await {
                Ok(()) => {}
                Err(PublishError::TooLarge) if self.went_singly() => {
                    too_large.extend(messages.pop_front());
                    self.singly = self.singly.saturating_sub(1);
                    self.open = None;
                }
                Err(refusal) => {
                    self.note(&refusal, messages.len());
                    if !refusal.is_harmless() || self.line.failures > 3 {
                        self.line.wait_after(&refusal).await;
                    }
                    refused = Some(refusal);
                }
            }
        }
        self.line.works();
    }

    /// Whether the attempt that has just failed was at a single message, or several one after the other.
    fn went_singly(&self) -> bool {
        self.open.as_ref().is_none_or(|open| open.batch.is_none())
    }

    /// Draws the consequences of a refusal for the next attempt.
    fn note(&mut self, refusal: &PublishError, waiting: usize) {
        self.line.failed(refusal);
        match refusal {
            // One by one shows which it is, and why.
            PublishError::Duplicate | PublishError::Incomplete { .. } | PublishError::TooLarge => {
                self.singly = self.open.as_ref().map_or(waiting, |open| open.messages);
            }
            PublishError::NoIdsInBatches => self.with_ids = false,
            PublishError::NoBatches => self.is_atomic = false,
            _ => {}
        }
    }

    /// One attempt, after finding out what became of the last.
    async fn attempt(
        &mut self,
        messages: &mut VecDeque<OutputMessage>,
        refused: Option<PublishError>,
    ) -> Result<(), PublishError> {
        let before = messages.len();
        if self.last.is_none() || refused.is_some() {
            self.settle(messages, refused.as_ref()).await?;
            if messages.len() < before {
                return Ok(());
            }
        }
        let attempt = self.line.begin()?;
        let outcome = attempt.unless_cut(self.send(messages)).await;
        outcome.map_err(|refusal| self.line.explained(refusal))
    }

    async fn send(&mut self, messages: &mut VecDeque<OutputMessage>) -> Result<(), PublishError> {
        let count = self.batch_of(messages);
        if self.is_atomic && self.singly == 0 && count > 1 {
            self.send_batch(messages, count).await
        } else {
            self.send_singly(messages, count).await
        }
    }

    /// How many messages from the front go together. A batch that may be stored already stays as it is.
    fn batch_of(&self, messages: &VecDeque<OutputMessage>) -> usize {
        if let Some(UnresolvedAttempt { batch: Some(_), messages, .. }) = &self.open
            && self.singly == 0
        {
            return *messages;
        }
        let mut bytes = 0;
        let fits = messages.iter().take(BATCH).take_while(|message| {
            let fits = bytes < BATCH_BYTES;
            bytes += message.size();
            fits
        });
        fits.count()
    }

    /// Publishes an atomic batch.
    async fn send_batch(&mut self, messages: &mut VecDeque<OutputMessage>, count: usize) -> Result<(), PublishError> {
        let client = self.line.client();
        let open = match &mut self.open {
            Some(open) if open.batch.is_some() => open,
            _ => self.open.insert(UnresolvedAttempt { batch: Some(unique(&client)), messages: count, attempts: 0 }),
        };
        if open.attempts > 0 {
            self.line.status.retried();
        }
        open.attempts += 1;
        // An id for each attempt: the server must not take the rest of one for the beginning of another.
        let id = format!("{}.{}", open.batch.as_deref().unwrap_or_default(), open.attempts);
        let (fence, with_ids) = (self.fence(0), self.with_ids);
        let mut commit = None;
        for (message, place) in messages.iter().take(count).zip(1..) {
            let mut headers = message.headers();
            headers.insert(NATS_BATCH_ID, id.as_str());
            headers.insert(NATS_BATCH_SEQUENCE, place.to_string());
            if with_ids {
                headers.insert(NATS_MESSAGE_ID, message.id.as_str());
            }
            if let (1, Some(last)) = (place, fence) {
                headers.insert(NATS_EXPECTED_LAST_SEQUENCE, last.to_string());
            }
            let (subject, payload) = (message.subject.clone(), message.payload.clone());
            if place < count {
                let sent = client.publish_with_headers(subject, headers, payload).await;
                sent.map_err(|error| match error.kind() {
                    async_nats::client::PublishErrorKind::MaxPayloadExceeded => PublishError::TooLarge,
                    _ => PublishError::Other { why: error.to_string() },
                })?;
            } else {
                headers.insert(NATS_BATCH_COMMIT, NATS_BATCH_COMMIT_FINAL);
                commit = Some(self.line.request(message, headers).await?);
            }
        }
        let Some(commit) = commit else { return Ok(()) };
        let last = messages.get(count - 1).map_or("", |message| &*message.subject);
        let ack = commit.await.map_err(|error| PublishError::of_publish(&error, last, &self.line.stream))?;
        self.line.check(&ack, last)?;
        self.stored(messages, count, ack.sequence);
        Ok(())
    }

    /// Publishes messages one after the other, several on their way at a time.
    async fn send_singly(&mut self, messages: &mut VecDeque<OutputMessage>, count: usize) -> Result<(), PublishError> {
        let is_first = self.open.is_none();
        // Without the expectation nothing but waiting keeps the order.
        let window = if self.fence(0).is_some() { self.window } else { 1 };
        let count = count.min(window).min(if self.singly > 0 { self.singly } else { usize::MAX });
        self.open = Some(UnresolvedAttempt { batch: None, messages: count, attempts: 1 });
        if !is_first {
            self.line.status.retried();
        }
        let mut sent = VecDeque::with_capacity(count);
        for (message, ahead) in messages.iter().take(count).zip(0..) {
            let mut headers = message.headers();
            headers.insert(NATS_MESSAGE_ID, message.id.as_str());
            if let Some(last) = self.fence(ahead) {
                headers.insert(NATS_EXPECTED_LAST_SEQUENCE, last.to_string());
            }
            sent.push_back((self.line.request(message, headers).await, message.subject.clone()));
        }
        while let Some((ack, subject)) = sent.pop_front() {
            let acked = match ack {
                Ok(ack) => ack.await.map_err(|error| PublishError::of_publish(&error, &subject, &self.line.stream)),
                Err(refusal) => Err(refusal),
            };
            let ack = match acked {
                Ok(ack) => self.line.check(&ack, &subject).map(|()| ack),
                Err(refusal) => Err(refusal),
            };
            match ack {
                Ok(ack) if ack.duplicate => {
                    self.line.status.was_there(1);
                    self.window = 1;
                    let last = self.last;
                    self.stored(messages, 1, 0);
                    // Nothing was stored: those behind it expected too much, and are refused.
                    self.last = last;
                    return Ok(());
                }
                Ok(ack) => self.stored(messages, 1, ack.sequence),
                Err(refusal) => {
                    self.window = 1;
                    self.open = Some(UnresolvedAttempt { batch: None, messages: sent.len() + 1, attempts: 1 });
                    return Err(refusal);
                }
            }
        }
        self.window = (self.window * 2).min(WINDOW);
        Ok(())
    }

    /// The last sequence that a message may expect, of which `ahead` others go first.
    fn fence(&self, ahead: u64) -> Option<u64> {
        self.last.filter(|_| self.contended < CONTENDED).map(|last| last + ahead)
    }

    /// `count` messages from the front are in the stream, the last of them with this sequence.
    fn stored(&mut self, messages: &mut VecDeque<OutputMessage>, count: usize, sequence: u64) {
        let count = count.min(messages.len());
        self.line.status.acknowledged(messages.iter().take(count));
        messages.drain(..count);
        self.last = Some(sequence);
        self.open = None;
        self.contended = 0;
        self.singly = self.singly.saturating_sub(count);
    }

    /// Finds out how the stream stands, and what became of an attempt that was not acknowledged.
    async fn settle(
        &mut self,
        messages: &mut VecDeque<OutputMessage>,
        refused: Option<&PublishError>,
    ) -> Result<(), PublishError> {
        let StreamState { last: found, is_atomic, .. } = self.line.standing().await?;
        if self.last.is_none() || is_atomic != self.is_atomic {
            info!(stream = %self.line.stream, is_atomic, last = found, "the stream is there");
        }
        self.is_atomic = is_atomic;
        let Some(known) = self.last else {
            self.last = Some(found);
            return Ok(());
        };
        if found > known {
            self.look_for_open(messages, known, found).await?;
        } else if found < known {
            warn!(stream = %self.line.stream, last = found, before = known, "the stream has lost messages or was created again");
            (self.last, self.open) = (Some(found), None);
        } else if refused == Some(&PublishError::Unexpected) {
            // Nobody has written, and yet the message was not the next one: it is another stream that takes it.
            let subject = messages.front().map_or_else(String::new, |message| message.subject.to_string());
            return Err(PublishError::OtherStream { subject, stream: self.line.stream.clone() });
        }
        Ok(())
    }

    /// The stream went on from `known` to `found`: by what was not acknowledged, or by somebody else's.
    async fn look_for_open(
        &mut self,
        messages: &mut VecDeque<OutputMessage>,
        known: u64,
        found: u64,
    ) -> Result<(), PublishError> {
        let Some(open) = self.open.take() else {
            self.last = Some(found);
            return Ok(());
        };
        let found_before = messages.len();
        let mut next = known + 1;
        let mut left = open.messages;
        while left > 0 && next <= found {
            let headers = match stream_state::at(&self.line.context, &self.line.stream, next).await {
                Ok(found) => found.map(|found| found.headers).unwrap_or_default(),
                Err(refusal) => {
                    // What was found until now has been taken out; the rest is still to be found.
                    self.open = Some(UnresolvedAttempt { messages: left, ..open });
                    return Err(refusal);
                }
            };
            let is_batch = |id: &str| open.batch.as_ref().is_some_and(|batch| id.starts_with(batch));
            let is_front = |id: &str| messages.front().is_some_and(|front| front.id == id);
            let in_stream = if stream_state::value(&headers, "Nats-Batch-Id").is_some_and(is_batch) {
                left
            } else if stream_state::value(&headers, "Nats-Msg-Id").is_some_and(is_front) {
                // Also of an attempt before the last, when these still went in another way.
                1
            } else {
                break;
            };
            self.line.status.was_there(in_stream);
            next += in_stream as u64;
            self.stored(messages, in_stream, next - 1);
            left -= in_stream;
        }
        if messages.len() == found_before {
            self.contended += 1;
            if self.contended == CONTENDED {
                let stream = &self.line.stream;
                warn!(%stream, "another client keeps writing into the stream: give each daemon its own stream");
            }
        }
        self.last = Some(found.max(next - 1));
        Ok(())
    }
}

/// An id that nobody else has: the last part of an inbox.
pub(super) fn unique(client: &async_nats::Client) -> String {
    client.new_inbox().rsplit('.').next().unwrap_or_default().to_owned()
}

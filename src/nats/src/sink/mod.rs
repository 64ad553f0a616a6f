//! Publishing to NATS what was decided: encode, gather, commit, and tell how it goes.
//!
//! With JetStream outputs are [committed](commit) together with how far they have got: in order, each once, whatever happens
//! to this process, to the server and to the connection, and by one daemon only. Dead letters go into a stream of their own
//! before the outputs they came with: each at least once, with an id that is the same when it comes again. Nothing is ever
//! dropped: while the server is away, refuses, or has no room, the sink tries again for as long as it takes, says why in its
//! part of [`Health`](rekindle_runtime::health::Health), and takes in nothing more, so that its caller waits too. Without
//! JetStream messages are published at most once.
//!
//! What the server could never take, because it is too large, becomes a dead letter and does not hold up the rest.
//!
//! # What it needs permission for
//! To publish on its subjects and, with JetStream, on `$JS.API.STREAM.INFO.<stream>` and `$JS.API.STREAM.MSG.GET.<stream>`
//! of both streams; to subscribe to `_INBOX.>`.
//!
//! # What it deliberately does not do
//! It neither connects nor creates streams, and it keeps nothing on disk: what was not committed when the process ends is
//! computed again from the log. It does not stop by itself, save where it must not go on; dropping it is safe at any moment.

mod attributes;
mod commit;
mod commit_batch;
mod dead_letter_publisher;
mod encode;
mod message;
mod plain;
mod publish_error;
mod records;
mod status;
mod stream_session;
mod stream_state;
mod subjects;
mod takeover;

use std::collections::VecDeque;
use std::sync::Arc;

use async_nats::jetstream::Context;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};
use tracing::error;

use commit::{CommitOutcome, Committer};
pub use commit::{CommitterClosed, ID, ORDINAL, OutputOwner, OutputRecovery};
use commit_batch::CommitBatch;
use dead_letter_publisher::DeadLetterPublisher;
use encode::{EncodedOutput, EncodingJob, MessageChunk, MessageEncoder};
pub use message::MessageKind;
use message::OutputMessage;
use plain::CoreNatsPublisher;
use rekindle_runtime::health::HealthPart;
use rekindle_runtime::output::batch::{Barrier, BarrierReport, OutputItem};
use rekindle_runtime::output::committed_position::CommittedPosition;
use rekindle_settings::OutputSettings as Settings;
pub use status::{SinkFigures, SinkStatus};
use stream_session::StreamSession;
pub use takeover::{
    CurrentOwner, HEARTBEAT, HOLD, LEAVING, OwnerHeartbeat, SILENCE, TakeoverDecision, takeover_decision,
};

/// How many encoded chunks may wait for the publisher.
const CHUNKS_AHEAD: usize = 4;
/// Most outputs in a commit: with the record of progress, as many messages as the server takes in an atomic batch.
const OUTPUTS_MAX: usize = 999;
/// Most bytes in a commit, but for one chunk more: the server keeps a batch in memory until it is whole.
const BYTES_MAX: usize = 4 << 20;

/// What the sink works with.
pub struct NatsSink {
    /// `[output]`
    pub settings: Settings,
    /// JetStream over the connection that is published on; its domain or prefix is used as it is.
    pub context: Context,
    /// What the sequence numbers of dead letters count in: the name of the source's stream; for plain NATS, something
    /// that is new at every start.
    pub source: String,
    /// The sink's voice in what works and what does not.
    pub part: HealthPart,
    /// Where it counts.
    pub status: Arc<SinkStatus>,
    /// What happens on the connection: a missing permission is told there, not in an answer.
    pub connection: Arc<crate::ConnectionStatus>,
}

/// A sink that may publish.
pub struct OwnedSink {
    way: Transport,
    settings: Settings,
    context: Context,
    source: String,
    dead: async_nats::Subject,
    status: Arc<SinkStatus>,
    queue: VecDeque<EncodedOutput>,
    /// Dead letters that stand before the next commit.
    dead_letters: VecDeque<OutputMessage>,
    committed: CommittedPosition,
}

/// How messages go out.
enum Transport {
    JetStream { outputs: Box<Committer>, dead_letters: Box<DeadLetterPublisher> },
    Plain(CoreNatsPublisher),
}

impl NatsSink {
    /// Makes the stream of outputs this daemon's own; every other that has it ends. `decide` says, of what is found in the
    /// stream, how many outputs are out and what they are, or why this daemon must not go on. `confirm` is asked after the
    /// stream was looked at and before it is taken: whether nobody has taken over whatever else belongs to it. Without
    /// JetStream there is nothing to own, and neither is asked. Returns what `decide` said is out, where it was asked.
    ///
    /// # Errors
    /// Those of `confirm` and `decide`.
    pub async fn take_over<E, Confirmed: Future<Output = Result<(), E>>>(
        self,
        owner: &OutputOwner,
        confirm: impl FnMut() -> Confirmed,
        decide: impl FnMut(&OutputRecovery) -> Result<(u64, CommittedPosition), E>,
    ) -> Result<(OwnedSink, Option<CommittedPosition>), E> {
        let way = if self.settings.jetstream {
            let (outputs, batch_from) = (self.line(&self.settings.stream), usize::from(self.settings.batch_from));
            let prefix = &self.settings.prefix;
            let taken = Committer::take_over(outputs, prefix, batch_from, owner, (confirm, decide)).await?;
            let dead_letters = Box::new(DeadLetterPublisher::new(self.line(&self.settings.dead_stream)));
            Some((Transport::JetStream { outputs: Box::new(taken.0), dead_letters }, Some(taken.1)))
        } else {
            None
        };
        let NatsSink { settings, context, source, part, status, .. } = self;
        let (way, out) = if let Some(way) = way {
            way
        } else {
            (Transport::Plain(CoreNatsPublisher::new(context.client(), part, Arc::clone(&status))), None)
        };
        let committed = out.clone().unwrap_or_default();
        let dead = format!("{}.dead", settings.prefix).into();
        let (queue, dead_letters) = (VecDeque::new(), VecDeque::new());
        Ok((OwnedSink { way, settings, context, source, dead, status, queue, dead_letters, committed }, out))
    }
}

impl NatsSink {
    fn line(&self, stream: &str) -> StreamSession {
        let (part, status, connection) = (self.part.clone(), Arc::clone(&self.status), Arc::clone(&self.connection));
        StreamSession::new(self.context.clone(), stream, part, status, connection)
    }
}

impl OwnedSink {
    /// Whether a commit is stored whole or not at all; else, and without JetStream, readers can see a part of one.
    pub fn is_atomic(&self) -> bool {
        matches!(&self.way, Transport::JetStream { outputs, .. } if outputs.is_atomic())
    }

    /// Publishes everything that comes, until nothing more can; returns when all of it is acknowledged.
    ///
    /// # Errors
    /// It must not go on, and why.
    pub async fn run(self, mut output_items: mpsc::Receiver<OutputItem>) -> Result<(), CommitterClosed> {
        let (sender, receiver) = mpsc::channel(CHUNKS_AHEAD);
        let mut encoder = MessageEncoder::new(&self.settings, self.source.clone());
        let client = self.context.client();
        let encoding = async move {
            while let Some(output_item) = output_items.recv().await {
                encoder.max_payload = client.max_payload();
                let mut work = match output_item {
                    OutputItem::Batch(output_batch) => encoder.begin(output_batch),
                    OutputItem::Barrier(barrier) => {
                        let _ = sender.send(EncodedOutput::Barrier(barrier)).await;
                        continue;
                    }
                };
                loop {
                    let chunk;
                    (encoder, work, chunk) = next_chunk(encoder, work).await;
                    let Some(chunk) = chunk else { break };
                    if sender.send(EncodedOutput::Chunk(Box::new(chunk))).await.is_err() {
                        return;
                    }
                }
            }
        };
        let mut publishing = std::pin::pin!(self.publish_all(receiver));
        tokio::select! {
            biased;
            published = &mut publishing => published,
            () = encoding => publishing.await,
        }
    }

    async fn publish_all(mut self, mut encoded: mpsc::Receiver<EncodedOutput>) -> Result<(), CommitterClosed> {
        match &mut self.way {
            Transport::JetStream { outputs, dead_letters } => {
                dead_letters.reach().await;
                outputs.works();
                self.status.reached(self.committed.sequence, outputs.ordinal());
            }
            Transport::Plain(plain) => plain.reach().await,
        }
        while self.gather(&mut encoded).await {
            match self.queue.front() {
                Some(EncodedOutput::Barrier(_)) => self.pass_mark().await?,
                Some(EncodedOutput::Chunk(_)) => self.publish_some().await?,
                None => {}
            }
            if self.is_due_to_show() {
                self.show().await?;
            }
        }
        if self.status.is_leaving() && !self.has_released() {
            self.show().await?;
        }
        Ok(())
    }

    /// Whether a heartbeat is due: a waiting daemon takes the stream over otherwise.
    fn is_due_to_show(&self) -> bool {
        matches!(&self.way, Transport::JetStream { outputs, .. } if outputs.idle() >= HEARTBEAT)
    }

    fn has_released(&self) -> bool {
        matches!(&self.way, Transport::JetStream { outputs, .. } if outputs.has_released())
    }

    /// Writes down how far it has got.
    async fn show(&mut self) -> Result<(), CommitterClosed> {
        if let Transport::JetStream { outputs, .. } = &mut self.way {
            outputs.commit(&mut CommitBatch::at(self.committed.clone())).await?;
        }
        Ok(())
    }

    /// Takes in what is ready, and waits for something if there is nothing, but no longer than until it is time to show that
    /// this daemon is there. Returns whether there may be anything to do: if not, there never will be.
    async fn gather(&mut self, encoded: &mut mpsc::Receiver<EncodedOutput>) -> bool {
        if self.queue.is_empty() {
            let first = match &self.way {
                Transport::JetStream { outputs, .. } => {
                    match tokio::time::timeout(HEARTBEAT.saturating_sub(outputs.idle()), encoded.recv()).await {
                        Ok(first) => first,
                        Err(_) => return true,
                    }
                }
                Transport::Plain(_) => encoded.recv().await,
            };
            let Some(first) = first else { return false };
            self.queue.push_back(first);
        }
        let linger = u64::try_from(self.settings.linger.0).unwrap_or(0);
        let until = Instant::now() + std::time::Duration::from_millis(linger);
        while self.waiting() < OUTPUTS_MAX {
            match encoded.try_recv() {
                Ok(more) => self.queue.push_back(more),
                Err(mpsc::error::TryRecvError::Disconnected) => break,
                Err(mpsc::error::TryRecvError::Empty) if linger == 0 || self.waiting() == 0 => break,
                Err(mpsc::error::TryRecvError::Empty) => match timeout_at(until, encoded.recv()).await {
                    Ok(Some(more)) => self.queue.push_back(more),
                    Ok(None) | Err(_) => break,
                },
            }
        }
        true
    }

    /// How many outputs wait.
    fn waiting(&self) -> usize {
        let outputs = |encoded: &EncodedOutput| match encoded {
            EncodedOutput::Chunk(chunk) => chunk.outputs.len(),
            EncodedOutput::Barrier(_) => 0,
        };
        self.queue.iter().map(outputs).sum()
    }

    /// What goes together of what waits, and the letters that stand before it.
    fn next_unit(&mut self) -> (CommitBatch, Vec<OutputMessage>) {
        let (mut unit, mut dead_letters, mut bytes) = (CommitBatch::at(self.committed.clone()), Vec::new(), 0);
        while bytes < BYTES_MAX
            && let Some(mut chunk) = self.pop_chunk(OUTPUTS_MAX - unit.len())
        {
            bytes += chunk.outputs.iter().map(OutputMessage::size).sum::<usize>();
            dead_letters.append(&mut chunk.dead_letters);
            unit.push(chunk);
        }
        (unit, dead_letters)
    }

    /// The chunk at the front, if there is one and it has no more outputs than that.
    fn pop_chunk(&mut self, outputs_max: usize) -> Option<MessageChunk> {
        match self.queue.pop_front() {
            Some(EncodedOutput::Chunk(chunk)) if chunk.outputs.len() <= outputs_max => Some(*chunk),
            Some(other) => {
                self.queue.push_front(other);
                None
            }
            None => None,
        }
    }

    async fn publish_some(&mut self) -> Result<(), CommitterClosed> {
        let (mut unit, dead_letters) = self.next_unit();
        let limit = self.context.client().max_payload();
        let mut too_large = unit.take_larger_than(limit);
        let has_more = !dead_letters.is_empty() || !too_large.is_empty() || unit.len() > 0;
        dead_letters.into_iter().for_each(|letter| self.add_letter(letter, limit));
        loop {
            for output in too_large {
                // The stream's own limit, or a server's that the connection has come to since.
                self.give_up(&output, limit.min(output.size() - 1));
            }
            self.publish_letters().await;
            too_large = match &mut self.way {
                Transport::Plain(plain) => {
                    plain.publish(&mut unit.take_first(usize::MAX).into()).await;
                    break;
                }
                Transport::JetStream { .. } if !has_more => break,
                Transport::JetStream { outputs, .. } => match outputs.commit(&mut unit).await? {
                    CommitOutcome::Stored => break,
                    CommitOutcome::TooLarge(messages) => messages,
                },
            };
        }
        self.committed = unit.committed().clone();
        self.status.reached(self.committed.sequence, self.ordinal());
        Ok(())
    }

    /// How many outputs are in the stream.
    fn ordinal(&self) -> u64 {
        match &self.way {
            Transport::JetStream { outputs, .. } => outputs.ordinal(),
            Transport::Plain(_) => self.status.figures().published.iter().sum(),
        }
    }

    /// Everything before a mark is published. That this daemon still owns the stream shows in that it can write down how far
    /// it has got; which also keeps the last record from being older than the stream keeps messages.
    async fn pass_mark(&mut self) -> Result<(), CommitterClosed> {
        let Some(EncodedOutput::Barrier(Barrier { passed })) = self.queue.pop_front() else { return Ok(()) };
        let stream_last = match &mut self.way {
            Transport::Plain(_) => 0,
            Transport::JetStream { outputs, .. } => {
                outputs.commit(&mut CommitBatch::at(self.committed.clone())).await?;
                outputs.last()
            }
        };
        // The receiver may be gone.
        let _ = passed.send(BarrierReport { ordinal: self.ordinal(), stream_last });
        Ok(())
    }

    fn add_letter(&mut self, mut letter: OutputMessage, limit: usize) {
        if encode::shorten(&mut letter, limit) {
            self.dead_letters.push_back(letter);
        } else {
            self.status.lost_letter();
            error!(limit, "a dead letter is larger than the server accepts, even without its original: it is lost");
        }
    }

    /// Makes a dead letter of what is too large for the server.
    fn give_up(&mut self, output: &OutputMessage, limit: usize) {
        self.status.too_large();
        error!(
            subject = %output.subject,
            bytes = output.size(),
            limit,
            "an output is larger than the server accepts: it becomes a dead letter"
        );
        let letter = encode::too_large(output, &self.dead, limit, &self.settings.cloudevents_source);
        self.add_letter(letter, limit);
    }

    /// Publishes all dead letters there are.
    async fn publish_letters(&mut self) {
        while !self.dead_letters.is_empty() {
            let too_large = match &mut self.way {
                Transport::Plain(plain) => {
                    plain.publish(&mut self.dead_letters).await;
                    Vec::new()
                }
                Transport::JetStream { dead_letters, .. } => dead_letters.publish(&mut self.dead_letters).await,
            };
            for letter in too_large {
                let limit = letter.size() / 2;
                self.add_letter(letter, limit);
            }
        }
    }
}

/// The next messages of an emission; a dead letter may be megabytes, and quoting them is not for a thread that others need.
async fn next_chunk(
    mut encoder: MessageEncoder,
    mut work: EncodingJob,
) -> (MessageEncoder, EncodingJob, Option<MessageChunk>) {
    let is_heavy = work.is_heavy();
    let encode = move || {
        let chunk = encoder.next_chunk(&mut work);
        (encoder, work, chunk)
    };
    if is_heavy { tokio::task::spawn_blocking(encode).await.expect("encoding does not panic") } else { encode() }
}

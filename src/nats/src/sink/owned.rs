//! A sink that may publish: encodes on one side, publishes on the other.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use async_nats::Subject;
use rekindle_runtime::output::batch::{Barrier, BarrierReport, OutputItem};
use rekindle_runtime::output::committed_position::CommittedPosition;
use rekindle_settings::OutputSettings;
use tokio::sync::mpsc;
use tracing::error;

use super::chunk_queue::{ChunkQueue, NextPublish};
use super::commit_batch::CommitBatch;
use super::committer::{CommitOutcome, Committer, CommitterClosed};
use super::core_nats::CoreNatsPublisher;
use super::dead_letter_publisher::DeadLetterPublisher;
use super::encoder::{self, EncodedOutput, EncodingJob, MessageChunk, MessageEncoder};
use super::message::OutputMessage;
use super::status::SinkStatus;
use super::takeover::HEARTBEAT_INTERVAL;
use super::{NatsConnection, NatsSink};

/// The number of encoded chunks that may wait for the publisher.
const CHUNK_QUEUE_CAPACITY: usize = 4;

/// A sink that may publish.
pub struct OwnedSink {
    transport: Transport,
    settings: OutputSettings,
    connection: NatsConnection,
    /// The namespace of the sequence numbers in dead letters.
    source: String,
    dead_letter_subject: Subject,
    status: Arc<SinkStatus>,
    /// Dead letters that are published before the next commit.
    dead_letters: VecDeque<OutputMessage>,
    committed: CommittedPosition,
}

/// How messages are published.
pub(super) enum Transport {
    JetStream { committer: Box<Committer>, dead_letters: Box<DeadLetterPublisher> },
    CoreNats(CoreNatsPublisher),
}

impl OwnedSink {
    pub(super) fn new(sink: NatsSink, transport: Transport, committed: CommittedPosition) -> OwnedSink {
        let NatsSink { settings, connection, source, status, .. } = sink;
        let dead_letter_subject = format!("{}.dead", settings.prefix).into();
        let dead_letters = VecDeque::new();
        OwnedSink { transport, settings, connection, source, dead_letter_subject, status, dead_letters, committed }
    }

    /// Whether a commit is stored whole or not at all; else, and without JetStream, readers can see a part of one.
    pub fn is_atomic(&self) -> bool {
        matches!(&self.transport, Transport::JetStream { committer, .. } if committer.is_atomic())
    }

    /// Publishes all items until the channel is closed; returns when all of them are acknowledged.
    ///
    /// # Errors
    /// Why it must not continue.
    pub async fn run(self, output_items: mpsc::Receiver<OutputItem>) -> Result<(), CommitterClosed> {
        let (sender, receiver) = mpsc::channel(CHUNK_QUEUE_CAPACITY);
        let encoder = MessageEncoder::new(&self.settings, self.source.clone());
        let encoding = encode_all(encoder, self.connection.client.clone(), output_items, sender);
        let mut publishing = std::pin::pin!(self.publish_all(receiver));
        tokio::select! {
            biased;
            published = &mut publishing => published,
            () = encoding => publishing.await,
        }
    }

    async fn publish_all(mut self, encoded: mpsc::Receiver<EncodedOutput>) -> Result<(), CommitterClosed> {
        match &mut self.transport {
            Transport::JetStream { committer, dead_letters } => {
                dead_letters.wait_for_stream().await;
                committer.report_working();
                self.status.committed_to(self.committed.sequence, committer.ordinal());
            }
            Transport::CoreNats(publisher) => publisher.wait_for_connection().await,
        }
        let linger = Duration::from_millis(u64::try_from(self.settings.linger.0).unwrap_or(0));
        let mut queue = ChunkQueue::new(encoded, linger);
        while queue.gather(self.time_to_heartbeat()).await {
            match queue.next(&self.committed) {
                Some(NextPublish::Barrier(barrier)) => self.pass_barrier(barrier).await?,
                Some(NextPublish::Commit { batch, dead_letters }) => self.publish_batch(batch, dead_letters).await?,
                None => {}
            }
            if self.time_to_heartbeat().is_some_and(|left| left.is_zero()) {
                self.commit_position().await?;
            }
        }
        if self.status.is_releasing() && !self.has_released() {
            self.commit_position().await?;
        }
        Ok(())
    }

    /// How long until a heartbeat is due, without which a waiting daemon takes the stream over; `None`: there is no owner.
    fn time_to_heartbeat(&self) -> Option<Duration> {
        match &self.transport {
            Transport::JetStream { committer, .. } => Some(HEARTBEAT_INTERVAL.saturating_sub(committer.idle())),
            Transport::CoreNats(_) => None,
        }
    }

    fn has_released(&self) -> bool {
        matches!(&self.transport, Transport::JetStream { committer, .. } if committer.has_released())
    }

    /// Commits the committed position alone: a heartbeat, a release, or the check that this daemon still owns the stream.
    async fn commit_position(&mut self) -> Result<(), CommitterClosed> {
        if let Transport::JetStream { committer, .. } = &mut self.transport {
            committer.commit(&mut CommitBatch::at(self.committed.clone())).await?;
        }
        Ok(())
    }

    async fn publish_batch(
        &mut self,
        mut batch: CommitBatch,
        dead_letters: Vec<OutputMessage>,
    ) -> Result<(), CommitterClosed> {
        let limit = self.connection.client.max_payload();
        let mut too_large = batch.take_larger_than(limit);
        let changes_position_only = dead_letters.is_empty() && too_large.is_empty() && batch.len() == 0;
        dead_letters.into_iter().for_each(|dead_letter| self.add_dead_letter(dead_letter, limit));
        loop {
            for output in too_large {
                // The stream's own limit, or that of a server to which the connection has moved since.
                self.replace_by_dead_letter(&output, limit.min(output.size() - 1));
            }
            self.publish_dead_letters().await;
            too_large = match &mut self.transport {
                Transport::CoreNats(publisher) => {
                    publisher.publish(&mut batch.take_first(usize::MAX).into()).await;
                    break;
                }
                Transport::JetStream { .. } if changes_position_only => break,
                Transport::JetStream { committer, .. } => match committer.commit(&mut batch).await? {
                    CommitOutcome::Stored => break,
                    CommitOutcome::TooLarge(outputs) => outputs,
                },
            };
        }
        self.committed = batch.committed().clone();
        self.status.committed_to(self.committed.sequence, self.ordinal());
        Ok(())
    }

    /// How many outputs are in the stream.
    fn ordinal(&self) -> u64 {
        match &self.transport {
            Transport::JetStream { committer, .. } => committer.ordinal(),
            Transport::CoreNats(_) => self.status.figures().published.iter().sum(),
        }
    }

    /// Everything before the barrier is published. The commit of the position verifies that this daemon still owns the stream,
    /// and keeps the newest record younger than the age at which the stream discards messages.
    async fn pass_barrier(&mut self, Barrier { passed }: Barrier) -> Result<(), CommitterClosed> {
        self.commit_position().await?;
        let stream_last = match &self.transport {
            Transport::CoreNats(_) => 0,
            Transport::JetStream { committer, .. } => committer.last_sequence(),
        };
        // The receiver may be gone.
        let _ = passed.send(BarrierReport { ordinal: self.ordinal(), stream_last });
        Ok(())
    }

    fn add_dead_letter(&mut self, mut dead_letter: OutputMessage, limit: usize) {
        if encoder::truncate(&mut dead_letter, limit) {
            self.dead_letters.push_back(dead_letter);
        } else {
            self.status.lost_dead_letter();
            error!(limit, "a dead letter is larger than the server accepts, even without its original: it is lost");
        }
    }

    fn replace_by_dead_letter(&mut self, output: &OutputMessage, limit: usize) {
        self.status.too_large();
        error!(
            subject = %output.subject,
            bytes = output.size(),
            limit,
            "an output is larger than the server accepts: it becomes a dead letter"
        );
        let emitter = &self.settings.cloudevents_source;
        let dead_letter = encoder::undeliverable_output(output, &self.dead_letter_subject, limit, emitter);
        self.add_dead_letter(dead_letter, limit);
    }

    async fn publish_dead_letters(&mut self) {
        while !self.dead_letters.is_empty() {
            let too_large = match &mut self.transport {
                Transport::CoreNats(publisher) => {
                    publisher.publish(&mut self.dead_letters).await;
                    Vec::new()
                }
                Transport::JetStream { dead_letters, .. } => dead_letters.publish(&mut self.dead_letters).await,
            };
            for dead_letter in too_large {
                let limit = dead_letter.size() / 2;
                self.add_dead_letter(dead_letter, limit);
            }
        }
    }
}

/// Encodes all items until the channel is closed, or nobody receives the chunks.
async fn encode_all(
    mut encoder: MessageEncoder,
    client: async_nats::Client,
    mut output_items: mpsc::Receiver<OutputItem>,
    sender: mpsc::Sender<EncodedOutput>,
) {
    while let Some(output_item) = output_items.recv().await {
        encoder.max_payload = client.max_payload();
        let mut job = match output_item {
            OutputItem::Batch(output_batch) => encoder.begin(output_batch),
            OutputItem::Barrier(barrier) => {
                let _ = sender.send(EncodedOutput::Barrier(barrier)).await;
                continue;
            }
        };
        loop {
            let chunk;
            (encoder, job, chunk) = next_chunk(encoder, job).await;
            let Some(chunk) = chunk else { break };
            if sender.send(EncodedOutput::Chunk(Box::new(chunk))).await.is_err() {
                return;
            }
        }
    }
}

/// The next chunk of an output batch; a dead letter may be megabytes, and quoting it must not block a thread of the runtime.
async fn next_chunk(
    mut encoder: MessageEncoder,
    mut job: EncodingJob,
) -> (MessageEncoder, EncodingJob, Option<MessageChunk>) {
    let may_block = job.may_block();
    let encode = move || {
        let chunk = encoder.next_chunk(&mut job);
        (encoder, job, chunk)
    };
    if may_block { tokio::task::spawn_blocking(encode).await.expect("encoding does not panic") } else { encode() }
}

//! A stream read by its sequences.
//!
//! The position is the source's own: the sequence of the last message handed on. Nothing is acknowledged, so nothing is
//! redelivered; on every irregularity a new consumer is created one past the position, and what it repeats is dropped.
//!
//! # What is relied on
//!
//! - **A consumer numbers what it delivers, from 1 without holes.** A hole means that messages were lost in transit: a
//!   full subscription, a reconnection. They are read again. This holds for every consumer, filtered or not.
//! - **A stream numbers what it takes in, without holes.** Where every message of the stream is read, a hole in these
//!   sequences is read again too; if the first message of a new consumer still lies beyond it, the messages were removed from
//!   the stream (expired, purged, deleted) and are counted as missing.
//! - **Where the stream holds other subjects too**, the consumer is filtered and holes are normal. Then messages that were
//!   removed from the stream can't be distinguished from those of other subjects, and are not counted.
//! - **A stream is created once.** Its time of creation is requested after each consumer is created (at first, after a
//!   reconnection, at a gap): a consumer of another stream of the name is not read from. Then nothing is read any more, health
//!   reports it, and the caller of the source is informed.
//! - **A stream's last sequence never decreases.** Where it is below the position the log has lost data (an unclean end of a
//!   server, or a stream deleted and created again). Then nothing is read, and health reports it; so it is where a stream that
//!   was read does not exist any more: it is created only before the first read.
//!
//! The ordered consumer of async-nats 0.51 is not used: it can restart from the beginning of the stream.

mod establish;
mod ticks;

use std::pin::pin;
use std::sync::Arc;
use std::time::Instant;

use rekindle_runtime::log::{LogRecord, RecordBatch, RecordKind};
use tracing::{error, info, warn};

use super::consumer::{ConsumerError, ConsumerEvent, ConsumerStart, HEARTBEAT_TIMEOUT, PullConsumer};
use super::metadata::MessageMetadata;
use super::status::add;
use super::stream_position::{SequenceCheck, StreamPosition};
use super::ticker::Ticker;
use super::{NatsSource, StopSignal, is_full, ready};
use crate::random_fraction;
use crate::streams::StreamRequirements;

/// Reads until it is stopped.
pub(super) async fn run(source: NatsSource, mut stop: StopSignal) {
    let mut reader = JetStreamReader::new(source);
    let mut fruitless = 0;
    while let Some(consumer) = reader.establish(&mut stop, fruitless).await {
        let before = reader.source.status.messages();
        match reader.read(consumer, &mut stop).await {
            ConsumerEnd::Finished => return,
            ConsumerEnd::Broken(error) => {
                add(&reader.source.status.recreations, 1);
                fruitless = if reader.source.status.messages() > before { 0 } else { fruitless + 1 };
                reader.report_broken(&error);
            }
        }
    }
}

/// How reading from a consumer ended.
enum ConsumerEnd {
    /// The source was stopped, or nobody receives the batches.
    Finished,
    /// Another consumer is needed.
    Broken(ConsumerError),
}

struct JetStreamReader {
    source: NatsSource,
    wanted: StreamRequirements,
    position: StreamPosition,
    /// Messages that wait in the stream, as of the last message.
    pending: u64,
    ticker: Ticker,
    /// Ticks do not come back, and that was reported.
    ticks_fail: bool,
    /// Permission denials before these do not concern this consumer.
    denials_before: u64,
    /// The number of the connection on which this consumer was created.
    connection_number: u64,
    /// This consumer has delivered a message or a heartbeat.
    is_alive: bool,
    /// Harmless differences of the stream from the settings, to be reported once.
    notes: Vec<String>,
    /// When the stream that is read was created, in milliseconds since 1970.
    created_ms: Option<i64>,
}

impl JetStreamReader {
    fn new(source: NatsSource) -> JetStreamReader {
        let wanted = StreamRequirements::events(&source.settings);
        let ticker = Ticker::new(source.settings.tick_interval, Instant::now());
        let start = source.after.map(|after| ConsumerStart::At(after + 1));
        JetStreamReader {
            created_ms: source.created_ms,
            source,
            wanted,
            position: StreamPosition::starting_at(start),
            pending: 0,
            ticker,
            ticks_fail: false,
            denials_before: 0,
            connection_number: 0,
            is_alive: false,
            notes: Vec::new(),
        }
    }

    fn stream(&self) -> &str {
        &self.source.settings.stream
    }

    fn report_broken(&self, error: &ConsumerError) {
        let (stream, last) = (self.stream(), self.position.last_read());
        let why = format!("reading stream {stream} again after message {last}: {error}");
        if self.is_alive {
            warn!("{why}");
        } else if self.source.part.failing(why.clone()) {
            error!("{why}");
        }
    }

    /// The consumer has shown a sign of life: it works. Before that it may not, because denials are reported late.
    fn report_working(&mut self) {
        if std::mem::replace(&mut self.is_alive, true) || !self.source.part.works() {
            return;
        }
        for note in self.notes.drain(..) {
            warn!("{note}");
        }
        info!(
            "reading stream {} after message {}; {} messages are pending",
            self.stream(),
            self.position.last_read(),
            self.pending
        );
    }

    async fn read(&mut self, mut consumer: PullConsumer, stop: &mut StopSignal) -> ConsumerEnd {
        let status = Arc::clone(&self.source.connection.status);
        let mut lost = pin!(status.lost(self.connection_number));
        let subject = consumer.request_subject.clone();
        let mut denied = pin!(status.denied(self.denials_before, |denial| denial.concerns_request(&subject)));
        let _lag = self.watch_lag();
        let mut broken_at = Instant::now() + HEARTBEAT_TIMEOUT;
        self.ticker.received(Instant::now(), 0.0);
        loop {
            if let Err(error) = consumer.request_more().await {
                return ConsumerEnd::Broken(error);
            }
            let message = tokio::select! {
                biased;
                () = stop.wait() => None,
                message = futures_util::StreamExt::next(&mut consumer.subscriber) => match message {
                    Some(message) => Some(message),
                    None => return ConsumerEnd::Broken(ConsumerError::Closed),
                },
                () = &mut lost => return ConsumerEnd::Broken(ConsumerError::Disconnected),
                denial = &mut denied => return ConsumerEnd::Broken(ConsumerError::Denied(denial)),
                () = tokio::time::sleep_until(self.ticker.due().into()) => {
                    self.tick().await;
                    continue;
                }
                () = tokio::time::sleep_until(broken_at.into()) => {
                    return ConsumerEnd::Broken(ConsumerError::NoHeartbeat);
                }
            };
            let is_last = message.is_none();
            if let Some(end) = self.hand_on_received(message, &mut consumer, is_last).await {
                return end;
            }
            broken_at = Instant::now() + HEARTBEAT_TIMEOUT;
        }
    }

    /// Hands on what has come in, beginning with `first`.
    async fn hand_on_received(
        &mut self,
        first: Option<async_nats::Message>,
        consumer: &mut PullConsumer,
        is_last: bool,
    ) -> Option<ConsumerEnd> {
        let (mut batch, mut bytes, mut broken) = (RecordBatch::new(), 0, None);
        let mut next = first.or_else(|| ready(&mut consumer.subscriber));
        while let Some(message) = next {
            match consumer.receive(message) {
                ConsumerEvent::Heartbeat => self.report_working(),
                ConsumerEvent::Broken(error) => broken = Some(error),
                ConsumerEvent::Message(metadata, message) => {
                    self.report_working();
                    let check = self.position.advance(&metadata);
                    if let SequenceCheck::NextAfterRemoved { first, last } = check {
                        self.report_removed(first, last);
                    }
                    match check {
                        SequenceCheck::Next | SequenceCheck::NextAfterRemoved { .. } => {
                            let record = self.record(&metadata, message);
                            bytes += record.lines.len();
                            batch.push(record);
                        }
                        SequenceCheck::Repeated => {}
                        SequenceCheck::Gap(gap) => {
                            add(&self.source.status.gaps, 1);
                            broken = Some(ConsumerError::Gap(gap));
                        }
                    }
                }
            }
            let is_done = broken.is_some() || (!is_last && is_full(&batch, bytes, self.source.settings.batch));
            next = if is_done { None } else { ready(&mut consumer.subscriber) };
        }
        if !batch.is_empty() {
            // Until the batch is received nothing is read, so a missing heartbeat means nothing.
            let is_received = self.source.hand_on(batch).await;
            self.source.status.set_pending(self.pending);
            self.ticker.received(Instant::now(), random_fraction());
            if !is_received {
                return Some(ConsumerEnd::Finished);
            }
        }
        if is_last { Some(ConsumerEnd::Finished) } else { broken.map(ConsumerEnd::Broken) }
    }

    /// A new consumer, created at `first`, started after `last`: the messages between are not in the stream.
    fn report_removed(&self, first: u64, last: u64) {
        let count = last - first + 1;
        add(&self.source.status.missing, count);
        error!(
            "{count} messages ({first} to {last}) are gone from stream {} and were never read: expired, purged or deleted",
            self.stream()
        );
    }

    fn record(&mut self, metadata: &MessageMetadata, message: async_nats::Message) -> LogRecord {
        self.pending = metadata.pending;
        let kind = self.source.kind_of(&message.subject);
        if kind == RecordKind::Tick {
            add(&self.source.status.ticks_received, 1);
            self.ticker.came_back();
            if std::mem::take(&mut self.ticks_fail) && self.source.part.works() {
                info!("ticks come back from stream {} again", self.stream());
            }
        }
        let (kind, lines) = self.source.content(kind, &message.subject, message.payload);
        LogRecord { sequence: metadata.stream_sequence, received: metadata.received, kind, lines }
    }
}

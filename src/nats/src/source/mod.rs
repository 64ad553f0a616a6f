//! The live source: messages of a JetStream stream, or of plain NATS subjects, handed on in the log's order.
//!
//! # Invariants
//! - A message is handed on once, and none is skipped without a count, an error in the log, and a reason in health while it
//!   lasts. `jetstream` and `core_nats` describe how, and what each can't know.
//! - Back-pressure is the channel's: while it is full, nothing more is requested. What came in together is handed on together,
//!   so a single message is not delayed.
//! - Time comes from the log alone. While there are no events, a `ticker` publishes a message into the log; it counts when it
//!   is read back, after everything before it: a source that stalls never looks like one that is idle.

mod consumer;
mod core_nats;
mod jetstream;
mod mapped;
mod metadata;
mod start_position;
mod status;
mod stream_position;
mod ticker;

pub use consumer::ConsumerError;
pub use start_position::{StartPositionError, check_permission};
pub use status::SourceStatus;
pub use stream_position::SequenceGap;

use std::sync::Arc;

use async_nats::Subscriber;
use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use tokio::sync::{mpsc, watch};

use crate::jetstream_api::StoredMessage;
use crate::{JetStreamError, NatsConnection};
use rekindle_core::time::Span;
use rekindle_mapping::MappingTable;
use rekindle_runtime::compression::decompressed;
use rekindle_runtime::health::HealthPart;
use rekindle_runtime::log::{LogRecord, RecordBatch, RecordKind};
use rekindle_settings::{SourceKind, SourceSettings, StartPosition};

/// The most bytes of messages handed on together, plus one message.
const BATCH_BYTES_MAX: usize = 8 << 20;

/// Records that are requested at a time.
const RECORDS_IN_FLIGHT: usize = 256;

/// An interval in which no tick becomes due: a year.
const NO_TICKS: Span = Span(366 * 86_400_000);

/// A source on NATS.
#[derive(Debug)]
pub struct NatsSource {
    connection: NatsConnection,
    settings: SourceSettings,
    batches: mpsc::Sender<RecordBatch>,
    part: HealthPart,
    status: Arc<SourceStatus>,
    /// The message that the stream must have had.
    needed: u64,
    /// The last message that is not read again; `None`: start where the settings say.
    after: Option<u64>,
    /// When the stream to be read was created, in milliseconds since 1970; `None`: the one that exists at first.
    created_ms: Option<i64>,
    /// Payloads that decompress to more bytes stay compressed.
    max_unpacked_bytes: usize,
    /// The mappings of messages that are no calls, by patterns of subjects.
    mappings: Vec<(String, MappingTable)>,
}

impl NatsSource {
    /// A source that sends its batches to `batches`, and reports its state to `part`.
    pub fn new(
        connection: NatsConnection,
        settings: SourceSettings,
        batches: mpsc::Sender<RecordBatch>,
        part: HealthPart,
    ) -> NatsSource {
        NatsSource {
            connection,
            settings,
            batches,
            part,
            status: Arc::default(),
            needed: 0,
            after: None,
            created_ms: None,
            max_unpacked_bytes: 16 << 20,
            mappings: Vec::new(),
        }
    }

    /// Payloads compressed with gzip or zstd are decompressed if that gives no more bytes than this, else handed on as they are;
    /// 16 MiB by default.
    pub fn unpacking_at_most(self, bytes: usize) -> NatsSource {
        NatsSource { max_unpacked_bytes: bytes, ..self }
    }

    /// Makes calls of the messages on subjects that match these patterns, by their mappings.
    pub fn mapping(self, mappings: Vec<(String, MappingTable)>) -> NatsSource {
        NatsSource { mappings, ..self }
    }

    /// Reads the stream from where the settings say the log begins, or from its first message if that is not known, and only
    /// reads: it creates no stream and publishes no ticks.
    pub fn from_beginning(mut self) -> NatsSource {
        if self.settings.start == StartPosition::New {
            self.settings.start = StartPosition::First;
        }
        self.settings.create = false;
        self.settings.tick_interval = NO_TICKS;
        self
    }

    /// Starts behind this message of the stream, whatever the settings say.
    pub fn after(self, sequence: u64) -> NatsSource {
        NatsSource { after: Some(sequence), ..self }
    }

    /// Reads only the stream that was created then, in milliseconds since 1970: another of its name has other messages with
    /// the same sequences.
    pub fn created_at(self, created_ms: i64) -> NatsSource {
        NatsSource { created_ms: Some(created_ms), ..self }
    }

    /// Reads only a stream that has had this message: outputs were published that follow from it, and a stream that is shorter
    /// has lost data.
    pub fn needing(self, sequence: u64) -> NatsSource {
        NatsSource { needed: sequence, ..self }
    }

    /// Its counters, for metrics. The same for as long as it runs.
    pub fn status(&self) -> Arc<SourceStatus> {
        Arc::clone(&self.status)
    }

    /// Reads until `stop` is true or its sender is dropped, or nobody receives the batches any more.
    ///
    /// Then nothing more is requested, and what had come in is handed on before this returns. Whatever happens to the broker,
    /// it does not return before.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        let stop = StopSignal(stop);
        match self.settings.kind {
            SourceKind::JetStream => jetstream::run(self, stop).await,
            SourceKind::Nats => core_nats::run(self, stop).await,
        }
    }

    /// The record of the stream with this sequence, as it is read from the log; `None`: the stream does not have it any more.
    ///
    /// # Errors
    /// JetStream does not say.
    pub async fn record(&self, sequence: u64) -> Result<Option<LogRecord>, JetStreamError> {
        let message = self.connection.message(&self.settings.stream, sequence).await?;
        Ok(message.and_then(|message| self.record_of(message)))
    }

    /// The same for many, in their order: from the nearest server that has them, if it answers for the first of them.
    ///
    /// # Errors
    /// JetStream does not say.
    pub async fn records(&self, sequences: &[u64]) -> Result<Vec<Option<LogRecord>>, JetStreamError> {
        let Some(first) = sequences.first() else { return Ok(Vec::new()) };
        let stream = &self.settings.stream;
        let is_near = self.connection.nearest_message(stream, *first).await.is_some();
        let record = async |sequence: u64| {
            let near = if is_near { self.connection.nearest_message(stream, sequence).await } else { None };
            match near.and_then(|message| self.record_of(message)) {
                Some(record) => Ok(Some(record)),
                None => self.record(sequence).await,
            }
        };
        stream::iter(sequences.iter().copied().map(record)).buffered(RECORDS_IN_FLIGHT).try_collect().await
    }

    fn record_of(&self, message: StoredMessage) -> Option<LogRecord> {
        let kind = self.kind_of(&message.subject);
        let (kind, lines) = self.content(kind, &message.subject, message.payload.into());
        Some(LogRecord { sequence: message.sequence, received: message.time?, kind, lines })
    }

    /// The kind and the content of a message; no content, if it is a tick or a record of a change. That depends on nothing but the message and the settings.
    fn content(&self, kind: RecordKind, subject: &str, payload: bytes::Bytes) -> (RecordKind, bytes::Bytes) {
        let table = match kind {
            RecordKind::Tick | RecordKind::Audit => return (kind, bytes::Bytes::new()),
            RecordKind::Events => mapped::table_of(&self.mappings, subject),
            RecordKind::Forget | RecordKind::Mapped => None,
        };
        let body = decompressed(payload, self.max_unpacked_bytes);
        match table {
            Some(table) => (RecordKind::Mapped, mapped::lines_of(table, &body, self.max_unpacked_bytes)),
            None => (kind, body),
        }
    }

    /// The kind of a message on a subject.
    fn kind_of(&self, subject: &str) -> RecordKind {
        if subject == self.settings.tick_subject {
            RecordKind::Tick
        } else if subject == self.settings.forget_subject {
            RecordKind::Forget
        } else if subject == self.settings.audit_subject {
            RecordKind::Audit
        } else {
            RecordKind::Events
        }
    }

    /// Hands on a batch, waiting for room; false when nobody receives it.
    async fn hand_on(&self, batch: RecordBatch) -> bool {
        let Some(last) = batch.last() else { return true };
        let (sequence, received) = (last.sequence, last.received);
        let (count, bytes) = (batch.len(), batch.iter().map(|message| message.lines.len()).sum());
        let is_received = self.batches.send(batch).await.is_ok();
        if is_received {
            self.status.handed_on(count, bytes, sequence, received);
        }
        is_received
    }
}

/// Tells the source to end.
#[derive(Clone, Debug)]
struct StopSignal(watch::Receiver<bool>);

impl StopSignal {
    async fn wait(&mut self) {
        // An error: the sender was dropped, which ends the source too.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

/// The next message if it has come in already.
fn ready(subscriber: &mut Subscriber) -> Option<async_nats::Message> {
    // Without this the runtime makes the task yield after some hundred messages; the limit of the batch does that here.
    tokio::task::unconstrained(subscriber.next()).now_or_never().flatten()
}

/// Whether a batch is as large as it may be.
fn is_full(batch: &[LogRecord], bytes: usize, records_max: usize) -> bool {
    batch.len() >= records_max || bytes >= BATCH_BYTES_MAX
}

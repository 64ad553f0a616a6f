//! The live source: messages of a JetStream stream, or of plain NATS subjects, handed on in the log's order.
//!
//! A message is handed on once, and none is passed over without a count, an error in the log and a reason in health
//! where it lasts. `jetstream` and `plain` say how, and what each can't know. Back-pressure is the channel's: while
//! it is full, nothing more is asked for. What came in together is handed on together, so a lone message leaves at once.
//!
//! Time comes from the log alone. In a silent shop a `ticker` publishes a message into the log; it counts when it is
//! read back, after everything before it, and not before: a source that stalls never looks like one that is idle.

mod consumer;
mod jetstream;
mod metadata;
mod plain;
mod start_position;
mod status;
mod stream_position;
mod ticker;

pub use start_position::rehearse;
pub use status::SourceStatus;

use std::sync::Arc;

use async_nats::Subscriber;
use futures_util::{FutureExt, StreamExt};
use tokio::sync::{mpsc, watch};

use crate::NatsConnection;
use rekindle_runtime::compression::unpacked;
use rekindle_runtime::health::HealthPart;
use rekindle_runtime::log::{LogRecord, RecordBatch, RecordKind};
use rekindle_settings::{SourceKind, SourceSettings};

/// Messages handed on together are no more than this, in bytes, but for the last.
const BATCH_BYTES: usize = 8 << 20;

/// A source on NATS.
#[derive(Debug)]
pub struct NatsSource {
    connection: NatsConnection,
    settings: SourceSettings,
    out: mpsc::Sender<RecordBatch>,
    part: HealthPart,
    status: Arc<SourceStatus>,
    /// What the stream must have had.
    needed: u64,
    /// The last message that is not to be read again; `None`: begin where the settings say.
    after: Option<u64>,
    /// When the stream was created that is to be read, in milliseconds since 1970; `None`: whichever is there at first.
    created_ms: Option<i64>,
    /// Bodies that unpack to more bytes stay packed.
    max_unpacked_bytes: usize,
}

impl NatsSource {
    /// A source that will hand its batches to `out`, and tell `part` how it fares.
    pub fn new(
        connection: NatsConnection,
        settings: SourceSettings,
        out: mpsc::Sender<RecordBatch>,
        part: HealthPart,
    ) -> NatsSource {
        NatsSource {
            connection,
            settings,
            out,
            part,
            status: Arc::default(),
            needed: 0,
            after: None,
            created_ms: None,
            max_unpacked_bytes: 16 << 20,
        }
    }

    /// Bodies packed with gzip or zstd are unpacked if that gives no more bytes than this, else handed on as they are; 16 MiB
    /// unless said otherwise.
    pub fn unpacking_at_most(self, bytes: usize) -> NatsSource {
        NatsSource { max_unpacked_bytes: bytes, ..self }
    }

    /// Begins behind this message of the stream, wherever the settings say to begin.
    pub fn after(self, sequence: u64) -> NatsSource {
        NatsSource { after: Some(sequence), ..self }
    }

    /// Reads only the stream that was created then, in milliseconds since 1970: another of its name has other messages under
    /// the same numbers.
    pub fn created_at(self, created_ms: i64) -> NatsSource {
        NatsSource { created_ms: Some(created_ms), ..self }
    }

    /// Reads only a stream that has had this message: things were done that follow from it, and a stream that is shorter
    /// has lost what it held.
    pub fn needing(self, sequence: u64) -> NatsSource {
        NatsSource { needed: sequence, ..self }
    }

    /// What it has read, for metrics. The same for as long as it runs.
    pub fn status(&self) -> Arc<SourceStatus> {
        Arc::clone(&self.status)
    }

    /// Reads until `stop` says true or its sender is gone, or nobody takes the batches any more.
    ///
    /// Then nothing more is asked for, and what had come in is handed on before this returns. However the broker fares,
    /// it does not return before.
    pub async fn run(self, stop: watch::Receiver<bool>) {
        let stop = StopSignal(stop);
        match self.settings.kind {
            SourceKind::JetStream => jetstream::run(self, stop).await,
            SourceKind::Nats => plain::run(self, stop).await,
        }
    }

    /// What a message holds; nothing, if it is a tick.
    fn body(&self, kind: RecordKind, payload: bytes::Bytes) -> bytes::Bytes {
        match kind {
            RecordKind::Tick => bytes::Bytes::new(),
            RecordKind::Events | RecordKind::Forget => unpacked(payload, self.max_unpacked_bytes),
        }
    }

    /// What a message is, as its subject says.
    fn kind_of(&self, message: &async_nats::Message) -> RecordKind {
        let subject = message.subject.as_str();
        if subject == self.settings.tick_subject {
            RecordKind::Tick
        } else if subject == self.settings.forget_subject {
            RecordKind::Forget
        } else {
            RecordKind::Events
        }
    }

    /// Hands on a batch, waiting for room; false when nobody takes it.
    async fn hand_on(&self, batch: RecordBatch) -> bool {
        let Some(last) = batch.last() else { return true };
        let (sequence, received) = (last.sequence, last.received);
        let (count, bytes) = (batch.len(), batch.iter().map(|message| message.lines.len()).sum());
        let taken = self.out.send(batch).await.is_ok();
        if taken {
            self.status.handed_on(count, bytes, sequence, received);
        }
        taken
    }
}

/// When to end.
#[derive(Clone, Debug)]
struct StopSignal(watch::Receiver<bool>);

impl StopSignal {
    async fn wanted(&mut self) {
        // An error: who could have said so is gone.
        let _ = self.0.wait_for(|stop| *stop).await;
    }
}

/// The next message if it is here already.
fn ready(subscriber: &mut Subscriber) -> Option<async_nats::Message> {
    // The runtime would have us pause after some hundred messages; the batch's bound does that here.
    tokio::task::unconstrained(subscriber.next()).now_or_never().flatten()
}

/// Whether a batch is as large as it may be.
fn is_full(batch: &[LogRecord], bytes: usize, most: usize) -> bool {
    batch.len() >= most || bytes >= BATCH_BYTES
}

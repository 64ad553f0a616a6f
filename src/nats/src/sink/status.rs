//! What the sink counts, for whoever shows it.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;

use super::message::{MessageKind, OutputMessage};
use rekindle_core::time::Timestamp;

/// The longest latency told apart: ten minutes, in microseconds.
const LATENCY_MAX_US: u64 = 600_000_000;

/// Figures of the sink since its start. Shared; reading one never waits for the publisher.
#[derive(Debug)]
pub struct SinkStatus {
    published: [AtomicU64; MessageKind::NAMES.len()],
    bytes: AtomicU64,
    batches: AtomicU64,
    retries: AtomicU64,
    errors: AtomicU64,
    duplicates: AtomicU64,
    oversized: AtomicU64,
    cut_letters: AtomicU64,
    counted_rejects: AtomicU64,
    lost_letters: AtomicU64,
    acknowledged_ms: AtomicI64,
    reached: AtomicU64,
    ordinal: AtomicU64,
    leaving: AtomicBool,
    latency: Mutex<Histogram<u64>>,
}

/// The figures at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SinkFigures {
    /// Messages acknowledged (without JetStream: handed to the connection), by kind as in [`MessageKind::NAMES`].
    pub published: [u64; MessageKind::NAMES.len()],
    /// Bytes of their payloads.
    pub bytes: u64,
    /// Acknowledged requests: a batch is one, and so is a message on its own.
    pub batches: u64,
    /// Attempts after the first.
    pub retries: u64,
    /// Attempts that failed.
    pub errors: u64,
    /// Messages that turned out to be in the stream already, and were not stored again.
    pub duplicates: u64,
    /// Outputs that were too large for the server and became dead letters.
    pub oversized: u64,
    /// Dead letters published with only the beginning of their original.
    pub cut_letters: u64,
    /// Rejects that dead letters only count: those of one message behind its first few.
    pub counted_rejects: u64,
    /// Dead letters that the server can never take.
    pub lost_letters: u64,
    /// When something was last acknowledged; `None`: nothing was.
    pub acknowledged: Option<Timestamp>,
    /// Everything that came of the source's messages up to this one is published.
    pub reached: u64,
    /// How many outputs are in the stream, since it was made.
    pub ordinal: u64,
}

impl Default for SinkStatus {
    fn default() -> SinkStatus {
        SinkStatus {
            published: Default::default(),
            bytes: AtomicU64::new(0),
            batches: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            duplicates: AtomicU64::new(0),
            oversized: AtomicU64::new(0),
            cut_letters: AtomicU64::new(0),
            counted_rejects: AtomicU64::new(0),
            lost_letters: AtomicU64::new(0),
            acknowledged_ms: AtomicI64::new(i64::MIN),
            reached: AtomicU64::new(0),
            ordinal: AtomicU64::new(0),
            leaving: AtomicBool::new(false),
            latency: Mutex::new(latencies()),
        }
    }
}

impl SinkStatus {
    /// The figures now.
    pub fn figures(&self) -> SinkFigures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let acknowledged = self.acknowledged_ms.load(Ordering::Relaxed);
        SinkFigures {
            published: std::array::from_fn(|kind| read(&self.published[kind])),
            bytes: read(&self.bytes),
            batches: read(&self.batches),
            retries: read(&self.retries),
            errors: read(&self.errors),
            duplicates: read(&self.duplicates),
            oversized: read(&self.oversized),
            cut_letters: read(&self.cut_letters),
            counted_rejects: read(&self.counted_rejects),
            lost_letters: read(&self.lost_letters),
            acknowledged: (acknowledged != i64::MIN).then_some(Timestamp(acknowledged)),
            reached: read(&self.reached),
            ordinal: read(&self.ordinal),
        }
    }

    /// Says that this daemon is about to end: what is published from now on tells whoever waits for the stream of outputs that
    /// it need not wait any longer.
    pub fn leave(&self) {
        self.leaving.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Relaxed)
    }

    /// Latencies since the last time this was asked: from the broker's receipt of an event to the acknowledgement of an
    /// action it brought about, in microseconds, 1 to ten minutes, to three digits. The broker's time is known to the
    /// millisecond. An action that quiet hours had held counts from what ended the wait; one that time alone brought
    /// about does not count.
    pub fn take_latencies(&self) -> Histogram<u64> {
        std::mem::replace(&mut *self.latency.lock().unwrap_or_else(PoisonError::into_inner), latencies())
    }

    pub(super) fn acknowledged<'m>(&self, messages: impl Iterator<Item = &'m OutputMessage>) {
        let now_us = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_micros());
        let now_us = i64::try_from(now_us).unwrap_or(i64::MAX);
        let mut latency = None;
        for message in messages {
            self.published[message.kind as usize].fetch_add(1, Ordering::Relaxed);
            self.bytes.fetch_add(message.payload.len() as u64, Ordering::Relaxed);
            self.cut_letters.fetch_add(u64::from(message.shortened.is_cut), Ordering::Relaxed);
            self.counted_rejects.fetch_add(message.shortened.rejects, Ordering::Relaxed);
            if let Some(received) = message.received {
                let took = now_us.saturating_sub(received.0.saturating_mul(1_000));
                let latency =
                    latency.get_or_insert_with(|| self.latency.lock().unwrap_or_else(PoisonError::into_inner));
                latency.saturating_record(u64::try_from(took).unwrap_or(0).max(1));
            }
        }
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.acknowledged_ms.store(now_us / 1_000, Ordering::Relaxed);
    }

    pub(super) fn committed(&self) {
        self.published[MessageKind::Progress as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn reached(&self, sequence: u64, ordinal: u64) {
        self.reached.store(sequence, Ordering::Relaxed);
        self.ordinal.store(ordinal, Ordering::Relaxed);
    }

    pub(super) fn failed(&self) {
        self.errors.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn retried(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn was_there(&self, messages: usize) {
        self.duplicates.fetch_add(messages as u64, Ordering::Relaxed);
    }

    pub(super) fn lost_letter(&self) {
        self.lost_letters.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn too_large(&self) {
        self.oversized.fetch_add(1, Ordering::Relaxed);
    }
}

fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MAX_US, 3).expect("these bounds are sound")
}

//! The counters of the sink, for metrics and the API.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;

use super::message::{MessageKind, OutputMessage};
use rekindle_core::time::Timestamp;

/// The longest latency that is distinguished: ten minutes, in microseconds.
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
    dead_letters_truncated: AtomicU64,
    rejections_summarized: AtomicU64,
    dead_letters_lost: AtomicU64,
    acknowledged_ms: AtomicI64,
    committed_sequence: AtomicU64,
    ordinal: AtomicU64,
    releasing: AtomicBool,
    latency: Mutex<Histogram<u64>>,
}

/// The figures at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SinkFigures {
    /// Messages acknowledged (without JetStream: handed to the connection), by kind as in [`MessageKind::NAMES`].
    pub published: [u64; MessageKind::NAMES.len()],
    /// Bytes of their payloads.
    pub bytes: u64,
    /// Acknowledged requests: a batch is one, and so is a single message.
    pub batches: u64,
    /// Attempts after the first.
    pub retries: u64,
    /// Attempts that failed.
    pub errors: u64,
    /// Messages that were found to be in the stream already, and were not stored again.
    pub duplicates: u64,
    /// Outputs that were too large for the server and became dead letters.
    pub oversized: u64,
    /// Dead letters published with only the beginning of their original.
    pub dead_letters_truncated: u64,
    /// Rejections that dead letters only count: those of one message behind its first few.
    pub rejections_summarized: u64,
    /// Dead letters that the server can never accept.
    pub dead_letters_lost: u64,
    /// When something was last acknowledged; `None`: nothing was.
    pub acknowledged: Option<Timestamp>,
    /// All outputs of the source's messages up to this one are published.
    pub committed_sequence: u64,
    /// The number of outputs that the stream has had.
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
            dead_letters_truncated: AtomicU64::new(0),
            rejections_summarized: AtomicU64::new(0),
            dead_letters_lost: AtomicU64::new(0),
            acknowledged_ms: AtomicI64::new(i64::MIN),
            committed_sequence: AtomicU64::new(0),
            ordinal: AtomicU64::new(0),
            releasing: AtomicBool::new(false),
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
            dead_letters_truncated: read(&self.dead_letters_truncated),
            rejections_summarized: read(&self.rejections_summarized),
            dead_letters_lost: read(&self.dead_letters_lost),
            acknowledged: (acknowledged != i64::MIN).then_some(Timestamp(acknowledged)),
            committed_sequence: read(&self.committed_sequence),
            ordinal: read(&self.ordinal),
        }
    }

    /// This daemon is about to end: all progress records from now on announce that to a start that waits for the output
    /// stream.
    pub fn announce_release(&self) {
        self.releasing.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_releasing(&self) -> bool {
        self.releasing.load(Ordering::Relaxed)
    }

    /// Latencies since the last call: from the broker's receipt of an event to the acknowledgement of an action that it
    /// caused, in microseconds, 1 to ten minutes, to three digits. The broker's time is known to the millisecond. A deferred
    /// action counts from the record that ended the deferral; an action that time alone caused does not count.
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
            self.dead_letters_truncated.fetch_add(u64::from(message.truncation.is_truncated), Ordering::Relaxed);
            self.rejections_summarized.fetch_add(message.truncation.rejections, Ordering::Relaxed);
            if let Some(received) = message.received {
                let latency_us = now_us.saturating_sub(received.0.saturating_mul(1_000));
                let latency =
                    latency.get_or_insert_with(|| self.latency.lock().unwrap_or_else(PoisonError::into_inner));
                latency.saturating_record(u64::try_from(latency_us).unwrap_or(0).max(1));
            }
        }
        self.batches.fetch_add(1, Ordering::Relaxed);
        self.acknowledged_ms.store(now_us / 1_000, Ordering::Relaxed);
    }

    pub(super) fn committed(&self) {
        self.published[MessageKind::Progress as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn committed_to(&self, sequence: u64, ordinal: u64) {
        self.committed_sequence.store(sequence, Ordering::Relaxed);
        self.ordinal.store(ordinal, Ordering::Relaxed);
    }

    pub(super) fn failed(&self) {
        self.errors.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn retried(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn already_stored(&self, messages: usize) {
        self.duplicates.fetch_add(messages as u64, Ordering::Relaxed);
    }

    pub(super) fn lost_dead_letter(&self) {
        self.dead_letters_lost.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn too_large(&self) {
        self.oversized.fetch_add(1, Ordering::Relaxed);
    }
}

fn latencies() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MAX_US, 3).expect("these bounds are sound")
}

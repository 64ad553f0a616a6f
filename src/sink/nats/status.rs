//! What the sink has done, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

use hdrhistogram::Histogram;

use super::encode::{Kind, Outgoing};
use crate::time::Timestamp;

/// The longest latency told apart, in microseconds: 10 minutes.
const LATENCY_MAX_US: u64 = 600_000_000;

/// Counts since the start.
#[derive(Debug)]
pub struct SinkStatus {
    published: [AtomicU64; Kind::ALL.len()],
    bytes: AtomicU64,
    batches: AtomicU64,
    errors: AtomicU64,
    recovered: AtomicU64,
    oversized: AtomicU64,
    latency_us: Mutex<Histogram<u64>>,
}

impl Default for SinkStatus {
    fn default() -> SinkStatus {
        SinkStatus {
            published: Default::default(),
            bytes: AtomicU64::new(0),
            batches: AtomicU64::new(0),
            errors: AtomicU64::new(0),
            recovered: AtomicU64::new(0),
            oversized: AtomicU64::new(0),
            latency_us: Mutex::new(new_histogram()),
        }
    }
}

/// From 1 microsecond to 10 minutes, to three digits.
fn new_histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_MAX_US, 3).expect("the bounds are right")
}

impl SinkStatus {
    /// Messages acknowledged, by kind as in [`Kind::ALL`] (without acknowledgements: handed to the server).
    pub fn published(&self) -> [u64; Kind::ALL.len()] {
        std::array::from_fn(|kind| self.published[kind].load(Ordering::Relaxed))
    }

    /// Bytes of their payloads.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Commits.
    pub fn batches(&self) -> u64 {
        self.batches.load(Ordering::Relaxed)
    }

    /// Attempts to publish that failed; each was tried again.
    pub fn errors(&self) -> u64 {
        self.errors.load(Ordering::Relaxed)
    }

    /// Commits whose acknowledgement was lost, and that were found in the stream.
    pub fn recovered(&self) -> u64 {
        self.recovered.load(Ordering::Relaxed)
    }

    /// Outputs too large for the server, which became dead letters.
    pub fn oversized(&self) -> u64 {
        self.oversized.load(Ordering::Relaxed)
    }

    /// The latencies since this was last called: from the broker's receipt of an event to the acknowledgement of the
    /// action it set off, in microseconds. Where the broker's clock is ahead of this machine's, 0 counts as 1.
    pub fn take_latencies_us(&self) -> Histogram<u64> {
        std::mem::replace(&mut *self.latency_us.lock().unwrap_or_else(PoisonError::into_inner), new_histogram())
    }

    pub(super) fn failed(&self) {
        self.errors.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn found_in_stream(&self) {
        self.recovered.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn too_large(&self, outputs: u64) {
        self.oversized.fetch_add(outputs, Ordering::Relaxed);
    }

    /// Some messages are out.
    pub(super) fn done(&self, messages: &[Outgoing]) {
        self.batches.fetch_add(1, Ordering::Relaxed);
        for message in messages {
            self.published[message.kind as usize].fetch_add(1, Ordering::Relaxed);
        }
        let bytes: usize = messages.iter().map(|message| message.payload.len()).sum();
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        let mut received = messages.iter().filter_map(|message| message.received).peekable();
        if received.peek().is_none() {
            return;
        }
        let now_us = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_micros();
        let mut latencies = self.latency_us.lock().unwrap_or_else(PoisonError::into_inner);
        for Timestamp(received_ms) in received {
            let received_us = u128::try_from(received_ms).unwrap_or(0) * 1_000;
            let latency = u64::try_from(now_us.saturating_sub(received_us)).unwrap_or(u64::MAX);
            latencies.saturating_record(latency.clamp(1, LATENCY_MAX_US));
        }
    }
}

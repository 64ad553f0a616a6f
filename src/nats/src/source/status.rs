//! The counters of the source, for metrics.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use tokio::sync::watch;

use rekindle_core::time::Timestamp;

/// Counters since the start. They are read and written one by one: between two of them a message may be counted.
#[derive(Debug)]
pub struct SourceStatus {
    messages: AtomicU64,
    bytes: AtomicU64,
    sequence: AtomicU64,
    received_ms: AtomicI64,
    pending: AtomicU64,
    pub(super) ticks_sent: AtomicU64,
    pub(super) ticks_received: AtomicU64,
    pub(super) gaps: AtomicU64,
    pub(super) missing: AtomicU64,
    pub(super) recreations: AtomicU64,
    other_stream: watch::Sender<Option<i64>>,
}

impl Default for SourceStatus {
    fn default() -> SourceStatus {
        SourceStatus {
            messages: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            sequence: AtomicU64::new(0),
            received_ms: AtomicI64::new(Timestamp::MIN.0),
            pending: AtomicU64::new(0),
            ticks_sent: AtomicU64::new(0),
            ticks_received: AtomicU64::new(0),
            gaps: AtomicU64::new(0),
            missing: AtomicU64::new(0),
            recreations: AtomicU64::new(0),
            other_stream: watch::Sender::new(None),
        }
    }
}

impl SourceStatus {
    /// Messages handed on, ticks among them.
    pub fn messages(&self) -> u64 {
        self.messages.load(Ordering::Relaxed)
    }

    /// Bytes handed on: payloads, without subjects and headers.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The last message handed on; 0: none yet.
    pub fn sequence(&self) -> u64 {
        self.sequence.load(Ordering::Relaxed)
    }

    /// When the broker received that message: the lag in time is from then to now, because there are ticks.
    pub fn received(&self) -> Option<Timestamp> {
        Some(Timestamp(self.received_ms.load(Ordering::Relaxed))).filter(|at| *at != Timestamp::MIN)
    }

    /// The number of messages in the stream behind the last handed on: the lag in messages. As of the last message, or of a
    /// request every few seconds. Plain NATS has none.
    pub fn pending(&self) -> u64 {
        self.pending.load(Ordering::Relaxed)
    }

    /// Ticks published.
    pub fn ticks_sent(&self) -> u64 {
        self.ticks_sent.load(Ordering::Relaxed)
    }

    /// Ticks read, of any publisher.
    pub fn ticks_received(&self) -> u64 {
        self.ticks_received.load(Ordering::Relaxed)
    }

    /// How many times messages were found to be lost in transit, and were read again.
    pub fn gaps(&self) -> u64 {
        self.gaps.load(Ordering::Relaxed)
    }

    /// Messages that were never read: removed from the stream before, or dropped on plain NATS.
    pub fn missing(&self) -> u64 {
        self.missing.load(Ordering::Relaxed)
    }

    /// Consumers created after the first.
    pub fn recreations(&self) -> u64 {
        self.recreations.load(Ordering::Relaxed)
    }

    /// Waits until another stream than the one that was read has its name. Returns when that was created, in milliseconds
    /// since 1970. Nothing is read from it.
    pub async fn other_stream(&self) -> i64 {
        let mut other = self.other_stream.subscribe();
        // It can't fail: the sender is ours.
        other.wait_for(Option::is_some).await.ok().and_then(|created| *created).unwrap_or_default()
    }

    pub(super) fn found_other_stream(&self, created_ms: i64) {
        self.other_stream.send_replace(Some(created_ms));
    }

    /// Messages were handed on: how many, their bytes, and the last one's sequence and broker time.
    pub fn handed_on(&self, messages: usize, bytes: usize, sequence: u64, received: Timestamp) {
        add(&self.messages, messages as u64);
        add(&self.bytes, bytes as u64);
        self.sequence.store(sequence, Ordering::Relaxed);
        self.received_ms.store(received.0, Ordering::Relaxed);
    }

    /// Sets the lag in messages.
    pub fn set_pending(&self, pending: u64) {
        self.pending.store(pending, Ordering::Relaxed);
    }
}

/// Adds to a counter.
pub(super) fn add(counter: &AtomicU64, more: u64) {
    counter.fetch_add(more, Ordering::Relaxed);
}

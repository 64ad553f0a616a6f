//! The counters of a destination, for metrics.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use rekindle_core::time::Timestamp;

/// The longest request that is distinguished: five minutes, in microseconds.
const REQUEST_MAX_US: u64 = 300_000_000;

/// What can become of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryResult {
    /// The receiver took it.
    Delivered,
    /// It failed for good.
    Failed,
    /// It expired before it could be delivered.
    Expired,
    /// It lacks what it must not be sent without.
    Skipped,
}

/// Counters since the start, and the state now.
#[derive(Debug)]
pub struct DestinationStatus {
    results: [AtomicU64; 4],
    requests: AtomicU64,
    retries: AtomicU64,
    took: Mutex<Histogram<u64>>,
    waiting: AtomicU64,
    in_flight: AtomicU64,
    backlog: AtomicU64,
    /// 0: there is none.
    oldest_ms: AtomicI64,
    circuit_open: AtomicBool,
    switched_off: AtomicBool,
}

impl DeliveryResult {
    /// All of them.
    pub const ALL: [DeliveryResult; 4] =
        [DeliveryResult::Delivered, DeliveryResult::Failed, DeliveryResult::Expired, DeliveryResult::Skipped];

    /// Its name, in metrics and reports.
    pub fn name(self) -> &'static str {
        match self {
            DeliveryResult::Delivered => "delivered",
            DeliveryResult::Failed => "failed",
            DeliveryResult::Expired => "expired",
            DeliveryResult::Skipped => "skipped",
        }
    }
}

impl Default for DestinationStatus {
    fn default() -> Self {
        DestinationStatus {
            results: Default::default(),
            requests: AtomicU64::new(0),
            retries: AtomicU64::new(0),
            took: Mutex::new(Histogram::new_with_bounds(1, REQUEST_MAX_US, 2).expect("sound bounds")),
            waiting: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            backlog: AtomicU64::new(0),
            oldest_ms: AtomicI64::new(0),
            circuit_open: AtomicBool::new(false),
            switched_off: AtomicBool::new(false),
        }
    }
}

impl DestinationStatus {
    /// Messages by what became of them.
    pub fn results(&self, result: DeliveryResult) -> u64 {
        self.results[result as usize].load(Ordering::Relaxed)
    }

    /// Requests that were answered or failed.
    pub fn requests(&self) -> u64 {
        self.requests.load(Ordering::Relaxed)
    }

    /// Attempts of messages that failed and are made again.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// How long requests took, in microseconds.
    pub fn request_times(&self) -> Histogram<u64> {
        self.took.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Messages that are held: in flight, or waiting for another attempt or for an earlier one of their user.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Requests in flight.
    pub fn in_flight(&self) -> u64 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Messages in the stream that were not read yet.
    pub fn backlog(&self) -> u64 {
        self.backlog.load(Ordering::Relaxed)
    }

    /// When the oldest message that is held was stored.
    pub fn oldest(&self) -> Option<Timestamp> {
        Some(Timestamp(self.oldest_ms.load(Ordering::Relaxed))).filter(|at| at.0 != 0)
    }

    /// Whether requests pause because the destination fails.
    pub fn is_circuit_open(&self) -> bool {
        self.circuit_open.load(Ordering::Relaxed)
    }

    /// Whether the receiver answered that it wants nothing any more (410).
    pub fn is_switched_off(&self) -> bool {
        self.switched_off.load(Ordering::Relaxed)
    }

    pub(crate) fn count(&self, result: DeliveryResult) {
        self.results[result as usize].fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn requested(&self, took: Duration) {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let microseconds = u64::try_from(took.as_micros()).unwrap_or(REQUEST_MAX_US).min(REQUEST_MAX_US);
        self.took.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(microseconds);
    }

    pub(crate) fn retried(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn set_backlog(&self, messages: u64) {
        self.backlog.store(messages, Ordering::Relaxed);
    }

    pub(crate) fn set_held(&self, waiting: usize, in_flight: usize, oldest: Option<Timestamp>) {
        self.waiting.store(waiting as u64, Ordering::Relaxed);
        self.in_flight.store(in_flight as u64, Ordering::Relaxed);
        self.oldest_ms.store(oldest.map_or(0, |at| at.0), Ordering::Relaxed);
    }

    pub(crate) fn set_circuit(&self, is_open: bool) {
        self.circuit_open.store(is_open, Ordering::Relaxed);
    }

    pub(crate) fn switch_off(&self) {
        self.switched_off.store(true, Ordering::Relaxed);
    }
}

//! What is counted, for metrics.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::rejection::CallRejection;

/// The longest wait that is distinguished: ten minutes, in microseconds.
const WAIT_MAX_US: u64 = 600_000_000;

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallAnswer {
    /// It is in the log.
    Accepted,
    /// It is in the dead letters.
    Rejected,
    /// Its key has sent too many: the client sends it again.
    Throttled,
    /// The broker was slow or away: the client sends it again.
    Unavailable,
}

impl CallAnswer {
    /// Their names, in the order of the enum.
    const NAMES: [&'static str; 4] = ["accepted", "rejected", "throttled", "unavailable"];
}

/// The statuses that requests are answered with.
const STATUSES: [u16; 11] = [200, 204, 400, 401, 403, 404, 405, 408, 413, 429, 503];

/// Figures of a collector since its start. Shared.
#[derive(Debug)]
pub struct CollectStatus {
    sources: Vec<(String, [AtomicU64; CallAnswer::NAMES.len()])>,
    rejected: Vec<(&'static str, AtomicU64)>,
    requests: [AtomicU64; STATUSES.len()],
    bytes: AtomicU64,
    duplicates: AtomicU64,
    in_flight: AtomicU64,
    waits: Mutex<Histogram<u64>>,
}

/// Calls of one source, by answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceFigures {
    /// The source's name.
    pub source: String,
    /// Calls by answer: accepted, rejected, throttled, unavailable.
    pub calls: Vec<(&'static str, u64)>,
}

/// The figures at one moment.
#[derive(Clone, Debug)]
pub struct CollectFigures {
    /// Calls by source and answer.
    pub sources: Vec<SourceFigures>,
    /// Rejected calls by reason.
    pub rejected: Vec<(&'static str, u64)>,
    /// Requests by the status of their answer.
    pub requests: Vec<(u16, u64)>,
    /// Bytes of bodies, as they came.
    pub bytes: u64,
    /// Calls that the stream had already: of requests that were sent again.
    pub duplicates: u64,
    /// Messages that wait for the broker's acknowledgement.
    pub in_flight: u64,
    /// How long requests waited for it, in microseconds.
    pub waits: Histogram<u64>,
}

impl CollectStatus {
    /// For these sources.
    pub fn new<'a>(sources: impl IntoIterator<Item = &'a str>) -> CollectStatus {
        CollectStatus {
            sources: sources.into_iter().map(|source| (source.to_owned(), Default::default())).collect(),
            rejected: CallRejection::codes().map(|code| (code, AtomicU64::new(0))).collect(),
            requests: Default::default(),
            bytes: AtomicU64::new(0),
            duplicates: AtomicU64::new(0),
            in_flight: AtomicU64::new(0),
            waits: Mutex::new(waits()),
        }
    }

    /// The figures now.
    pub fn figures(&self) -> CollectFigures {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let source = |(source, calls): &(String, [AtomicU64; CallAnswer::NAMES.len()])| SourceFigures {
            source: source.clone(),
            calls: CallAnswer::NAMES.into_iter().zip(calls.iter().map(read)).collect(),
        };
        CollectFigures {
            sources: self.sources.iter().map(source).collect(),
            rejected: self.rejected.iter().map(|(code, count)| (*code, read(count))).collect(),
            requests: STATUSES.into_iter().zip(self.requests.iter().map(read)).collect(),
            bytes: read(&self.bytes),
            duplicates: read(&self.duplicates),
            in_flight: read(&self.in_flight),
            waits: self.waits.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }

    pub(crate) fn count_calls(&self, source: &str, answer: CallAnswer, calls: usize) {
        if let Some((_, counts)) = self.sources.iter().find(|(name, _)| name == source) {
            counts[answer as usize].fetch_add(calls as u64, Ordering::Relaxed);
        }
    }

    pub(crate) fn count_rejection(&self, rejection: &CallRejection) {
        if let Some((_, count)) = self.rejected.get(rejection.index()) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn count_request(&self, status: u16) {
        if let Some(index) = STATUSES.iter().position(|known| *known == status) {
            self.requests[index].fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn count_bytes(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    pub(crate) fn count_duplicate(&self) {
        self.duplicates.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn acknowledged_after(&self, wait: Duration) {
        let microseconds = u64::try_from(wait.as_micros()).unwrap_or(WAIT_MAX_US).min(WAIT_MAX_US);
        self.waits.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(microseconds);
    }

    /// This number of messages waits for acknowledgement, until the guard is dropped.
    pub(crate) fn waiting(&self, messages: usize) -> WaitingMessages<'_> {
        self.in_flight.fetch_add(messages as u64, Ordering::Relaxed);
        WaitingMessages { status: self, messages: messages as u64 }
    }
}

/// Messages that wait for acknowledgement.
pub(crate) struct WaitingMessages<'a> {
    status: &'a CollectStatus,
    messages: u64,
}

impl Drop for WaitingMessages<'_> {
    fn drop(&mut self) {
        self.status.in_flight.fetch_sub(self.messages, Ordering::Relaxed);
    }
}

fn waits() -> Histogram<u64> {
    Histogram::new_with_bounds(1, WAIT_MAX_US, 3).expect("sound bounds")
}

//! What a scrape is answered with: the numbers of every part, gathered at that moment.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;

use super::{ConnectedBroker, Instruments, ReloadCounts};
use crate::metrics::{
    CheckpointNumbers, ConnectionNumbers, ExpositionFormat, MetricsPage, RecentLatencies, ReloadNumbers, SinkNumbers,
    SourceNumbers,
};
use rekindle_core::time::Timestamp;

/// Answers scrapes.
#[derive(Debug)]
pub struct ScrapeHandler {
    instruments: Instruments,
    latencies: Mutex<ActionLatencies>,
}

/// From the broker's receipt of an event to the acknowledgement of the action it set off.
#[derive(Debug, Default)]
struct ActionLatencies {
    /// Since the start, in microseconds; `None`: there was none.
    all: Option<Histogram<u64>>,
    recent: RecentLatencies,
}

impl ScrapeHandler {
    /// Scrapes of these instruments.
    pub fn new(instruments: Instruments) -> ScrapeHandler {
        ScrapeHandler { instruments, latencies: Mutex::default() }
    }

    /// The metrics now.
    pub fn answer(&self, format: ExpositionFormat) -> Vec<u8> {
        let mut page = MetricsPage::default();
        page.stats(&self.instruments.live.stats(), wall_clock());
        let connected = self.instruments.connected.borrow().clone();
        let ready = self.instruments.health.failing().is_empty();
        page.connection(&ConnectionNumbers { ready, ..connected.as_ref().map(connection).unwrap_or_default() });
        page.source(&connected.as_ref().map(source).unwrap_or_default());
        page.sink(&self.sink());
        page.reloads(&self.reloads());
        let unseen = self.instruments.missing_names.unseen();
        page.unseen(unseen.iter().map(|(kind, name)| (kind.name(), name.as_str())));
        page.checkpoints(&self.checkpoints(), &self.instruments.live.pauses());
        let mut latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
        let ActionLatencies { all, recent } = &mut *latencies;
        let latest = self.instruments.sink.take_latencies();
        match all {
            // Both have the same bounds, so it always fits.
            Some(all) => drop(all.add(&latest)),
            None => *all = Some(latest),
        }
        if let Some(all) = all {
            page.latency(all, recent, Instant::now());
        }
        page.build();
        page.process();
        page.written(format)
    }

    fn sink(&self) -> SinkNumbers {
        let figures = self.instruments.sink.figures();
        SinkNumbers {
            published: figures.published,
            batches: figures.batches,
            errors: figures.errors,
            retries: figures.retries,
            oversized: figures.oversized,
            cut_letters: figures.cut_letters,
            counted_rejects: figures.counted_rejects,
            lost_letters: figures.lost_letters,
            committed: figures.reached,
        }
    }

    fn checkpoints(&self) -> CheckpointNumbers {
        let status = &self.instruments.checkpoints;
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let last_ms = status.last_ms.load(Ordering::Relaxed);
        CheckpointNumbers {
            written: status.written.each_ref().map(read),
            failures: read(&status.failures),
            last: (last_ms > 0).then_some(Timestamp(last_ms)),
            seconds: read(&status.took_us) as f64 / 1e6,
            bytes: read(&status.bytes),
            users: read(&status.users),
            is_recovering: !self.instruments.live.is_live(),
        }
    }

    fn reloads(&self) -> ReloadNumbers {
        let ReloadCounts { applied, unchanged, refused } = self.instruments.reloader.counts();
        ReloadNumbers { applied, unchanged, refused, loaded_at: self.instruments.reloader.in_use().since }
    }
}

fn connection(connected: &ConnectedBroker) -> ConnectionNumbers {
    let status = &connected.connection.status;
    ConnectionNumbers {
        ready: false,
        connected: status.is_up(),
        disconnects: status.disconnects(),
        reconnects: status.reconnects(),
        slow_consumer_events: status.slow_consumers(),
    }
}

fn source(connected: &ConnectedBroker) -> SourceNumbers {
    let status = &connected.source;
    let seconds_since = |received: Timestamp| (wall_clock().0 - received.0).max(0) as f64 / 1_000.0;
    SourceNumbers {
        messages: status.messages(),
        bytes: status.bytes(),
        lag_messages: Some(status.pending()),
        lag_seconds: status.received().map(seconds_since),
        gaps: status.gaps(),
        missing: status.missing(),
        recreations: status.recreations(),
        ticks_sent: status.ticks_sent(),
        ticks_received: status.ticks_received(),
    }
}

pub(super) fn wall_clock() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
}

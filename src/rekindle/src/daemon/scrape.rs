//! Answers scrapes: collects the counters that the parts keep.

use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use hdrhistogram::Histogram;

use super::{ConnectedBroker, Instruments};
use crate::metrics::{ConnectionNumbers, ExpositionFormat, MetricsPage, RecentLatencies, SourceNumbers};
use rekindle_core::time::Timestamp;

/// Answers scrapes.
#[derive(Debug)]
pub struct ScrapeHandler {
    instruments: Instruments,
    latencies: Mutex<ActionLatencies>,
}

/// From the broker's receipt of an event to the acknowledgement of the action that it triggered.
#[derive(Debug, Default)]
struct ActionLatencies {
    /// Since the start, in microseconds; `None`: none yet.
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
        page.sink(&self.instruments.sink.figures());
        let reloader = &self.instruments.reloader;
        page.reloads(reloader.counts(), reloader.in_use().since);
        let unseen = self.instruments.missing_names.unseen();
        page.unseen(unseen.iter().map(|(kind, name)| (kind.name(), name.as_str())));
        page.recovering(!self.instruments.live.is_live());
        page.checkpoints(&self.instruments.checkpoints, &self.instruments.live.pauses());
        let mut latencies = self.latencies.lock().unwrap_or_else(PoisonError::into_inner);
        let ActionLatencies { all, recent } = &mut *latencies;
        let latest = self.instruments.sink.take_latencies();
        match all {
            // Both have the same bounds, so adding cannot fail.
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

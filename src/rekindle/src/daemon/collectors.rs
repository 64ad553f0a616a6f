//! What a scrape reads from the daemon's parts. The parts of this crate count with handles of the metrics registry instead.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use super::{Instruments, wall_clock};
use crate::metrics::{ActionLatencies, MetricsPage, MetricsRegistry};

/// Registers everything that is read at a scrape.
pub(super) fn register(registry: &MetricsRegistry, instruments: Instruments) {
    let latencies = Mutex::new(ActionLatencies::default());
    registry.add_collector(move |page| {
        collect_engine(page, &instruments);
        collect_broker(page, &instruments);
        let mut latencies = latencies.lock().unwrap_or_else(PoisonError::into_inner);
        latencies.add(instruments.sink.take_latencies());
        page.latency(&mut latencies, Instant::now());
        page.build();
        page.process();
    });
}

fn collect_engine(page: &mut MetricsPage, instruments: &Instruments) {
    let Instruments { live, health, missing_names, .. } = instruments;
    page.stats(&live.stats(), wall_clock());
    page.ready(health.failing().is_empty());
    page.recovering(!live.is_live());
    page.from_log(instruments.reloader.running_from_log());
    page.checkpoint_pauses(&live.pauses());
    let missing = missing_names.unseen();
    page.missing_names(missing.iter().map(|(kind, name)| (kind.name(), name.as_str())));
}

fn collect_broker(page: &mut MetricsPage, instruments: &Instruments) {
    let connected = instruments.connected.borrow().clone();
    page.connection(connected.as_ref().map(|connected| &*connected.connection.status));
    page.source(connected.as_ref().map(|connected| &*connected.source), wall_clock());
    page.sink(&instruments.sink.figures());
}

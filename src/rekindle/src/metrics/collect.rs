//! The metrics of collecting events over HTTP, read from the collector's status.

use super::definitions::*;
use super::latency::LatencyDistribution;
use super::page::MetricsPage;
use rekindle_collect::CollectFigures;

impl MetricsPage {
    /// The collector.
    pub fn collected(&mut self, figures: &CollectFigures) {
        for source in &figures.sources {
            for (answer, calls) in &source.calls {
                self.count(&COLLECT_CALLS, &[&source.source, answer], *calls);
            }
        }
        for (reason, calls) in &figures.rejected {
            self.count(&COLLECT_REJECTED, &[reason], *calls);
        }
        for (status, requests) in &figures.requests {
            self.count(&COLLECT_REQUESTS, &[&status.to_string()], *requests);
        }
        self.count(&COLLECT_BYTES, &[], figures.bytes);
        self.count(&COLLECT_DUPLICATES, &[], figures.duplicates);
        self.count(&COLLECT_IN_FLIGHT, &[], figures.in_flight);
        self.distribution(&COLLECT_ACKNOWLEDGED, LatencyDistribution::of(&figures.waits));
    }
}

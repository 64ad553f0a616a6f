//! The metrics of delivery, read from the status of each destination.

use super::definitions::*;
use super::latency::LatencyDistribution;
use super::page::MetricsPage;
use rekindle_core::time::Timestamp;
use rekindle_deliver::status::{DeliveryResult, DestinationStatus};

impl MetricsPage {
    /// A destination. `now` is the wall clock.
    pub fn destination(&mut self, name: &str, status: &DestinationStatus, now: Timestamp) {
        for result in DeliveryResult::ALL {
            self.count(&DELIVER_MESSAGES, &[name, result.name()], status.results(result));
        }
        self.count(&DELIVER_REQUESTS, &[name], status.requests());
        self.labelled_distribution(&DELIVER_REQUEST_TIME, &[name], LatencyDistribution::of(&status.request_times()));
        self.count(&DELIVER_RETRIES, &[name], status.retries());
        self.count(&DELIVER_HELD, &[name], status.waiting());
        self.count(&DELIVER_IN_FLIGHT, &[name], status.in_flight());
        self.count(&DELIVER_BACKLOG, &[name], status.backlog());
        let age = status.oldest().map_or(0.0, |oldest| super::seconds(now.0 - oldest.0).max(0.0));
        self.add(&DELIVER_OLDEST, &[name], age);
        self.add(&DELIVER_CIRCUIT, &[name], f64::from(u8::from(status.is_circuit_open())));
        self.add(&DELIVER_OFF, &[name], f64::from(u8::from(status.is_switched_off())));
    }
}

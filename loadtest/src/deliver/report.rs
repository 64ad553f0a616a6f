//! The report of delivery.

use serde::Serialize;

use super::DeliverLoadArgs;
use super::hang::HangingReceiver;
use super::throughput::DeliveryRound;
use crate::figures::Spread;
use crate::table::{Table, grouped};

/// The complete report.
#[derive(Debug, Serialize)]
pub(super) struct DeliverReport {
    nats_server: String,
    messages: u32,
    users: u32,
    payload_bytes: u32,
    concurrency: u16,
    rounds: u32,
    requests_per_second: Spread,
    /// Of bare clients.
    bare_per_second: Spread,
    /// The one over the other, within a round.
    ratio: Spread,
    /// Of `rekindle deliver`.
    processor_us_per_request: Spread,
    /// Of nats-server.
    server_processor_us_per_request: Spread,
    peak_bytes: Spread,
    missing: u64,
    duplicated: u64,
    out_of_order: u64,
    unacknowledged: u64,
    hang: Option<HangingReceiver>,
}

impl DeliverReport {
    pub(super) fn new(
        args: &DeliverLoadArgs,
        nats_server: String,
        rounds: &[DeliveryRound],
        hang: Option<HangingReceiver>,
    ) -> DeliverReport {
        let of = |figure: &dyn Fn(&DeliveryRound) -> f64| Spread::of(rounds.iter().map(figure).collect());
        let sum = |figure: &dyn Fn(&DeliveryRound) -> u64| rounds.iter().map(figure).sum();
        DeliverReport {
            nats_server,
            messages: args.messages,
            users: args.users,
            payload_bytes: args.payload,
            concurrency: args.concurrency,
            rounds: args.rounds,
            requests_per_second: of(&|round| round.requests_per_second),
            bare_per_second: of(&|round| round.bare_per_second),
            ratio: of(&|round| round.requests_per_second / round.bare_per_second),
            processor_us_per_request: of(&|round| round.processor_us),
            server_processor_us_per_request: of(&|round| round.server_processor_us),
            peak_bytes: of(&|round| round.peak_bytes as f64),
            missing: sum(&|round| round.missing),
            duplicated: sum(&|round| round.duplicated),
            out_of_order: sum(&|round| round.out_of_order),
            unacknowledged: sum(&|round| round.unacknowledged),
            hang,
        }
    }

    /// Every action came once and in order, and memory stayed as it was.
    pub(super) fn is_sound(&self) -> bool {
        self.missing + self.duplicated + self.out_of_order + self.unacknowledged == 0
            && self.hang.is_none_or(|hang| hang.is_flat())
    }

    pub(super) fn table(&self) -> Table {
        let whole = |spread: &Spread| spread.row(&|number| grouped(number as u64));
        let decimals = |spread: &Spread| spread.row(&|number| format!("{number:.2}"));
        let mib = |bytes: f64| format!("{:.1}", bytes / f64::from(1 << 20));
        let mut rows = vec![
            (
                "actions",
                format!(
                    "{} of {} users, payload of {} bytes; {} requests at a time",
                    grouped(u64::from(self.messages)),
                    grouped(u64::from(self.users)),
                    grouped(u64::from(self.payload_bytes)),
                    self.concurrency
                ),
            ),
            ("nats-server", self.nats_server.clone()),
            ("requests/s", whole(&self.requests_per_second)),
            ("bare clients, requests/s", whole(&self.bare_per_second)),
            ("ratio", decimals(&self.ratio)),
            ("processor µs/request", decimals(&self.processor_us_per_request)),
            ("nats-server, processor µs/request", decimals(&self.server_processor_us_per_request)),
            ("peak memory, MiB", self.peak_bytes.row(&mib)),
            (
                "all rounds",
                format!(
                    "{} missing, {} duplicated, {} out of order, {} not acknowledged",
                    self.missing, self.duplicated, self.out_of_order, self.unacknowledged
                ),
            ),
        ];
        if let Some(hang) = &self.hang {
            rows.push((
                "receiver that does not answer",
                format!(
                    "{} s, {} requests: {} MiB RSS at most in the first quarter, {} in the last, {} at the peak",
                    hang.seconds,
                    hang.requests,
                    mib(hang.first_quarter as f64),
                    mib(hang.last_quarter as f64),
                    mib(hang.peak as f64)
                ),
            ));
        }
        Table::of_rows(rows)
    }
}

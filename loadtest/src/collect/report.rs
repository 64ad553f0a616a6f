//! The report of collecting beside publishing.

use serde::Serialize;

use super::idle::IdleConnections;
use super::kills::KilledBroker;
use super::{CollectLoadArgs, ThroughputRound};
use crate::figures::{Spread, median};
use crate::table::{Table, grouped};

/// The complete report.
#[derive(Debug, Serialize)]
pub(super) struct CollectReport {
    /// The server's version.
    pub(super) nats_server: String,
    batch: u32,
    clients: u32,
    rounds: u32,
    seconds: f64,
    /// Events per second of the collector.
    collect_events_per_second: Spread,
    /// Of the process that publishes straight.
    straight_events_per_second: Spread,
    /// The one over the other, within a round.
    ratio: Spread,
    collect_processor_us_per_event: Spread,
    straight_processor_us_per_event: Spread,
    /// Events per second at which latency was measured.
    paced_rate: f64,
    collect_p50_ms: Spread,
    collect_p99_ms: Spread,
    straight_p50_ms: Spread,
    straight_p99_ms: Spread,
    /// The difference of the two, within a round.
    added_p99_ms: Spread,
    pub(super) idle: Option<IdleConnections>,
    pub(super) kills: Option<KilledBroker>,
}

/// The median of the collector's rates.
pub(super) fn median_rate(rounds: &[ThroughputRound]) -> f64 {
    median(rounds.iter().map(|round| round.collect.rate()).collect())
}

impl CollectReport {
    pub(super) fn new(
        args: &CollectLoadArgs,
        rounds: &[ThroughputRound],
        paced: &[ThroughputRound],
        paced_rate: f64,
    ) -> CollectReport {
        let of = |figure: &dyn Fn(&ThroughputRound) -> f64| Spread::of(rounds.iter().map(figure).collect());
        let of_paced = |figure: &dyn Fn(&ThroughputRound) -> f64| Spread::of(paced.iter().map(figure).collect());
        CollectReport {
            nats_server: String::new(),
            batch: args.batch,
            clients: args.clients,
            rounds: args.rounds,
            seconds: args.seconds,
            collect_events_per_second: of(&|round| round.collect.rate()),
            straight_events_per_second: of(&|round| round.straight.rate()),
            ratio: of(&|round| round.collect.rate() / round.straight.rate()),
            collect_processor_us_per_event: of(&|round| round.collect.processor_us()),
            straight_processor_us_per_event: of(&|round| round.straight.processor_us()),
            paced_rate,
            collect_p50_ms: of_paced(&|round| round.collect.delays.p50_ms),
            collect_p99_ms: of_paced(&|round| round.collect.delays.p99_ms),
            straight_p50_ms: of_paced(&|round| round.straight.delays.p50_ms),
            straight_p99_ms: of_paced(&|round| round.straight.delays.p99_ms),
            added_p99_ms: of_paced(&|round| round.collect.delays.p99_ms - round.straight.delays.p99_ms),
            idle: None,
            kills: None,
        }
    }

    /// Nothing was lost or is there twice, and every connection was kept.
    pub(super) fn is_exact(&self) -> bool {
        self.kills.is_none_or(|kills| kills.lost + kills.duplicated == 0)
            && self.idle.is_none_or(|idle| idle.answered == idle.connections)
    }

    pub(super) fn table(&self) -> Table {
        let whole = |spread: &Spread| spread.row(&|number| grouped(number as u64));
        let decimals = |spread: &Spread| spread.row(&|number| format!("{number:.2}"));
        let mut rows = vec![
            ("calls in a request", format!("{}, {} clients", self.batch, self.clients)),
            ("nats-server", self.nats_server.clone()),
            ("collect, events/s", whole(&self.collect_events_per_second)),
            ("straight, events/s", whole(&self.straight_events_per_second)),
            ("ratio", decimals(&self.ratio)),
            ("collect, processor µs/event", decimals(&self.collect_processor_us_per_event)),
            ("straight, processor µs/event", decimals(&self.straight_processor_us_per_event)),
            ("at half of that rate, events/s", grouped(self.paced_rate as u64)),
            ("collect, p50 ms", decimals(&self.collect_p50_ms)),
            ("straight, p50 ms", decimals(&self.straight_p50_ms)),
            ("collect, p99 ms", decimals(&self.collect_p99_ms)),
            ("straight, p99 ms", decimals(&self.straight_p99_ms)),
            ("added at p99, ms", decimals(&self.added_p99_ms)),
        ];
        if let Some(idle) = &self.idle {
            let mib = |bytes: u64| format!("{:.1}", bytes as f64 / f64::from(1 << 20));
            rows.push((
                "idle connections",
                format!(
                    "{}: {} MiB RSS, {} without: {:.1} KiB each; {} answered afterwards; limit of open files {}",
                    grouped(u64::from(idle.connections)),
                    mib(idle.resident_with),
                    mib(idle.resident_without),
                    idle.bytes_each() / 1_024.0,
                    grouped(u64::from(idle.answered)),
                    idle.open_files_max
                ),
            ));
        }
        if let Some(kills) = &self.kills {
            rows.push((
                "broker killed",
                format!(
                    "{} times; {} calls answered with 200, {} lost, {} duplicated; {} requests sent again",
                    kills.kills,
                    grouped(kills.acknowledged),
                    kills.lost,
                    kills.duplicated,
                    kills.sent_again
                ),
            ));
        }
        Table::of_rows(rows)
    }
}

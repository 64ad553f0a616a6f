//! The report of lookups and of their cost to the engine.

use serde::Serialize;

use super::{LookupIntervals, MembershipArgs};
use crate::figures::median;
use crate::table::{Table, grouped};

/// The complete report.
#[derive(Debug, Serialize)]
pub(super) struct MembershipReport {
    users: u32,
    /// Users in a segment.
    members: u64,
    rounds: u32,
    seconds: f64,
    threads: u32,
    connections: u32,
    /// Requested; none: as many as possible.
    lookups_asked: Option<u32>,
    /// Events per second without lookups.
    ingest_alone: f64,
    in_process: Lookups,
    http: Lookups,
}

/// Lookups of one kind: medians of the measurements, quantiles over all of them.
#[derive(Clone, Copy, Debug, Serialize)]
struct Lookups {
    lookups_per_second: f64,
    p50_us: f64,
    p99_us: f64,
    p999_us: f64,
    max_us: f64,
    /// Of those looked up, how many were in a segment.
    share_in_a_segment: f64,
    /// Events per second meanwhile.
    ingest: f64,
    /// The same, relative to that without lookups in the same round.
    ratio_ingest: f64,
}

impl MembershipReport {
    pub(super) fn new(
        args: &MembershipArgs,
        members: u64,
        alone: Vec<f64>,
        in_process: &LookupIntervals,
        http: &LookupIntervals,
    ) -> MembershipReport {
        MembershipReport {
            users: args.users,
            members,
            rounds: args.rounds,
            seconds: args.seconds,
            threads: args.threads,
            connections: args.connections,
            lookups_asked: args.lookups,
            in_process: Lookups::new(in_process, &alone),
            http: Lookups::new(http, &alone),
            ingest_alone: median(alone),
        }
    }

    /// A column for each kind.
    pub(super) fn table(&self) -> Table {
        let ways = [&self.in_process, &self.http];
        let row = |name: &str, alone: String, cell: &dyn Fn(&Lookups) -> String| {
            let mut row = vec![name.to_owned(), alone];
            row.extend(ways.map(cell));
            row
        };
        let none = || "-".to_owned();
        let who = |count: u32, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
        let header = vec![
            format!("{} users, {} in a segment", grouped(u64::from(self.users)), grouped(self.members)),
            "nobody asks".to_owned(),
            format!("in process, {}", who(self.threads, "thread")),
            format!("HTTP, {}", who(self.connections, "connection")),
        ];
        let micros = |micros: f64| format!("{micros:.1}");
        let rows = vec![
            row("lookups/s", none(), &|ways| grouped(ways.lookups_per_second as u64)),
            row("p50, µs", none(), &|ways| micros(ways.p50_us)),
            row("p99, µs", none(), &|ways| micros(ways.p99_us)),
            row("p99.9, µs", none(), &|ways| micros(ways.p999_us)),
            row("max, µs", none(), &|ways| micros(ways.max_us)),
            row("ingest, events/s", grouped(self.ingest_alone as u64), &|ways| grouped(ways.ingest as u64)),
            row("of that while nobody asks", "1".to_owned(), &|ways| format!("{:.3}", ways.ratio_ingest)),
        ];
        Table { header, rows }
    }
}

impl Lookups {
    fn new(stretches: &LookupIntervals, alone: &[f64]) -> Lookups {
        let micros = |quantile| stretches.asked.took.value_at_quantile(quantile) as f64 / 1e3;
        let ratios = stretches.ingest.iter().zip(alone).map(|(with, alone)| with / alone).collect();
        Lookups {
            lookups_per_second: median(stretches.lookups.clone()),
            p50_us: micros(0.5),
            p99_us: micros(0.99),
            p999_us: micros(0.999),
            max_us: stretches.asked.took.max() as f64 / 1e3,
            share_in_a_segment: stretches.asked.found as f64 / stretches.asked.took.len().max(1) as f64,
            ingest: median(stretches.ingest.clone()),
            ratio_ingest: median(ratios),
        }
    }
}

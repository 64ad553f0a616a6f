//! The report of all sizes.

use serde::Serialize;

use super::one::SizeMeasurement;
use super::recovery::RecoveryTimes;
use crate::table::{Table, grouped};

/// The complete report.
#[derive(Debug, Serialize)]
pub(super) struct ScaleReport {
    pub(super) active_percent: f64,
    /// From one checkpoint to the next.
    pub(super) interval_seconds: f64,
    pub(super) rounds: u32,
    pub(super) sizes: Vec<SizeResult>,
}

/// One number of users.
#[derive(Debug, Serialize)]
pub(super) struct SizeResult {
    #[serde(flatten)]
    pub(super) measured: SizeMeasurement,
    pub(super) recovered: RecoveryTimes,
}

/// What throughput is compared with.
const REFERENCE_USERS: u64 = 100_000;

/// A row of the table: its name, and what stands in a size's column.
type TableRow<'r> = (&'r str, &'r dyn Fn(&SizeResult) -> String);

impl ScaleReport {
    /// A column for each size.
    pub(super) fn table(&self) -> Table {
        let mut header = vec!["users".to_owned()];
        header.extend(self.sizes.iter().map(|size| grouped(size.measured.users)));
        let reference = self.sizes.iter().find(|size| size.measured.users == REFERENCE_USERS);
        let reference = reference.map(|size| size.measured.events_per_second);
        let row = |(name, cell): &TableRow<'_>| {
            let mut row = vec![(*name).to_owned()];
            row.extend(self.sizes.iter().map(cell));
            row
        };
        let every = format!("{} s", self.interval_seconds);
        let costs =
            ["whole", "of changes", "in the store's shares"].map(|which| format!("cost every {every}, {which}"));
        let rows: [TableRow<'_>; _] = [
            ("active users", &|size| grouped(size.measured.active_users)),
            ("throughput, events/s", &|size| count(size.measured.events_per_second)),
            ("throughput / that at 100,000 users", &|size| {
                reference.map_or("-".to_owned(), |rate| format!("{:.3}", size.measured.events_per_second / rate))
            }),
            ("memory (RSS), MiB", &|size| mib(size.measured.resident_bytes)),
            ("with the membership view, MiB", &|size| mib(size.measured.live_resident_bytes)),
            ("peak under load, MiB", &|size| mib(size.measured.peak_bytes)),
            ("state by its own count, bytes/user", &|size| format!("{:.1}", size.measured.state_bytes_per_user)),
            ("whole checkpoint, MiB", &|size| format!("{:.1}", fine_mib(size.measured.checkpoint.base_bytes))),
            ("whole checkpoint, bytes/user", &|size| format!("{:.1}", size.measured.checkpoint.base_bytes_per_user)),
            ("whole, written at rest, s", &|size| format!("{:.2}", size.measured.checkpoint.base_seconds_at_rest)),
            ("whole, written at full load, s", &|size| format!("{:.2}", size.measured.checkpoint.base_seconds)),
            ("checkpoint of changes, users", &|size| grouped(size.measured.checkpoint.delta_users)),
            ("checkpoint of changes, MiB", &|size| format!("{:.1}", fine_mib(size.measured.checkpoint.delta_bytes))),
            ("of changes, written at full load, s", &|size| format!("{:.2}", size.measured.checkpoint.delta_seconds)),
            ("pause p50, ms", &|size| format!("{:.2}", size.measured.checkpoint.pauses.p50_ms)),
            ("pause p99, ms", &|size| format!("{:.2}", size.measured.checkpoint.pauses.p99_ms)),
            ("pause max, ms", &|size| format!("{:.2}", size.measured.checkpoint.pauses.max_ms)),
            ("live engine, events/s", &|size| count(size.measured.checkpoint.events_per_second)),
            (&costs[0], &|size| percent(size.measured.checkpoint.cost_of_bases)),
            (&costs[1], &|size| percent(size.measured.checkpoint.cost_of_deltas)),
            (&costs[2], &|size| percent(size.measured.checkpoint.cost)),
            ("recovery until an event is taken, s", &|size| format!("{:.2}", size.recovered.seconds)),
            ("recovery until read, s", &|size| format!("{:.2}", size.recovered.read_seconds)),
            ("recovery until in place, s", &|size| format!("{:.2}", size.recovered.restored_seconds)),
            ("memory after recovery, MiB", &|size| mib(size.recovered.resident_bytes)),
            ("peak of recovery, MiB", &|size| mib(size.recovered.peak_bytes)),
        ];
        Table { header, rows: rows.iter().map(row).collect() }
    }
}

fn count(number: f64) -> String {
    grouped(number as u64)
}

fn fine_mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

fn mib(bytes: u64) -> String {
    format!("{:.0}", fine_mib(bytes))
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

//! The latency of events while the timers of all users fire in the same second.
//!
//! Many users were last active within one second, and become dormant within one, 48 hours later. Meanwhile others place
//! orders at a steady rate ([`bursts`]).

use std::time::Duration;

use clap::Args;
use rekindle_core::time::Span;
use rekindle_runtime::pipeline::{Pipeline, PipelineOptions};
use serde::Serialize;

use crate::bursts::{self, Burst, BurstDelays, see_all};
use crate::error::Error;
use crate::synthetic_users::{BEGIN, EventLineWriter};
use crate::table::{Table, grouped};
use crate::workload;

/// When the users of W1 become dormant.
const DORMANT_AFTER: Span = Span(48 * 3_600_000);
/// An order that makes a big spender: 600.00.
const ORDER_CENTS: u64 = 60_000;

#[derive(Debug, Args)]
pub(super) struct DueArgs {
    /// Instead: how long events wait while the timers of this number of users fire in the same second (default: 1,000,000)
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "1000000",
        value_parser = clap::value_parser!(u32).range(1..=50_000_000), conflicts_with = "segments")]
    pub(super) due: Option<u32>,

    /// With --due: events per second that keep coming
    #[arg(long, value_name = "N", default_value_t = 2_000, requires = "due", value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: u32,

    /// With --due: the time within which the timers are due, in milliseconds
    #[arg(long, value_name = "MS", default_value_t = 1_000, requires = "due", value_parser = clap::value_parser!(u32).range(1..=60_000))]
    within: u32,

    /// With --due: the time with events before that, for comparison, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10, requires = "due", value_parser = clap::value_parser!(u32).range(1..=600))]
    quiet: u32,
}

/// The latency of events.
#[derive(Debug, Serialize)]
pub(super) struct DueReport {
    users_due: u32,
    within_ms: u32,
    #[serde(flatten)]
    delays: BurstDelays,
}

impl DueReport {
    /// As a table or a line of text.
    pub(super) fn table(&self) -> Table {
        let (users, within) = (u64::from(self.users_due), u64::from(self.within_ms));
        let due = ("falling due", format!("{} users within {} ms", grouped(users), grouped(within)));
        Table::of_rows([due].into_iter().chain(self.delays.rows()).collect())
    }
}

/// Measures.
pub(super) async fn measure(args: &DueArgs, users: u32) -> Result<DueReport, Error> {
    let plan = workload::compile(workload::W1)?;
    let options = PipelineOptions::default();
    let burst = Burst {
        users,
        entries_min: users,
        rate: args.rate,
        quiet: Duration::from_secs(u64::from(args.quiet)),
        within: Duration::from_millis(u64::from(args.within)),
        // Time falls behind what the broker says by as much as events may be out of order.
        at: BEGIN + DORMANT_AFTER + options.max_disorder,
        order_cents: ORDER_CENTS,
        event: None,
    };
    let mut pipeline = Pipeline::new(plan, options)
        .map_err(|error| Error::Io { attempt: "start the workers", cause: std::io::Error::other(error) })?;
    let mut lines = EventLineWriter::numbered_from(0);
    see_all(&mut pipeline, users, |user, block| {
        let after = u64::from(user) * u64::from(args.within) / u64::from(users);
        lines.view(user, BEGIN + Span(i64::try_from(after).unwrap_or(0)), block);
    });
    let delays = bursts::measure(pipeline, burst).await?;
    Ok(DueReport { users_due: users, within_ms: args.within, delays })
}

//! `loadtest sharing`: what it costs that one shopper's doings reach another.
//!
//! Five measurements. *groups*: one event in a hundred concerns a group, beside the same events under W1's rules alone, in turns.
//! *rows*: a catalogue that says every night what it said before. *watched*: a product's price falls that many people looked at, and
//! *taking*: an hour begins at which everybody is ranked, both while orders keep coming ([`bursts`](crate::bursts)). *picks*: an index
//! of many items is made, and lists are asked of it, directly and over HTTP beside a running engine.

mod catalogue;
mod groups;
mod many;
mod picks;
mod rows;

use std::time::Duration;

use clap::{Args, ValueEnum};
use serde::Serialize;

use crate::bursts::BurstDelays;
use crate::error::Error;
use crate::figures::Spread;
use crate::table::{ReportFormat, Table, grouped};
use many::WatchedRow;
use picks::PickLoad;

/// Measure what groups, rows of products, ranks and picks cost
#[derive(Debug, Args)]
pub(crate) struct SharingArgs {
    /// What is measured; everything unless it is said
    #[arg(long, value_name = "PART,…", value_delimiter = ',', value_enum)]
    only: Vec<SharingPart>,

    /// groups: how many events each pass reads
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1_000..))]
    events: u32,

    /// rows: how many products a catalogue has
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rows: u32,

    /// watched, taking: how many people it concerns
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(100..=20_000_000))]
    users: u32,

    /// watched, taking: orders per second that keep coming
    #[arg(long, value_name = "N", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    rate: u32,

    /// watched, taking: the time with orders before that, for comparison, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=600))]
    quiet: u32,

    /// picks: how many items there are
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    items: u32,

    /// picks: how often somebody touches one
    #[arg(long, value_name = "N", default_value_t = 5_000_000, value_parser = clap::value_parser!(u32).range(100..=200_000_000))]
    touches: u32,

    /// picks: lists asked over HTTP per second, each at its time
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    asks: u32,

    /// picks: how long lists are asked over HTTP, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 10.0, value_parser = crate::scale::seconds)]
    seconds: f64,

    /// groups, rows: how many rounds; the medians are reported
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    #[command(flatten)]
    format: ReportFormat,
}

/// A part of the measurements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum SharingPart {
    Groups,
    Rows,
    Watched,
    Taking,
    Picks,
}

/// What was measured.
#[derive(Debug, Default, Serialize)]
struct SharingReport {
    /// Events per processor second with groups, over those without.
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<Spread>,
    /// Seconds until a catalogue was taken in that says what is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    same_rows_seconds: Option<Spread>,
    #[serde(skip_serializing_if = "Option::is_none")]
    watched: Option<WatchedRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    taking: Option<BurstDelays>,
    #[serde(skip_serializing_if = "Option::is_none")]
    picks: Option<PickLoad>,
}

/// Measures; fails if something that was to come out did not.
pub(crate) async fn run(args: &SharingArgs) -> Result<bool, Error> {
    let is_asked = |part| args.only.is_empty() || args.only.contains(&part);
    let mut report = SharingReport::default();
    if is_asked(SharingPart::Groups) {
        report.groups = Some(groups::measure(args.events, args.rounds)?);
    }
    if is_asked(SharingPart::Rows) {
        report.same_rows_seconds = Some(rows::measure(args.rows, args.rounds)?);
    }
    if is_asked(SharingPart::Watched) {
        report.watched = Some(many::watched_row(args).await?);
    }
    if is_asked(SharingPart::Taking) {
        report.taking = Some(many::taking(args).await?);
    }
    if is_asked(SharingPart::Picks) {
        report.picks = Some(picks::measure(args).await?);
    }
    args.format.print(&report, &Table::of_rows(report.rows(args)))?;
    Ok(true)
}

impl SharingArgs {
    fn quiet(&self) -> Duration {
        Duration::from_secs(self.quiet.into())
    }
}

impl SharingReport {
    /// As lines of a table.
    fn rows(&self, args: &SharingArgs) -> Vec<(&'static str, String)> {
        let mut rows = Vec::new();
        let count = |number: u32| grouped(number.into());
        if let Some(ratio) = &self.groups {
            let ratio = ratio.row(&|ratio| format!("{ratio:.3}"));
            rows.push(("groups", format!("{ratio} of W1's events per processor second")));
        }
        if let Some(seconds) = &self.same_rows_seconds {
            let seconds = seconds.row(&|seconds| format!("{seconds:.3} s"));
            rows.push(("rows", format!("{seconds} for {} that are the same", count(args.rows))));
        }
        if let Some(watched) = &self.watched {
            rows.push(("watched", format!("the price falls that {} people saw", count(args.users))));
            rows.push(("index", format!("{:.1} bytes for each of a person's keys", watched.index_bytes_per_key)));
            rows.extend(watched.delays.rows());
        }
        if let Some(delays) = &self.taking {
            rows.push(("taking", format!("{} people are ranked", count(args.users))));
            rows.extend(delays.rows());
        }
        if let Some(picks) = &self.picks {
            let touched = format!("{} items, touched {} times", count(args.items), count(args.touches));
            rows.extend([("picks", touched)].into_iter().chain(picks.rows()));
        }
        rows
    }
}

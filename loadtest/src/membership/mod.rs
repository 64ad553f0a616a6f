//! `loadtest membership`: lookups of the membership view while the engine runs at full rate.
//!
//! Three measurements alternate, round after round: no lookups; lookups by threads of this process; lookups over HTTP, each
//! client on a connection that is kept. Engine, API, clients and source share the machine.

mod http;
mod lookups;
mod report;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::engine_feed::EngineFeed;
use crate::error::Error;
use crate::scale::one::populated;
use crate::served_api;
use crate::synthetic_users::Traffic;
use crate::table::ReportFormat;
use crate::workload;
use lookups::LookupResults;
use report::MembershipReport;

/// The feed is at full rate after this time.
const WARM_UP: Duration = Duration::from_secs(2);

/// Measure lookups of the live membership view, in process and over HTTP, while events come at full rate
#[derive(Debug, Args)]
pub(crate) struct MembershipArgs {
    /// Users, of whom most are in a segment
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(100..=50_000_000))]
    users: u32,

    /// How many of them all events come from, in percent
    #[arg(long, value_name = "PERCENT", default_value_t = 1.0, value_parser = crate::scale::percent)]
    active: f64,

    /// The rules (default: those of the W1 workload)
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,

    /// Connections for lookups over HTTP, each with one request after the other
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=64))]
    connections: u32,

    /// Threads for lookups in this process
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    threads: u32,

    /// Lookups per second of all clients together, each at its time (default: as many as possible)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000_000))]
    lookups: Option<u32>,

    /// The duration of each measurement, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = crate::scale::seconds)]
    seconds: f64,

    /// Rounds of all measurements; medians are reported
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    #[command(flatten)]
    format: ReportFormat,
}

/// The load of lookups.
#[derive(Clone, Copy, Debug)]
struct LookupRate {
    /// The number of clients.
    askers: u32,
    /// Lookups per second of all together; `None`: as many as they can.
    rate: Option<u32>,
    /// How long.
    took: Duration,
}

/// Measurements of one kind.
struct LookupIntervals {
    ingest: Vec<f64>,
    lookups: Vec<f64>,
    asked: LookupResults,
}

impl LookupIntervals {
    fn new() -> LookupIntervals {
        LookupIntervals { ingest: Vec::new(), lookups: Vec::new(), asked: LookupResults::new() }
    }

    fn add(&mut self, ingest: f64, asked: &LookupResults, took: Duration) {
        self.ingest.push(ingest);
        self.lookups.push(asked.took.len() as f64 / took.as_secs_f64());
        self.asked.add(asked);
    }
}

/// Measures; fails if a lookup returns a wrong result.
pub(crate) async fn run(args: &MembershipArgs) -> Result<bool, Error> {
    let (_, plan) = workload::read(args.rules.as_deref())?;
    let pipeline = populated(&plan, args.users)?;
    let feed = EngineFeed::start(pipeline, 0, Traffic::new(args.users, args.active)).await?;
    let api = served_api::serve(feed.live.clone()).await?;
    tokio::time::sleep(WARM_UP).await;
    let took = Duration::from_secs_f64(args.seconds);
    let pace = |askers| LookupRate { askers, rate: args.lookups, took };
    let mut alone = Vec::new();
    let (mut in_process, mut over_http) = (LookupIntervals::new(), LookupIntervals::new());
    for _ in 0..args.rounds {
        let began = feed.now();
        tokio::time::sleep(took).await;
        alone.push(feed.rate_since(began));

        let began = feed.now();
        let asked = lookups::in_process(&feed.live, args.users, pace(args.threads)).await?;
        in_process.add(feed.rate_since(began), &asked, took);

        let began = feed.now();
        let asked = http::ask(api.address, args.users, pace(args.connections)).await?;
        over_http.add(feed.rate_since(began), &asked, took);
    }
    let members = feed.live.view().len() as u64;
    api.end().await;
    feed.end().await?;
    if in_process.asked.found == 0 || over_http.asked.found == 0 {
        return Err(Error::Unreadable(
            "nobody who was looked up is in a segment: the rules have none for them".to_owned(),
        ));
    }
    let report = MembershipReport::new(args, members, alone, &in_process, &over_http);
    args.format.print(&report, &report.table())?;
    Ok(true)
}

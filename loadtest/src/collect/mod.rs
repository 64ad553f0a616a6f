//! `loadtest collect`: events over HTTP beside the same events published straight to JetStream.
//!
//! In turns, round after round, each on the same core: `rekindle collect`, which clients on the other cores send batches to; and
//! a process that publishes the same events with the same client library and waits for the same acknowledgements. Then the same
//! at half of the collector's rate, where latency counts from the intended time of each batch. Then what connections that do
//! nothing take of memory, and what becomes of calls while the broker is killed.

mod batches;
mod collector;
mod idle;
mod kills;
mod load;
mod report;
mod straight;

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_nats::jetstream::Context;
use async_nats::jetstream::stream::Config;
use clap::Args;

use crate::cores::CoreShares;
use crate::daemon;
use crate::error::Error;
use crate::servers::Servers;
use crate::streams::{self, EVENTS};
use crate::table::ReportFormat;
use batches::{BatchPool, BatchShape};
use collector::CollectorProcess;
use load::{HttpLoad, LoadResult};
use report::CollectReport;
pub(crate) use straight::{StraightArgs, run as run_straight};

/// How long the server may take to be there.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long each process is used before it is measured.
const WARM_UP: Duration = Duration::from_secs(1);

/// Measure events over HTTP beside the same events published straight to JetStream
///
/// Starts nats-server and `rekindle collect`, which has a core of its own. Ends with 0 if no call that was answered with 200 is
/// missing from the stream or there twice.
#[derive(Debug, Args)]
pub(crate) struct CollectLoadArgs {
    /// Calls in a request
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    batch: u32,

    /// Clients, each with one request after the other on a connection that it keeps
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    clients: u32,

    /// The duration of each measurement
    #[arg(long, value_name = "SECONDS", default_value_t = 5.0, value_parser = crate::scale::seconds)]
    seconds: f64,

    /// Rounds of all measurements
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// Connections that do nothing; 0 leaves that out
    #[arg(long, value_name = "N", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(0..=16_000))]
    idle: u32,

    /// How often nats-server is killed (SIGKILL) and started again while clients send; 0 leaves that out
    #[arg(long, value_name = "N", default_value_t = 5)]
    kills: u32,

    /// The daemon's binary (default: the one in the folder of this program)
    #[arg(long, value_name = "FILE")]
    rekindle: Option<PathBuf>,

    #[command(flatten)]
    format: ReportFormat,
}

/// One round: the collector and the straight publisher, as fast as they can.
struct ThroughputRound {
    collect: LoadResult,
    straight: LoadResult,
}

/// The setup of a measurement.
struct CollectBench<'a> {
    args: &'a CollectLoadArgs,
    binary: PathBuf,
    folder: &'a Path,
    cores: CoreShares,
    servers: Servers,
    context: Context,
    pool: BatchPool,
}

/// Measures; returns whether every call that was answered with 200 is in the stream once.
pub(crate) async fn run(args: &CollectLoadArgs) -> Result<bool, Error> {
    let folder = tempfile::tempdir().map_err(|cause| Error::Io { attempt: "make a temporary folder", cause })?;
    let mut bench = CollectBench::start(args, folder.path()).await?;
    let report = bench.measure().await?;
    args.format.print(&report, &report.table())?;
    Ok(report.is_exact())
}

impl<'a> CollectBench<'a> {
    async fn start(args: &'a CollectLoadArgs, folder: &'a Path) -> Result<CollectBench<'a>, Error> {
        let cores = CoreShares::one_and_others()?;
        cores.with_others(std::process::id())?;
        // A child of this process has its cores.
        let mut servers = Servers::single(folder)?;
        for server in &mut servers.servers {
            server.wait_until_up().await?;
        }
        let context = streams::connect(&servers.urls(), "loadtest").await?;
        streams::wait_for_answers(&context, PATIENCE).await?;
        let binary = daemon::binary(args.rekindle.as_deref())?;
        let pool = BatchPool::of_storefront(BatchShape { calls: args.batch });
        Ok(CollectBench { args, binary, folder, cores, servers, context, pool })
    }

    async fn measure(&mut self) -> Result<CollectReport, Error> {
        let took = Duration::from_secs_f64(self.args.seconds);
        self.fresh_stream().await?;
        let collector = self.collector().await?;
        let mut load = HttpLoad::new(&collector, self.pool.clone(), self.args.clients);
        load.as_fast_as_possible(WARM_UP).await?;
        let mut rounds = Vec::new();
        for _ in 0..self.args.rounds {
            self.fresh_stream().await?;
            let straight = self.straight(took, None).await?;
            self.fresh_stream().await?;
            let collect = load.as_fast_as_possible(took).await?;
            rounds.push(ThroughputRound { collect, straight });
        }
        let half = report::median_rate(&rounds) / 2.0;
        let mut paced = Vec::new();
        for _ in 0..self.args.rounds {
            self.fresh_stream().await?;
            let straight = self.straight(took, Some(half)).await?;
            self.fresh_stream().await?;
            let collect = load.at_rate(half, took).await?;
            paced.push(ThroughputRound { collect, straight });
        }
        collector.end().await?;
        let mut report = CollectReport::new(self.args, &rounds, &paced, half);
        report.nats_server = self.context.client().server_info().version;
        if self.args.idle > 0 {
            // All must be open before the first is closed for doing nothing.
            let pool = BatchPool::of_storefront(BatchShape { calls: self.args.batch.min(idle::CALLS_MAX) });
            self.fresh_stream().await?;
            report.idle = Some(idle::measure(&self.collector().await?, &pool, self.args.idle).await?);
        }
        if self.args.kills > 0 {
            self.fresh_stream().await?;
            report.kills = Some(kills::measure(self).await?);
        }
        Ok(report)
    }

    /// A collector on its core, which takes calls.
    async fn collector(&self) -> Result<CollectorProcess, Error> {
        let command = self.cores.measured(&self.binary);
        CollectorProcess::start(command, self.folder, &self.servers.urls()[0]).await
    }

    /// Publishes straight, from a process on the same core.
    async fn straight(&self, took: Duration, rate: Option<f64>) -> Result<LoadResult, Error> {
        straight::run_in_process(&self.cores, &self.servers.urls()[0], &self.pool, took, rate).await
    }

    /// An empty stream of events; what the server knows of an earlier one's is gone.
    async fn fresh_stream(&self) -> Result<(), Error> {
        let subjects = ["events.>", "rekindle.tick", "rekindle.control.forget"].map(str::to_owned).to_vec();
        streams::replace(&self.context, Config { name: EVENTS.to_owned(), subjects, ..Config::default() }).await
    }
}

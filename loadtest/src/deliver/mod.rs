//! `loadtest deliver`: actions to a receiver over HTTP.
//!
//! In turns, round after round: `rekindle deliver` sends a backlog of actions to a receiver in this process, and bare clients send
//! the same bodies to it as fast as they can. Then the receiver takes requests and answers none, and the memory of
//! `rekindle deliver` is watched beside a backlog that it can't get rid of.

mod actions;
mod bare;
mod deliverer;
mod hang;
mod receiver;
mod report;
mod throughput;

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_nats::jetstream::Context;
use clap::Args;

use crate::daemon;
use crate::error::Error;
use crate::servers::Servers;
use crate::streams;
use crate::table::ReportFormat;
use deliverer::Deliverer;
use report::DeliverReport;

/// How long the server may take to be there.
const PATIENCE: Duration = Duration::from_secs(30);

/// Measure delivery: requests per second to a local receiver, and memory while a receiver does not answer
///
/// Starts nats-server and `rekindle deliver`; the receiver is in this process. All of them share the machine. Ends with 0 if
/// every action came once, in the order of its user, and the memory did not grow.
#[derive(Debug, Args)]
pub(crate) struct DeliverLoadArgs {
    /// Actions in the stream
    #[arg(long, value_name = "N", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1_000..))]
    messages: u32,

    /// Users whom they are for
    #[arg(long, value_name = "N", default_value_t = 20_000, value_parser = clap::value_parser!(u32).range(1..))]
    users: u32,

    /// Bytes of an action's payload
    #[arg(long, value_name = "N", default_value_t = 200, value_parser = clap::value_parser!(u32).range(0..=500_000))]
    payload: u32,

    /// Requests at a time
    #[arg(long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..=1_000))]
    concurrency: u16,

    /// Rounds
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,

    /// For how long the receiver does not answer, in seconds; 0 leaves that out
    #[arg(long, value_name = "SECONDS", default_value_t = 120)]
    hang: u32,

    /// The daemon's binary (default: the one in the folder of this program)
    #[arg(long, value_name = "FILE")]
    rekindle: Option<PathBuf>,

    #[command(flatten)]
    format: ReportFormat,
}

/// The setup of a measurement.
struct DeliverBench<'a> {
    args: &'a DeliverLoadArgs,
    deliverer: Deliverer,
    servers: Servers,
    context: Context,
}

/// Measures; returns whether all was delivered as it should be.
pub(crate) async fn run(args: &DeliverLoadArgs) -> Result<bool, Error> {
    let folder = tempfile::tempdir().map_err(|cause| Error::Io { attempt: "make a temporary folder", cause })?;
    let bench = DeliverBench::start(args, folder.path()).await?;
    let mut rounds = Vec::new();
    for _ in 0..args.rounds {
        rounds.push(throughput::measure(&bench).await?);
    }
    let hang = match args.hang {
        0 => None,
        seconds => Some(hang::measure(&bench, Duration::from_secs(seconds.into())).await?),
    };
    let server = bench.context.client().server_info().version;
    let report = DeliverReport::new(args, server, &rounds, hang);
    args.format.print(&report, &report.table())?;
    Ok(report.is_sound())
}

impl<'a> DeliverBench<'a> {
    async fn start(args: &'a DeliverLoadArgs, folder: &Path) -> Result<DeliverBench<'a>, Error> {
        let mut servers = Servers::single(folder)?;
        for server in &mut servers.servers {
            server.wait_until_up().await?;
        }
        let context = streams::connect(&servers.urls(), "loadtest").await?;
        streams::wait_for_answers(&context, PATIENCE).await?;
        let deliverer = Deliverer {
            binary: daemon::binary(args.rekindle.as_deref())?,
            folder: folder.to_owned(),
            server: servers.urls()[0].clone(),
            concurrency: args.concurrency,
        };
        Ok(DeliverBench { args, deliverer, servers, context })
    }

    /// The server's process.
    fn server_pid(&self) -> u32 {
        self.servers.servers[0].pid()
    }

    /// An output stream with a backlog for a destination whose consumer is there; the process is not running.
    async fn backlog(&self, port: u16) -> Result<(), Error> {
        actions::fresh_stream(&self.context).await?;
        // The consumer begins with what is published after it was made.
        let process = self.deliverer.start(port)?;
        self.deliverer.wait_for_consumer(&self.context).await?;
        process.end().await?;
        actions::publish(&self.context, self.args).await
    }
}

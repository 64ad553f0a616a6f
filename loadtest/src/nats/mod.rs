//! `loadtest nats`: throughput and latency of the daemon on a real server.
//!
//! Two things are measured in one run, each together with the minimum of work on the same server:
//!
//! - **A backlog.** Events are in the stream before the daemon starts; its events per second are compared
//!   with those of a consumer that does nothing with them.
//! - **Latency.** Events are published at a steady rate, each at its intended time whatever became of those before it, so
//!   that a stall counts for every event that it held up. An action's latency is from the intended time of the event that
//!   caused it until a subscriber to the stream of outputs has it. Beside it an echo runs: it takes the same events from
//!   the stream and publishes every twentieth into another, and its latency is measured the same way.
//!
//! The expected actions are computed by the engine itself, in this process, from the same events: a missing one is lost, one
//! that arrives twice is duplicated.

mod backlog;
pub(crate) mod consume;
mod echo;
pub(crate) mod events;
mod latency;
mod names;
mod reference;
mod report;

use std::path::{Path, PathBuf};
use std::time::Duration;

use async_nats::jetstream::Context;
use clap::Args;

use crate::daemon::{self, DaemonSetup};
use crate::error::Error;
use crate::servers::Servers;
use crate::table;
use events::NumberedEvents;
use latency::Phase;
use reference::Reference;
use report::{NatsReport, RateStep};

/// Measure the daemon on NATS: events per second, and the latency from event to action
///
/// Starts nats-server (or uses --url) and the daemon, on streams of its own (LOADTEST…), which it makes and deletes.
#[derive(Debug, Args)]
pub(crate) struct NatsArgs {
    /// A server to use instead of one of its own: nats://host:port
    #[arg(long, value_name = "URL")]
    url: Option<String>,

    /// Events published per second
    #[arg(long, value_name = "R", default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,

    /// For how long; the first second is warming up and does not count
    #[arg(long, value_name = "S", default_value_t = 20, value_parser = clap::value_parser!(u32).range(2..))]
    seconds: u32,

    /// Search the highest rate at which the latency's p99 stays below --p99-ms, from --rate on
    #[arg(long)]
    find_max: bool,

    /// See --find-max. Milliseconds
    #[arg(long, value_name = "MS", default_value_t = 50.0)]
    p99_ms: f64,

    /// Events that are in the stream before the daemon starts
    #[arg(long, value_name = "N", default_value_t = 300_000, value_parser = clap::value_parser!(u32).range(20_000..))]
    backlog: u32,

    /// Shoppers of the simulated storefront
    #[arg(long, value_name = "U", default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(1..))]
    users: u32,

    /// The daemon's binary (default: the one in the folder of this program)
    #[arg(long, value_name = "FILE")]
    rekindle: Option<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

const RULES: &str = include_str!("rules.toml");
/// How many rates are tried between one that is too high and one that is not.
const BISECTIONS: u32 = 4;
/// How long the daemon may take to drain.
const FINISHED_WITHIN: Duration = Duration::from_secs(90);

/// Measures; returns whether every action arrived exactly once.
pub(crate) async fn run(args: &NatsArgs) -> Result<bool, Error> {
    let folder = tempfile::tempdir().map_err(|cause| Error::Io { attempt: "make a temporary folder", cause })?;
    let report = measure(args, folder.path()).await?;
    let printed = if args.json { table::print_json(&report) } else { table::print(&report.rows()) };
    printed.map_err(|cause| Error::Io { attempt: "write to standard output", cause })?;
    Ok(report.is_exact())
}

async fn measure(args: &NatsArgs, folder: &Path) -> Result<NatsReport, Error> {
    let binary = daemon::binary(args.rekindle.as_deref())?;
    let mut own = None;
    let urls = match &args.url {
        Some(url) => vec![url.clone()],
        None => {
            let mut servers = Servers::single(folder)?;
            for server in &mut servers.servers {
                server.wait_until_up().await?;
            }
            own.insert(servers).urls()
        }
    };
    let context = names::connect(&urls).await?;
    names::refuse_existing(&context).await?;
    let setup = DaemonSetup::new(binary, folder, RULES, &names::settings(&urls[0]))?;
    let measured = measure_on(args, &context, setup).await;
    names::delete(&context).await;
    measured
}

async fn measure_on(args: &NatsArgs, context: &Context, mut setup: DaemonSetup) -> Result<NatsReport, Error> {
    names::create(context).await?;
    let mut events = NumberedEvents::open(args.users);
    let mut reference = Reference::new(RULES)?;
    let (backlog, mut daemon) =
        backlog::measure(context, &mut setup, &mut events, &mut reference, args.backlog).await?;
    let mut phase = Phase::open(context, &mut events, &mut reference, daemon.pid()).await?;
    let mut steps: Vec<RateStep> = Vec::new();
    let (mut good, mut bad) = (None, None);
    let mut rate = args.rate;
    loop {
        let step = phase.run(rate, args.seconds).await?;
        let is_good = step.kept_up && step.action.p99_ms <= args.p99_ms;
        *(if is_good { &mut good } else { &mut bad }) = Some(rate);
        steps.push(step);
        let tried = u32::try_from(steps.len()).unwrap_or(u32::MAX);
        rate = match (good, bad) {
            _ if !args.find_max => break,
            (Some(good), None) => good.saturating_mul(2),
            (None, Some(bad)) if bad > 1 && tried < BISECTIONS => bad / 2,
            (Some(good), Some(bad)) if bad > good + good / 20 && tried < 3 * BISECTIONS => good + (bad - good) / 2,
            _ => break,
        };
    }
    drop(phase);
    daemon.signal("TERM")?;
    let ended = daemon.wait_for_end(FINISHED_WITHIN).await;
    Ok(NatsReport {
        server: context.client().server_info().version,
        backlog,
        steps,
        max_rate: good.filter(|_| args.find_max),
        p99_bound_ms: args.p99_ms,
        ended_well: ended.is_some_and(|status| status.success()),
    })
}

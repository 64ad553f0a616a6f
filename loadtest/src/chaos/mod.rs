//! `loadtest chaos`: the daemon under faults, compared with a replay of the same log.
//!
//! A storefront is published at a steady rate while a seeded [`schedule`] of faults is carried out. When all are over and
//! everything is processed, the stream of events is read back and replayed; what is in the output stream must be the same
//! for every user, in order, no output missing and none there twice.
//!
//! The seed fixes the events and the faults with their times. It does not fix what the operating system makes of them, so
//! a run that failed may need several to fail again.

mod compare;
mod faults;
mod ordinals;
mod publisher;
mod replay;
mod report;
mod schedule;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use async_nats::jetstream::Context;
use clap::Args;
use rekindle_core::time::{Span, Timestamp};
use tokio::sync::watch;

use crate::daemon::{self, DaemonProcess, DaemonSetup};
use crate::error::Error;
use crate::servers::Servers;
use crate::streams::{self, DEAD, EVENTS, OUTPUTS, StreamEntry};
use crate::table;
use compare::{Differences, compare};
use faults::{DaemonFaultCounts, NetworkFaultCounts};
use ordinals::Ordinals;
use publisher::{EventPublisher, THE_END};
use rekindle_test_kit::nats_server::proxy::Proxy;
use report::ChaosReport;
use schedule::{FaultCounts, FaultSchedule};

/// Kill, cut and stop the daemon and its broker at random, and compare what it published with a replay
///
/// Starts everything on loopback, in a temporary folder: nats-server ($NATS_SERVER, on PATH, or fetched with pip) and
/// rekindle. Ends with 0 if nothing was lost, doubled or out of order; else keeps the folder and says where it is.
#[derive(Debug, Args)]
pub(crate) struct ChaosArgs {
    /// How often the daemon is killed (SIGKILL) and started again
    #[arg(long, value_name = "N", default_value_t = 20)]
    kills: u32,

    /// Determines the events, and the faults with their times (default: a random seed)
    #[arg(long, value_name = "S")]
    seed: Option<u64>,

    /// Also kill nats-server; N times (default: as often as the daemon)
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true)]
    broker: Option<Option<u32>>,

    /// Let the daemon connect through a proxy that breaks, stalls and slows connections; N times
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true)]
    network: Option<Option<u32>>,

    /// Stop the daemon (SIGSTOP) until another has taken over, then continue it; N times
    #[arg(long, value_name = "N", num_args = 0..=1, require_equals = true)]
    zombie: Option<Option<u32>>,

    /// Three nats-servers and streams of three copies; --broker kills the leader of the outputs, and is implied
    #[arg(long, conflicts_with = "network")]
    cluster: bool,

    /// Events published per second
    #[arg(long, value_name = "R", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..))]
    rate: u32,

    /// Shoppers of the simulated storefront
    #[arg(long, value_name = "U", default_value_t = 2_000, value_parser = clap::value_parser!(u32).range(1..))]
    users: u32,

    /// The rules (default: the starter pack, with more keys and draws)
    #[arg(long, value_name = "FILE")]
    rules: Option<PathBuf>,

    /// The daemon's binary (default: the one in the folder of this program)
    #[arg(long, value_name = "FILE")]
    rekindle: Option<PathBuf>,

    /// Keep the folder even if all is well
    #[arg(long)]
    keep: bool,

    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

/// `max_disorder`: the daemon's default.
const MAX_DISORDER: Span = Span(5_000);
/// How long the output stream may be silent before the wait for its end is given up.
const PATIENCE: Duration = Duration::from_secs(120);
/// How long the daemon may take to drain.
const FINISHED_WITHIN: Duration = Duration::from_secs(90);
/// How long the creation of the streams may take.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// The file with the secret of the draws.
const SECRET_FILE: &str = "draws.secret";
/// The time before the first fault and after the last one.
const QUIET: Duration = Duration::from_millis(1_500);

/// Runs the test; returns whether it passed.
pub(crate) async fn run(args: &ChaosArgs) -> Result<bool, Error> {
    let folder = tempfile::tempdir().map_err(|cause| Error::Io { attempt: "make a temporary folder", cause })?;
    let seed = args.seed.unwrap_or_else(|| rand::random_range(0..1_000_000));
    let mut report = match test(args, seed, folder.path()).await {
        Ok(report) => report,
        Err(error) => {
            eprintln!("seed {seed}; everything is in {}", folder.keep().display());
            return Err(error);
        }
    };
    if args.keep || !report.perfect {
        report.kept = Some(folder.keep().display().to_string());
    }
    let printed = if args.json { table::print_json(&report) } else { table::print(&report.rows()) };
    printed.map_err(|cause| Error::Io { attempt: "write to standard output", cause })?;
    Ok(report.perfect)
}

impl ChaosArgs {
    fn counts(&self) -> FaultCounts {
        // Where only one kind of fault is wanted, `--kills 0` says nothing about how often.
        let default = if self.kills == 0 { 10 } else { self.kills };
        let times = |asked: Option<Option<u32>>| asked.map_or(0, |times| times.unwrap_or(default));
        let servers = if self.cluster { self.broker.flatten().unwrap_or(default) } else { times(self.broker) };
        FaultCounts { kills: self.kills, zombies: times(self.zombie), servers, network: times(self.network) }
    }

    fn rules(&self) -> Result<String, Error> {
        match &self.rules {
            Some(path) => fs::read_to_string(path).map_err(Error::file("read", path)),
            None => Ok(default_rules()),
        }
    }
}

/// The starter pack, and what it has little of.
fn default_rules() -> String {
    concat!(include_str!("../../../config/rules.toml"), include_str!("rules.toml")).to_owned()
}

/// Time comes from the events only: a replay of the log does not know when the server received it. A zombie's successor takes over
/// while the zombie, which is on the same machine and not dead, sleeps.
fn settings(servers: &[String], replicas: u32, has_zombies: bool) -> String {
    let takeover = if has_zombies { "now" } else { "wait" };
    let servers: Vec<String> = servers.iter().map(|server| format!("'{server}'")).collect();
    format!(
        "[engine]\nrules = 'rules.toml'\nclock = 'events'\nsecret_file = '{SECRET_FILE}'\n\
         [nats]\nservers = [{}]\n\
         [source]\ncreate = true\nreplicas = {replicas}\n\
         [output]\ncreate = true\ndecisions = true\nmax_age = '0s'\nreplicas = {replicas}\ntakeover = '{takeover}'\n\
         [http]\nlisten = '127.0.0.1:0'\n[shutdown]\ndeadline = '60s'\n\
         [log]\nformat = 'json'\nlevel = 'debug'\n",
        servers.join(", ")
    )
}

/// The state after the faults.
struct ChaosResult {
    daemon: DaemonProcess,
    blows: DaemonFaultCounts,
    network: NetworkFaultCounts,
    broker_kills: u32,
    until: Timestamp,
}

async fn test(args: &ChaosArgs, seed: u64, folder: &Path) -> Result<ChaosReport, Error> {
    let started = Instant::now();
    let binary = daemon::binary(args.rekindle.as_deref())?;
    let schedule = FaultSchedule::new(seed, args.counts());
    let mut servers = if args.cluster { Servers::cluster(folder)? } else { Servers::single(folder)? };
    for server in &mut servers.servers {
        server.wait_until_up().await?;
    }
    let proxy = args.network.map(|_| Proxy::to(servers.servers[0].port()));
    let urls = proxy.as_ref().map_or_else(|| servers.urls(), |proxy| vec![proxy.url()]);
    let rules = publisher::with_the_end(&args.rules()?);
    let replicas = if args.cluster { 3 } else { 1 };
    let secret = folder.join(SECRET_FILE);
    fs::write(&secret, format!("secret {seed}\n")).map_err(Error::file("write", &secret))?;
    let mut setup =
        DaemonSetup::new(binary.clone(), folder, &rules, &settings(&urls, replicas, args.zombie.is_some()))?;
    let context = streams::connect(&servers.urls(), "loadtest").await?;
    let daemon = setup.start()?;
    for stream in [EVENTS, OUTPUTS] {
        streams::wait_for(&context, stream, READY_WITHIN).await?;
    }
    if args.cluster {
        faults::wait_until_whole(&context).await?;
    }

    let mut publisher = EventPublisher::new(context.clone(), seed, args.users);
    let (stop, stopped) = watch::channel(false);
    let carry_out = async {
        tokio::time::sleep(QUIET).await;
        let (daemon, broker_kills, network) = tokio::join!(
            faults::strike(&mut setup, daemon, &schedule.daemon),
            faults::fail_servers(&mut servers, &context, &schedule.servers),
            async {
                match &proxy {
                    Some(proxy) => faults::trouble_network(proxy, &schedule.network).await,
                    None => NetworkFaultCounts::default(),
                }
            }
        );
        tokio::time::sleep(QUIET).await;
        let _ = stop.send(true);
        daemon.and_then(|(daemon, blows)| Ok((daemon, blows, network, broker_kills?)))
    };
    let (done, ()) = tokio::join!(carry_out, publisher.publish(args.rate, stopped));
    let (daemon, blows, network, broker_kills) = done?;
    let until = publisher.publish_the_end(MAX_DISORDER).await;
    let aftermath = ChaosResult { daemon, blows, network, broker_kills, until };
    let ended = Instant::now();
    let finished = finish(aftermath, &context).await;
    let seconds_to_the_end = ended.elapsed().as_secs_f64();
    let (aftermath, troubles) = finished;
    let report = judge(&binary, folder, &context, seed, aftermath, troubles).await?;
    Ok(ChaosReport {
        checkpoints: setup.has_checkpoints,
        seconds: started.elapsed().as_secs_f64(),
        seconds_to_the_end,
        perfect: report.perfect && !(setup.has_checkpoints && report.ordinals == "absent"),
        ..report
    })
}

/// Waits until everything is processed, and ends the daemon. Returns the failed checks.
async fn finish(mut aftermath: ChaosResult, context: &Context) -> (ChaosResult, Vec<String>) {
    let mut troubles = std::mem::take(&mut aftermath.blows.ended_by_themselves);
    let (mut last, mut since) = (0, Instant::now());
    while !streams::has(context, OUTPUTS, THE_END).await {
        let now = streams::info(context, OUTPUTS).await.map_or(last, |info| info.state.last_sequence);
        if now != last {
            (last, since) = (now, Instant::now());
        }
        if since.elapsed() > PATIENCE {
            troubles.push(format!("the last event did not come through: nothing new for {PATIENCE:?}"));
            break;
        }
        if let Some(status) = aftermath.daemon.ended() {
            troubles.push(format!("{} ended by itself", faults::told(&aftermath.daemon, status)));
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // The last event's outputs may come before others' of the same batch: the daemon finishes what it has.
    let _ = aftermath.daemon.signal("TERM");
    match aftermath.daemon.wait_for_end(FINISHED_WITHIN).await {
        Some(status) if status.success() => {}
        Some(status) => troubles.push(format!("{} did not end well", faults::told(&aftermath.daemon, status))),
        None => troubles.push(format!("daemon {} did not end within {FINISHED_WITHIN:?}", aftermath.daemon.number)),
    }
    (aftermath, troubles)
}

/// Compares what was published with a replay.
async fn judge(
    binary: &Path,
    folder: &Path,
    context: &Context,
    seed: u64,
    aftermath: ChaosResult,
    mut troubles: Vec<String>,
) -> Result<ChaosReport, Error> {
    let events = streams::read(context, EVENTS).await?;
    let outputs = streams::read(context, OUTPUTS).await?;
    let letters = streams::info(context, DEAD).await.map_or(0, |info| info.state.messages);
    let expected = replay::replay(binary, folder, &events, aftermath.until)?;
    let outputs = || outputs.iter().filter(|stored| stored.subject != "rekindle.progress");
    let found = replay::per_user(outputs())?;
    let differences = compare(&expected.outputs, &found);
    let ordinals = ordinals::check(outputs());
    write_received(folder, outputs(), &differences)?;
    let count = |outputs: &replay::OutputsByUser| outputs.values().map(|outputs| outputs.len() as u64).sum();
    let (wanted, received) = (count(&expected.outputs), count(&found));
    let ChaosResult { blows, network, broker_kills, .. } = aftermath;
    let dead_letters = letters.saturating_sub(expected.rejected);
    if wanted == 0 {
        troubles.push("nothing was expected: nothing is tested".to_owned());
    }
    if blows.refused < blows.zombies {
        troubles.push(format!("{} zombies were not refused", blows.zombies - blows.refused));
    }
    let Differences { duplicates, lost, foreign, out_of_order, .. } = differences;
    let is_in_order = !matches!(ordinals, Ordinals::Broken(_));
    let is_same = duplicates + lost + foreign + out_of_order + dead_letters == 0;
    Ok(ChaosReport {
        perfect: is_same && is_in_order && troubles.is_empty(),
        seed,
        kills: blows.kills,
        broker_kills,
        cuts: network.cuts,
        stalls: network.stalls,
        slowdowns: network.slowdowns,
        zombies: blows.zombies,
        zombies_refused: blows.refused,
        events: expected.events,
        expected: wanted,
        received,
        duplicates,
        lost,
        foreign,
        out_of_order,
        ordinals: match ordinals {
            Ordinals::Absent => "absent".to_owned(),
            Ordinals::Contiguous => "contiguous".to_owned(),
            Ordinals::Broken(how) => how,
        },
        dead_letters,
        troubles,
        checkpoints: false,
        seconds: 0.0,
        seconds_to_the_end: 0.0,
        kept: None,
    })
}

/// For debugging: everything that was published, and the first differences.
fn write_received<'s>(
    folder: &Path,
    outputs: impl Iterator<Item = &'s StreamEntry>,
    differences: &Differences,
) -> Result<(), Error> {
    let lines: String = outputs
        .map(|stored| format!("{} {} {}\n", stored.sequence, stored.subject, String::from_utf8_lossy(&stored.payload)))
        .collect();
    for (name, text) in [("received.txt", &lines), ("differences.txt", &differences.told)] {
        let path = folder.join(name);
        fs::write(&path, text).map_err(Error::file("write", path))?;
    }
    Ok(())
}

#[test]
fn the_default_rules_have_no_mistake() {
    assert!(rekindle_core::rules::compile(&default_rules()).is_ok());
}

//! Executes a schedule of faults: one task each for the daemon, the servers and the network.

use std::process::ExitStatus;
use std::time::{Duration, Instant};

use async_nats::jetstream::Context;
use tokio::time::sleep;

use super::schedule::{DaemonFault, FaultTime, NetworkFault, ServerOutage};
use crate::daemon::{DaemonProcess, DaemonSetup};
use crate::error::Error;
use crate::servers::Servers;
use crate::streams::{self, OUTPUTS};
use rekindle_test_kit::nats_server::proxy::Proxy;

/// How long a daemon may take to notice a takeover and end.
const REFUSED_WITHIN: Duration = Duration::from_secs(30);
/// The daemon's exit code after a takeover.
const REFUSED: i32 = 3;
/// How long the replicas of a stream may take to be complete again.
const WHOLE_WITHIN: Duration = Duration::from_secs(60);

/// What happened to daemons.
#[derive(Debug, Default)]
pub(super) struct DaemonFaultCounts {
    pub(super) kills: u32,
    pub(super) zombies: u32,
    /// The number of zombies or successors that ended by themselves and reported the takeover.
    pub(super) refused: u32,
    /// Daemons that ended without a fault.
    pub(super) ended_by_themselves: Vec<String>,
}

/// What happened to the network.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct NetworkFaultCounts {
    pub(super) cuts: u32,
    pub(super) stalls: u32,
    pub(super) slowdowns: u32,
}

/// Executes the faults of the daemon; returns the one that runs in the end.
pub(super) async fn strike(
    setup: &mut DaemonSetup,
    mut daemon: DaemonProcess,
    blows: &[FaultTime<DaemonFault>],
) -> Result<(DaemonProcess, DaemonFaultCounts), Error> {
    let mut done = DaemonFaultCounts::default();
    for blow in blows {
        sleep(blow.after).await;
        match blow.trouble {
            DaemonFault::Kill { down } => {
                if let Some(status) = daemon.kill() {
                    done.ended_by_themselves.push(told(&daemon, status));
                }
                done.kills += 1;
                sleep(down).await;
                daemon = setup.start()?;
            }
            DaemonFault::Zombie { asleep } => {
                if let Some(status) = daemon.ended() {
                    done.ended_by_themselves.push(told(&daemon, status));
                }
                daemon.signal("STOP")?;
                let mut zombie = std::mem::replace(&mut daemon, setup.start()?);
                sleep(asleep).await;
                zombie.signal("CONT")?;
                done.zombies += 1;
                done.refused += u32::from(one_is_refused(&mut zombie, &mut daemon).await);
            }
        }
    }
    Ok((daemon, done))
}

/// Waits until one of two daemons has found out that the other owns the outputs, and ended. It need not be the zombie: one
/// that was stopped before it took over does so when it wakes up, and then its successor is the one to go.
async fn one_is_refused(zombie: &mut DaemonProcess, daemon: &mut DaemonProcess) -> bool {
    let is_refused = |status: Option<ExitStatus>| status.is_some_and(|status| status.code() == Some(REFUSED));
    let started = Instant::now();
    while started.elapsed() < REFUSED_WITHIN {
        if is_refused(zombie.ended()) {
            return true;
        }
        if is_refused(daemon.ended()) {
            std::mem::swap(zombie, daemon);
            return true;
        }
        sleep(Duration::from_millis(20)).await;
    }
    false
}

/// A daemon that ended, as text.
pub(super) fn told(daemon: &DaemonProcess, status: ExitStatus) -> String {
    format!("daemon {} ({status}; its log is daemon-{:03}.log)", daemon.number, daemon.number)
}

/// Kills the only server, or the leader of the outputs' stream. Returns the number of kills.
pub(super) async fn fail_servers(
    servers: &mut Servers,
    context: &Context,
    outages: &[FaultTime<ServerOutage>],
) -> Result<u32, Error> {
    let mut kills = 0;
    for outage in outages {
        sleep(outage.after).await;
        let index = match servers.servers.len() {
            1 => 0,
            count => leader(servers, context).await?.unwrap_or(kills as usize % count),
        };
        let server = &mut servers.servers[index];
        server.kill();
        kills += 1;
        sleep(outage.trouble.down).await;
        server.start_again()?;
        server.wait_until_up().await?;
        if servers.servers.len() > 1 {
            wait_until_whole(context).await?;
        }
    }
    Ok(kills)
}

async fn leader(servers: &Servers, context: &Context) -> Result<Option<usize>, Error> {
    let info = streams::wait_for(context, OUTPUTS, WHOLE_WITHIN).await?;
    let leader = info.cluster.and_then(|cluster| cluster.leader).unwrap_or_default();
    Ok(servers.servers.iter().position(|server| server.name == leader))
}

/// Two replicas of three must be complete when a server is killed, or the test itself would lose data.
pub(super) async fn wait_until_whole(context: &Context) -> Result<(), Error> {
    let whole = async {
        for stream in [OUTPUTS, streams::EVENTS] {
            while !is_whole(context, stream).await {
                sleep(Duration::from_millis(100)).await;
            }
        }
    };
    tokio::time::timeout(WHOLE_WITHIN, whole).await.map_err(|_| Error::Nats {
        attempt: "see all copies of the streams whole".to_owned(),
        cause: format!("they were not within {WHOLE_WITHIN:?}"),
    })
}

async fn is_whole(context: &Context, stream: &str) -> bool {
    let cluster = streams::info(context, stream).await.and_then(|info| info.cluster);
    let is_current = |cluster: async_nats::jetstream::stream::ClusterInfo| {
        cluster.leader.is_some() && cluster.replicas.len() == 2 && cluster.replicas.iter().all(|peer| peer.current)
    };
    cluster.is_some_and(is_current)
}

/// Executes the faults of the network.
pub(super) async fn trouble_network(proxy: &Proxy, troubles: &[FaultTime<NetworkFault>]) -> NetworkFaultCounts {
    let mut done = NetworkFaultCounts::default();
    for moment in troubles {
        sleep(moment.after).await;
        match moment.trouble {
            NetworkFault::Cut => {
                done.cuts += 1;
                proxy.cut();
            }
            NetworkFault::Gone { lasts } => {
                done.cuts += 1;
                proxy.refuse(true);
                proxy.cut();
                sleep(lasts).await;
                proxy.refuse(false);
            }
            NetworkFault::Stall { lasts } => {
                done.stalls += 1;
                proxy.pause();
                sleep(lasts).await;
                proxy.resume();
            }
            NetworkFault::Slow { lasts, bytes_per_second } => {
                done.slowdowns += 1;
                proxy.throttle(bytes_per_second);
                sleep(lasts).await;
                proxy.throttle(0);
            }
        }
    }
    done
}

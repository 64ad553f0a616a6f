//! What connections take of memory that were used once and then do nothing.

use std::fs;
use std::net::SocketAddr;
use std::time::Duration;

use serde::Serialize;
use tokio::task::JoinSet;

use super::batches::BatchPool;
use super::collector::CollectorProcess;
use crate::error::Error;
use crate::prepared_client::PreparedClient;
use crate::process;

/// How long the collector does nothing before its memory is read.
const PAUSE: Duration = Duration::from_secs(2);
/// The most calls in a request.
pub(super) const CALLS_MAX: u32 = 10;
/// How many connections are being opened at a time.
const OPENERS: u32 = 64;
/// Requests before the first measurement.
const WARM_UP: u32 = 200;
/// Files that a process has open beside its connections.
const OTHER_FILES: u64 = 100;

/// Memory with connections and without.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct IdleConnections {
    pub(super) connections: u32,
    /// Resident memory of the collector before, in bytes.
    pub(super) resident_without: u64,
    /// With all of them open, each after one request.
    pub(super) resident_with: u64,
    /// How many of them answered another request after that.
    pub(super) answered: u32,
    /// Of this process, whose children have the same.
    pub(super) open_files_max: u64,
}

impl IdleConnections {
    pub(super) fn bytes_each(&self) -> f64 {
        self.resident_with.saturating_sub(self.resident_without) as f64 / f64::from(self.connections)
    }
}

/// Opens connections, sends a request on each, and reads the collector's memory when nothing happens any more.
pub(super) async fn measure(
    collector: &CollectorProcess,
    pool: &BatchPool,
    connections: u32,
) -> Result<IdleConnections, Error> {
    let open_files_max = open_files_max().unwrap_or(u64::MAX);
    if open_files_max < u64::from(connections) + OTHER_FILES {
        return Err(Error::Unreadable(format!(
            "a process may have {open_files_max} open files: {connections} connections need more (ulimit -n)"
        )));
    }
    let resident = || process::resident(collector.pid()).unwrap_or(0);
    let mut request = Vec::new();
    let mut first = PreparedClient::connect(collector.address).await?;
    for _ in 0..WARM_UP {
        pool.next().request(&mut request);
        first.send(&request).await?;
    }
    drop(first);
    tokio::time::sleep(PAUSE).await;
    let resident_without = resident();
    let mut openers = JoinSet::new();
    for opener in 0..OPENERS {
        let own = connections / OPENERS + u32::from(opener < connections % OPENERS);
        openers.spawn(open(collector.address, pool.clone(), own));
    }
    let mut clients = Vec::new();
    while let Some(opened) = openers.join_next().await {
        clients.extend(opened.map_err(|_| Error::Unreadable("a client has died".to_owned()))??);
    }
    tokio::time::sleep(PAUSE).await;
    let resident_with = resident();
    let mut answered = 0;
    for client in &mut clients {
        answered += u32::from(client.send(b"GET /healthz HTTP/1.1\r\nHost: c\r\n\r\n").await.is_ok_and(is_ok));
    }
    Ok(IdleConnections { connections, resident_without, resident_with, answered, open_files_max })
}

/// Opens connections, and sends a request on each.
async fn open(address: SocketAddr, pool: BatchPool, connections: u32) -> Result<Vec<PreparedClient>, Error> {
    let (mut clients, mut request) = (Vec::new(), Vec::new());
    for _ in 0..connections {
        let mut client = PreparedClient::connect(address).await?;
        pool.next().request(&mut request);
        client.send(&request).await?;
        clients.push(client);
    }
    Ok(clients)
}

fn is_ok(status: u16) -> bool {
    status == 200
}

/// How many files this process may have open.
fn open_files_max() -> Option<u64> {
    let limits = fs::read_to_string("/proc/self/limits").ok()?;
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

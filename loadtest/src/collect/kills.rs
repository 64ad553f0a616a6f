//! Calls while the broker is killed: what was answered with 200 must be in the stream, once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_nats::jetstream::consumer::DeliverPolicy;
use futures_util::StreamExt;
use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;
use serde::Serialize;
use tokio::task::JoinSet;

use super::CollectBench;
use super::batches::BatchPool;
use crate::error::Error;
use crate::nats::consume::consume;
use crate::nats::events::number_of;
use crate::prepared_client::PreparedClient;
use crate::streams::{self, EVENTS};

/// Clients.
const CLIENTS: u32 = 8;
/// How long a client waits after each batch: what is checked is not how many there are.
const PAUSE: Duration = Duration::from_millis(5);
/// How long it waits before it sends the same again.
const RETRY_INTERVAL: Duration = Duration::from_millis(100);
/// Between two kills, in milliseconds.
const BETWEEN_MS: std::ops::Range<u64> = 1_000..3_000;
/// How long the broker is away, in milliseconds.
const AWAY_MS: std::ops::Range<u64> = 0..1_500;
/// How long the broker may take to be there again, and the collector to take calls.
const PATIENCE: Duration = Duration::from_secs(60);

/// What became of the calls.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(super) struct KilledBroker {
    pub(super) kills: u32,
    /// Answered with 200.
    pub(super) acknowledged: u64,
    /// Requests that were sent again.
    pub(super) sent_again: u64,
    /// Acknowledged, and not in the stream.
    pub(super) lost: u64,
    /// In the stream more than once.
    pub(super) duplicated: u64,
}

/// Kills the broker while clients send, and compares what they were answered with what is in the stream.
pub(super) async fn measure(bench: &mut CollectBench<'_>) -> Result<KilledBroker, Error> {
    let collector = bench.collector().await?;
    let (pool, ended) = (bench.pool.clone(), Arc::new(AtomicBool::new(false)));
    let first = pool.next_number();
    let mut clients = JoinSet::new();
    for _ in 0..CLIENTS {
        clients.spawn(send_until_ended(collector.address, pool.clone(), Arc::clone(&ended)));
    }
    let mut dice = Xoshiro256PlusPlus::seed_from_u64(u64::from(bench.args.kills));
    for _ in 0..bench.args.kills {
        tokio::time::sleep(Duration::from_millis(dice.random_range(BETWEEN_MS))).await;
        let server = &mut bench.servers.servers[0];
        server.kill();
        tokio::time::sleep(Duration::from_millis(dice.random_range(AWAY_MS))).await;
        server.start_again()?;
        server.wait_until_up().await?;
    }
    tokio::time::sleep(Duration::from_millis(BETWEEN_MS.end)).await;
    ended.store(true, Ordering::Relaxed);
    let mut found = KilledBroker { kills: bench.args.kills, ..KilledBroker::default() };
    while let Some(client) = clients.join_next().await {
        found.sent_again += client.map_err(|_| Error::Unreadable("a client has died".to_owned()))??;
    }
    collector.end().await?;
    // Every batch was sent until it was taken.
    found.acknowledged = pool.next_number() - first;
    let stored = stored(bench, first, found.acknowledged).await?;
    found.lost = stored.iter().filter(|times| **times == 0).count() as u64;
    found.duplicated = stored.iter().filter(|times| **times > 1).count() as u64;
    Ok(found)
}

/// Sends batches, each until it is taken. Returns how often one was sent again.
async fn send_until_ended(
    address: std::net::SocketAddr,
    pool: BatchPool,
    ended: Arc<AtomicBool>,
) -> Result<u64, Error> {
    let (mut sent_again, mut request) = (0, Vec::new());
    let mut client = None;
    while !ended.load(Ordering::Relaxed) {
        pool.next().request(&mut request);
        let since = std::time::Instant::now();
        while !is_taken(&mut client, address, &request).await? {
            if since.elapsed() > PATIENCE {
                return Err(Error::Unreadable(format!("the collector took no calls for {PATIENCE:?}")));
            }
            sent_again += 1;
            tokio::time::sleep(RETRY_INTERVAL).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
    Ok(sent_again)
}

async fn is_taken(
    client: &mut Option<PreparedClient>,
    address: std::net::SocketAddr,
    request: &[u8],
) -> Result<bool, Error> {
    let mut connected = match client.take() {
        Some(connected) => connected,
        None => PreparedClient::connect(address).await?,
    };
    match connected.send(request).await {
        Ok(200) => {
            *client = Some(connected);
            Ok(true)
        }
        Ok(429 | 503) => {
            *client = Some(connected);
            Ok(false)
        }
        Ok(status) => Err(Error::Unreadable(format!("the collector answered with {status}"))),
        // A connection that was cut: the answer is unknown.
        Err(_) => Ok(false),
    }
}

/// How often each call from `first` on is in the stream.
async fn stored(bench: &CollectBench<'_>, first: u64, calls: u64) -> Result<Vec<u32>, Error> {
    let info = streams::wait_for(&bench.context, EVENTS, PATIENCE).await?;
    let mut stored = vec![0_u32; usize::try_from(calls).unwrap_or(0)];
    let mut messages = consume(&bench.context, EVENTS, "", DeliverPolicy::All).await?;
    for _ in 0..info.state.messages {
        let next = tokio::time::timeout(PATIENCE, messages.next()).await;
        let Ok(Some(Ok(message))) = next else {
            return Err(Error::Unreadable("the stream of events ended early".to_owned()));
        };
        let index = number_of(&message.payload).and_then(|number| usize::try_from(number.checked_sub(first)?).ok());
        match index.and_then(|index| stored.get_mut(index)) {
            Some(times) => *times += 1,
            None => return Err(Error::Unreadable("there is an event in the stream that nobody sent".to_owned())),
        }
    }
    Ok(stored)
}

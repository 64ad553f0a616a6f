//! Clients that send batches: one after the other, or each at its time.

use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::batches::BatchPool;
use super::collector::CollectorProcess;
use crate::error::Error;
use crate::figures::{Delays, histogram, note};
use crate::prepared_client::PreparedClient;
use crate::process;

/// What became of a load.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub(crate) struct LoadResult {
    /// Calls that were acknowledged.
    pub(super) events: u64,
    pub(super) seconds: f64,
    /// Of the process that is measured.
    pub(super) processor_seconds: f64,
    /// From the intended time of a batch (as fast as possible: from when it was sent) until all of it was acknowledged.
    pub(super) delays: Delays,
}

impl LoadResult {
    /// Acknowledged events per second.
    pub(super) fn rate(&self) -> f64 {
        self.events as f64 / self.seconds
    }

    /// Processor time per event, in microseconds.
    pub(super) fn processor_us(&self) -> f64 {
        self.processor_seconds * 1e6 / self.events.max(1) as f64
    }
}

/// Clients of a collector.
pub(super) struct HttpLoad {
    address: std::net::SocketAddr,
    pid: u32,
    pool: BatchPool,
    clients: u32,
}

/// The times of a client's requests.
#[derive(Clone, Copy)]
struct RequestTimes {
    started: Instant,
    took: Duration,
    /// Between two requests; none: each follows the one before it.
    gap: Option<Duration>,
}

impl HttpLoad {
    pub(super) fn new(collector: &CollectorProcess, pool: BatchPool, clients: u32) -> HttpLoad {
        HttpLoad { address: collector.address, pid: collector.pid(), pool, clients }
    }

    /// Every client sends the next batch when it has the answer to the one before.
    pub(super) async fn as_fast_as_possible(&mut self, took: Duration) -> Result<LoadResult, Error> {
        let started = Instant::now();
        self.run(|_| RequestTimes { started, took, gap: None }).await
    }

    /// Events per second, each batch at its time, whatever became of those before it.
    pub(super) async fn at_rate(&mut self, rate: f64, took: Duration) -> Result<LoadResult, Error> {
        let started = Instant::now();
        let between = Duration::from_secs_f64(f64::from(self.pool.shape.calls) / rate);
        let gap = between * self.clients;
        self.run(|client| RequestTimes { started: started + between * client, took, gap: Some(gap) }).await
    }

    async fn run(&self, times: impl Fn(u32) -> RequestTimes) -> Result<LoadResult, Error> {
        let mut clients = JoinSet::new();
        let (started, before) = (Instant::now(), process::processor_time(self.pid).unwrap_or_default());
        for client in 0..self.clients {
            clients.spawn(send(PreparedClient::connect(self.address).await?, self.pool.clone(), times(client)));
        }
        let (mut events, mut delays) = (0, histogram());
        while let Some(ended) = clients.join_next().await {
            let (sent, own) = ended.map_err(|_| Error::Unreadable("a client has died".to_owned()))??;
            events += sent;
            delays.add(&own).expect("histograms of the same bounds add up");
        }
        let processor = process::processor_time(self.pid).unwrap_or_default().saturating_sub(before);
        Ok(LoadResult {
            events,
            seconds: started.elapsed().as_secs_f64(),
            processor_seconds: processor.as_secs_f64(),
            delays: Delays::of(&delays),
        })
    }
}

/// Sends batches, and returns how many calls were acknowledged, and how long each batch took.
async fn send(
    mut client: PreparedClient,
    pool: BatchPool,
    times: RequestTimes,
) -> Result<(u64, Histogram<u64>), Error> {
    let (mut events, mut delays, mut request) = (0, histogram(), Vec::new());
    for number in 0.. {
        let at = match times.gap {
            Some(gap) => times.started + gap * number,
            None => Instant::now(),
        };
        if at >= times.started + times.took {
            break;
        }
        tokio::time::sleep_until(at.into()).await;
        pool.next().request(&mut request);
        match client.send(&request).await? {
            200 => events += u64::from(pool.shape.calls),
            status => return Err(Error::Unreadable(format!("the collector answered with {status}"))),
        }
        note(&mut delays, at.elapsed());
    }
    Ok((events, delays))
}

//! The same events published straight to JetStream, by a process of its own that has the collector's core.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use async_nats::jetstream::Context;
use async_nats::jetstream::context::PublishAckFuture;
use async_nats::jetstream::message::PublishMessage;
use clap::Args;
use tokio::task::JoinSet;

use super::batches::{BatchPool, BatchShape, NumberedBatch};
use super::load::LoadResult;
use crate::child;
use crate::cores::CoreShares;
use crate::error::Error;
use crate::figures::{Delays, histogram, note};
use crate::streams::{self, EVENTS, EVENTS_SUBJECT};
use crate::{process, table};

/// How many messages may wait for their acknowledgement.
const WINDOW: usize = 4_000;

/// Publishes events straight to JetStream: a part of `collect`, in a process of its own
#[derive(Debug, Args)]
pub(crate) struct StraightArgs {
    /// The server
    #[arg(long)]
    url: String,
    /// Calls in a batch
    #[arg(long)]
    batch: u32,
    /// The number of the first call
    #[arg(long)]
    first: u64,
    /// For how long
    #[arg(long)]
    seconds: f64,
    /// Events per second (default: as many as possible)
    #[arg(long)]
    rate: Option<f64>,
}

/// Starts a process that publishes, and returns what it measured.
pub(super) async fn run_in_process(
    cores: &CoreShares,
    url: &str,
    pool: &BatchPool,
    took: Duration,
    rate: Option<f64>,
) -> Result<LoadResult, Error> {
    let mut command = cores.measured(child::own_binary()?);
    let (batch, first) = (pool.shape.calls.to_string(), pool.next_number().to_string());
    command.args(["collect-straight", "--url", url, "--batch", &batch, "--first", &first]);
    command.args(["--seconds", &took.as_secs_f64().to_string()]);
    if let Some(rate) = rate {
        command.args(["--rate", &rate.to_string()]);
    }
    let result: LoadResult = child::run(&mut command).await?;
    pool.begin_at(pool.next_number() + result.events);
    Ok(result)
}

/// Publishes, and prints what it measured.
pub(crate) async fn run(args: &StraightArgs) -> Result<bool, Error> {
    let pool = BatchPool::of_storefront(BatchShape { calls: args.batch });
    pool.begin_at(args.first);
    let context = streams::connect(std::slice::from_ref(&args.url), "loadtest-straight").await?;
    streams::wait_for(&context, EVENTS, Duration::from_secs(10)).await?;
    let took = Duration::from_secs_f64(args.seconds);
    let before = process::own_processor_time();
    let mut result = match args.rate {
        None => as_fast_as_possible(&context, &pool, took).await?,
        Some(rate) => at_rate(&context, &pool, took, rate).await?,
    };
    result.processor_seconds = process::own_processor_time().saturating_sub(before).as_secs_f64();
    table::print_json(&result).map_err(|cause| Error::Io { attempt: "write to standard output", cause })?;
    Ok(true)
}

async fn as_fast_as_possible(context: &Context, pool: &BatchPool, took: Duration) -> Result<LoadResult, Error> {
    let (started, mut events, mut waiting) = (Instant::now(), 0, VecDeque::new());
    while started.elapsed() < took {
        for acknowledgement in publish(context, &pool.next()).await? {
            waiting.push_back(acknowledgement);
            if waiting.len() >= WINDOW
                && let Some(oldest) = waiting.pop_front()
            {
                acknowledged(oldest).await?;
                events += 1;
            }
        }
    }
    for acknowledgement in waiting {
        acknowledged(acknowledgement).await?;
        events += 1;
    }
    Ok(LoadResult { events, seconds: started.elapsed().as_secs_f64(), ..LoadResult::default() })
}

async fn at_rate(context: &Context, pool: &BatchPool, took: Duration, rate: f64) -> Result<LoadResult, Error> {
    let (started, mut batches, mut delays) = (Instant::now(), JoinSet::new(), histogram());
    let gap = Duration::from_secs_f64(f64::from(pool.shape.calls) / rate);
    for number in 0.. {
        let at = started + gap * number;
        if at >= started + took {
            break;
        }
        tokio::time::sleep_until(at.into()).await;
        let acknowledgements = publish(context, &pool.next()).await?;
        batches.spawn(async move {
            for acknowledgement in acknowledgements {
                acknowledged(acknowledgement).await?;
            }
            Ok::<Duration, Error>(at.elapsed())
        });
    }
    let mut events = 0;
    while let Some(ended) = batches.join_next().await {
        note(&mut delays, ended.map_err(|_| Error::Unreadable("a publisher has died".to_owned()))??);
        events += u64::from(pool.shape.calls);
    }
    let seconds = started.elapsed().as_secs_f64();
    Ok(LoadResult { events, seconds, delays: Delays::of(&delays), ..LoadResult::default() })
}

/// Sends the calls of a batch; each has its id, as those of the collector have.
async fn publish(context: &Context, batch: &NumberedBatch<'_>) -> Result<Vec<PublishAckFuture>, Error> {
    let mut acknowledgements = Vec::new();
    for (id, call) in batch.calls() {
        let message = PublishMessage::build().payload(call).message_id(id).expected_stream(EVENTS);
        let sent = context.send_publish(EVENTS_SUBJECT, message).await;
        acknowledgements.push(sent.map_err(|error| Error::nats("publish an event")(error.into()))?);
    }
    Ok(acknowledgements)
}

async fn acknowledged(acknowledgement: PublishAckFuture) -> Result<(), Error> {
    let stored = acknowledgement.await.map_err(|error| Error::nats("have an event stored")(error.into()))?;
    if stored.duplicate { Err(Error::Unreadable("an event was stored before".to_owned())) } else { Ok(()) }
}

//! A backlog, from its first request to its last.

use std::time::{Duration, Instant};

use super::receiver::ActionReceiver;
use super::{DeliverBench, bare};
use crate::error::Error;
use crate::process;

/// How long nothing may come.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was measured in one round.
pub(super) struct DeliveryRound {
    /// From the first request to the last.
    pub(super) requests_per_second: f64,
    /// Of bare clients.
    pub(super) bare_per_second: f64,
    pub(super) processor_us: f64,
    pub(super) server_processor_us: f64,
    pub(super) peak_bytes: u64,
    pub(super) missing: u64,
    pub(super) duplicated: u64,
    pub(super) out_of_order: u64,
    pub(super) unacknowledged: u64,
}

pub(super) async fn measure(bench: &DeliverBench<'_>) -> Result<DeliveryRound, Error> {
    let args = bench.args;
    let receiver = ActionReceiver::start(args.messages, args.users, true).await?;
    bench.backlog(receiver.port).await?;
    let server_before = process::processor_time(bench.server_pid()).unwrap_or_default();
    let process = bench.deliverer.start(receiver.port)?;
    let (mut different, mut since) = (0, Instant::now());
    while different < u64::from(args.messages) && since.elapsed() < PATIENCE {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let now = receiver.look(|received| received.different);
        if now != different {
            (different, since) = (now, Instant::now());
        }
    }
    let unacknowledged = bench.deliverer.unacknowledged(&bench.context).await;
    let each = |time: Duration| time.as_secs_f64() * 1e6 / f64::from(args.messages);
    let processor = process::processor_time(process.pid()).unwrap_or_default();
    let server = process::processor_time(bench.server_pid()).unwrap_or_default().saturating_sub(server_before);
    let peak_bytes = process::peak_resident(process.pid()).unwrap_or(0);
    process.end().await?;
    let bare_per_second = bare::requests_per_second(args, receiver.port).await?;
    Ok(receiver.look(|received| {
        let took = received.last_at.zip(received.first_at).map(|(last, first)| last - first).unwrap_or_default();
        DeliveryRound {
            requests_per_second: received.different.saturating_sub(1) as f64 / took.as_secs_f64(),
            bare_per_second,
            processor_us: each(processor),
            server_processor_us: each(server),
            peak_bytes,
            missing: u64::from(args.messages) - received.different,
            duplicated: received.times.iter().filter(|times| **times > 1).count() as u64,
            out_of_order: received.out_of_order,
            unacknowledged,
        }
    }))
}

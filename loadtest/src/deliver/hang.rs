//! A receiver that takes requests and answers none: what is held must stay within the window, however long that lasts.

use std::time::{Duration, Instant};

use serde::Serialize;

use super::DeliverBench;
use super::receiver::ActionReceiver;
use crate::error::Error;
use crate::process;

/// How often memory is read.
const LOOK: Duration = Duration::from_millis(500);
/// The growth that counts as none: of what an allocator does.
const GROWTH_MAX: f64 = 1.1;

/// Memory while nothing is answered.
#[derive(Clone, Copy, Debug, Serialize)]
pub(super) struct HangingReceiver {
    pub(super) seconds: u32,
    /// Requests that came meanwhile.
    pub(super) requests: u64,
    /// The most resident memory in the first quarter of the time, in bytes.
    pub(super) first_quarter: u64,
    /// The most in the last quarter.
    pub(super) last_quarter: u64,
    /// The most at any time.
    pub(super) peak: u64,
}

impl HangingReceiver {
    /// Whether it took no more at the end than at the beginning.
    pub(super) fn is_flat(&self) -> bool {
        self.last_quarter as f64 <= self.first_quarter as f64 * GROWTH_MAX
    }
}

pub(super) async fn measure(bench: &DeliverBench<'_>, lasts: Duration) -> Result<HangingReceiver, Error> {
    let args = bench.args;
    let receiver = ActionReceiver::start(args.messages, args.users, false).await?;
    bench.backlog(receiver.port).await?;
    let process = bench.deliverer.start(receiver.port)?;
    let started = Instant::now();
    let (mut first_quarter, mut last_quarter) = (0, 0);
    while started.elapsed() < lasts {
        tokio::time::sleep(LOOK).await;
        let resident = process::resident(process.pid()).unwrap_or(0);
        if started.elapsed() < lasts / 4 {
            first_quarter = resident.max(first_quarter);
        } else if started.elapsed() > lasts / 4 * 3 {
            last_quarter = resident.max(last_quarter);
        }
    }
    let peak = process::peak_resident(process.pid()).unwrap_or(0);
    let requests = receiver.look(|received| received.requests);
    process.end().await?;
    Ok(HangingReceiver { seconds: args.hang, requests, first_quarter, last_quarter, peak })
}

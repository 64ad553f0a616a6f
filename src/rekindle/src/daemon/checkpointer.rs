//! Writes a checkpoint every so often, while everything else goes on.
//!
//! A checkpoint counts once all that came before it is published: the sink says so at a mark that stands where the cut was
//! made. Where writing fails (a full disk, a bucket that does not answer), the daemon goes on, says so, and tries again; a
//! start would read more of the log then. Who finds that another daemon has taken over ends.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::watch;
use tracing::{debug, error};

use super::DaemonError;
use super::scrape::wall_clock;
use rekindle_core::checkpoint::StreamIdentity;
use rekindle_runtime::health::Health;
use rekindle_runtime::live::{CompletedSnapshot, EngineHandle, SnapshotError};
use rekindle_runtime::store::{CheckpointStore, PublishedOutputs, StoreError};

/// After a failure the next is tried after this, or after the interval where that is shorter.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// What is known of checkpoints, for metrics. Reading it never waits.
#[derive(Debug, Default)]
pub struct CheckpointStatus {
    /// Whole checkpoints, and those of what changed, that count.
    pub written: [AtomicU64; 2],
    /// Attempts that failed.
    pub failures: AtomicU64,
    /// When the last one came to count, in milliseconds since 1970; 0: none did.
    pub last_ms: AtomicI64,
    /// How long the last one took, from the cut, in microseconds.
    pub took_us: AtomicU64,
    /// Its bytes.
    pub bytes: AtomicU64,
    /// The users in it.
    pub users: AtomicU64,
}

/// Why a checkpoint did not come to count.
#[derive(Debug, Error)]
enum CheckpointFailure {
    #[error(transparent)]
    Cut(#[from] SnapshotError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the sink has ended")]
    SinkGone,
}

/// Writes checkpoints.
#[derive(Clone)]
pub(super) struct Checkpointer {
    pub(super) checkpoints: CheckpointStore,
    pub(super) live: EngineHandle,
    /// Which stream the log is, once that is known and if it is one.
    pub(super) log: Arc<OnceLock<StreamIdentity>>,
    pub(super) interval: Duration,
    pub(super) status: Arc<CheckpointStatus>,
    pub(super) health: Health,
}

impl Checkpointer {
    /// Writes checkpoints until told to stop.
    ///
    /// # Errors
    /// Another daemon has taken the checkpoints over, or they are of another log.
    pub(super) async fn run(self, mut stop: watch::Receiver<bool>) -> Result<(), DaemonError> {
        tokio::select! {
            () = self.live.recovered() => {}
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        }
        self.note_stream().await?;
        let mut wait = self.interval;
        loop {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
                () = tokio::time::sleep(wait) => {}
            }
            wait = if self.write().await? { self.interval } else { self.interval.min(RETRY_INTERVAL) };
        }
    }

    /// Writes one. Whether it counts.
    pub(super) async fn write(&self) -> Result<bool, DaemonError> {
        let began = Instant::now();
        match self.try_write(began).await {
            Ok(()) => {
                self.health.note("checkpoint", "");
                Ok(true)
            }
            Err(CheckpointFailure::Store(error @ (StoreError::Fenced { .. } | StoreError::OtherStream { .. }))) => {
                Err(error.into())
            }
            Err(CheckpointFailure::Cut(SnapshotError::Busy(_)) | CheckpointFailure::SinkGone) => Ok(false),
            Err(failure) => {
                self.status.failures.fetch_add(1, Ordering::Relaxed);
                error!("no checkpoint was written: {failure}; going on without, and trying again");
                self.health
                    .note("checkpoint", format!("the last attempt failed: {failure}; a start reads more of the log"));
                Ok(false)
            }
        }
    }

    async fn try_write(&self, began: Instant) -> Result<(), CheckpointFailure> {
        let is_whole = self.checkpoints.next_is_whole();
        let checkpoints = self.checkpoints.clone();
        let begin =
            Box::new(move |head, plan, sequence, generation| checkpoints.begin(head, plan, sequence, generation));
        let CompletedSnapshot { finishing, passed, sequence } = self.live.cut(is_whole, begin).await?;
        let written = finishing.wait().await?;
        let passed = passed.await.map_err(|_| CheckpointFailure::SinkGone)?;
        let (bytes, users) = (written.bytes, written.users);
        let kind = usize::from(!written.is_whole());
        self.checkpoints
            .commit(written, PublishedOutputs { ordinal: passed.ordinal, last: Some(passed.stream_last) })
            .await?;
        let took = began.elapsed();
        let status = &self.status;
        status.written[kind].fetch_add(1, Ordering::Relaxed);
        status.last_ms.store(wall_clock().0, Ordering::Relaxed);
        status.took_us.store(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        status.bytes.store(bytes, Ordering::Relaxed);
        status.users.store(users, Ordering::Relaxed);
        debug!(sequence, bytes, users, is_whole, ?took, "a checkpoint was written");
        Ok(())
    }

    /// Which stream the checkpoints are of.
    async fn note_stream(&self) -> Result<(), DaemonError> {
        if let Some(log) = self.log.get() {
            self.checkpoints.note_stream(log.clone()).await?;
        }
        Ok(())
    }
}

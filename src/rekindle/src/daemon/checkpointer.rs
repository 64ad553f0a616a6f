//! Writes checkpoints at intervals, while processing continues.
//!
//! A checkpoint becomes valid when all outputs before it are published: the sink reports that when it passes a barrier at the
//! position where the snapshot was started. If writing fails (a full disk, a bucket that does not answer), the daemon continues,
//! reports it and retries; a start would replay more of the log then. If another daemon has claimed the store, this one ends.

use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::watch;
use tracing::{debug, error};

use super::{DaemonError, wall_clock};
use crate::metrics::{CheckpointFigures, CheckpointMetrics};
use rekindle_core::checkpoint::{CheckpointKind, StreamIdentity};
use rekindle_runtime::health::Health;
use rekindle_runtime::live::{CompletedSnapshot, EngineHandle, SnapshotError};
use rekindle_runtime::store::{CheckpointStore, PublishedOutputs, StoreError};

/// How long to wait after a failure, unless the interval is shorter.
const RETRY_INTERVAL: Duration = Duration::from_secs(5);

/// Why a checkpoint did not become valid.
#[derive(Debug, Error)]
enum CheckpointWriteFailure {
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the sink has ended")]
    SinkEnded,
}

/// Writes checkpoints.
#[derive(Clone)]
pub(super) struct Checkpointer {
    pub(super) checkpoints: CheckpointStore,
    pub(super) live: EngineHandle,
    /// The stream that is the log; `None`: events come on plain NATS.
    pub(super) log: Option<StreamIdentity>,
    pub(super) interval: Duration,
    pub(super) metrics: Arc<CheckpointMetrics>,
    pub(super) health: Health,
}

impl Checkpointer {
    /// Writes checkpoints until it is stopped.
    ///
    /// # Errors
    /// Another daemon has claimed the store, or its checkpoints are of another log.
    pub(super) async fn run(self, mut stop: watch::Receiver<bool>) -> Result<(), DaemonError> {
        tokio::select! {
            () = self.live.recovered() => {}
            _ = stop.wait_for(|stop| *stop) => return Ok(()),
        }
        self.record_stream().await?;
        let mut wait = self.interval;
        loop {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return Ok(()),
                () = tokio::time::sleep(wait) => {}
            }
            wait = if self.write().await? { self.interval } else { self.interval.min(RETRY_INTERVAL) };
        }
    }

    /// Writes a checkpoint. Returns whether it became valid.
    pub(super) async fn write(&self) -> Result<bool, DaemonError> {
        let began = Instant::now();
        match self.try_write(began).await {
            Ok(()) => {
                self.health.note("checkpoint", "");
                Ok(true)
            }
            Err(CheckpointWriteFailure::Store(
                error @ (StoreError::Fenced { .. } | StoreError::OtherStream { .. }),
            )) => Err(error.into()),
            Err(CheckpointWriteFailure::Snapshot(SnapshotError::Busy(_)) | CheckpointWriteFailure::SinkEnded) => {
                Ok(false)
            }
            Err(failure) => {
                self.metrics.failed();
                error!("no checkpoint was written: {failure}; processing continues, and it is retried");
                self.health.note(
                    "checkpoint",
                    format!("the last attempt failed: {failure}; a start would replay more of the log"),
                );
                Ok(false)
            }
        }
    }

    async fn try_write(&self, began: Instant) -> Result<(), CheckpointWriteFailure> {
        let is_full = self.checkpoints.next_is_full();
        let checkpoints = self.checkpoints.clone();
        let begin =
            Box::new(move |head, plan, sequence, generation| checkpoints.begin(head, plan, sequence, generation));
        let CompletedSnapshot { completion, passed, sequence } = self.live.snapshot(is_full, begin).await?;
        let written = completion.wait().await?;
        let passed = passed.await.map_err(|_| CheckpointWriteFailure::SinkEnded)?;
        let (bytes, users) = (written.bytes, written.users);
        let kind = if written.is_base() { CheckpointKind::Base } else { CheckpointKind::Delta };
        self.checkpoints
            .commit(written, PublishedOutputs { ordinal: passed.ordinal, last: Some(passed.stream_last) })
            .await?;
        let took = began.elapsed();
        self.metrics.written(CheckpointFigures { kind, at: wall_clock(), took, bytes, users });
        debug!(sequence, bytes, users, is_full, ?took, "wrote a checkpoint");
        Ok(())
    }

    /// Records in the store which stream the checkpoints belong to.
    async fn record_stream(&self) -> Result<(), DaemonError> {
        if let Some(log) = &self.log {
            self.checkpoints.record_stream(log.clone()).await?;
        }
        Ok(())
    }
}

//! The tasks of a running daemon: the source reads, the sink publishes, the checkpointer writes checkpoints. The engine has
//! a thread of its own.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::{JoinError, JoinHandle, JoinSet};

use super::checkpointer::Checkpointer;
use super::{DaemonError, Instruments, StartConflict};
use rekindle_core::checkpoint::StreamIdentity;
use rekindle_nats::sink::{OwnedSink, SinkStatus};
use rekindle_nats::source::NatsSource;
use rekindle_runtime::live;
use rekindle_runtime::log::RecordBatch;
use rekindle_runtime::output::batch::OutputItem;
use rekindle_runtime::store::CheckpointStore;

/// How long the sink may take to return the reason why it ended.
const SINK_END_TIMEOUT: Duration = Duration::from_secs(1);

/// What the tasks are started with.
pub(super) struct TaskInputs {
    pub(super) source: NatsSource,
    /// The stream that is the log; `None`: events come on plain NATS.
    pub(super) log: Option<StreamIdentity>,
    pub(super) outlet: OwnedSink,
    pub(super) output_items: mpsc::Receiver<OutputItem>,
    pub(super) batches: mpsc::Sender<RecordBatch>,
    pub(super) checkpoints: Option<CheckpointStore>,
    /// How often a checkpoint is written.
    pub(super) interval: Duration,
    pub(super) instruments: Instruments,
    /// The lock on the store, until the sink has ended.
    pub(super) store_lock: JoinSet<()>,
}

/// The tasks of a running daemon.
pub(super) struct MessageTasks {
    source: JoinHandle<()>,
    sink: JoinHandle<Result<(), DaemonError>>,
    checkpoints: JoinHandle<Result<(), DaemonError>>,
    checkpointer: Option<Checkpointer>,
    /// Receives the reason why the source can't continue.
    source_conflict: oneshot::Receiver<StartConflict>,
    sink_status: Arc<SinkStatus>,
    stop: watch::Sender<bool>,
    /// Keeps the engine running after the source has ended.
    batches: mpsc::Sender<RecordBatch>,
}

impl MessageTasks {
    /// Starts them.
    pub(super) fn start(inputs: TaskInputs) -> MessageTasks {
        let TaskInputs { source, log, outlet, output_items, batches, checkpoints, interval, instruments, store_lock } =
            inputs;
        let (stop, stopped) = watch::channel(false);
        let (conflict, source_conflict) = oneshot::channel();
        let checkpointer = checkpoints.map(|checkpoints| Checkpointer {
            checkpoints,
            live: instruments.live.clone(),
            log: log.clone(),
            interval,
            metrics: Arc::clone(&instruments.checkpoints),
            health: instruments.health.clone(),
        });
        MessageTasks {
            source: tokio::spawn(read(source, log, stopped.clone(), conflict)),
            sink: tokio::spawn(async move {
                let ended = outlet.run(output_items).await;
                drop(store_lock);
                Ok(ended?)
            }),
            checkpoints: tokio::spawn(write_checkpoints(checkpointer.clone(), stopped)),
            checkpointer,
            source_conflict,
            sink_status: instruments.sink,
            stop,
            batches,
        }
    }

    /// Waits until a task or the engine ends. While the source runs, each ends only if it must not continue.
    pub(super) async fn failed(&mut self, engine: &mut JoinHandle<bool>) -> DaemonError {
        tokio::select! {
            ended = &mut self.sink => reason(ended),
            ended = &mut self.checkpoints => reason(ended),
            Ok(conflict) = &mut self.source_conflict => conflict.into(),
            _ = engine => {
                // The engine also ends when the sink no longer receives its outputs: then the sink returns the reason.
                let ended = tokio::time::timeout(SINK_END_TIMEOUT, &mut self.sink).await;
                ended.map_or(DaemonError::EngineDied, reason)
            }
        }
    }

    /// Stops the source, waits until the engine has processed everything that was read, writes a last checkpoint, so that the
    /// next start has nothing to replay, and publishes the remaining outputs.
    pub(super) async fn drain(self, engine: JoinHandle<bool>) -> Result<(), DaemonError> {
        let _ = self.stop.send(true);
        let _ = self.source.await;
        self.checkpoints.await.unwrap_or(Err(DaemonError::EngineDied))?;
        // The whole queue can be reserved once no batch waits in it.
        drop(self.batches.reserve_many(live::BATCH_QUEUE_CAPACITY).await);
        self.sink_status.announce_release();
        if let Some(checkpointer) = &self.checkpointer {
            checkpointer.write().await?;
        }
        // The engine ends when the last sender of its queues is dropped.
        drop(self.batches);
        let engine_succeeded = engine.await.unwrap_or(false);
        self.sink.await.unwrap_or(Err(DaemonError::EngineDied))?;
        if engine_succeeded { Ok(()) } else { Err(DaemonError::EngineDied) }
    }
}

/// Why a task ended that should have continued.
fn reason(ended: Result<Result<(), DaemonError>, JoinError>) -> DaemonError {
    match ended {
        Ok(Err(error)) => error,
        Ok(Ok(())) | Err(_) => DaemonError::EngineDied,
    }
}

/// Reads the log, as long as the stream is the same as before.
async fn read(
    source: NatsSource,
    log: Option<StreamIdentity>,
    stop: watch::Receiver<bool>,
    conflict: oneshot::Sender<StartConflict>,
) {
    let Some(log) = log else { return source.run(stop).await };
    let status = source.status();
    tokio::select! {
        () = source.created_at(log.created_ms).run(stop) => {}
        created_ms = status.other_stream() => {
            let expected = StreamIdentity::of(&log.name, created_ms).to_string();
            let _ = conflict.send(StartConflict::OtherLog { found: log.to_string(), expected });
        }
    }
}

async fn write_checkpoints(
    checkpointer: Option<Checkpointer>,
    mut stop: watch::Receiver<bool>,
) -> Result<(), DaemonError> {
    match checkpointer {
        Some(checkpointer) => checkpointer.run(stop).await,
        None => {
            let _ = stop.wait_for(|stop| *stop).await;
            Ok(())
        }
    }
}

//! A checkpoint on its way out of the engine: captured in short pieces between two batches, written elsewhere.

use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::oneshot;

use super::EngineBusy;
use crate::output::batch::BarrierReport;
use crate::pipeline::{Pipeline, SnapshotHeader};
use crate::store::{CheckpointCompletion, CheckpointWriter, StoreError};
use rekindle_core::partition::ExecutionPlan;

/// How long the engine may stand still for a piece.
const PIECE: Duration = Duration::from_millis(2);
/// How many users are captured before the clock is looked at.
const USERS_AT_A_TIME: usize = 256;

/// A cut as it begins: what it is, by which rules, up to which message, the number of the rules.
pub type SnapshotStart =
    Box<dyn FnOnce(SnapshotHeader, Arc<ExecutionPlan>, u64, u64) -> Result<CheckpointWriter, StoreError> + Send>;

/// A cut that is captured whole.
#[derive(Debug)]
pub struct CompletedSnapshot {
    /// The checkpoint, being finished.
    pub finishing: CheckpointCompletion,
    /// Told when all of what came before the cut is published.
    pub passed: oneshot::Receiver<BarrierReport>,
    /// Everything up to this message of the source is in it.
    pub sequence: u64,
}

/// Why nothing was cut.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// The engine does not answer, or is not done recovering.
    #[error(transparent)]
    Busy(#[from] EngineBusy),
    /// The checkpoint could not be begun.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A cut under way.
pub(super) struct EngineSnapshot {
    writer: CheckpointWriter,
    passed: oneshot::Receiver<BarrierReport>,
    sequence: u64,
    reply: oneshot::Sender<Result<CompletedSnapshot, SnapshotError>>,
}

impl EngineSnapshot {
    pub(super) fn new(
        writer: CheckpointWriter,
        passed: oneshot::Receiver<BarrierReport>,
        sequence: u64,
        reply: oneshot::Sender<Result<CompletedSnapshot, SnapshotError>>,
    ) -> EngineSnapshot {
        EngineSnapshot { writer, passed, sequence, reply }
    }

    /// Whether whoever writes keeps up.
    pub(super) fn has_room(&self) -> bool {
        self.writer.has_room()
    }

    /// Captures some more. `None` once all is captured, and whoever waits for that knows.
    pub(super) fn go_on(self, pipeline: &mut Pipeline) -> Option<EngineSnapshot> {
        let began = Instant::now();
        while began.elapsed() < PIECE {
            match pipeline.capture(USERS_AT_A_TIME) {
                Some(pieces) => self.writer.push(pieces),
                None => {
                    let EngineSnapshot { writer, passed, sequence, reply } = self;
                    let finishing = writer.finish();
                    // Whoever waited may have gone; the next clean-up removes what was written.
                    let _ = reply.send(Ok(CompletedSnapshot { finishing, passed, sequence }));
                    return None;
                }
            }
        }
        Some(self)
    }
}

//! A snapshot being taken: in short parts between other actions, and written as a checkpoint on another thread.

use std::sync::Arc;
use std::time::{Duration, Instant};

use thiserror::Error;
use tokio::sync::oneshot;

use super::EngineBusy;
use super::recent_decisions::{DecisionRange, RecentDecisions};
use crate::output::batch::BarrierReport;
use crate::pipeline::{Pipeline, RecentHistoryPart, SnapshotHeader};
use crate::store::{CheckpointCompletion, CheckpointWriter, StoreError};
use rekindle_core::partition::ExecutionPlan;

/// How long the engine may pause for one part.
const MAX_PART_DURATION: Duration = Duration::from_millis(2);
/// Users per step; after each step the elapsed time is checked.
const USERS_PER_STEP: usize = 256;

/// Recent decisions per step.
const DECISIONS_PER_STEP: usize = 1_000;

/// Opens a checkpoint: its header, the rules, the sequence of the last record applied, the number of rules changes.
pub type SnapshotStart =
    Box<dyn FnOnce(SnapshotHeader, Arc<ExecutionPlan>, u64, u64) -> Result<CheckpointWriter, StoreError> + Send>;

/// A complete snapshot.
#[derive(Debug)]
pub struct CompletedSnapshot {
    /// The checkpoint file, which is being completed.
    pub completion: CheckpointCompletion,
    /// Resolves when everything before the snapshot is published.
    pub passed: oneshot::Receiver<BarrierReport>,
    /// The last record of the log that is in it.
    pub sequence: u64,
}

/// Why no snapshot was taken.
#[derive(Debug, Error)]
pub enum SnapshotError {
    /// The engine does not answer, is recovering, or takes a snapshot already.
    #[error(transparent)]
    Busy(#[from] EngineBusy),
    /// The checkpoint could not be opened.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A snapshot being taken.
pub(super) struct EngineSnapshot {
    writer: CheckpointWriter,
    passed: oneshot::Receiver<BarrierReport>,
    sequence: u64,
    /// The recent decisions that are to be written yet.
    decisions: DecisionRange,
    reply: oneshot::Sender<Result<CompletedSnapshot, SnapshotError>>,
}

impl EngineSnapshot {
    pub(super) fn new(
        writer: CheckpointWriter,
        passed: oneshot::Receiver<BarrierReport>,
        sequence: u64,
        decisions: DecisionRange,
        reply: oneshot::Sender<Result<CompletedSnapshot, SnapshotError>>,
    ) -> EngineSnapshot {
        EngineSnapshot { writer, passed, sequence, decisions, reply }
    }

    /// Whether the writer keeps up.
    pub(super) fn has_room(&self) -> bool {
        self.writer.has_room()
    }

    /// Takes the next part. `None` once the snapshot is complete; its result is sent then.
    pub(super) fn take_part(mut self, pipeline: &mut Pipeline, recent: &RecentDecisions) -> Option<EngineSnapshot> {
        let began = Instant::now();
        while began.elapsed() < MAX_PART_DURATION {
            if let Some(parts) = pipeline.snapshot_part(USERS_PER_STEP) {
                self.writer.push(parts);
                continue;
            }
            let decisions = recent.take_part(&mut self.decisions, DECISIONS_PER_STEP);
            if !decisions.is_empty() {
                self.writer.push_recent(RecentHistoryPart { decisions, ..RecentHistoryPart::default() });
                continue;
            }
            let EngineSnapshot { writer, passed, sequence, reply, .. } = self;
            let completion = writer.finish();
            // If nobody waits any more, the next clean-up removes the file.
            let _ = reply.send(Ok(CompletedSnapshot { completion, passed, sequence }));
            return None;
        }
        Some(self)
    }
}

//! The fixture of these tests: a pipeline on a small log whose checkpoints are stored now and then.

use std::path::Path;
use std::sync::Arc;

use super::super::folder::Folder;
use super::super::{CheckpointStore, LoadedCheckpoint, PublishedOutputs, StoreClaim, StoreError};
use crate::pipeline::{Pipeline, PipelineOptions};
use rekindle_core::checkpoint::StreamIdentity;
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules;

pub(super) const RULES: &str = r#"
[events]
view = "View"
[[segments]]
id = "twice"
when = "count(view, '1h') >= 2"
"#;

/// Messages of the log.
pub(super) const MESSAGES: u64 = 8;

/// A pipeline with its checkpoint store.
pub(super) struct StoredPipeline {
    pub(super) checkpoints: CheckpointStore,
    pub(super) pipeline: Pipeline,
    /// The last message fed.
    pub(super) sequence: u64,
    /// The number of the rules in force.
    pub(super) generation: u64,
}

pub(super) fn plan() -> Arc<ExecutionPlan> {
    Arc::new(ExecutionPlan::new(rules::compile(RULES).unwrap_or_else(|_| unreachable!("the rules have no mistake"))))
}

fn options() -> PipelineOptions {
    PipelineOptions { partitions: 3, workers: 1, ..PipelineOptions::default() }
}

/// The lines of a message: new and returning users, and a visitor who is linked.
fn message(sequence: u64) -> Vec<u8> {
    let mut lines = String::new();
    for index in 0..6 {
        let user = (sequence * 4 + index) % 13;
        let second = sequence * 6 + index;
        let visitor = if index == 5 { format!(r#""anonymousId":"user-{}","#, (user + 3) % 13) } else { String::new() };
        lines.push_str(&format!(
            "{{\"type\":\"track\",\"event\":\"View\",{visitor}\"userId\":\"user-{user}\",\"messageId\":\"m{second}\",\
             \"timestamp\":\"2026-03-02T00:00:{second:02}Z\"}}\n"
        ));
    }
    lines.into_bytes()
}

fn feed(pipeline: &mut Pipeline, sequence: u64) {
    pipeline.feed(&message(sequence), &mut |_| {}, &mut Vec::new());
}

/// The state after each message, beginning with none.
pub(super) fn states() -> Vec<Vec<u8>> {
    let mut pipeline = Pipeline::new(plan(), options()).expect("threads start");
    let mut states = vec![pipeline.encode_checkpoint()];
    for sequence in 1..=MESSAGES {
        feed(&mut pipeline, sequence);
        states.push(pipeline.encode_checkpoint());
    }
    states
}

/// Runs a future to its end.
pub(super) fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    runtime.block_on(future)
}

pub(super) fn stream() -> StreamIdentity {
    StreamIdentity { name: "EVENTS".to_owned(), created_ms: 1_772_409_600_000 }
}

pub(super) fn claim(instance: &str) -> StoreClaim {
    StoreClaim { epoch_at_least: 0, instance: instance.to_owned(), stream: Some(stream()), from_start: false }
}

/// The checkpoints of a folder of this machine.
pub(super) fn in_folder(path: &Path, keep: usize) -> CheckpointStore {
    CheckpointStore::over(Arc::new(Folder::open(path).expect("a folder")), keep)
}

impl StoredPipeline {
    /// Claims the checkpoints, and continues from the latest.
    pub(super) fn start(checkpoints: CheckpointStore, instance: &str) -> Result<StoredPipeline, StoreError> {
        StoredPipeline::start_with(checkpoints, claim(instance)).map(|(stored, _)| stored)
    }

    pub(super) fn start_with(
        checkpoints: CheckpointStore,
        claim: StoreClaim,
    ) -> Result<(StoredPipeline, LoadedCheckpoint), StoreError> {
        wait(checkpoints.claim(claim))?;
        let mut loaded = wait(checkpoints.load())?;
        let (pipeline, sequence, generation) = match loaded.state.take() {
            Some(state) => {
                let (sequence, generation) = (state.restored.head.sequence, state.entry.generation);
                assert_eq!((sequence, sequence * 10), (state.entry.sequence, state.entry.ordinal));
                (
                    Pipeline::restore(state.plan, options(), state.restored).expect("what was written"),
                    sequence,
                    generation,
                )
            }
            None => {
                let generation = wait(checkpoints.record_rules(0, &plan().rules.version, RULES))?;
                (Pipeline::new(plan(), options()).expect("threads start"), 0, generation)
            }
        };
        Ok((StoredPipeline { checkpoints, pipeline, sequence, generation }, loaded))
    }

    /// Feeds the next messages, up to this one.
    pub(super) fn feed_to(&mut self, sequence: u64) -> &mut StoredPipeline {
        while self.sequence < sequence {
            self.sequence += 1;
            feed(&mut self.pipeline, self.sequence);
        }
        self
    }

    /// Writes a checkpoint of this moment, and applies the next message meanwhile.
    pub(super) fn checkpoint(&mut self, full: bool) -> Result<(), StoreError> {
        let full = full || self.checkpoints.next_is_full();
        let at = self.sequence;
        let snapshot = self.pipeline.begin_snapshot(full);
        let writer = self.checkpoints.begin(snapshot, Arc::clone(self.pipeline.plan()), at, self.generation)?;
        if at < MESSAGES {
            self.feed_to(at + 1);
        }
        while let Some(parts) = self.pipeline.snapshot_part(2) {
            writer.push(parts);
        }
        let written = wait(writer.finish().wait())?;
        wait(self.checkpoints.commit(written, PublishedOutputs { ordinal: at * 10, last: Some(at * 100) }))
    }
}

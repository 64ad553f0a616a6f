//! The fixture of these tests: a pipeline on a log of a few messages with its checkpoint store, under rules with every kind of
//! feature.

use std::path::Path;
use std::sync::Arc;

use rekindle_core::checkpoint::StreamIdentity;
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::rules;
use rekindle_runtime::pipeline::{Pipeline, PipelineOptions};
use rekindle_runtime::store::{CheckpointStore, LoadedCheckpoint, PublishedOutputs, StoreClaim, StoreError};
use rekindle_settings::{CheckpointLocation, CheckpointSettings};

pub(crate) const RULES: &str = include_str!("first_format/rules.toml");
const EVENTS: &str = include_str!("first_format/events.jsonl");

/// A pipeline with its checkpoint store.
pub(crate) struct StoredPipeline {
    pub(crate) checkpoints: CheckpointStore,
    pub(crate) pipeline: Pipeline,
    pub(crate) sequence: u64,
}

pub(crate) fn plan() -> Arc<ExecutionPlan> {
    Arc::new(ExecutionPlan::new(rules::compile(RULES).expect("the rules compile")))
}

pub(crate) fn options() -> PipelineOptions {
    PipelineOptions { partitions: 4, workers: 1, ..PipelineOptions::default() }
}

/// The messages of the log: three lines each.
pub(crate) fn messages() -> Vec<String> {
    let lines: Vec<&str> = EVENTS.lines().collect();
    lines.chunks(3).map(|chunk| chunk.join("\n") + "\n").collect()
}

/// The state after this number of messages.
pub(crate) fn state_at(sequence: u64) -> Vec<u8> {
    let mut pipeline = Pipeline::new(plan(), options()).expect("threads start");
    for message in messages().iter().take(sequence as usize) {
        pipeline.feed(message.as_bytes(), &mut |_| {}, &mut Vec::new());
    }
    pipeline.encode_checkpoint()
}

pub(crate) fn claim(instance: &str) -> StoreClaim {
    let stream = StreamIdentity { name: "EVENTS".to_owned(), created_ms: 1_772_409_600_000 };
    StoreClaim { epoch_at_least: 0, instance: instance.to_owned(), stream: Some(stream), from_start: false }
}

pub(crate) fn in_folder(path: &Path) -> CheckpointStore {
    let settings =
        CheckpointSettings { store: CheckpointLocation::Folder(path.to_owned()), ..CheckpointSettings::default() };
    CheckpointStore::open(&settings).expect("the folder is made").expect("a store")
}

impl StoredPipeline {
    /// Claims the checkpoints, and continues from the latest.
    pub(crate) async fn start(
        checkpoints: CheckpointStore,
        claim: StoreClaim,
    ) -> Result<(StoredPipeline, LoadedCheckpoint), StoreError> {
        checkpoints.claim(claim).await?;
        let mut loaded = checkpoints.load().await?;
        let (pipeline, sequence) = match loaded.state.take() {
            Some(state) => {
                let sequence = state.restored.head.sequence;
                (Pipeline::restore(state.plan, options(), state.restored).expect("what was written"), sequence)
            }
            None => {
                checkpoints.record_rules(0, &plan().rules.version, RULES).await?;
                (Pipeline::new(plan(), options()).expect("threads start"), 0)
            }
        };
        Ok((StoredPipeline { checkpoints, pipeline, sequence }, loaded))
    }

    /// Feeds the next messages, up to this one.
    pub(crate) fn feed_to(&mut self, sequence: u64) {
        for message in &messages()[self.sequence as usize..sequence as usize] {
            self.pipeline.feed(message.as_bytes(), &mut |_| {}, &mut Vec::new());
        }
        self.sequence = sequence;
    }

    /// Writes a checkpoint of this moment.
    pub(crate) async fn checkpoint(&mut self, full: bool) -> Result<(), StoreError> {
        let snapshot = self.pipeline.begin_snapshot(full || self.checkpoints.next_is_full());
        let writer = self.checkpoints.begin(snapshot, Arc::clone(self.pipeline.plan()), self.sequence, 0)?;
        while let Some(parts) = self.pipeline.snapshot_part(2) {
            writer.push(parts);
        }
        let written = writer.finish().wait().await?;
        let outputs = PublishedOutputs { ordinal: self.sequence * 10, last: Some(self.sequence * 100) };
        self.checkpoints.commit(written, outputs).await
    }
}

//! The duration of a start: from the folder of checkpoints to an engine that has processed an event.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use rekindle_core::time::Span;
use rekindle_runtime::live::EngineEndpoints;
use rekindle_runtime::output::batch::OutputItem;
use rekindle_runtime::pipeline::{Pipeline, PipelineOptions};
use serde::{Deserialize, Serialize};

use super::checkpoints;
use crate::engine_feed::{go_live, message};
use crate::error::Error;
use crate::process;
use crate::synthetic_users::EventLineWriter;

/// The durations of a start, each from its beginning.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct RecoveryTimes {
    pub(super) users: u64,
    /// Until the checkpoint and what continues it were read.
    pub(super) read_seconds: f64,
    /// Until all users were restored.
    pub(super) restored_seconds: f64,
    /// Until an event was processed, and its outputs received.
    pub(super) seconds: f64,
    pub(super) resident_bytes: u64,
    /// The peak of resident memory.
    pub(super) peak_bytes: u64,
}

/// Starts from what is in a folder.
pub(super) async fn measure(folder: &Path) -> Result<RecoveryTimes, Error> {
    let started = Instant::now();
    let checkpoints = checkpoints::claimed(folder).await?;
    let loaded = checkpoints.load().await?;
    let read_seconds = started.elapsed().as_secs_f64();
    let nothing = || Error::Unreadable(format!("there is no checkpoint in {}", folder.display()));
    let state = loaded.state.ok_or_else(nothing)?;
    let sequence = state.entry.sequence;
    let pipeline = Pipeline::restore(Arc::clone(&state.plan), PipelineOptions::default(), state.restored)
        .map_err(|error| Error::Unreadable(error.to_string()))?;
    let restored_seconds = started.elapsed().as_secs_f64();
    let (users, at) = (pipeline.totals().users, pipeline.watermark() + Span(60_000));
    let EngineEndpoints { live: _live, batches, mut output_items, thread } = go_live(pipeline, sequence).await?;
    let mut line = Vec::new();
    EventLineWriter::numbered_from(u64::from(u32::MAX) * 4).view(0, at, &mut line);
    let ended = || Error::Unreadable("the engine has ended; this is a mistake".to_owned());
    batches.send(vec![message(sequence + 1, at, Bytes::from(line))]).await.map_err(|_| ended())?;
    loop {
        match output_items.recv().await.ok_or_else(ended)? {
            OutputItem::Batch(output_batch) if output_batch.committed.sequence > sequence => break,
            OutputItem::Batch(_) | OutputItem::Barrier(_) => {}
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let own = std::process::id();
    let (resident, peak) = (process::resident(own), process::peak_resident(own));
    drop((batches, output_items));
    let _ = tokio::task::spawn_blocking(move || thread.join()).await;
    let (resident_bytes, peak_bytes) = (resident.unwrap_or(0), peak.unwrap_or(0));
    Ok(RecoveryTimes { users, read_seconds, restored_seconds, seconds, resident_bytes, peak_bytes })
}

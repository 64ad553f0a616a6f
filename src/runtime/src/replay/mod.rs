//! Replay: files of events, from the first event to `--until`, with the outputs that the daemon would have computed.
//!
//! [`replay`] runs at once; a [`ResumableReplay`] commits its progress, continues from the last commit when it is started
//! again, and writes the same bytes. The path of a block: `files::source` reads it, `driver` has it decoded ahead and
//! applied, `writer` sorts and writes the outputs.

mod commit;
mod decoded_item;
mod driver;
mod error;
mod first_rejections;
mod growth;
mod input_position;
mod picks;
mod progress;
mod resumable;
mod resume;
mod writer;

use std::sync::Arc;

use thiserror::Error;

use crate::files::sink::OutputFile;
use crate::files::source::{FileItem, FileSourceError};
use crate::pipeline::{Pipeline, PipelineOptions, PipelineTotals};
pub(crate) use decoded_item::DecodedItem;
use driver::ReplayDriver;
pub use error::{CommitDamage, ReplayError, SkippedCommit};
use first_rejections::FirstRejections;
pub use growth::{final_state, growth_report, observe_growth, story_of};
pub use picks::evaluate_picks;
use rekindle_core::journal::{self, JournalSorter};
use rekindle_core::partition::{ExecutionPlan, Output};
use rekindle_core::rules;
use rekindle_core::time::Timestamp;
pub use resumable::{ReplayState, ResultTargets, ResumableReplay};

/// Where the results of a replay go.
pub struct ReplaySinks {
    /// The journal.
    pub journal: OutputFile,
    /// The actions, as CloudEvents.
    pub actions: Option<OutputFile>,
    /// The dead letters.
    pub dead_letters: Option<OutputFile>,
}

/// The result of a replay, besides its files.
#[derive(Debug)]
pub struct ReplayResult {
    /// The totals.
    pub totals: PipelineTotals,
    /// The first three calls that were rejected, as text: their places, the reasons, and how they begin.
    pub first_rejections: Vec<String>,
}

/// Replays everything that `source` yields, then advances time to `until`; `sinks` have the complete results when it returns.
///
/// # Errors
/// The source or a sink fails; the files of the sinks are removed then.
pub fn replay(
    plan: Arc<ExecutionPlan>,
    options: PipelineOptions,
    until: Timestamp,
    source: impl Iterator<Item = Result<FileItem, FileSourceError>>,
    sinks: ReplaySinks,
) -> Result<ReplayResult, ReplayError> {
    let max_message_bytes = options.max_message_bytes();
    let mut pipeline = Pipeline::new(plan, PipelineOptions { until: Some(until), ..options })?;
    let mut first_rejections = FirstRejections::default();
    let driver = ReplayDriver {
        pipeline: &mut pipeline,
        max_message_bytes,
        until,
        waiting_before: Vec::new(),
        progress: None,
        first_rejections: &mut first_rejections,
    };
    let ReplaySinks { journal, actions, dead_letters } = driver.run(source, sinks)?;
    let mut files: Vec<OutputFile> = std::iter::once(journal).chain(actions).chain(dead_letters).collect();
    files.iter_mut().try_for_each(OutputFile::flush)?;
    files.into_iter().try_for_each(OutputFile::finish)?;
    Ok(ReplayResult { totals: pipeline.totals(), first_rejections: first_rejections.into_lines() })
}

/// Why a log in memory could not be replayed.
#[derive(Debug, Error)]
pub enum InMemoryError {
    /// The rules have mistakes.
    #[error("the rules have {} mistakes", .0.len())]
    Rules(Vec<rekindle_core::diagnostics::Diagnostic>),
    /// The workers can't be started.
    #[error("could not start the worker threads: {0}")]
    Workers(#[from] rayon::ThreadPoolBuildError),
}

/// Replays a log in memory, `batch_bytes` at a time, and returns the journal. For tests and tools.
///
/// # Errors
/// The rules have mistakes, or the workers can't be started.
pub fn replay_bytes(
    rules_toml: &str,
    events: &[u8],
    until: Timestamp,
    options: PipelineOptions,
    batch_bytes: usize,
) -> Result<Vec<u8>, InMemoryError> {
    let plan = Arc::new(ExecutionPlan::new(rules::compile(rules_toml).map_err(InMemoryError::Rules)?));
    let options = PipelineOptions { until: Some(until), ..options };
    let mut pipeline = Pipeline::new(Arc::clone(&plan), options)?;
    let (mut sorter, mut outputs, mut journal) = (JournalSorter::default(), Vec::new(), Vec::new());
    let mut rest = events;
    while !rest.is_empty() {
        let from = batch_bytes.min(rest.len());
        let end = memchr::memchr(b'\n', &rest[from..]).map_or(rest.len(), |at| from + at + 1);
        let (batch, after) = rest.split_at(end);
        pipeline.feed(batch, &mut |_| {}, &mut outputs);
        let ready = sorter.release(&mut outputs, pipeline.final_before(pipeline.watermark()));
        append(&plan, &ready, &mut journal);
        rest = after;
    }
    pipeline.advance_to(until, &mut outputs);
    append(&plan, &sorter.release(&mut outputs, Timestamp::NEVER), &mut journal);
    Ok(journal)
}

fn append(plan: &ExecutionPlan, outputs: &[Output], journal: &mut Vec<u8>) {
    outputs.iter().for_each(|output| journal::append_line(&plan.rules, output, journal));
}

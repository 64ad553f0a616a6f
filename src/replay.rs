//! Replay: a log that has an end, from its first event to `--until`. What it computes is what the daemon would have.

use std::io;
use std::sync::Arc;

use thiserror::Error;

use crate::decode::Reason;
use crate::journal::{self, Sorter};
use crate::partition::{Output, Plan};
use crate::pipeline::{Options, Pipeline, Totals};
use crate::sink::dead_letter;
use crate::sink::file::{OutputFile, SinkError};
use crate::source::file::{Block, Item, Place, SourceError};
use crate::time::Timestamp;
use crate::{action, rules};

/// Where the results of a replay go.
pub struct Sinks {
    /// The journal.
    pub journal: OutputFile,
    /// The actions, as CloudEvents.
    pub actions: Option<OutputFile>,
    /// The dead letters.
    pub rejects: Option<OutputFile>,
}

/// A replay that could not be finished.
#[derive(Debug, Error)]
pub enum ReplayError {
    /// The events can't be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The results can't be written.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// The workers can't be started.
    #[error("could not start the worker threads: {0}")]
    Workers(#[from] rayon::ThreadPoolBuildError),
}

/// Replays everything `source` yields, then moves time on to `until`; the results are whole in `sinks` when it returns.
///
/// # Errors
/// The source or a sink fails; no file among the sinks is left behind then.
pub fn replay(
    plan: Arc<Plan>,
    options: Options,
    until: Timestamp,
    source: impl Iterator<Item = Result<Item, SourceError>>,
    mut sinks: Sinks,
) -> Result<Totals, ReplayError> {
    let mut pipeline = Pipeline::new(Arc::clone(&plan), Options { until: Some(until), ..options })?;
    let mut sorter = Sorter::default();
    let mut outputs = Vec::new();
    for item in source {
        match item? {
            Item::Block(block) => feed(&mut pipeline, &block, &mut sinks, &mut outputs)?,
            Item::Oversized { place, bytes, head } => {
                let reason = Reason::TooLarge { bytes, limit: options.max_event_bytes as u64 };
                pipeline.count_oversized(&reason);
                if let Some(rejects) = &mut sinks.rejects {
                    rejects.write(|sink| dead_letter::write_line(&reason, &place, &head, true, sink))?;
                }
            }
        }
        let ready = sorter.release(&mut outputs, pipeline.watermark());
        write(&plan, &ready, &mut sinks)?;
    }
    pipeline.advance_to(until, &mut outputs);
    let ready = sorter.finish(&mut outputs);
    write(&plan, &ready, &mut sinks)?;
    let mut sinks: Vec<OutputFile> =
        [Some(sinks.journal), sinks.actions, sinks.rejects].into_iter().flatten().collect();
    sinks.iter_mut().try_for_each(OutputFile::flush)?;
    sinks.into_iter().try_for_each(OutputFile::finish)?;
    Ok(pipeline.totals())
}

fn feed(
    pipeline: &mut Pipeline,
    block: &Block,
    sinks: &mut Sinks,
    outputs: &mut Vec<Output>,
) -> Result<(), ReplayError> {
    let mut failed = Ok(());
    let mut reject = |letter: crate::pipeline::DeadLetter<'_>| {
        if let (Some(rejects), true) = (&mut sinks.rejects, failed.is_ok()) {
            let place = Place { file: Arc::clone(&block.place.file), line: block.place.line + letter.line };
            let rejected = &letter.rejected;
            failed =
                rejects.write(|sink| dead_letter::write_line(&rejected.reason, &place, rejected.original, false, sink));
        }
    };
    pipeline.feed(&block.lines, &mut reject, outputs);
    Ok(failed?)
}

fn write(plan: &Plan, outputs: &[Output], sinks: &mut Sinks) -> Result<(), SinkError> {
    sinks.journal.write(|sink| outputs.iter().try_for_each(|output| journal::write_line(&plan.rules, output, sink)))?;
    match &mut sinks.actions {
        Some(actions) => {
            actions.write(|sink| outputs.iter().try_for_each(|output| action::write_line(&plan.rules, output, sink)))
        }
        None => Ok(()),
    }
}

/// Replays a log that is in memory, `batch_bytes` at a time, and returns the journal: for tests and tools.
///
/// # Errors
/// Every mistake in the rules; or the workers can't be started, as a diagnostic without a place.
pub fn replay_bytes(
    rules_toml: &str,
    events: &[u8],
    until: Timestamp,
    options: Options,
    batch_bytes: usize,
) -> Result<Vec<u8>, Vec<rules::diagnostic::Diagnostic>> {
    let plan = Arc::new(Plan::new(rules::compile(rules_toml)?));
    let options = Options { until: Some(until), ..options };
    let Ok(mut pipeline) = Pipeline::new(Arc::clone(&plan), options) else { return Err(Vec::new()) };
    let (mut sorter, mut outputs, mut journal) = (Sorter::default(), Vec::new(), Vec::new());
    let mut rest = events;
    while !rest.is_empty() {
        let from = batch_bytes.min(rest.len());
        let end = memchr::memchr(b'\n', &rest[from..]).map_or(rest.len(), |at| from + at + 1);
        let (batch, after) = rest.split_at(end);
        pipeline.feed(batch, &mut |_| {}, &mut outputs);
        let ready = sorter.release(&mut outputs, pipeline.watermark());
        append(&plan, &ready, &mut journal);
        rest = after;
    }
    pipeline.advance_to(until, &mut outputs);
    append(&plan, &sorter.finish(&mut outputs), &mut journal);
    Ok(journal)
}

fn append(plan: &Plan, outputs: &[Output], journal: &mut Vec<u8>) {
    let written: io::Result<()> =
        outputs.iter().try_for_each(|output| journal::write_line(&plan.rules, output, journal));
    written.expect("writing to memory cannot fail");
}

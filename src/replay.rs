//! Replay: a log that has an end, from its first event to `--until`. What it computes is what the daemon would have.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

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
    sinks: Sinks,
) -> Result<Totals, ReplayError> {
    let mut pipeline = Pipeline::new(Arc::clone(&plan), Options { until: Some(until), ..options })?;
    let Sinks { journal, actions, mut rejects } = sinks;
    let (sender, batches) = sync_channel(BATCHES_AHEAD);
    let writer = Writer { plan: &plan, sorter: Sorter::default(), journal, actions };
    let files = thread::scope(|scope| {
        let writing = scope.spawn(move || writer.write_all(&batches));
        let fed = feed_all(&mut pipeline, options.max_event_bytes, source, &mut rejects, &sender);
        if fed.is_ok() {
            let mut outputs = Vec::new();
            pipeline.advance_to(until, &mut outputs);
            // Not sent means not wanted: the writer has failed, and says so below.
            let _ = sender.send(Batch { outputs, final_before: Timestamp::NEVER });
        }
        drop(sender);
        let written = writing.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        fed.and_then(|()| Ok(written?))
    })?;
    let mut files: Vec<OutputFile> = files.into_iter().chain(rejects).collect();
    files.iter_mut().try_for_each(OutputFile::flush)?;
    files.into_iter().try_for_each(OutputFile::finish)?;
    Ok(pipeline.totals())
}

/// How many batches of outputs may wait for the writer.
const BATCHES_AHEAD: usize = 2;

/// What a block came to.
struct Batch {
    outputs: Vec<Output>,
    /// No later batch holds anything due before this.
    final_before: Timestamp,
}

/// Feeds the source to its end, or until the writer wants no more.
fn feed_all(
    pipeline: &mut Pipeline,
    max_event_bytes: usize,
    source: impl Iterator<Item = Result<Item, SourceError>>,
    rejects: &mut Option<OutputFile>,
    sender: &SyncSender<Batch>,
) -> Result<(), ReplayError> {
    for item in source {
        let mut outputs = Vec::new();
        match item? {
            Item::Block(block) => feed(pipeline, &block, rejects, &mut outputs)?,
            Item::Oversized { place, bytes, head } => {
                let reason = Reason::TooLarge { bytes, limit: max_event_bytes as u64 };
                pipeline.count_oversized(&reason);
                if let Some(rejects) = rejects {
                    rejects.write(|sink| dead_letter::write_line(&reason, &place, &head, true, sink))?;
                }
            }
        }
        if sender.send(Batch { outputs, final_before: pipeline.watermark() }).is_err() {
            break;
        }
    }
    Ok(())
}

fn feed(
    pipeline: &mut Pipeline,
    block: &Block,
    rejects: &mut Option<OutputFile>,
    outputs: &mut Vec<Output>,
) -> Result<(), ReplayError> {
    let mut failed = Ok(());
    let mut reject = |letter: crate::pipeline::DeadLetter<'_>| {
        if let (Some(rejects), true) = (&mut *rejects, failed.is_ok()) {
            let place = Place { file: Arc::clone(&block.place.file), line: block.place.line + letter.line };
            let rejected = &letter.rejected;
            failed =
                rejects.write(|sink| dead_letter::write_line(&rejected.reason, &place, rejected.original, false, sink));
        }
    };
    pipeline.feed(&block.lines, &mut reject, outputs);
    Ok(failed?)
}

/// Brings outputs into order and writes them, on a thread of its own while the next block is worked on.
struct Writer<'p> {
    plan: &'p Plan,
    sorter: Sorter,
    journal: OutputFile,
    actions: Option<OutputFile>,
}

impl Writer<'_> {
    /// Returns the files, not finished yet.
    fn write_all(mut self, batches: &Receiver<Batch>) -> Result<Vec<OutputFile>, SinkError> {
        for Batch { mut outputs, final_before } in batches {
            let ready = self.sorter.release(&mut outputs, final_before);
            self.write(&ready)?;
        }
        Ok(std::iter::once(self.journal).chain(self.actions).collect())
    }

    fn write(&mut self, outputs: &[Output]) -> Result<(), SinkError> {
        let rules = &self.plan.rules;
        self.journal.write(|sink| outputs.iter().try_for_each(|output| journal::write_line(rules, output, sink)))?;
        match &mut self.actions {
            Some(actions) => {
                actions.write(|sink| outputs.iter().try_for_each(|output| action::write_line(rules, output, sink)))
            }
            None => Ok(()),
        }
    }
}

/// Why a log in memory could not be replayed.
#[derive(Debug, Error)]
pub enum InMemoryError {
    /// The rules have mistakes.
    #[error("the rules have {} mistakes", .0.len())]
    Rules(Vec<rules::diagnostic::Diagnostic>),
    /// The workers can't be started.
    #[error("could not start the worker threads: {0}")]
    Workers(#[from] rayon::ThreadPoolBuildError),
}

/// Replays a log that is in memory, `batch_bytes` at a time, and returns the journal: for tests and tools.
///
/// # Errors
/// The rules have mistakes, or the workers can't be started.
pub fn replay_bytes(
    rules_toml: &str,
    events: &[u8],
    until: Timestamp,
    options: Options,
    batch_bytes: usize,
) -> Result<Vec<u8>, InMemoryError> {
    let plan = Arc::new(Plan::new(rules::compile(rules_toml).map_err(InMemoryError::Rules)?));
    let options = Options { until: Some(until), ..options };
    let mut pipeline = Pipeline::new(Arc::clone(&plan), options)?;
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
    append(&plan, &sorter.release(&mut outputs, Timestamp::NEVER), &mut journal);
    Ok(journal)
}

fn append(plan: &Plan, outputs: &[Output], journal: &mut Vec<u8>) {
    let written: io::Result<()> =
        outputs.iter().try_for_each(|output| journal::write_line(&plan.rules, output, journal));
    written.expect("writing to memory cannot fail");
}

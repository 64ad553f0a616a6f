//! The growth report of a log that has an end, and the events of such a log as they were applied to the growth state.

use std::sync::Arc;

use super::error::ReplayError;
use crate::files::source::{FileItem, FileSourceError, LineBlock};
use crate::log::RecordKind;
use crate::pipeline::{InputEntry, Pipeline, PipelineOptions, PipelineTotals, resolve_time};
use rekindle_core::decode::{Decoded, RejectionReason};
use rekindle_core::growth::{GrowthReport, ObservedEvent};
use rekindle_core::partition::{ExecutionPlan, Output, OutputKind};
use rekindle_core::time::{Span, Timestamp};

/// The growth report of all events of `source`, as of `until`, or of the latest event without one; and the totals. `None`: the
/// rules ask for no growth numbers, or there is neither an event nor `until`.
///
/// # Errors
/// The source fails, or the workers cannot be started.
pub fn growth_report(
    plan: Arc<ExecutionPlan>,
    options: PipelineOptions,
    until: Option<Timestamp>,
    source: impl Iterator<Item = Result<FileItem, FileSourceError>>,
) -> Result<(Option<GrowthReport>, PipelineTotals), ReplayError> {
    let mut pipeline = Pipeline::new(plan, PipelineOptions { until, ..options.clone() })?;
    let end = feed_all(
        &mut pipeline,
        &options,
        until,
        source,
        |pipeline, block, outputs| {
            feed(pipeline, block, outputs);
        },
        Vec::clear,
    )?;
    let as_of = end.filter(|end| *end > Timestamp::MIN + Span(1));
    Ok((as_of.and_then(|as_of| pipeline.growth(Some(as_of))), pipeline.totals()))
}

/// Feeds all events of `source` up to `until`, then advances time to it, or to the latest event, and returns what is then
/// known, with what became of budgets in each of their periods. Outputs are not kept.
///
/// # Errors
/// The source fails, or the workers cannot be started.
pub fn final_state(
    plan: Arc<ExecutionPlan>,
    options: PipelineOptions,
    until: Option<Timestamp>,
    source: impl Iterator<Item = Result<FileItem, FileSourceError>>,
) -> Result<Pipeline, ReplayError> {
    let mut pipeline = Pipeline::new(plan, PipelineOptions { until, ..options.clone() })?;
    pipeline.keep_budget_history();
    feed_all(&mut pipeline, &options, until, source, feed, Vec::clear)?;
    Ok(pipeline)
}

/// The same, with all outputs about one user, in the order in which they happened.
///
/// # Errors
/// The source fails, or the workers cannot be started.
pub fn story_of(
    plan: Arc<ExecutionPlan>,
    options: PipelineOptions,
    until: Option<Timestamp>,
    source: impl Iterator<Item = Result<FileItem, FileSourceError>>,
    user: &str,
) -> Result<(Pipeline, Vec<Output>), ReplayError> {
    let mut pipeline = Pipeline::new(plan, PipelineOptions { until, ..options.clone() })?;
    let mut story = Vec::new();
    let tell = |outputs: &mut Vec<Output>| story.extend(outputs.drain(..).filter(|output| &*output.user == user));
    feed_all(&mut pipeline, &options, until, source, feed, tell)?;
    Ok((pipeline, story))
}

/// Feeds all events of `source` up to `until`, then advances time to it, or to the latest event. Accepted events are passed to
/// `observe` in log order, with their text; duplicates and rejected ones are not.
///
/// # Errors
/// The source fails, or the workers cannot be started.
pub fn observe_growth(
    plan: Arc<ExecutionPlan>,
    options: PipelineOptions,
    until: Option<Timestamp>,
    source: impl Iterator<Item = Result<FileItem, FileSourceError>>,
    observe: &mut dyn FnMut(ObservedEvent, &[u8]),
) -> Result<Pipeline, ReplayError> {
    let decoder = options.decoder(&plan.rules);
    let bounded = PipelineOptions { until, ..options.clone() };
    let mut pipeline = Pipeline::new(plan, bounded.clone())?;
    pipeline.observe_growth();
    feed_all(
        &mut pipeline,
        &options,
        until,
        source,
        |pipeline, block, outputs| {
            let first = pipeline.position();
            feed(pipeline, block, outputs);
            let mut calls = Vec::new();
            match block.is_document {
                true => decoder.decode_document(&block.lines, &mut calls),
                false => block.lines.split(|byte| *byte == b'\n').for_each(|line| decoder.decode(line, &mut calls)),
            }
            // Positions count the calls that the pipeline accepts.
            let texts: Vec<&[u8]> = calls.iter().filter_map(|call| accepted(call, &bounded)).collect();
            let mut merged: Vec<(u64, Arc<str>)> = outputs.iter().filter_map(merged).collect();
            merged.sort_unstable();
            for mut event in pipeline.take_observed_growth() {
                let found = merged.binary_search_by_key(&event.position, |(position, _)| *position);
                event.visitor = found.ok().map(|at| Arc::clone(&merged[at].1));
                let at = usize::try_from(event.position.saturating_sub(first)).unwrap_or(usize::MAX);
                observe(event, texts.get(at).copied().unwrap_or_default());
            }
        },
        Vec::clear,
    )?;
    Ok(pipeline)
}

pub(super) fn feed(pipeline: &mut Pipeline, block: &LineBlock, outputs: &mut Vec<Output>) {
    let entry =
        InputEntry { kind: RecordKind::Events, lines: &block.lines, received: None, is_whole: block.is_document };
    pipeline.feed_entries(&[entry], &mut |_| {}, outputs);
}

/// Feeds each block, then advances time to `until`, or to the latest event; returns the time that was advanced to, if there is
/// one. `take` gets the outputs of each step.
pub(super) fn feed_all(
    pipeline: &mut Pipeline,
    options: &PipelineOptions,
    until: Option<Timestamp>,
    source: impl Iterator<Item = Result<FileItem, FileSourceError>>,
    mut feed: impl FnMut(&mut Pipeline, &LineBlock, &mut Vec<Output>),
    mut take: impl FnMut(&mut Vec<Output>),
) -> Result<Option<Timestamp>, FileSourceError> {
    let mut outputs = Vec::new();
    for item in source {
        match item? {
            FileItem::Block(block) => feed(pipeline, &block, &mut outputs),
            FileItem::Oversized { bytes, .. } => {
                pipeline.count_oversized(&RejectionReason::MessageTooLarge {
                    bytes,
                    limit: options.max_message_bytes() as u64,
                });
            }
        }
        take(&mut outputs);
    }
    let end = until.or_else(|| (pipeline.position() > 0).then(|| pipeline.watermark() + options.max_disorder));
    if let Some(end) = end {
        pipeline.advance_to(end, &mut outputs);
        pipeline.end_log(&mut outputs);
        take(&mut outputs);
    }
    Ok(end)
}

/// The position at which a visitor was merged, and the visitor.
fn merged(output: &Output) -> Option<(u64, Arc<str>)> {
    match &output.decided {
        OutputKind::Merged { from } => Some((output.position, Arc::clone(from))),
        _ => None,
    }
}

/// The text of a call, if the pipeline accepts it of a log without a broker.
fn accepted<'a>(call: &Decoded<'a>, options: &PipelineOptions) -> Option<&'a [u8]> {
    let event = call.as_ref().ok()?;
    resolve_time(options, event, None).is_ok().then_some(event.original)
}

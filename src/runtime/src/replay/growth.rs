//! The growth numbers of a log that has an end, also with somebody watching: each event as the numbers took it, and its
//! text.

use std::sync::Arc;

use super::error::ReplayError;
use crate::files::source::{Block, Item, SourceError};
use crate::log::Kind;
use crate::pipeline::{Entry, Options, Pipeline, Totals, timed};
use rekindle_core::decode::{Decoded, Reason};
use rekindle_core::growth::{Numbers, Sighting};
use rekindle_core::partition::{Decided, Output, Plan};
use rekindle_core::time::{Span, Timestamp};

/// The growth numbers of everything `source` yields, as of `until`, or of the latest event where there is no such; and
/// what was counted on the way. `None`: the rules ask for no growth numbers, or there is no event and no `until`.
///
/// # Errors
/// The source fails, or the workers can't be started.
pub fn growth_numbers(
    plan: Arc<Plan>,
    options: Options,
    until: Option<Timestamp>,
    source: impl Iterator<Item = Result<Item, SourceError>>,
) -> Result<(Option<Numbers>, Totals), ReplayError> {
    let mut pipeline = Pipeline::new(plan, Options { until, ..options.clone() })?;
    let end = go_through(&mut pipeline, &options, until, source, |pipeline, block, outputs| {
        feed(pipeline, block, outputs);
    })?;
    let as_of = end.filter(|end| *end > Timestamp::MIN + Span(1));
    Ok((as_of.and_then(|as_of| pipeline.growth(Some(as_of))), pipeline.totals()))
}

/// Goes through everything `source` yields, up to `until`, then moves time on to it, or to the latest event. Events come
/// to `watch` in the log's order, with their text; duplicates and whatever was rejected don't.
///
/// # Errors
/// The source fails, or the workers can't be started.
pub fn watch_growth(
    plan: Arc<Plan>,
    options: Options,
    until: Option<Timestamp>,
    source: impl Iterator<Item = Result<Item, SourceError>>,
    watch: &mut dyn FnMut(Sighting, &[u8]),
) -> Result<Pipeline, ReplayError> {
    let decoder = options.decoder(&plan.rules);
    let bounded = Options { until, ..options.clone() };
    let mut pipeline = Pipeline::new(plan, bounded.clone())?;
    pipeline.watch_growth();
    go_through(&mut pipeline, &options, until, source, |pipeline, block, outputs| {
        let first = pipeline.position();
        feed(pipeline, block, outputs);
        let mut calls = Vec::new();
        match block.is_document {
            true => decoder.decode_document(&block.lines, &mut calls),
            false => block.lines.split(|byte| *byte == b'\n').for_each(|line| decoder.decode(line, &mut calls)),
        }
        // What the pipeline accepted, which is what positions count.
        let texts: Vec<&[u8]> = calls.iter().filter_map(|call| accepted(call, &bounded)).collect();
        let mut merged: Vec<(u64, Arc<str>)> = outputs.drain(..).filter_map(merged).collect();
        merged.sort_unstable();
        for mut sighting in pipeline.take_sightings() {
            let found = merged.binary_search_by_key(&sighting.position, |(position, _)| *position);
            sighting.visitor = found.ok().map(|at| Arc::clone(&merged[at].1));
            let at = usize::try_from(sighting.position.saturating_sub(first)).unwrap_or(usize::MAX);
            watch(sighting, texts.get(at).copied().unwrap_or_default());
        }
    })?;
    Ok(pipeline)
}

fn feed(pipeline: &mut Pipeline, block: &Block, outputs: &mut Vec<Output>) {
    let entry = Entry { kind: Kind::Events, lines: &block.lines, received: None, is_whole: block.is_document };
    pipeline.feed_entries(&[entry], &mut |_| {}, outputs);
}

/// Has each block fed, then moves time on to `until`, or to the latest event: the end, if there is one.
fn go_through(
    pipeline: &mut Pipeline,
    options: &Options,
    until: Option<Timestamp>,
    source: impl Iterator<Item = Result<Item, SourceError>>,
    mut feed: impl FnMut(&mut Pipeline, &Block, &mut Vec<Output>),
) -> Result<Option<Timestamp>, SourceError> {
    let mut outputs = Vec::new();
    for item in source {
        match item? {
            Item::Block(block) => feed(pipeline, &block, &mut outputs),
            Item::Oversized { bytes, .. } => {
                pipeline.count_oversized(&Reason::MessageTooLarge { bytes, limit: options.max_message_bytes() as u64 });
            }
        }
        outputs.clear();
    }
    let end = until.or_else(|| (pipeline.position() > 0).then(|| pipeline.watermark() + options.max_disorder));
    if let Some(end) = end {
        pipeline.advance_to(end, &mut outputs);
    }
    Ok(end)
}

/// At which position which visitor turned out to be a user.
fn merged(output: Output) -> Option<(u64, Arc<str>)> {
    match output.decided {
        Decided::Merged { from } => Some((output.position, from)),
        _ => None,
    }
}

/// The text of a call that the pipeline accepts of a log without a broker.
fn accepted<'a>(call: &Decoded<'a>, options: &Options) -> Option<&'a [u8]> {
    let event = call.as_ref().ok()?;
    timed(options, event, None).is_ok().then_some(event.original)
}

//! A log gone through for the growth numbers, with somebody watching: each event as the numbers took it, and its text.

use std::sync::Arc;

use super::error::ReplayError;
use crate::decode::{Decoded, Decoder, Reason};
use crate::event::EventTime;
use crate::growth::Sighting;
use crate::partition::Plan;
use crate::pipeline::{Options, Pipeline};
use crate::source::file::{Item, SourceError};
use crate::time::Timestamp;

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
    let (max_event_bytes, max_disorder) = (options.max_event_bytes, options.max_disorder);
    let decoder = Decoder::new(&plan.rules.projection, max_event_bytes);
    let mut pipeline = Pipeline::new(plan, Options { until, ..options })?;
    pipeline.watch_growth();
    let mut outputs = Vec::new();
    for item in source {
        match item? {
            Item::Block(block) => {
                let first = pipeline.position();
                pipeline.feed(&block.lines, &mut |_| {}, &mut outputs);
                let mut calls = Vec::new();
                block.lines.split(|byte| *byte == b'\n').for_each(|line| decoder.decode(line, &mut calls));
                // What the pipeline accepted, which is what positions count.
                let texts: Vec<&[u8]> = calls.iter().filter_map(|call| accepted(call, until)).collect();
                for sighting in pipeline.take_sightings() {
                    let at = usize::try_from(sighting.position.saturating_sub(first)).unwrap_or(usize::MAX);
                    watch(sighting, texts.get(at).copied().unwrap_or_default());
                }
            }
            Item::Oversized { bytes, .. } => {
                pipeline.count_oversized(&Reason::TooLarge { bytes, limit: max_event_bytes as u64 });
            }
        }
        outputs.clear();
    }
    let end = until.or_else(|| (pipeline.position() > 0).then(|| pipeline.watermark() + max_disorder));
    if let Some(end) = end {
        pipeline.advance_to(end, &mut outputs);
    }
    Ok(pipeline)
}

/// The text of a call that the pipeline accepts of a log without a broker.
fn accepted<'a>(call: &Decoded<'a>, until: Option<Timestamp>) -> Option<&'a [u8]> {
    let event = call.as_ref().ok()?;
    match event.time {
        EventTime::Stamped(ts) if until.is_none_or(|until| ts <= until) => Some(event.original),
        _ => None,
    }
}

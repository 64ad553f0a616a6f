//! The growth numbers of a log that has an end.

use std::sync::Arc;

use super::error::ReplayError;
use crate::decode::Reason;
use crate::growth::Numbers;
use crate::partition::Plan;
use crate::pipeline::{Options, Pipeline, Totals};
use crate::source::file::{Item, SourceError};
use crate::time::{Span, Timestamp};

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
    let (max_event_bytes, max_disorder) = (options.max_event_bytes, options.max_disorder);
    let mut pipeline = Pipeline::new(plan, Options { until, ..options })?;
    let mut outputs = Vec::new();
    for item in source {
        match item? {
            Item::Block(block) => pipeline.feed(&block.lines, &mut |_| {}, &mut outputs),
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
    let as_of = end.filter(|end| *end > Timestamp::MIN + Span(1));
    Ok((as_of.and_then(|as_of| pipeline.growth(Some(as_of))), pipeline.totals()))
}

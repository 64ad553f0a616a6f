//! Picks over a log with an end: what lists would have offered, measured by what users did next (semantics §20).

use std::sync::Arc;

use super::error::ReplayError;
use super::growth::{feed, feed_all};
use crate::files::source::{FileItem, FileSourceError};
use crate::pipeline::{Pipeline, PipelineOptions};
use rekindle_core::partition::{ExecutionPlan, PickTrial, TriedEvent, TriedEventKind};
use rekindle_core::picks::{PickEvaluation, PickFigures};
use rekindle_core::time::Timestamp;

/// Replays everything that `source` yields, and measures a list by the events of a name: right before each of them the engine works
/// out the list as it would for a decision.
///
/// # Errors
/// The source fails, or the workers cannot be started.
pub fn evaluate_picks(
    plan: Arc<ExecutionPlan>,
    options: PipelineOptions,
    until: Option<Timestamp>,
    source: impl Iterator<Item = Result<FileItem, FileSourceError>>,
    trial: PickTrial,
) -> Result<PickFigures, ReplayError> {
    let gap = plan.rules.picks[usize::from(trial.list.0)].gap;
    let mut pipeline = Pipeline::new(plan, PipelineOptions { until, ..options.clone() })?;
    pipeline.try_picks(trial);
    let mut evaluation = PickEvaluation::new(trial.k, gap);
    feed_all(
        &mut pipeline,
        &options,
        until,
        source,
        |pipeline, block, outputs| {
            feed(pipeline, block, outputs);
            for TriedEvent { kind, .. } in pipeline.take_tried() {
                match kind {
                    TriedEventKind::Target(user, target) => evaluation.add(&user, target),
                    TriedEventKind::Merged { visitor, user } => evaluation.merge(&visitor, &user),
                }
            }
        },
        Vec::clear,
    )?;
    Ok(evaluation.finish(pipeline.tried_items()))
}

//! One rule set at work: its pipeline, and what it put out that is not final yet.

use std::sync::Arc;

use crate::pipeline::{InputEntry, Pipeline, PipelineOptions, ReadAhead};
use rekindle_core::partition::{ExecutionPlan, Output, OutputKind, SegmentDeparture, TimerMark};
use rekindle_core::time::Timestamp;

/// About the number of timers that fire in one step, so that what they put out is counted before the next step.
const TIMERS_PER_STEP: usize = 4_096;

/// A rule set at work.
pub(super) struct Contender {
    pub(super) pipeline: Pipeline,
    /// What may still be preceded by something, in no particular order but that of each user.
    waiting: Vec<Output>,
    /// How many of these were counted.
    counted: usize,
}

/// What came since it was last asked, in no particular order but that of each user.
pub(super) struct Arrivals<'c> {
    pub(super) outputs: &'c [Output],
    pub(super) departures: Vec<SegmentDeparture>,
}

impl Contender {
    pub(super) fn new(
        plan: Arc<ExecutionPlan>,
        options: PipelineOptions,
    ) -> Result<Contender, rayon::ThreadPoolBuildError> {
        let mut pipeline = Pipeline::new(plan, options)?;
        pipeline.keep_budget_history();
        pipeline.keep_departures();
        pipeline.limit_timers(TimerMark::MIN);
        Ok(Contender { pipeline, waiting: Vec::new(), counted: 0 })
    }

    pub(super) fn feed(&mut self, decoded: &ReadAhead<'_>) {
        self.pipeline.feed_decoded(decoded, &mut |_| {}, &mut self.waiting);
    }

    /// Forgets the users that a request names.
    pub(super) fn forget(&mut self, request: &[InputEntry<'_>]) {
        self.pipeline.feed_entries(request, &mut |_| {}, &mut self.waiting);
    }

    /// Fires some of the timers due by the watermark.
    pub(super) fn fire_some(&mut self) {
        let to = self.pipeline.next_timer_step(TIMERS_PER_STEP);
        self.pipeline.fire_timers(to, &mut self.waiting);
    }

    /// The log has ended at the watermark.
    pub(super) fn end(&mut self) {
        self.pipeline.end_log(&mut self.waiting);
    }

    /// What came since this was last asked.
    pub(super) fn arrivals(&mut self) -> Arrivals<'_> {
        let first = std::mem::replace(&mut self.counted, self.waiting.len());
        Arrivals { departures: self.pipeline.take_departures().collect(), outputs: &self.waiting[first..] }
    }

    /// Gives out what is due before an instant up to which everything due has fired, in the order of the journal. It must have
    /// been counted. What groups do is only counted: they are no people, though their keys may be people's ids.
    pub(super) fn release(&mut self, until: Timestamp) -> Vec<Output> {
        let mut outputs: Vec<Output> = self.waiting.extract_if(.., |output| output.at < until).collect();
        self.counted = self.waiting.len();
        outputs.retain(|output| !matches!(output.decided, OutputKind::GroupTransition { .. }));
        outputs.sort_by(|a, b| (a.at, &a.user, a.position).cmp(&(b.at, &b.user, b.position)));
        outputs
    }
}

//! One rule set at work.

use std::sync::Arc;

use crate::pipeline::{InputEntry, Pipeline, PipelineOptions, ReadAhead};
use rekindle_core::partition::{ExecutionPlan, Output, SegmentDeparture, TimerMark};
use rekindle_core::time::Timestamp;

/// About the number of timers that fire in one step, so that what they put out is counted before the next step.
const TIMERS_PER_STEP: usize = 4_096;

/// A rule set at work.
pub(super) struct Contender {
    pub(super) pipeline: Pipeline,
    /// What came since it was last asked.
    outputs: Vec<Output>,
}

/// What came since it was last asked, in no particular order but that of each user.
pub(super) struct Arrivals {
    pub(super) outputs: Vec<Output>,
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
        Ok(Contender { pipeline, outputs: Vec::new() })
    }

    pub(super) fn feed(&mut self, decoded: &ReadAhead<'_>) {
        self.pipeline.feed_decoded(decoded, &mut |_| {}, &mut self.outputs);
    }

    /// Forgets the users that a request names.
    pub(super) fn forget(&mut self, request: &[InputEntry<'_>]) {
        self.pipeline.feed_entries(request, &mut |_| {}, &mut self.outputs);
    }

    /// How far the next step of the timers due by the watermark goes.
    pub(super) fn next_step(&mut self) -> TimerMark {
        self.pipeline.next_timer_step(TIMERS_PER_STEP)
    }

    /// Fires the timers due up to there, unless that was done.
    pub(super) fn fire_to(&mut self, to: TimerMark) {
        if self.pipeline.timer_mark() < to {
            self.pipeline.fire_timers(to, &mut self.outputs);
        }
    }

    /// The log has ended at the watermark.
    pub(super) fn end(&mut self) {
        self.pipeline.end_log(&mut self.outputs);
    }

    /// What came since this was last asked.
    pub(super) fn arrivals(&mut self) -> Arrivals {
        let departures = self.pipeline.take_departures().collect();
        Arrivals { departures, outputs: std::mem::take(&mut self.outputs) }
    }

    /// Everything before this instant has come.
    pub(super) fn final_before(&self) -> Timestamp {
        self.pipeline.final_before(self.pipeline.fired())
    }
}

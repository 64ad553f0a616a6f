//! One rule set at work: its pipeline, and what it put out that is not final yet.

use std::sync::Arc;

use crate::pipeline::{InputEntry, Pipeline, PipelineOptions, ReadAhead};
use rekindle_core::partition::{ExecutionPlan, Output, TimerMark};
use rekindle_core::time::{Span, Timestamp};

/// About the number of timers that fire in one step, so that what they put out is counted before the next step.
const TIMERS_PER_STEP: usize = 4_096;

/// A rule set at work.
pub(super) struct Contender {
    pub(super) pipeline: Pipeline,
    /// What may still be preceded by something, in no particular order but that of each user.
    waiting: Vec<Output>,
    /// Users that were forgotten or expired, likewise.
    gone: Vec<GoneUser>,
}

/// A user that was forgotten or expired.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct GoneUser {
    /// Nothing of that user is later; a new user with the same id may have outputs from here on.
    pub(super) at: Timestamp,
    pub(super) user: Arc<str>,
}

/// What is final, in the order of the journal.
#[derive(Debug, Default)]
pub(super) struct FinalOutputs {
    pub(super) outputs: Vec<Output>,
    pub(super) gone: Vec<GoneUser>,
}

impl Contender {
    pub(super) fn new(
        plan: Arc<ExecutionPlan>,
        options: PipelineOptions,
    ) -> Result<Contender, rayon::ThreadPoolBuildError> {
        let mut pipeline = Pipeline::new(plan, options)?;
        pipeline.keep_budget_history();
        pipeline.limit_timers(TimerMark::MIN);
        Ok(Contender { pipeline, waiting: Vec::new(), gone: Vec::new() })
    }

    pub(super) fn feed(&mut self, decoded: &ReadAhead<'_>) {
        self.pipeline.feed_decoded(decoded, &mut |_| {}, &mut self.waiting);
        self.note_expired();
    }

    /// Forgets the users that a request names.
    pub(super) fn forget(&mut self, request: &[InputEntry<'_>]) {
        self.pipeline.feed_entries(request, &mut |_| {}, &mut self.waiting);
        let watermark = self.pipeline.watermark();
        for forgotten in self.pipeline.forgotten() {
            let own = self.waiting.iter().filter(|output| output.user == forgotten.user);
            let latest = own.map(|output| output.at + Span(1)).max();
            let at = latest.map_or(watermark, |latest| latest.max(watermark));
            self.gone.push(GoneUser { at, user: Arc::clone(&forgotten.user) });
        }
        self.note_expired();
    }

    fn note_expired(&mut self) {
        let expired = self.pipeline.expired().iter();
        self.gone.extend(expired.map(|it| GoneUser { at: it.at, user: Arc::clone(&it.user) }));
    }

    /// Fires some of the timers due by the watermark.
    pub(super) fn fire_some(&mut self) {
        let to = self.pipeline.next_timer_step(TIMERS_PER_STEP);
        self.pipeline.fire_timers(to, &mut self.waiting);
        self.note_expired();
    }

    /// The log has ended at the watermark.
    pub(super) fn end(&mut self) {
        self.pipeline.end_log(&mut self.waiting);
        self.note_expired();
    }

    /// Gives out what is due before an instant up to which everything due has fired.
    pub(super) fn release(&mut self, until: Timestamp) -> FinalOutputs {
        let mut outputs: Vec<Output> = self.waiting.extract_if(.., |output| output.at < until).collect();
        outputs.sort_by(|a, b| (a.at, &a.user, a.position).cmp(&(b.at, &b.user, b.position)));
        let mut gone: Vec<GoneUser> = self.gone.extract_if(.., |user| user.at < until).collect();
        gone.sort();
        FinalOutputs { outputs, gone }
    }
}

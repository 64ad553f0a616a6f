//! The engine continues with another pipeline: at the start with the one of a newer checkpoint; and where rules take effect that
//! know the past, with what a pipeline made of the log that has read it under them. For that the engine stops between two groups
//! until the other has read as far.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::engine::{Engine, SinkClosed};
use super::growth_schedule::GrowthReportSchedule;
use super::membership_view::MembershipView;
use super::processing::NextRules;
use super::request::{AwaitedPast, EngineStart, PastBeginning, RulesChangeError, RulesChangeRecorder};
use super::state_size::StateSizeCount;
use crate::output::batch::RulesActivation;
use crate::pipeline::Pipeline;

/// How long the engine waits for the pipeline to read the last records.
const WAIT_MAX: Duration = Duration::from_millis(500);

impl Engine {
    /// Replaces the pipeline, to which no record was applied yet.
    pub(super) fn replace_pipeline(&mut self, mut pipeline: Pipeline, start: EngineStart) {
        self.shared.restore(&mut pipeline);
        self.pipeline = pipeline;
        (self.sequence, self.generation) = (start.sequence, start.generation);
        self.shared.sequence.store(self.sequence, Ordering::Relaxed);
        self.restart_reports();
    }

    /// The published view of the state starts from the pipeline as it is now.
    pub(super) fn restart_reports(&mut self) {
        self.shared.replace_view(MembershipView::new(Arc::clone(self.pipeline.plan()), self.pipeline.users()));
        self.state_size = StateSizeCount::default();
        self.growth = GrowthReportSchedule::default();
        self.publish_statistics();
    }

    /// What a pipeline that reads the log's past begins with.
    pub(super) fn past_beginning(&self) -> PastBeginning {
        PastBeginning {
            links: self.pipeline.links_now(),
            knows_beginning: self.pipeline.knows_beginning(),
            generation: self.generation,
        }
    }

    /// Makes the rules of the pipeline take effect here. If that fails, nothing has changed.
    pub(super) fn take_over(
        &mut self,
        past: AwaitedPast,
        generation: u64,
        recorder: RulesChangeRecorder,
    ) -> Result<Result<RulesActivation, RulesChangeError>, SinkClosed> {
        if self.is_recovering() {
            return Ok(Err(RulesChangeError::Recovering));
        }
        if self.generation != generation {
            return Ok(Err(RulesChangeError::OtherRules));
        }
        let Some(past) = self.await_past(past) else { return Ok(Err(RulesChangeError::PastIsLate)) };
        match self.runtime.block_on(recorder(self.sequence)) {
            Ok(generation) => self.change_rules(NextRules::Past(past), generation, None).map(Ok),
            Err(error) => Ok(Err(RulesChangeError::NotRecorded(error))),
        }
    }

    /// Waits until the pipeline has read up to here; `None`: it takes too long. Meanwhile requests that only read are answered.
    fn await_past(&mut self, past: AwaitedPast) -> Option<Box<Pipeline>> {
        let AwaitedPast { through, mut pipeline } = past;
        through.send(self.sequence).ok()?;
        let (runtime, deadline) = (self.runtime.clone(), Instant::now() + WAIT_MAX);
        runtime.block_on(async {
            loop {
                let request = tokio::select! {
                    biased;
                    pipeline = &mut pipeline => return pipeline.ok(),
                    Some(request) = self.requests.recv() => request,
                    () = tokio::time::sleep_until(deadline.into()) => {
                        // From here on it can't be handed over; it may have been just now.
                        pipeline.close();
                        return pipeline.try_recv().ok();
                    }
                };
                let not_read = self.answer_read(request);
                self.waiting.extend(not_read);
            }
        })
    }
}

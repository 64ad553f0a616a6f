//! An engine without a thread: its owner takes each step. For a log that is made as it goes, like that of the demo, in which
//! what comes next depends on what the engine has decided.
//!
//! Its handle is that of any engine, so that the same things can be asked of it; requests are answered between two steps. There
//! is nothing to recover and there are no snapshots.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::growth_schedule::GrowthReportSchedule;
use super::membership_view::MembershipView;
use super::request::EngineRequest;
use super::state_size::StateSizeCount;
use super::{EngineHandle, EngineShared, EngineStats, REQUEST_QUEUE_CAPACITY};
use crate::output::batch::RulesActivation;
use crate::pipeline::{InputEntry, Pipeline};
use rekindle_core::partition::{ExecutionPlan, Output};
use rekindle_core::time::Timestamp;

/// The statistics are published at most this often.
const STATISTICS_INTERVAL: Duration = Duration::from_millis(200);

/// An hour.
const HOUR_MS: i64 = 3_600_000;

/// An engine without a thread.
pub struct SteppedEngine {
    pipeline: Pipeline,
    shared: Arc<EngineShared>,
    requests: mpsc::Receiver<EngineRequest>,
    state_size: StateSizeCount,
    growth: GrowthReportSchedule,
    published: Option<Instant>,
    /// The latest hour in the history.
    hour: i64,
}

impl SteppedEngine {
    /// An engine with this pipeline, and its handle.
    pub fn new(pipeline: Pipeline) -> (EngineHandle, SteppedEngine) {
        let shared = Arc::new(EngineShared::new(&pipeline, 0));
        shared.is_live.send_replace(true);
        let (sender, requests) = mpsc::channel(REQUEST_QUEUE_CAPACITY);
        let (state_size, growth) = (StateSizeCount::default(), GrowthReportSchedule::default());
        let engine = SteppedEngine {
            pipeline,
            shared: Arc::clone(&shared),
            requests,
            state_size,
            growth,
            published: None,
            hour: i64::MIN,
        };
        (EngineHandle { shared, requests: sender }, engine)
    }

    /// What it has computed.
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// Takes records in, lets time pass up to `to`, and returns what results, by time.
    pub fn step(&mut self, entries: &[InputEntry<'_>], to: Timestamp) -> Vec<Output> {
        let mut outputs = Vec::new();
        self.pipeline.feed_entries(entries, &mut |_| {}, &mut outputs);
        self.shared.note(&self.pipeline, &outputs);
        let mut fired = Vec::new();
        self.pipeline.advance_to(to, &mut fired);
        self.shared.note(&self.pipeline, &fired);
        outputs.append(&mut fired);
        outputs.sort_by_key(|output| output.at);
        // Many hours may pass between two publications of the statistics.
        let hour = self.pipeline.watermark().0.div_euclid(HOUR_MS);
        if hour != self.hour {
            let plan = self.pipeline.plan();
            self.shared.history.update(&plan.rules, &self.pipeline.totals(), self.pipeline.watermark());
            self.hour = hour;
        }
        self.shared.feed.offer(self.pipeline.plan(), &outputs);
        outputs
    }

    /// Answers the requests that wait, and publishes the statistics if it is time.
    pub fn answer(&mut self) {
        while let Ok(request) = self.requests.try_recv() {
            match request {
                EngineRequest::ChangeRules { plan, reply, .. } => drop(reply.send(Ok(self.change_rules(&plan)))),
                other => drop(other.answer_read(&self.pipeline)),
            }
        }
        if self.published.is_none_or(|published| published.elapsed() >= STATISTICS_INTERVAL) {
            self.publish_statistics();
        }
    }

    fn change_rules(&mut self, plan: &Arc<ExecutionPlan>) -> RulesActivation {
        let previous = self.pipeline.plan().rules.version.clone();
        let activation = RulesActivation {
            at: self.pipeline.watermark(),
            rules: plan.rules.version.clone(),
            previous,
            from_log: false,
        };
        let mut outputs = Vec::new();
        self.pipeline.change_rules(Arc::clone(plan), &mut outputs);
        self.shared.recent.add(plan, &outputs);
        self.shared.feed.offer(plan, &outputs);
        self.shared.replace_view(MembershipView::new(Arc::clone(plan), self.pipeline.users()));
        self.state_size = StateSizeCount::default();
        self.growth = GrowthReportSchedule::default();
        self.publish_statistics();
        activation
    }

    fn publish_statistics(&mut self) {
        self.state_size.count_on(&self.pipeline);
        self.growth.refresh(&self.pipeline, true);
        let stats = EngineStats {
            pending_timers: self.pipeline.pending_timers(),
            state_bytes: self.state_size.total(),
            growth: self.growth.last(),
            uplift: self.pipeline.uplift(),
            budgets: self.pipeline.budgets().cloned().map(Arc::new),
            ..EngineStats::of(&self.pipeline)
        };
        self.shared.publish(stats);
        self.published = Some(Instant::now());
    }
}

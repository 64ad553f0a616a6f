//! What the engine's thread writes and its handles read, without waiting for each other.

use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hdrhistogram::Histogram;
use tokio::sync::watch;

use super::EngineStats;
use super::feed::LiveFeed;
use super::membership_view::MembershipView;
use super::recent_decisions::{DecisionRange, RecentDecisions};
use super::segment_history::SegmentHistory;
use crate::pipeline::{ExpiredLink, ForgottenUser, Pipeline, RecentHistory, RecentHistoryPart};
use rekindle_core::partition::{ExpiredUser, Output};

/// Longer pauses are recorded as this one: a minute, in microseconds.
const MAX_PAUSE_US: u64 = 60_000_000;

/// The number of recent decisions of all users that are kept.
const MAX_RECENT_DECISIONS: usize = 100_000;

/// The bytes that they occupy at most.
const MAX_RECENT_DECISION_BYTES: usize = 64 << 20;

/// What the engine's thread writes and handles read.
#[derive(Debug)]
pub(super) struct EngineShared {
    pub(super) view: Mutex<Arc<MembershipView>>,
    pub(super) stats: Mutex<Arc<EngineStats>>,
    pub(super) recent: RecentDecisions,
    /// The last record of the log that was applied.
    pub(super) sequence: AtomicU64,
    pub(super) feed: LiveFeed,
    pub(super) history: SegmentHistory,
    /// Whether the recovery is finished.
    pub(super) is_live: watch::Sender<bool>,
    /// The engine's pauses for snapshots, in microseconds.
    pub(super) pauses: Mutex<Histogram<u64>>,
}

impl EngineShared {
    pub(super) fn new(pipeline: &Pipeline, sequence: u64) -> EngineShared {
        let view = MembershipView::new(Arc::clone(pipeline.plan()), pipeline.users());
        EngineShared {
            view: Mutex::new(Arc::new(view)),
            stats: Mutex::new(Arc::new(EngineStats::of(pipeline))),
            recent: RecentDecisions::new(MAX_RECENT_DECISIONS, MAX_RECENT_DECISION_BYTES),
            sequence: AtomicU64::new(sequence),
            feed: LiveFeed::default(),
            history: SegmentHistory::default(),
            is_live: watch::Sender::new(false),
            pauses: Mutex::new(Histogram::new_with_bounds(1, MAX_PAUSE_US, 3).expect("these bounds are sound")),
        }
    }

    pub(super) fn view(&self) -> Arc<MembershipView> {
        Arc::clone(&self.view.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn replace_view(&self, view: MembershipView) {
        *self.view.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
    }

    pub(super) fn paused(&self, pause: Duration) {
        let micros = u64::try_from(pause.as_micros()).unwrap_or(u64::MAX).max(1);
        self.pauses.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(micros);
    }

    /// What was kept of the log before, as the checkpoint has it that the pipeline was restored from.
    pub(super) fn restore(&self, pipeline: &mut Pipeline) {
        let RecentHistory { decisions, hours } = pipeline.take_recent_history();
        self.recent.restore(pipeline.plan(), &decisions);
        self.history.restore(&pipeline.plan().rules, hours);
    }

    /// What a checkpoint has of it: at once but for the decisions, which are taken in parts.
    pub(super) fn begin_snapshot(&self, pipeline: &Pipeline, is_full: bool) -> (DecisionRange, RecentHistoryPart) {
        self.history.update(&pipeline.plan().rules, &pipeline.totals(), pipeline.watermark());
        let hours = self.history.begin_snapshot(is_full);
        let (decisions, forgotten) = self.recent.begin_snapshot(is_full);
        (decisions, RecentHistoryPart { forgotten, hours, decisions: Vec::new() })
    }

    pub(super) fn publish(&self, stats: EngineStats) {
        self.history.update(&stats.plan.rules, &stats.totals, stats.watermark);
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(stats);
    }
}

impl EngineShared {
    /// Updates the membership view and the recent decisions by what the pipeline has just done.
    pub(super) fn note(&self, pipeline: &Pipeline, outputs: &[Output]) {
        let (view, plan) = (self.view(), pipeline.plan());
        let mut done = 0;
        for ForgottenUser { user, outputs: before } in pipeline.forgotten() {
            view.update(&outputs[done..*before]);
            self.recent.add(plan, &outputs[done..*before]);
            view.set(user, None);
            self.recent.forget(user);
            done = *before;
        }
        view.update(&outputs[done..]);
        self.recent.add(plan, &outputs[done..]);
        for ExpiredUser { user, .. } in pipeline.expired() {
            view.set(user, pipeline.user(user).as_deref());
        }
        self.forget_decisions(pipeline);
    }

    /// Removes the recent decisions about users who have just expired, and about the visitors merged into them.
    pub(super) fn forget_decisions(&self, pipeline: &Pipeline) {
        for ExpiredUser { user, at, .. } in pipeline.expired() {
            self.recent.forget_before(user, *at);
        }
        for ExpiredLink { visitor, at } in pipeline.expired_links() {
            self.recent.forget_before(visitor, *at);
        }
    }
}

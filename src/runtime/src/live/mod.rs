//! The live engine: a pipeline on its own thread, and the handle through which others read and control it.
//!
//! [`start`] receives a source's batches on one channel and sends output items to a sink on another. An [`EngineHandle`] is
//! for everything else: the membership view and the statistics are shared and never wait for the engine; a user's report, a
//! rules change and a snapshot are requests that it answers between two batches.
//!
//! It knows no NATS, no HTTP and no files, so all of it is tested with channels.

mod engine;
pub mod feed;
mod growth_schedule;
pub mod membership_view;
mod past_pipeline;
mod processing;
mod recent_decisions;
pub mod recomputation;
mod recovery;
mod replacement;
mod request;
mod segment_history;
mod shared;
mod snapshot;
pub(crate) mod state_size;
mod stepped;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::thread::JoinHandle;

use hdrhistogram::Histogram;

use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use crate::log::RecordBatch;
use crate::output::batch::{OutputItem, RulesActivation};
use crate::pipeline::{AskedPicks, FoundUsers, Pipeline, PipelineTotals, RowReport, UserCopy, UserExport};
use engine::{Engine, EngineChannels};
use feed::{FeedFilter, FeedLines, LiveFeed, TooManyWatchers};
use membership_view::MembershipView;
pub use past_pipeline::{PastPipeline, RecoveredPast};
pub use recovery::{RecoveredRulesChange, Recovery};
use rekindle_core::budgets::BudgetBook;
pub use rekindle_core::checkpoint::SegmentHour;
use rekindle_core::goals::UpliftCounts;
use rekindle_core::groups::GroupKeysPage;
use rekindle_core::growth::GrowthReport;
use rekindle_core::partition::{ExecutionPlan, GroupReport, Output, UserReport};
use rekindle_core::partners::PartnerSubject;
use rekindle_core::picks::Pick;
use rekindle_core::time::Timestamp;
use request::EngineRequest;
pub use request::{AwaitedPast, EngineStart, PastBeginning, RulesChangeError, RulesChangeRecorder};
use shared::EngineShared;
pub use snapshot::{CompletedSnapshot, SnapshotError, SnapshotStart};
pub use stepped::SteppedEngine;

/// How many batches of the source may wait for the engine.
pub const BATCH_QUEUE_CAPACITY: usize = 4;

/// How many output items may wait for the sink.
pub const OUTPUT_QUEUE_CAPACITY: usize = 4;

/// How many requests may wait for the engine; more are refused.
const REQUEST_QUEUE_CAPACITY: usize = 256;

/// The engine's statistics, published a few times a second.
#[derive(Clone, Debug)]
pub struct EngineStats {
    /// The rules it runs.
    pub plan: Arc<ExecutionPlan>,
    /// Everything counted so far.
    pub totals: PipelineTotals,
    /// The log's watermark; before the first message it is before every time.
    pub watermark: Timestamp,
    /// Pending timers.
    pub pending_timers: u64,
    /// Bytes of all users' state, counted a partition at a time, of the links of visitors, and of the indexes of picks.
    pub state_bytes: u64,
    /// Batches that wait for the engine.
    pub queued_batches: usize,
    /// Output items that wait for the sink.
    pub queued_outputs: usize,
    /// The growth numbers, as of some seconds ago; `None`: the rules define none, nothing was read, or the engine is recovering
    /// or has due timers that have not fired.
    pub growth: Option<Arc<GrowthReport>>,
    /// The counts of goals.
    pub uplift: Arc<UpliftCounts>,
    /// The budgets as of the last end of a beat; `None`: the rules have none.
    pub budgets: Option<Arc<BudgetBook>>,
}

/// The engine does not answer: it is stopping, or too many requests are waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the engine takes no requests now: it is stopping, or too many are waiting; try again")]
pub struct EngineBusy;

/// A handle to a running engine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct EngineHandle {
    shared: Arc<EngineShared>,
    requests: mpsc::Sender<EngineRequest>,
}

impl EngineStats {
    /// What a pipeline counts by itself.
    fn of(pipeline: &Pipeline) -> EngineStats {
        EngineStats {
            plan: Arc::clone(pipeline.plan()),
            totals: pipeline.totals(),
            watermark: pipeline.watermark(),
            pending_timers: 0,
            state_bytes: 0,
            queued_batches: 0,
            queued_outputs: 0,
            growth: None,
            uplift: Arc::default(),
            budgets: None,
        }
    }
}

/// The channels, the handle and the thread of a running engine.
pub struct EngineEndpoints {
    /// The handle.
    pub live: EngineHandle,
    /// For the source's batches. The engine ends once all of these senders are dropped and everything is drained.
    pub batches: mpsc::Sender<RecordBatch>,
    /// For the sink; closed when the engine has ended.
    pub output_items: mpsc::Receiver<OutputItem>,
    /// The thread.
    pub thread: JoinHandle<()>,
}

/// Starts the engine's thread, with a pipeline whose position is `start`. No batch may be sent before the
/// [recovery](EngineHandle::recover) is started.
///
/// # Errors
/// The thread can't be started.
pub fn start(
    mut pipeline: Pipeline,
    start: EngineStart,
    runtime: tokio::runtime::Handle,
) -> io::Result<EngineEndpoints> {
    let shared = Arc::new(EngineShared::new(&pipeline, start.sequence));
    shared.restore(&mut pipeline);
    let (batches, batch_queue) = mpsc::channel(BATCH_QUEUE_CAPACITY);
    let (output_queue, output_items) = mpsc::channel(OUTPUT_QUEUE_CAPACITY);
    let (requests, request_queue) = mpsc::channel(REQUEST_QUEUE_CAPACITY);
    let channels = EngineChannels { batches: batch_queue, requests: request_queue, output_items: output_queue };
    let engine = Engine::new(pipeline, start, Arc::clone(&shared), channels, runtime);
    let thread = std::thread::Builder::new().name("engine".to_owned()).spawn(move || engine.run())?;
    Ok(EngineEndpoints { live: EngineHandle { shared, requests }, batches, output_items, thread })
}

impl EngineHandle {
    /// The segments of all users, as of now.
    pub fn view(&self) -> Arc<MembershipView> {
        self.shared.view()
    }

    /// The latest statistics.
    pub fn stats(&self) -> Arc<EngineStats> {
        Arc::clone(&self.shared.stats.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The outputs that pass the filter, as they happen.
    ///
    /// # Errors
    /// Too many watch already.
    pub fn watch(&self, filter: FeedFilter) -> Result<FeedLines, TooManyWatchers> {
        LiveFeed::watch(&self.shared, filter)
    }

    /// The hours of a segment's history that begin in `[from, to)`, oldest first.
    pub fn segment_history(&self, segment: &str, from: Timestamp, to: Timestamp) -> Vec<SegmentHour> {
        self.shared.history.of(segment, from, to)
    }

    /// A user's recent decisions, oldest first, each with the rules that made it.
    pub fn decisions_of(&self, user: &str) -> Vec<(Arc<ExecutionPlan>, Output)> {
        self.shared.recent.of(user)
    }

    /// A user's report; `None`: the user is unknown.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn describe(&self, user: &str) -> Result<Option<UserReport>, EngineBusy> {
        self.ask(|reply| EngineRequest::Describe { user: user.to_owned(), reply }).await
    }

    /// A copy of a user's state; `None`: the user is unknown.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn copy_of(&self, user: &str) -> Result<Option<UserCopy>, EngineBusy> {
        self.ask(|reply| EngineRequest::CopyUser { user: user.to_owned(), reply }).await
    }

    /// Everything that is stored about a user or an anonymous visitor, except the [decisions](EngineHandle::decisions_of);
    /// `None`: nothing.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn export(&self, user: &str) -> Result<Option<UserExport>, EngineBusy> {
        self.ask(|reply| EngineRequest::Export { user: user.to_owned(), reply }).await
    }

    /// Finds at most `limit` users by id, the id of a visitor, or the value of a trait.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn search(&self, text: &str, limit: usize) -> Result<FoundUsers, EngineBusy> {
        self.ask(|reply| EngineRequest::SearchUsers { text: text.to_owned(), limit, reply }).await
    }

    /// A group's report; `None`: there is no such group.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn describe_group(&self, of: &str, key: &str) -> Result<Option<GroupReport>, EngineBusy> {
        self.ask(|reply| EngineRequest::DescribeGroup { of: of.to_owned(), key: key.to_owned(), reply }).await
    }

    /// At most `limit` keys above `after` of groups in a segment; `None`: there is no such segment of groups.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn group_keys(
        &self,
        segment: &str,
        after: &str,
        limit: usize,
    ) -> Result<Option<GroupKeysPage>, EngineBusy> {
        let (segment, after) = (segment.to_owned(), after.to_owned());
        self.ask(|reply| EngineRequest::GroupKeys { segment, after, limit, reply }).await
    }

    /// A row of a table; `None`: there is no such one.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn describe_row(&self, table: &str, key: &str) -> Result<Option<RowReport>, EngineBusy> {
        self.ask(|reply| EngineRequest::DescribeRow { table: table.to_owned(), key: key.to_owned(), reply }).await
    }

    /// What would be offered now; `None`: the rules have no such list.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn picks_for(&self, asked: AskedPicks) -> Result<Option<Vec<Pick>>, EngineBusy> {
        self.ask(|reply| EngineRequest::Picks { asked, reply }).await
    }

    /// Under which subjects those of the users are known to a partner, in a segment, who are shared with it.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn partner_subjects(
        &self,
        partner: &str,
        segment: &str,
        users: Vec<Arc<str>>,
    ) -> Result<Vec<PartnerSubject>, EngineBusy> {
        let (partner, segment) = (partner.to_owned(), segment.to_owned());
        self.ask(|reply| EngineRequest::PartnerSubjects { partner, segment, users, reply }).await
    }

    /// The users that forgetting an id would delete now: the one with this id, and the one that it is linked to as a visitor's.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn affected_users(&self, id: &str) -> Result<Vec<Arc<str>>, EngineBusy> {
        self.ask(|reply| EngineRequest::AffectedUsers { id: id.to_owned(), reply }).await
    }

    /// Makes other rules take effect between two events. `recorder` records where, before they do.
    ///
    /// # Errors
    /// The engine does not answer, is recovering, or the position can't be recorded; the rules did not change.
    pub async fn change_rules(
        &self,
        plan: Arc<ExecutionPlan>,
        recorder: RulesChangeRecorder,
    ) -> Result<RulesActivation, RulesChangeError> {
        self.ask(|reply| EngineRequest::ChangeRules { plan, recorder, reply }).await?
    }

    /// What a pipeline that reads the log's past begins with.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn begin_past(&self) -> Result<PastBeginning, EngineBusy> {
        self.ask(|reply| EngineRequest::BeginPast { reply }).await
    }

    /// Makes the rules of a pipeline that has read the log's past take effect between two events, with the state that it has:
    /// the engine waits a moment for it to read the last records. `generation` is the number of rules changes when it
    /// [began](EngineHandle::begin_past); `recorder` records where they take effect, before they do.
    ///
    /// # Errors
    /// The engine does not answer or is recovering, other rules took effect since, the pipeline is late, or the position can't
    /// be recorded; the rules did not change.
    pub async fn take_over(
        &self,
        past: AwaitedPast,
        generation: u64,
        recorder: RulesChangeRecorder,
    ) -> Result<RulesActivation, RulesChangeError> {
        self.ask(|reply| EngineRequest::TakeOver { past, generation, recorder, reply }).await?
    }

    /// The last record of the log that was applied.
    pub fn sequence(&self) -> u64 {
        self.shared.sequence.load(Ordering::Relaxed)
    }

    /// Takes a snapshot of all users, or of those changed since the last one; `begin` opens the checkpoint that it is written
    /// to. Returns once the snapshot is complete.
    ///
    /// # Errors
    /// The engine does not answer, is recovering, or takes a snapshot already; or the checkpoint can't be opened.
    pub async fn snapshot(&self, full: bool, begin: SnapshotStart) -> Result<CompletedSnapshot, SnapshotError> {
        self.ask(|reply| EngineRequest::Snapshot { full, begin, reply }).await?
    }

    /// The engine's pauses for snapshots since the start: in microseconds, to three digits.
    pub fn pauses(&self) -> Histogram<u64> {
        self.shared.pauses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Replaces the pipeline by another one, whose position is `start`, before the [recovery](EngineHandle::recover) is started.
    ///
    /// # Errors
    /// The engine has ended.
    pub async fn replace_pipeline(&self, pipeline: Pipeline, start: EngineStart) -> Result<(), EngineBusy> {
        self.requests.send(EngineRequest::ReplacePipeline(Box::new(pipeline), start)).await.map_err(|_| EngineBusy)
    }

    /// Starts the recovery; only then may batches be sent.
    ///
    /// # Errors
    /// The engine has ended.
    pub async fn recover(&self, recovery: Recovery) -> Result<(), EngineBusy> {
        self.requests.send(EngineRequest::Recover(recovery)).await.map_err(|_| EngineBusy)
    }

    /// Whether the recovery is finished, so that everything the engine computes is new.
    pub fn is_live(&self) -> bool {
        *self.shared.is_live.borrow()
    }

    /// Waits until the recovery is finished.
    pub async fn recovered(&self) {
        // It can't fail: the sender is ours.
        let _ = self.shared.is_live.subscribe().wait_for(|is_live| *is_live).await;
    }

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> EngineRequest) -> Result<T, EngineBusy> {
        let (reply, answer) = oneshot::channel();
        self.requests.try_send(request(reply)).map_err(|_| EngineBusy)?;
        answer.await.map_err(|_| EngineBusy)
    }
}

//! The live engine: a pipeline on a thread of its own, and what others may ask of it meanwhile.
//!
//! [`start`] takes a source's batches at one end and hands emissions to a sink at the other. A [`EngineHandle`] is the handle
//! for everybody else: the membership view and the statistics are read without the engine noticing; describing a user
//! and changing the rules are requests that it answers between two batches.
//!
//! No NATS, no HTTP and no files in here, so the whole of it can be tested with channels.

mod engine;
mod growth_schedule;
pub mod membership_view;
mod processing;
mod recent_decisions;
mod recovery;
mod request;
mod snapshot;
mod state_size;
#[cfg(test)]
mod tests;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use hdrhistogram::Histogram;

use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

use crate::log::RecordBatch;
use crate::output::batch::{OutputItem, RulesActivation};
use crate::pipeline::{Pipeline, PipelineTotals, UserExport};
use engine::{Engine, EngineChannels};
use membership_view::MembershipView;
use recent_decisions::RecentDecisions;
pub use recovery::{RecoveredRulesChange, Recovery};
use rekindle_core::growth::GrowthReport;
use rekindle_core::partition::{ExecutionPlan, Output, UserReport};
use rekindle_core::time::Timestamp;
use request::EngineRequest;
pub use request::{EngineStart, RulesChangeError, RulesChangeRecorder};
pub use snapshot::{CompletedSnapshot, SnapshotError, SnapshotStart};

/// How many batches of the source may wait for the engine.
pub const BATCH_QUEUE_CAPACITY: usize = 4;

/// How many emissions may wait for the sink.
pub const OUTPUT_QUEUE_CAPACITY: usize = 4;

/// How many requests may wait for the engine; more are refused.
const REQUEST_QUEUE_CAPACITY: usize = 256;

/// The longest pause told apart: a minute, in microseconds.
const PAUSE_MAX_US: u64 = 60_000_000;

/// How many decisions of everyone are kept to be asked for.
const DECISIONS_KEPT: usize = 100_000;

/// The most bytes that they take.
const DECISIONS_KEPT_BYTES_MAX: usize = 64 << 20;

/// What the engine says of itself, a few times a second.
#[derive(Clone, Debug)]
pub struct EngineStats {
    /// The rules it runs.
    pub plan: Arc<ExecutionPlan>,
    /// Everything counted so far.
    pub totals: PipelineTotals,
    /// The log's watermark; before the first message it is before every time.
    pub watermark: Timestamp,
    /// Pending wake-ups.
    pub pending_timers: u64,
    /// Bytes of all users' state, counted a partition at a time, and of the links of visitors.
    pub state_bytes: u64,
    /// Batches that wait for the engine.
    pub queued_batches: usize,
    /// Emissions that wait for the sink.
    pub queued_outputs: usize,
    /// The growth numbers, as of some seconds ago; `None`: the rules ask for none, nothing was read, or the engine is catching
    /// up with the log, and not all that was due has fired.
    pub growth: Option<Arc<GrowthReport>>,
}

/// The engine does not answer: it is stopping, or has too much to answer already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the engine takes no more questions now: it is stopping, or too many are waiting; try again")]
pub struct EngineBusy;

/// A running engine, for everyone but its source and its sink. Cheap to clone.
#[derive(Clone, Debug)]
pub struct EngineHandle {
    shared: Arc<EngineShared>,
    requests: mpsc::Sender<EngineRequest>,
}

/// What the engine's thread writes and others read.
#[derive(Debug)]
struct EngineShared {
    view: Mutex<Arc<MembershipView>>,
    stats: Mutex<Arc<EngineStats>>,
    recent: RecentDecisions,
    /// Whether what comes is new; before, what is out already is gone through.
    is_live: watch::Sender<bool>,
    /// How long the engine stood still for checkpoints each time, in microseconds.
    pauses: Mutex<Histogram<u64>>,
}

impl EngineShared {
    fn view(&self) -> Arc<MembershipView> {
        Arc::clone(&self.view.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace_view(&self, view: MembershipView) {
        *self.view.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
    }

    fn paused(&self, pause: Duration) {
        let micros = u64::try_from(pause.as_micros()).unwrap_or(u64::MAX).max(1);
        self.pauses.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(micros);
    }

    fn publish(&self, stats: EngineStats) {
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(stats);
    }
}

/// The ends of a running engine.
pub struct EngineEndpoints {
    /// For everyone else.
    pub live: EngineHandle,
    /// Where the source puts its batches. The engine ends once all of these are dropped and everything is done.
    pub batches: mpsc::Sender<RecordBatch>,
    /// Where the sink takes what there is to publish; closed when the engine has ended.
    pub output_items: mpsc::Receiver<OutputItem>,
    /// The thread.
    pub thread: JoinHandle<()>,
}

/// Starts the engine's thread, for a pipeline that has taken in what `start` says. No batch may be
/// handed to it before it knows what there is to [recover](EngineHandle::recover).
///
/// # Errors
/// The system refuses to start it.
pub fn start(pipeline: Pipeline, start: EngineStart, runtime: tokio::runtime::Handle) -> io::Result<EngineEndpoints> {
    let plan = Arc::clone(pipeline.plan());
    let stats = EngineStats {
        plan: Arc::clone(&plan),
        totals: pipeline.totals(),
        watermark: pipeline.watermark(),
        pending_timers: 0,
        state_bytes: 0,
        queued_batches: 0,
        queued_outputs: 0,
        growth: None,
    };
    let shared = Arc::new(EngineShared {
        view: Mutex::new(Arc::new(MembershipView::new(plan, pipeline.users()))),
        stats: Mutex::new(Arc::new(stats)),
        recent: RecentDecisions::new(DECISIONS_KEPT, DECISIONS_KEPT_BYTES_MAX),
        is_live: watch::Sender::new(false),
        pauses: Mutex::new(Histogram::new_with_bounds(1, PAUSE_MAX_US, 3).expect("these bounds are sound")),
    });
    let (batches, batch_queue) = mpsc::channel(BATCH_QUEUE_CAPACITY);
    let (output_queue, output_items) = mpsc::channel(OUTPUT_QUEUE_CAPACITY);
    let (requests, request_queue) = mpsc::channel(REQUEST_QUEUE_CAPACITY);
    let channels = EngineChannels { batches: batch_queue, requests: request_queue, output_items: output_queue };
    let engine = Engine::new(pipeline, start, Arc::clone(&shared), channels, runtime);
    let thread = std::thread::Builder::new().name("engine".to_owned()).spawn(move || engine.run())?;
    Ok(EngineEndpoints { live: EngineHandle { shared, requests }, batches, output_items, thread })
}

impl EngineHandle {
    /// Who is in which segment now.
    pub fn view(&self) -> Arc<MembershipView> {
        self.shared.view()
    }

    /// What the engine last said of itself.
    pub fn stats(&self) -> Arc<EngineStats> {
        Arc::clone(&self.shared.stats.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A user's latest decisions, oldest first, each with the rules it was made by.
    pub fn decisions_of(&self, user: &str) -> Vec<(Arc<ExecutionPlan>, Output)> {
        self.shared.recent.of(user)
    }

    /// All that is known of a user; `None`: nothing.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn describe(&self, user: &str) -> Result<Option<UserReport>, EngineBusy> {
        self.ask(|reply| EngineRequest::Describe { user: user.to_owned(), reply }).await
    }

    /// All that is held about a user or an anonymous visitor, but for the [decisions](EngineHandle::decisions_of); `None`: nothing.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn export(&self, user: &str) -> Result<Option<UserExport>, EngineBusy> {
        self.ask(|reply| EngineRequest::Export { user: user.to_owned(), reply }).await
    }

    /// The users whom forgetting an id would forget now: the one who has it, and whom it is linked to as a visitor's.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn whom(&self, id: &str) -> Result<Vec<Arc<str>>, EngineBusy> {
        self.ask(|reply| EngineRequest::AffectedUsers { id: id.to_owned(), reply }).await
    }

    /// Lets other rules take effect between two events. `recorder` records where, before they do.
    ///
    /// # Errors
    /// The engine does not answer, or where they take effect can't be noted; the rules are as they were.
    pub async fn change_rules(
        &self,
        plan: Arc<ExecutionPlan>,
        recorder: RulesChangeRecorder,
    ) -> Result<RulesActivation, RulesChangeError> {
        self.ask(|reply| EngineRequest::ChangeRules { plan, recorder, reply }).await?
    }

    /// Cuts a checkpoint: everybody, or who changed since the last; `begin` begins to write it. Returns once all of it is
    /// captured.
    ///
    /// # Errors
    /// The engine does not answer, is still recovering, or cuts already; or the checkpoint could not be begun.
    pub async fn cut(&self, whole: bool, begin: SnapshotStart) -> Result<CompletedSnapshot, SnapshotError> {
        self.ask(|reply| EngineRequest::Snapshot { whole, begin, reply }).await?
    }

    /// How long the engine stood still for checkpoints, each time, since the start: in microseconds, to three digits.
    pub fn pauses(&self) -> Histogram<u64> {
        self.shared.pauses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets the engine begin with another pipeline, that has taken in what `start` says; before it knows what there is to
    /// [recover](EngineHandle::recover).
    ///
    /// # Errors
    /// The engine has ended.
    pub async fn begin_with(&self, pipeline: Pipeline, start: EngineStart) -> Result<(), EngineBusy> {
        self.requests.send(EngineRequest::ReplacePipeline(Box::new(pipeline), start)).await.map_err(|_| EngineBusy)
    }

    /// Tells the engine what to go through before what comes is new; only then may batches be handed to it.
    ///
    /// # Errors
    /// The engine has ended.
    pub async fn recover(&self, recovery: Recovery) -> Result<(), EngineBusy> {
        self.requests.send(EngineRequest::Recover(recovery)).await.map_err(|_| EngineBusy)
    }

    /// Whether what comes is new: everything that is out already was gone through.
    pub fn is_live(&self) -> bool {
        *self.shared.is_live.borrow()
    }

    /// Waits until everything that is out already was gone through.
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

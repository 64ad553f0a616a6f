//! The live engine: a pipeline on a thread of its own, and what others may ask of it meanwhile.
//!
//! [`start`] takes a source's batches at one end and hands emissions to a sink at the other. A [`Live`] is the handle
//! for everybody else: the membership view and the statistics are read without the engine noticing; describing a user
//! and changing the rules are requests that it answers between two batches.
//!
//! No NATS, no HTTP and no files in here, so the whole of it can be tested with channels.

mod cut;
mod engine;
mod recent;
mod recovery;
mod state_bytes;
mod telling;
#[cfg(test)]
mod tests;
pub mod view;

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use hdrhistogram::Histogram;

use thiserror::Error;
use tokio::sync::{mpsc, oneshot, watch};

use crate::log::Batch;
use crate::output::emission::{Emission, Reloaded};
use crate::pipeline::{Pipeline, Totals, UserExport};
pub use cut::{Begin, Captured, CutError};
pub use engine::{ChangeError, NoteChange, Start};
use engine::{Engine, Request};
use recent::Recent;
pub use recovery::{Change, Recovery};
use rekindle_core::growth::GrowthReport;
use rekindle_core::partition::{ExecutionPlan, Output, UserReport};
use rekindle_core::time::Timestamp;
use view::View;

/// How many batches of the source may wait for the engine.
pub const BATCHES_AHEAD: usize = 4;

/// How many emissions may wait for the sink.
pub const EMISSIONS_AHEAD: usize = 4;

/// How many requests may wait for the engine; more are refused.
const REQUESTS_AHEAD: usize = 256;

/// The longest pause told apart: a minute, in microseconds.
const PAUSE_MAX_US: u64 = 60_000_000;

/// How many decisions of everyone are kept to be asked for.
const DECISIONS_KEPT: usize = 100_000;

/// The most bytes that they take.
const DECISIONS_KEPT_BYTES_MAX: usize = 64 << 20;

/// What the engine says of itself, a few times a second.
#[derive(Clone, Debug)]
pub struct Stats {
    /// The rules it runs.
    pub plan: Arc<ExecutionPlan>,
    /// Everything counted so far.
    pub totals: Totals,
    /// The log's watermark; before the first message it is before every time.
    pub watermark: Timestamp,
    /// Pending wake-ups.
    pub pending_timers: u64,
    /// Bytes of all users' state, counted a partition at a time, and of the links of visitors.
    pub state_bytes: u64,
    /// Batches that wait for the engine.
    pub queued_batches: usize,
    /// Emissions that wait for the sink.
    pub queued_emissions: usize,
    /// The growth numbers, as of some seconds ago; `None`: the rules ask for none, nothing was read, or the engine is catching
    /// up with the log, and not all that was due has fired.
    pub growth: Option<Arc<GrowthReport>>,
}

/// The engine does not answer: it is stopping, or has too much to answer already.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the engine takes no more questions now: it is stopping, or too many are waiting; try again")]
pub struct Busy;

/// A running engine, for everyone but its source and its sink. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Live {
    shared: Arc<Shared>,
    requests: mpsc::Sender<Request>,
}

/// What the engine's thread writes and others read.
#[derive(Debug)]
struct Shared {
    view: Mutex<Arc<View>>,
    stats: Mutex<Arc<Stats>>,
    recent: Recent,
    /// Whether what comes is new; before, what is out already is gone through.
    is_live: watch::Sender<bool>,
    /// How long the engine stood still for checkpoints each time, in microseconds.
    pauses: Mutex<Histogram<u64>>,
}

impl Shared {
    fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace_view(&self, view: View) {
        *self.view.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(view);
    }

    fn paused(&self, pause: Duration) {
        let micros = u64::try_from(pause.as_micros()).unwrap_or(u64::MAX).max(1);
        self.pauses.lock().unwrap_or_else(PoisonError::into_inner).saturating_record(micros);
    }

    fn publish(&self, stats: Stats) {
        *self.stats.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(stats);
    }
}

/// The ends of a running engine.
pub struct Ends {
    /// For everyone else.
    pub live: Live,
    /// Where the source puts its batches. The engine ends once all of these are dropped and everything is done.
    pub batches: mpsc::Sender<Batch>,
    /// Where the sink takes what there is to publish; closed when the engine has ended.
    pub emissions: mpsc::Receiver<Emission>,
    /// The thread.
    pub thread: JoinHandle<()>,
}

/// Starts the engine's thread, for a pipeline that has taken in what `start` says. No batch may be
/// handed to it before it knows what there is to [recover](Live::recover).
///
/// # Errors
/// The system refuses to start it.
pub fn start(pipeline: Pipeline, start: Start, runtime: tokio::runtime::Handle) -> io::Result<Ends> {
    let plan = Arc::clone(pipeline.plan());
    let stats = Stats {
        plan: Arc::clone(&plan),
        totals: pipeline.totals(),
        watermark: pipeline.watermark(),
        pending_timers: 0,
        state_bytes: 0,
        queued_batches: 0,
        queued_emissions: 0,
        growth: None,
    };
    let shared = Arc::new(Shared {
        view: Mutex::new(Arc::new(View::new(plan, pipeline.users()))),
        stats: Mutex::new(Arc::new(stats)),
        recent: Recent::new(DECISIONS_KEPT, DECISIONS_KEPT_BYTES_MAX),
        is_live: watch::Sender::new(false),
        pauses: Mutex::new(Histogram::new_with_bounds(1, PAUSE_MAX_US, 3).expect("these bounds are sound")),
    });
    let (batches, taken) = mpsc::channel(BATCHES_AHEAD);
    let (emitted, emissions) = mpsc::channel(EMISSIONS_AHEAD);
    let (requests, asked) = mpsc::channel(REQUESTS_AHEAD);
    let engine = Engine::new(pipeline, Arc::clone(&shared), taken, asked, emitted, start);
    let thread = std::thread::Builder::new().name("engine".to_owned()).spawn(move || engine.run(&runtime))?;
    Ok(Ends { live: Live { shared, requests }, batches, emissions, thread })
}

impl Live {
    /// Who is in which segment now.
    pub fn view(&self) -> Arc<View> {
        self.shared.view()
    }

    /// What the engine last said of itself.
    pub fn stats(&self) -> Arc<Stats> {
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
    pub async fn describe(&self, user: &str) -> Result<Option<UserReport>, Busy> {
        self.ask(|reply| Request::Describe { user: user.to_owned(), reply }).await
    }

    /// All that is held about a user or an anonymous visitor, but for the [decisions](Live::decisions_of); `None`: nothing.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn export(&self, user: &str) -> Result<Option<UserExport>, Busy> {
        self.ask(|reply| Request::Export { user: user.to_owned(), reply }).await
    }

    /// The users whom forgetting an id would forget now: the one who has it, and whom it is linked to as a visitor's.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn whom(&self, id: &str) -> Result<Vec<Arc<str>>, Busy> {
        self.ask(|reply| Request::Whom { id: id.to_owned(), reply }).await
    }

    /// Lets other rules take effect between two events. `note` writes down where, before they do.
    ///
    /// # Errors
    /// The engine does not answer, or where they take effect can't be noted; the rules are as they were.
    pub async fn change_rules(&self, plan: Arc<ExecutionPlan>, note: NoteChange) -> Result<Reloaded, ChangeError> {
        self.ask(|reply| Request::ChangeRules { plan, note, reply }).await?
    }

    /// Cuts a checkpoint: everybody, or who changed since the last; `begin` begins to write it. Returns once all of it is
    /// captured.
    ///
    /// # Errors
    /// The engine does not answer, is still recovering, or cuts already; or the checkpoint could not be begun.
    pub async fn cut(&self, whole: bool, begin: Begin) -> Result<Captured, CutError> {
        self.ask(|reply| Request::Cut { whole, begin, reply }).await?
    }

    /// How long the engine stood still for checkpoints, each time, since the start: in microseconds, to three digits.
    pub fn pauses(&self) -> Histogram<u64> {
        self.shared.pauses.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets the engine begin with another pipeline, that has taken in what `start` says; before it knows what there is to
    /// [recover](Live::recover).
    ///
    /// # Errors
    /// The engine has ended.
    pub async fn begin_with(&self, pipeline: Pipeline, start: Start) -> Result<(), Busy> {
        self.requests.send(Request::BeginWith(Box::new(pipeline), start)).await.map_err(|_| Busy)
    }

    /// Tells the engine what to go through before what comes is new; only then may batches be handed to it.
    ///
    /// # Errors
    /// The engine has ended.
    pub async fn recover(&self, recovery: Recovery) -> Result<(), Busy> {
        self.requests.send(Request::Recover(recovery)).await.map_err(|_| Busy)
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

    async fn ask<T>(&self, request: impl FnOnce(oneshot::Sender<T>) -> Request) -> Result<T, Busy> {
        let (reply, answer) = oneshot::channel();
        self.requests.try_send(request(reply)).map_err(|_| Busy)?;
        answer.await.map_err(|_| Busy)
    }
}

//! Rules that are to take effect knowing the past: a second pipeline reads the log from its beginning, on a thread of its own,
//! beside the live engine, and takes over when it has caught up.
//!
//! What it makes of the log is stored a little before it takes over: a start that restores an older checkpoint needs it, since
//! the log may have lost its beginning by then. Until the live engine continues with it, nothing has changed.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use super::past_pipeline::PastPipeline;
use super::request::{AwaitedPast, PastBeginning, RulesChangeError, RulesChangeRecorder};
use super::state_size::StateSizeCount;
use super::{EngineBusy, EngineHandle};
use crate::log::{LogRecord, RecordBatch};
use crate::output::batch::RulesActivation;
use crate::pipeline::{Pipeline, PipelineOptions};
use crate::store::{CheckpointStore, NewRules, PastEntry, StoreError};
use rekindle_core::partition::ExecutionPlan;
use rekindle_core::time::Timestamp;

/// Records that are read at once.
const RECORDS_PER_STEP: usize = 4_096;
/// It has caught up when no more records than this are left to read.
const LEFT_MAX: u64 = 2_000;
/// How often it looks for records, a cancellation, or a failure of the source.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// The longest pause at a time.
const PAUSE_MAX: Duration = Duration::from_millis(200);
/// How often it tries to take over, before it gives up.
const TAKE_OVER_ATTEMPTS: u32 = 20;

/// What it is started with.
pub struct RecomputationInputs {
    /// The rules.
    pub plan: Arc<ExecutionPlan>,
    /// Their text.
    pub text: String,
    /// How the live pipeline computes.
    pub options: PipelineOptions,
    /// The live engine.
    pub live: EngineHandle,
    /// Receives the log from its beginning.
    pub batches: mpsc::Receiver<RecordBatch>,
    /// What keeps the log from being read completely, if anything does.
    pub log_failure: Box<dyn Fn() -> Option<String> + Send>,
    /// Where checkpoints are stored; `None`: nowhere.
    pub checkpoints: Option<CheckpointStore>,
    /// How much of its time its thread may compute, from 1 to 100 percent.
    pub share_percent: u8,
    /// The most bytes that its state may take.
    pub state_bytes_max: u64,
}

/// How far it is, for others to read.
#[derive(Clone, Debug, Default)]
pub struct RecomputationProgress(Arc<ProgressShared>);

#[derive(Debug, Default)]
struct ProgressShared {
    figures: Mutex<RecomputationFigures>,
    cancelled: AtomicBool,
}

/// How far it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecomputationFigures {
    /// What it does.
    pub phase: RecomputationPhase,
    /// The first record of the log that it read; 0: none yet.
    pub first: u64,
    /// The last.
    pub sequence: u64,
    /// The last record that the live engine has applied.
    pub live_sequence: u64,
    /// How many events it read.
    pub events: u64,
    /// The bytes of its state.
    pub state_bytes: u64,
    /// Its watermark.
    pub watermark: Option<Timestamp>,
}

/// What it does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RecomputationPhase {
    /// It reads the log.
    #[default]
    Reading,
    /// It stores what it made of the log.
    Storing,
    /// It reads what came in meanwhile, and takes over.
    TakingOver,
}

/// Why it ended without taking over. Nothing has changed.
#[derive(Debug, Error)]
pub enum RecomputationError {
    /// Somebody cancelled it.
    #[error("it was cancelled")]
    Cancelled,
    /// Its state is too large.
    #[error(
        "the state of a second engine takes {bytes} bytes by now, and may take {max}: raise [engine] reload_memory, or reload \
         without the past"
    )]
    Memory {
        /// How many bytes it took.
        bytes: u64,
        /// How many it may take.
        max: u64,
    },
    /// The log can't be read completely.
    #[error("the log could not be read: {0}")]
    Log(String),
    /// It could not be stored.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The live engine did not take it.
    #[error(transparent)]
    NotTaken(#[from] RulesChangeError),
    /// The live engine does not answer.
    #[error(transparent)]
    Busy(#[from] EngineBusy),
    /// Its threads can't be started.
    #[error("could not start the threads of a second engine: {0}")]
    Threads(String),
}

impl RecomputationFigures {
    /// How much of the log is read, from 0 to 1.
    pub fn progress(&self) -> f64 {
        let (read, all) = (self.sequence.saturating_sub(self.first), self.live_sequence.saturating_sub(self.first));
        match (self.first, all) {
            (0, _) => 0.0,
            (_, 0) => 1.0,
            _ => (read as f64 / all as f64).min(1.0),
        }
    }
}

impl RecomputationProgress {
    /// How far it is.
    pub fn figures(&self) -> RecomputationFigures {
        *self.0.figures.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it as soon as possible, unless it has taken over by then.
    pub fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::Relaxed);
    }

    fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::Relaxed)
    }

    fn set(&self, change: impl FnOnce(&mut RecomputationFigures)) {
        change(&mut self.0.figures.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Reads the log under other rules on a thread of its own, and makes them take effect.
///
/// # Errors
/// It could not; nothing has changed.
pub async fn recompute(
    inputs: RecomputationInputs,
    progress: RecomputationProgress,
) -> Result<RulesActivation, RecomputationError> {
    let beginning = inputs.live.begin_past().await?;
    let runtime = tokio::runtime::Handle::current();
    let (reply, result) = oneshot::channel();
    let run = move || {
        let result = Recomputation::new(inputs, progress, beginning, runtime).and_then(Recomputation::run);
        let _ = reply.send(result);
    };
    let started = std::thread::Builder::new().name("past".to_owned()).spawn(run);
    started.map_err(|error| RecomputationError::Threads(error.to_string()))?;
    result.await.unwrap_or_else(|_| Err(RecomputationError::Threads("its thread has panicked".to_owned())))
}

/// The pipeline, with all that its thread needs.
struct Recomputation {
    inputs: RecomputationInputs,
    progress: RecomputationProgress,
    beginning: PastBeginning,
    runtime: tokio::runtime::Handle,
    past: PastPipeline,
    /// Records that came and were not read.
    held: VecDeque<LogRecord>,
    size: StateSizeCount,
}

impl Recomputation {
    fn new(
        inputs: RecomputationInputs,
        progress: RecomputationProgress,
        beginning: PastBeginning,
        runtime: tokio::runtime::Handle,
    ) -> Result<Recomputation, RecomputationError> {
        let options = PipelineOptions { workers: 1, ..inputs.options.clone() };
        let pipeline = Pipeline::new(Arc::clone(&inputs.plan), options);
        let mut pipeline = pipeline.map_err(|error| RecomputationError::Threads(error.to_string()))?;
        pipeline.decide_nothing();
        let past = PastPipeline { pipeline, sequence: 0 };
        let size = StateSizeCount::default();
        Ok(Recomputation { inputs, progress, beginning, runtime, past, held: VecDeque::new(), size })
    }

    fn run(mut self) -> Result<RulesActivation, RecomputationError> {
        self.catch_up(true)?;
        let stored = self.store()?;
        self.progress.set(|figures| figures.phase = RecomputationPhase::TakingOver);
        for _ in 1..TAKE_OVER_ATTEMPTS {
            match self.take_over(stored.clone()) {
                Err(RecomputationError::NotTaken(RulesChangeError::PastIsLate)) => {}
                other => return other,
            }
        }
        self.take_over(stored)
    }

    /// Reads until about as much is read as the live engine has applied. `is_paced`: with pauses.
    fn catch_up(&mut self, is_paced: bool) -> Result<(), RecomputationError> {
        loop {
            let began = Instant::now();
            let live = self.inputs.live.sequence();
            let has_read = self.read_some(live)?;
            // A log without a record is read at once.
            if live.saturating_sub(self.past.sequence) <= LEFT_MAX && (self.past.sequence > 0 || live == 0) {
                return Ok(());
            }
            if has_read && is_paced {
                self.pause(began.elapsed());
            }
        }
    }

    /// Lets others compute for as long as its share says.
    fn pause(&self, computed: Duration) {
        let share = u32::from(self.inputs.share_percent.clamp(1, 100));
        let mut left = computed * (100 - share) / share;
        while !left.is_zero() && !self.progress.is_cancelled() {
            let pause = left.min(PAUSE_MAX);
            std::thread::sleep(pause);
            left -= pause;
        }
    }

    /// Reads some records up to `through`, which may be none yet. Whether it read any.
    fn read_some(&mut self, through: u64) -> Result<bool, RecomputationError> {
        if self.progress.is_cancelled() {
            return Err(RecomputationError::Cancelled);
        }
        if let Some(why) = (self.inputs.log_failure)() {
            return Err(RecomputationError::Log(why));
        }
        if self.held.front().is_none_or(|first| first.sequence > through) {
            let wait = if self.held.is_empty() { LOOK_INTERVAL } else { LOOK_INTERVAL / 4 };
            if self.held.len() < RECORDS_PER_STEP {
                self.receive(wait)?;
            } else {
                std::thread::sleep(wait);
            }
        }
        let count = self.held.iter().take(RECORDS_PER_STEP).take_while(|record| record.sequence <= through).count();
        let records: Vec<LogRecord> = self.held.drain(..count).collect();
        if let Some(first) = records.first().filter(|_| self.past.sequence == 0) {
            self.begin(first.sequence);
        }
        self.past.read(&records, through);
        self.report()?;
        Ok(!records.is_empty())
    }

    /// Waits a moment for more records.
    fn receive(&mut self, wait: Duration) -> Result<(), RecomputationError> {
        // A timer is made on the runtime only.
        let received = async { tokio::time::timeout(wait, self.inputs.batches.recv()).await };
        let received = self.runtime.block_on(received);
        match received {
            Ok(Some(batch)) => self.held.extend(batch),
            Ok(None) => return Err(RecomputationError::Log("its source has ended".to_owned())),
            Err(_) => {}
        }
        Ok(())
    }

    /// The first record: whether the log has lost what was before it.
    fn begin(&mut self, first: u64) {
        if first > 1 {
            self.past.pipeline.assume_links(&self.beginning.links);
        } else if !self.beginning.knows_beginning {
            self.past.pipeline.know_whole_log();
        }
        self.progress.set(|figures| figures.first = first);
    }

    fn report(&mut self) -> Result<(), RecomputationError> {
        self.size.count_on(&self.past.pipeline);
        let (bytes, max) = (self.size.total(), self.inputs.state_bytes_max);
        let pipeline = &self.past.pipeline;
        let (live_sequence, watermark) = (self.inputs.live.sequence(), pipeline.watermark());
        self.progress.set(|figures| {
            figures.sequence = self.past.sequence;
            figures.live_sequence = live_sequence;
            figures.events = pipeline.totals().events;
            figures.state_bytes = bytes;
            figures.watermark = Some(watermark).filter(|watermark| *watermark > Timestamp::MIN);
        });
        if bytes > max { Err(RecomputationError::Memory { bytes, max }) } else { Ok(()) }
    }

    /// Stores what it made of the log, where there is a store.
    fn store(&self) -> Result<Option<PastEntry>, RecomputationError> {
        let Some(checkpoints) = &self.inputs.checkpoints else { return Ok(None) };
        self.progress.set(|figures| figures.phase = RecomputationPhase::Storing);
        Ok(Some(checkpoints.write_past(&self.past.pipeline, self.past.sequence)?))
    }

    /// Reads all that is left, and takes over where the live engine is then. If it is too late for that, it may try again.
    fn take_over(&mut self, stored: Option<PastEntry>) -> Result<RulesActivation, RecomputationError> {
        self.catch_up(false)?;
        let (through, awaited) = oneshot::channel();
        let (hand_over, pipeline) = oneshot::channel();
        let (live, recorder) = (self.inputs.live.clone(), self.recorder(stored));
        let (past, generation) = (AwaitedPast { through, pipeline }, self.beginning.generation);
        let taken = self.runtime.spawn(async move { live.take_over(past, generation, recorder).await });
        if let Ok(through) = awaited.blocking_recv() {
            while self.past.sequence < through && !hand_over.is_closed() {
                self.read_some(through)?;
            }
            if !hand_over.is_closed() {
                self.hand_over(hand_over)?;
            }
        }
        let taken = self.runtime.block_on(taken);
        Ok(taken.map_err(|_| RulesChangeError::Busy(EngineBusy))??)
    }

    /// Gives the pipeline away; back, if it was not taken.
    fn hand_over(&mut self, to: oneshot::Sender<Box<Pipeline>>) -> Result<(), RecomputationError> {
        let options = PipelineOptions { workers: 1, partitions: 1, ..self.inputs.options.clone() };
        let empty = Pipeline::new(Arc::clone(&self.inputs.plan), options);
        let empty = empty.map_err(|error| RecomputationError::Threads(error.to_string()))?;
        let pipeline = std::mem::replace(&mut self.past.pipeline, empty);
        if let Err(pipeline) = to.send(Box::new(pipeline)) {
            self.past.pipeline = *pipeline;
        }
        Ok(())
    }

    /// Records where the rules take effect.
    fn recorder(&self, past: Option<PastEntry>) -> RulesChangeRecorder {
        let (version, text) = (self.inputs.plan.rules.version.clone(), self.inputs.text.clone());
        let generation = self.beginning.generation + 1;
        match self.inputs.checkpoints.clone() {
            Some(checkpoints) => Box::new(move |sequence| {
                let rules = NewRules { version, text, past };
                async move { checkpoints.record_new_rules(sequence, rules).await }.boxed()
            }),
            None => Box::new(move |_| async move { Ok(generation) }.boxed()),
        }
    }
}

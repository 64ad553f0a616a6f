//! The engine: a state machine on its own thread that applies record batches, publishes outputs and answers requests.
//!
//! [`Engine::select`] picks the next [`EngineAction`]; [`Engine::apply`] executes it. What an action does to the pipeline is
//! in [`processing`](super::processing).

use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, oneshot};

use super::growth_schedule::GrowthReportSchedule;
use super::processing::NextRules;
use super::recovery::Recovery;
use super::request::{EngineRequest, EngineStart, RulesChangeError};
use super::snapshot::{CompletedSnapshot, EngineSnapshot, SnapshotError, SnapshotStart};
use super::state_size::StateSizeCount;
use super::{EngineBusy, EngineShared, EngineStats};
use crate::log::RecordBatch;
use crate::output::batch::{Barrier, OutputItem};
use crate::pipeline::Pipeline;

/// The records that are applied as one group at most.
pub(super) const MAX_GROUP_RECORDS: usize = 20_000;

/// How long the engine waits before it checks again whether a checkpoint's writer, or the sink, has room.
const ROOM_RETRY_INTERVAL: Duration = Duration::from_millis(1);

/// Due timers fire after this time even while the sink's queue is not empty.
const MAX_TIMER_DELAY: Duration = Duration::from_millis(100);

/// The statistics are published at least this often.
const STATISTICS_INTERVAL: Duration = Duration::from_millis(200);

/// The engine's thread owns the pipeline and everything that changes with it.
///
/// One thread takes one action at a time, from [`select`](Engine::select), and executes it to the end in
/// [`apply`](Engine::apply) before it takes the next:
///
/// ```text
/// requests ──┐                            ┌──► output items, to the sink
/// batches  ──┼──► select ──► action ──► apply ──► replies
/// time     ──┘                            └──► membership view, statistics
/// ```
///
/// So a request, a rules change or a snapshot always sees the state
/// between two groups of records, no lock guards the pipeline, and the order of actions is the only concurrency to reason
/// about. Inside an action the pipeline still uses all workers: partition tasks run in parallel and end with the action.
///
/// The price is that actions wait for each other: a lookup of a user waits for the group that is being applied, and
/// everything waits for a rules change, which evaluates all users. What could take long is therefore done in bounded parts:
/// groups have at most [`MAX_GROUP_RECORDS`] records, due timers fire for some users at a time, and a snapshot is taken in
/// parts of two milliseconds between other actions. What must never wait for the engine does not ask it: the membership
/// view, the recent decisions and the statistics are shared, and the engine only writes them.
///
/// `apply` is synchronous. The only thing it waits for is room in the sink's queue: that is the back-pressure, since the
/// engine then takes no more batches and the source stops asking for more. While it waits it answers the requests that only
/// read, and queues the others.
pub(super) struct Engine {
    pub(super) state: EngineState,
    pub(super) pipeline: Pipeline,
    pub(super) shared: Arc<EngineShared>,
    /// Where it waits, for batches, requests and the sink.
    pub(super) runtime: tokio::runtime::Handle,
    batches: mpsc::Receiver<RecordBatch>,
    pub(super) requests: mpsc::Receiver<EngineRequest>,
    output_items: mpsc::Sender<OutputItem>,
    /// Requests that arrived while the sink had no room and that change something.
    pub(super) waiting: VecDeque<EngineRequest>,
    statistics_published: Instant,
    /// When timers last fired.
    pub(super) timers_fired: Instant,
    pub(super) state_size: StateSizeCount,
    pub(super) growth: GrowthReportSchedule,
    /// The sequence of the last record that was applied.
    pub(super) sequence: u64,
    /// The number of rules changes so far.
    pub(super) generation: u64,
}

/// What the engine is doing. It only moves forward.
pub(super) enum EngineState {
    /// It replays the part of the log whose outputs are published already. It publishes only what is not; it changes no
    /// rules, takes no snapshot and fires no timers of its own.
    Recovering {
        /// What there is to replay; `None` until that is known, and until then no batch may arrive.
        recovery: Option<Recovery>,
        /// Records that wait for the rest of their group.
        backlog: RecordBatch,
    },
    /// Everything it computes is new.
    Running {
        /// The snapshot that is being taken.
        snapshot: Option<EngineSnapshot>,
    },
    /// The source has ended: the remaining due timers fire, and the thread ends.
    Draining,
}

/// What the engine does next.
enum EngineAction {
    /// Applies a batch, and those that wait behind it.
    Receive(RecordBatch),
    Answer(EngineRequest),
    /// Fires due timers for some more users.
    FireTimers,
    /// Takes the next part of a snapshot.
    ContinueSnapshot,
    PublishStatistics,
    /// The source has ended.
    Drain,
}

/// The sink has ended: nothing can be published any more.
pub(super) struct SinkClosed;

impl Engine {
    pub(super) fn new(
        pipeline: Pipeline,
        start: EngineStart,
        shared: Arc<EngineShared>,
        channels: EngineChannels,
        runtime: tokio::runtime::Handle,
    ) -> Engine {
        let EngineChannels { batches, requests, output_items } = channels;
        Engine {
            state: EngineState::Recovering { recovery: None, backlog: RecordBatch::new() },
            sequence: start.sequence,
            generation: start.generation,
            pipeline,
            shared,
            runtime,
            batches,
            requests,
            output_items,
            waiting: VecDeque::new(),
            statistics_published: Instant::now(),
            timers_fired: Instant::now(),
            state_size: StateSizeCount::default(),
            growth: GrowthReportSchedule::default(),
        }
    }

    /// Runs until the source has ended and everything is drained, or until the sink has ended.
    pub(super) fn run(mut self) {
        let runtime = self.runtime.clone();
        self.publish_statistics();
        loop {
            let action = runtime.block_on(self.select());
            if !matches!(self.apply(action), Ok(ControlFlow::Continue(()))) {
                break;
            }
        }
        self.publish_statistics();
    }

    /// Picks the next action. Requests come before batches, and both before background work.
    async fn select(&mut self) -> EngineAction {
        if let Some(request) = self.waiting.pop_front() {
            return EngineAction::Answer(request);
        }
        let (background, delay) = self.background_work();
        tokio::select! {
            biased;
            Some(request) = self.requests.recv() => EngineAction::Answer(request),
            batch = self.batches.recv() => batch.map_or(EngineAction::Drain, EngineAction::Receive),
            () = tokio::time::sleep(delay) => background,
        }
    }

    /// What to do when neither a request nor a batch arrives within this time.
    fn background_work(&self) -> (EngineAction, Duration) {
        match &self.state {
            EngineState::Running { snapshot: Some(snapshot) } => {
                let delay = if snapshot.has_room() { Duration::ZERO } else { ROOM_RETRY_INTERVAL };
                (EngineAction::ContinueSnapshot, delay)
            }
            EngineState::Running { snapshot: None } if self.has_due_timers() => {
                let delay = if self.may_fire_timers() { Duration::ZERO } else { ROOM_RETRY_INTERVAL };
                (EngineAction::FireTimers, delay)
            }
            _ => (EngineAction::PublishStatistics, STATISTICS_INTERVAL),
        }
    }

    /// Executes an action, then what is due after any action: the next part of a snapshot, a growth report, the statistics.
    /// Breaks after the last action.
    fn apply(&mut self, action: EngineAction) -> Result<ControlFlow<()>, SinkClosed> {
        match action {
            EngineAction::Receive(batch) => self.receive(batch)?,
            EngineAction::Answer(request) => self.answer(request)?,
            EngineAction::FireTimers => self.fire_some_timers()?,
            // Done below, after every action.
            EngineAction::ContinueSnapshot | EngineAction::PublishStatistics => {}
            EngineAction::Drain => {
                self.drain()?;
                return Ok(ControlFlow::Break(()));
            }
        }
        self.continue_snapshot();
        // A report needs all due timers to have fired, which may be true only now and no longer when the statistics are next
        // published.
        self.growth.refresh(&self.pipeline, !self.is_recovering());
        if self.statistics_published.elapsed() >= STATISTICS_INTERVAL {
            self.publish_statistics();
        }
        Ok(ControlFlow::Continue(()))
    }

    fn receive(&mut self, mut batch: RecordBatch) -> Result<(), SinkClosed> {
        while batch.len() < MAX_GROUP_RECORDS
            && let Ok(more) = self.batches.try_recv()
        {
            batch.extend(more);
        }
        match &mut self.state {
            EngineState::Recovering { backlog, recovery } => {
                if let Some(recovery) = recovery {
                    recovery.read_past(&batch);
                }
                // Those before are there for the past of rules to come.
                backlog.extend(batch.into_iter().filter(|record| record.sequence > self.sequence));
                self.recover()?;
            }
            EngineState::Running { .. } | EngineState::Draining => self.apply_group(&batch, None)?,
        }
        self.fire_some_timers()
    }

    fn answer(&mut self, request: EngineRequest) -> Result<(), SinkClosed> {
        match request {
            EngineRequest::ChangeRules { reply, .. } if self.is_recovering() => {
                let _ = reply.send(Err(RulesChangeError::Recovering));
            }
            EngineRequest::ChangeRules { plan, recorder, reply } => {
                match self.runtime.block_on(recorder(self.sequence)) {
                    Ok(generation) => {
                        let activation = self.change_rules(NextRules::Plan(plan), generation, None)?;
                        // The client may have disconnected; the rules have changed all the same.
                        let _ = reply.send(Ok(activation));
                    }
                    Err(error) => drop(reply.send(Err(RulesChangeError::NotRecorded(error)))),
                }
            }
            EngineRequest::TakeOver { past, generation, recorder, reply } => {
                let activation = self.take_over(past, generation, recorder)?;
                let _ = reply.send(activation);
            }
            EngineRequest::Snapshot { full, begin, reply } => self.begin_snapshot(full, begin, reply)?,
            EngineRequest::ReplacePipeline(pipeline, start) => self.replace_pipeline(*pipeline, start),
            EngineRequest::Recover(new) => {
                if let EngineState::Recovering { recovery, .. } = &mut self.state {
                    *recovery = Some(new);
                }
                self.recover()?;
            }
            read => drop(self.answer_read(read)),
        }
        Ok(())
    }

    /// Answers a request that only reads; gives back any other.
    pub(super) fn answer_read(&self, request: EngineRequest) -> Option<EngineRequest> {
        match request {
            EngineRequest::BeginPast { reply } => {
                let _ = reply.send(self.past_beginning());
                None
            }
            other => other.answer_read(&self.pipeline),
        }
    }

    /// Begins a snapshot here, between two groups. A barrier in the outputs tells when everything before it is published.
    fn begin_snapshot(
        &mut self,
        full: bool,
        begin: SnapshotStart,
        reply: oneshot::Sender<Result<CompletedSnapshot, SnapshotError>>,
    ) -> Result<(), SinkClosed> {
        let EngineState::Running { snapshot: None } = self.state else {
            let _ = reply.send(Err(EngineBusy.into()));
            return Ok(());
        };
        let began = Instant::now();
        let header = self.pipeline.begin_snapshot(full);
        let (decisions, recent) = self.shared.begin_snapshot(&self.pipeline, header.is_full);
        let begun = begin(header, Arc::clone(self.pipeline.plan()), self.sequence, self.generation);
        self.shared.paused(began.elapsed());
        match begun {
            Ok(writer) => {
                writer.push_recent(recent);
                let (passed, is_passed) = oneshot::channel();
                let snapshot = EngineSnapshot::new(writer, is_passed, self.sequence, decisions, reply);
                self.state = EngineState::Running { snapshot: Some(snapshot) };
                self.publish(OutputItem::Barrier(Barrier { passed }))
            }
            Err(error) => {
                let _ = reply.send(Err(error.into()));
                Ok(())
            }
        }
    }

    /// Takes the next part of a snapshot, if one is being taken and its writer keeps up.
    fn continue_snapshot(&mut self) {
        if let EngineState::Running { snapshot } = &mut self.state
            && let Some(current) = snapshot.take_if(|snapshot| snapshot.has_room())
        {
            let began = Instant::now();
            *snapshot = current.take_part(&mut self.pipeline, &self.shared.recent);
            self.shared.paused(began.elapsed());
        }
    }

    /// The last action. A recovery that is not finished has nothing to publish.
    fn drain(&mut self) -> Result<(), SinkClosed> {
        if self.is_recovering() {
            return Ok(());
        }
        self.state = EngineState::Draining;
        self.fire_all_timers()
    }

    pub(super) fn is_recovering(&self) -> bool {
        matches!(self.state, EngineState::Recovering { .. })
    }

    /// Whether the engine is running and timers are due.
    pub(super) fn has_due_timers(&self) -> bool {
        matches!(self.state, EngineState::Running { .. }) && self.pipeline.fired() < self.pipeline.watermark()
    }

    /// Whether timers may fire now: the outputs of new events are not to wait behind many of theirs.
    pub(super) fn may_fire_timers(&self) -> bool {
        self.output_items.capacity() == self.output_items.max_capacity()
            || self.timers_fired.elapsed() >= MAX_TIMER_DELAY
    }

    /// Hands an item to the sink, and waits for room. Meanwhile requests that only read are answered, and the statistics
    /// are published: the queues are fullest now.
    pub(super) fn publish(&mut self, item: OutputItem) -> Result<(), SinkClosed> {
        if let OutputItem::Batch(batch) = &item {
            self.shared.feed.offer(&batch.plan, &batch.outputs);
        }
        let runtime = self.runtime.clone();
        runtime.block_on(async {
            loop {
                let request = tokio::select! {
                    biased;
                    permit = self.output_items.reserve() => {
                        permit.map_err(|_| SinkClosed)?.send(item);
                        return Ok(());
                    }
                    Some(request) = self.requests.recv() => Some(request),
                    () = tokio::time::sleep(STATISTICS_INTERVAL) => None,
                };
                match request {
                    Some(request) => {
                        let not_read = self.answer_read(request);
                        self.waiting.extend(not_read);
                    }
                    None => self.publish_statistics(),
                }
            }
        })
    }

    pub(super) fn publish_statistics(&mut self) {
        self.state_size.count_on(&self.pipeline);
        self.growth.refresh(&self.pipeline, !self.is_recovering());
        self.shared.publish(EngineStats {
            plan: Arc::clone(self.pipeline.plan()),
            totals: self.pipeline.totals(),
            watermark: self.pipeline.watermark(),
            pending_timers: self.pipeline.pending_timers(),
            state_bytes: self.state_size.total(),
            queued_batches: self.batches.len(),
            queued_outputs: self.output_items.max_capacity() - self.output_items.capacity(),
            growth: self.growth.last(),
            uplift: self.pipeline.uplift(),
            budgets: self.pipeline.budgets().cloned().map(Arc::new),
        });
        self.statistics_published = Instant::now();
    }
}

/// The engine's ends of its channels.
pub(super) struct EngineChannels {
    pub(super) batches: mpsc::Receiver<RecordBatch>,
    pub(super) requests: mpsc::Receiver<EngineRequest>,
    pub(super) output_items: mpsc::Sender<OutputItem>,
}

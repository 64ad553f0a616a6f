//! The engine's thread: takes batches in, hands emissions on, and answers questions in between.
//!
//! It owns the [`Pipeline`]; nobody else touches it. When the sink is slow it waits, taking no more in (so the source
//! stops asking for more), but goes on answering.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::BoxFuture;
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use super::growth_schedule::GrowthReportSchedule;
use super::membership_view::MembershipView;
use super::recovery::{RecoveredRulesChange, Recovery, RecoveryStep, RulesChangePublication};
use super::snapshot::{CompletedSnapshot, EngineSnapshot, SnapshotError, SnapshotStart};
use super::state_size::StateSizeCount;
use super::{EngineBusy, EngineShared, EngineStats};
use crate::log::{LogRecord, RecordBatch};
use crate::output::batch::{Barrier, DeadLetter, DeadLetterCollector, OutputBatch, OutputItem, RulesActivation};
use crate::output::committed_position::{CommittedPosition, PartialGroup};
use crate::output::dead_letter::FIRST_OF_MESSAGE;
use crate::pipeline::{ExpiredLink, ForgottenUser, InputEntry, Pipeline, UserExport};
use rekindle_core::partition::{ExecutionPlan, ExpiredUser, Output, UserReport};
use rekindle_core::time::Timestamp;

/// How many messages that came in together are worked on at once.
const MESSAGES_MAX: usize = 20_000;

/// How soon to look again whether whoever writes a checkpoint has room for more of it.
const CUT_AGAIN: Duration = Duration::from_millis(1);

/// About how many users fire by time alone in one piece of work: events that come in meanwhile wait for no more.
const USERS_FIRED_AT_ONCE: usize = 2_000;
/// Time goes on this soon even while the sink has no room.
const FIRE_AGAIN: Duration = Duration::from_millis(100);

/// How old the published statistics may become.
const STATS_EVERY: Duration = Duration::from_millis(200);

/// Something somebody wants of the engine.
pub(super) enum EngineRequest {
    /// All that is known of a user.
    Describe {
        /// The user.
        user: String,
        /// Where the answer goes.
        reply: oneshot::Sender<Option<UserReport>>,
    },
    /// All that is held about a user.
    Export {
        /// The user.
        user: String,
        /// Where the answer goes.
        reply: oneshot::Sender<Option<UserExport>>,
    },
    /// The users whom forgetting an id would forget.
    Whom {
        /// The id.
        id: String,
        /// Where the answer goes.
        reply: oneshot::Sender<Vec<Arc<str>>>,
    },
    /// Other rules, from here on.
    ChangeRules {
        /// The rules.
        plan: Arc<ExecutionPlan>,
        /// Writes down where they take effect, before they do.
        note: RulesChangeRecorder,
        /// Where to say that it is done.
        reply: oneshot::Sender<Result<RulesActivation, RulesChangeError>>,
    },
    /// Another pipeline to begin with.
    BeginWith(Box<Pipeline>, EngineStart),
    /// What to go through before what comes is new.
    Recover(Recovery),
    /// A checkpoint.
    Cut {
        /// Everybody, not only who changed since the last.
        whole: bool,
        /// Begins to write it.
        begin: SnapshotStart,
        /// Where to say that it is captured.
        reply: oneshot::Sender<Result<CompletedSnapshot, SnapshotError>>,
    },
}

/// What the thread owns.
pub(super) struct Engine {
    pipeline: Pipeline,
    shared: Arc<EngineShared>,
    batches: mpsc::Receiver<RecordBatch>,
    requests: mpsc::Receiver<EngineRequest>,
    output_items: mpsc::Sender<OutputItem>,
    /// Requests that came while the sink had no room, and must wait for it.
    waiting: VecDeque<EngineRequest>,
    stats_published: Instant,
    /// When users last fired by time alone.
    fired: Instant,
    bytes: StateSizeCount,
    growth: GrowthReportSchedule,
    /// The last message that was taken in.
    sequence: u64,
    /// How often the rules were changed.
    generation: u64,
    /// What is to be gone through; none once what comes is new.
    recovery: Option<Recovery>,
    /// Messages that wait for more of their group, while recovering.
    backlog: RecordBatch,
    /// The checkpoint that is being captured.
    cut: Option<EngineSnapshot>,
}

/// What to do next.
enum EngineAction {
    Take(RecordBatch),
    Answer(EngineRequest),
    PublishStats,
    /// Lets time pass for some more users.
    Fire,
    /// Captures some more of a checkpoint.
    Capture,
    End,
}

/// Nobody takes what the engine emits any more.
struct SinkClosed;

/// Where an engine begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EngineStart {
    /// The last message of the source whose effects the pipeline has.
    pub sequence: u64,
    /// How often the rules had been changed by then.
    pub generation: u64,
}

/// Writes down durably that other rules take effect behind this message of the source; says which change it is, from 1.
pub type RulesChangeRecorder = Box<dyn FnOnce(u64) -> BoxFuture<'static, Result<u64, String>> + Send>;

/// Why the rules are as they were.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RulesChangeError {
    /// The engine does not answer.
    #[error(transparent)]
    Busy(#[from] EngineBusy),
    /// What is out already is still gone through.
    #[error(
        "the daemon still goes through what is out already (/readyz and rekindle_recovering say when that is done); ask again then"
    )]
    Recovering,
    /// Where they take effect could not be written down.
    #[error("could not note the change of the rules in the checkpoints: {0}")]
    NotNoted(String),
}

/// The one order of what was fed together: a stable sort, so that each user's outputs stay as they happened.
fn in_order(outputs: &mut [Output]) {
    outputs.sort_by(|a, b| (a.position, a.at, &a.user).cmp(&(b.position, b.at, &b.user)));
}

/// Takes out what of an open group is out, of which `before` stood before the outputs. Returns how many messages more are.
fn leave_out(outputs: &mut Vec<Output>, open: Option<PartialGroup>, before: u64) -> u64 {
    let Some(open) = open else { return 0 };
    let out = usize::try_from(open.sent.saturating_sub(before)).unwrap_or(usize::MAX);
    outputs.drain(..out.min(outputs.len()));
    open.messages
}

fn entry(message: &LogRecord) -> InputEntry<'_> {
    InputEntry { kind: message.kind, lines: &message.lines, received: Some(message.received), is_whole: true }
}

impl Engine {
    pub(super) fn new(
        pipeline: Pipeline,
        shared: Arc<EngineShared>,
        batches: mpsc::Receiver<RecordBatch>,
        requests: mpsc::Receiver<EngineRequest>,
        output_items: mpsc::Sender<OutputItem>,
        start: EngineStart,
    ) -> Engine {
        Engine {
            sequence: start.sequence,
            generation: start.generation,
            recovery: None,
            backlog: RecordBatch::new(),
            cut: None,
            pipeline,
            shared,
            batches,
            requests,
            output_items,
            waiting: VecDeque::new(),
            stats_published: Instant::now(),
            fired: Instant::now(),
            bytes: StateSizeCount::default(),
            growth: GrowthReportSchedule::default(),
        }
    }

    /// Works until the source has ended and all of it is done, or until the sink is gone.
    pub(super) fn run(mut self, runtime: &tokio::runtime::Handle) {
        self.publish_stats();
        loop {
            let done = match runtime.block_on(self.next()) {
                EngineAction::Take(batch) => self.take(batch, runtime),
                EngineAction::Answer(request) => self.answer(request, runtime),
                EngineAction::Fire => self.fire_some(runtime),
                EngineAction::PublishStats | EngineAction::Capture => Ok(()),
                EngineAction::End => {
                    if self.is_live() {
                        let _ = self.fire_rest(runtime);
                    }
                    break;
                }
            };
            self.capture();
            if done.is_err() {
                break;
            }
            // All may have fired just now, and not be any more when statistics are due.
            let is_live = self.is_live();
            self.growth.refresh(&self.pipeline, is_live);
            if self.stats_published.elapsed() >= STATS_EVERY {
                self.publish_stats();
            }
        }
        self.publish_stats();
    }

    async fn next(&mut self) -> EngineAction {
        if let Some(request) = self.waiting.pop_front() {
            return EngineAction::Answer(request);
        }
        let (idle_for, is_cutting, is_behind) = (self.idle_for(), self.cut.is_some(), self.is_behind());
        tokio::select! {
            biased;
            Some(request) = self.requests.recv() => EngineAction::Answer(request),
            batch = self.batches.recv() => batch.map_or(EngineAction::End, EngineAction::Take),
            () = tokio::time::sleep(idle_for) => {
                match (is_cutting, is_behind) {
                    (true, _) => EngineAction::Capture,
                    (false, true) => EngineAction::Fire,
                    (false, false) => EngineAction::PublishStats,
                }
            }
        }
    }

    /// Whether something may be due that has not fired yet.
    fn is_behind(&self) -> bool {
        self.is_live() && self.pipeline.fired() < self.pipeline.watermark()
    }

    /// Whether time may pass for more users: what events come to is not to wait for room behind it.
    fn may_fire(&self) -> bool {
        self.output_items.capacity() == self.output_items.max_capacity() || self.fired.elapsed() >= FIRE_AGAIN
    }

    /// How long to wait for something to do.
    fn idle_for(&self) -> Duration {
        match &self.cut {
            Some(cut) if cut.has_room() => Duration::ZERO,
            Some(_) => CUT_AGAIN,
            None if self.is_behind() && self.may_fire() => Duration::ZERO,
            None if self.is_behind() => CUT_AGAIN,
            None => STATS_EVERY,
        }
    }

    /// Captures some more of a checkpoint, if one is under way and whoever writes it keeps up.
    fn capture(&mut self) {
        if let Some(cut) = self.cut.take_if(|cut| cut.has_room()) {
            let began = Instant::now();
            self.cut = cut.go_on(&mut self.pipeline);
            self.shared.paused(began.elapsed());
        }
    }

    /// Lets time pass, for about so many users as make a short piece of work.
    fn fire_some(&mut self, runtime: &tokio::runtime::Handle) -> Result<(), SinkClosed> {
        if !self.is_behind() || !self.may_fire() {
            return Ok(());
        }
        let to = self.pipeline.next_stop(USERS_FIRED_AT_ONCE);
        self.fire(to, None, runtime)
    }

    /// Lets time pass up to the watermark for everyone, a piece at a time.
    fn fire_rest(&mut self, runtime: &tokio::runtime::Handle) -> Result<(), SinkClosed> {
        while self.pipeline.fired() < self.pipeline.watermark() {
            let to = self.pipeline.next_stop(USERS_FIRED_AT_ONCE);
            self.fire(to, None, runtime)?;
        }
        Ok(())
    }

    /// Fires what is due by then by time alone, and hands on what it comes to; of an open group, what is not out yet.
    fn fire(
        &mut self,
        to: Timestamp,
        open: Option<PartialGroup>,
        runtime: &tokio::runtime::Handle,
    ) -> Result<(), SinkClosed> {
        let before = CommittedPosition { open, ..self.committed() };
        let mut outputs = self.fired_by(to);
        let messages_published = leave_out(&mut outputs, open, 0);
        self.fired = Instant::now();
        if outputs.is_empty() {
            return Ok(());
        }
        let output_batch = OutputBatch { fires_to: Some(to), ..self.output_batch(outputs, before, messages_published) };
        runtime.block_on(self.emit(OutputItem::Batch(output_batch)))
    }

    /// What time alone comes to by then, in the one order of what happens together.
    fn fired_by(&mut self, to: Timestamp) -> Vec<Output> {
        let mut outputs = Vec::new();
        self.pipeline.fire(to, &mut outputs);
        self.follow(self.pipeline.plan(), &outputs);
        in_order(&mut outputs);
        outputs
    }

    /// Begins a checkpoint here, between two batches.
    fn begin_cut(
        &mut self,
        whole: bool,
        begin: SnapshotStart,
        reply: oneshot::Sender<Result<CompletedSnapshot, SnapshotError>>,
        runtime: &tokio::runtime::Handle,
    ) -> Result<(), SinkClosed> {
        if !self.is_live() || self.cut.is_some() {
            let _ = reply.send(Err(EngineBusy.into()));
            return Ok(());
        }
        let began = Instant::now();
        let head = self.pipeline.begin_cut(whole);
        let begun = begin(head, Arc::clone(self.pipeline.plan()), self.sequence, self.generation);
        self.shared.paused(began.elapsed());
        match begun {
            Ok(writer) => {
                let (passed, is_passed) = oneshot::channel();
                self.cut = Some(EngineSnapshot::new(writer, is_passed, self.sequence, reply));
                runtime.block_on(self.emit(OutputItem::Barrier(Barrier { passed })))
            }
            Err(error) => {
                let _ = reply.send(Err(error.into()));
                Ok(())
            }
        }
    }

    /// Hands an emission on. While the sink has no room, users are described and statistics published all the same.
    async fn emit(&mut self, output_item: OutputItem) -> Result<(), SinkClosed> {
        loop {
            let request = tokio::select! {
                biased;
                permit = self.output_items.reserve() => {
                    permit.map_err(|_| SinkClosed)?.send(output_item);
                    return Ok(());
                }
                Some(request) = self.requests.recv() => Some(request),
                () = tokio::time::sleep(STATS_EVERY) => None,
            };
            match request {
                Some(EngineRequest::Describe { user, reply }) => self.describe(&user, reply),
                Some(EngineRequest::Export { user, reply }) => self.export(&user, reply),
                Some(EngineRequest::Whom { id, reply }) => self.whom(&id, reply),
                Some(request) => self.waiting.push_back(request),
                // The queues are fullest now, and who looks at them should see it.
                None => self.publish_stats(),
            }
        }
    }

    /// Does what a batch, and what came in behind it meanwhile, comes to.
    fn take(&mut self, mut batch: RecordBatch, runtime: &tokio::runtime::Handle) -> Result<(), SinkClosed> {
        while batch.len() < MESSAGES_MAX
            && let Ok(more) = self.batches.try_recv()
        {
            batch.extend(more);
        }
        if self.recovery.is_some() {
            self.backlog.extend(batch);
            self.recover(runtime)?;
            batch = match self.recovery {
                None => std::mem::take(&mut self.backlog),
                Some(_) => return Ok(()),
            };
        }
        self.take_group(&batch, None, runtime)?;
        self.fire_some(runtime)
    }

    /// Takes some messages as one group, and hands on what it comes to; of an open one, what is not out yet.
    fn take_group(
        &mut self,
        batch: &[LogRecord],
        open: Option<PartialGroup>,
        runtime: &tokio::runtime::Handle,
    ) -> Result<(), SinkClosed> {
        let Some(last) = batch.last() else { return Ok(()) };
        let before = CommittedPosition { open, ..self.committed() };
        let first_position = self.pipeline.position();
        self.pipeline.hold_time(self.pipeline.fired());
        let (mut outputs, dead_letters) = self.feed(batch);
        self.sequence = last.sequence;
        let messages_published = leave_out(&mut outputs, open, 0);
        let received = self.pipeline.received().to_vec();
        let output_batch = OutputBatch {
            dead_letters,
            first_position,
            received,
            ..self.output_batch(outputs, before, messages_published)
        };
        runtime.block_on(self.emit(OutputItem::Batch(output_batch)))
    }

    /// Outputs by the rules in force, and how far they reach; of no events as yet.
    fn output_batch(&self, outputs: Vec<Output>, before: CommittedPosition, messages_published: u64) -> OutputBatch {
        OutputBatch {
            plan: Arc::clone(self.pipeline.plan()),
            rules_activation: None,
            fires_to: None,
            outputs,
            before,
            committed: self.committed(),
            messages_published,
            dead_letters: Vec::new(),
            first_position: self.pipeline.position(),
            received: Vec::new(),
        }
    }

    /// Feeds messages to the pipeline. The outputs come in the one order that they have whenever the same messages are fed
    /// together: by position in the log, due time and user, and each user's as they happened.
    fn feed(&mut self, batch: &[LogRecord]) -> (Vec<Output>, Vec<DeadLetter>) {
        let entries: Vec<InputEntry<'_>> = batch.iter().map(entry).collect();
        let (mut outputs, mut dead_letters) = (Vec::new(), DeadLetterCollector::with_first(FIRST_OF_MESSAGE));
        let mut reject = |letter: crate::pipeline::Rejection<'_>| {
            let crate::pipeline::Rejection { entry, line, rejected } = letter;
            dead_letters.add(batch[entry].sequence, line + 1, rejected.reason, rejected.original);
        };
        self.pipeline.feed_entries(&entries, &mut reject, &mut outputs);
        // Before they are sorted: where a user was forgotten is told by what stood before.
        self.follow(self.pipeline.plan(), &outputs);
        in_order(&mut outputs);
        (outputs, dead_letters.take())
    }

    /// What is out once everything until here is.
    fn committed(&self) -> CommittedPosition {
        CommittedPosition {
            sequence: self.sequence,
            position: self.pipeline.position(),
            watermark_ms: self.pipeline.watermark().0,
            fired_ms: Some(self.pipeline.fired().0),
            rules: self.pipeline.plan().rules.version.clone(),
            generation: self.generation,
            open: None,
        }
    }

    /// Lets the view and the latest decisions follow what the pipeline has just done.
    fn follow(&self, plan: &Arc<ExecutionPlan>, outputs: &[Output]) {
        let (view, recent) = (self.shared.view(), &self.shared.recent);
        let mut done = 0;
        for ForgottenUser { user, outputs: before } in self.pipeline.forgotten() {
            view.follow(&outputs[done..*before]);
            recent.note(plan, &outputs[done..*before]);
            view.set(user, None);
            recent.forget(user);
            done = *before;
        }
        view.follow(&outputs[done..]);
        recent.note(plan, &outputs[done..]);
        for ExpiredUser { user, .. } in self.pipeline.expired() {
            view.set(user, self.pipeline.user(user).as_deref().map(|user| &user.profile.members));
        }
        self.forget_decisions();
    }

    /// Forgets the latest decisions about who has just expired, and about the visitors merged into them.
    fn forget_decisions(&self) {
        for ExpiredUser { user, at, .. } in self.pipeline.expired() {
            self.shared.recent.forget_before(user, *at);
        }
        for ExpiredLink { visitor, at } in self.pipeline.unlinked() {
            self.shared.recent.forget_before(visitor, *at);
        }
    }

    fn answer(&mut self, request: EngineRequest, runtime: &tokio::runtime::Handle) -> Result<(), SinkClosed> {
        match request {
            EngineRequest::Describe { user, reply } => self.describe(&user, reply),
            EngineRequest::Export { user, reply } => self.export(&user, reply),
            EngineRequest::Whom { id, reply } => self.whom(&id, reply),
            EngineRequest::ChangeRules { reply, .. } if !self.is_live() => {
                let _ = reply.send(Err(RulesChangeError::Recovering));
            }
            EngineRequest::ChangeRules { plan, note, reply } => match runtime.block_on(note(self.sequence)) {
                Ok(generation) => {
                    let rules_activation = self.change_rules(plan, generation, None, runtime)?;
                    // Whoever asked may have gone; that is nobody's loss.
                    let _ = reply.send(Ok(rules_activation));
                }
                Err(why) => drop(reply.send(Err(RulesChangeError::NotNoted(why)))),
            },
            EngineRequest::Cut { whole, begin, reply } => self.begin_cut(whole, begin, reply, runtime)?,
            EngineRequest::BeginWith(pipeline, start) => self.begin_with(*pipeline, start),
            EngineRequest::Recover(recovery) => {
                self.recovery = Some(recovery);
                self.recover(runtime)?;
            }
        }
        Ok(())
    }

    /// Whether what comes is new.
    fn is_live(&self) -> bool {
        *self.shared.is_live.borrow()
    }

    /// Forgets the pipeline it had, into which nothing was fed yet.
    fn begin_with(&mut self, pipeline: Pipeline, start: EngineStart) {
        self.pipeline = pipeline;
        (self.sequence, self.generation) = (start.sequence, start.generation);
        self.shared.replace_view(MembershipView::new(Arc::clone(self.pipeline.plan()), self.pipeline.users()));
        self.bytes = StateSizeCount::default();
        self.growth = GrowthReportSchedule::default();
        self.publish_stats();
    }

    /// Goes through what is out already, as far as the messages in the backlog go: nothing of it goes out again.
    fn recover(&mut self, runtime: &tokio::runtime::Handle) -> Result<(), SinkClosed> {
        while let Some(recovery) = &mut self.recovery {
            match recovery.next(self.sequence, self.pipeline.fired(), &mut self.backlog) {
                RecoveryStep::Wait => return Ok(()),
                RecoveryStep::Discard(batch) => {
                    self.pipeline.hold_time(recovery.out.fired());
                    let _ = self.feed(&batch);
                    self.sequence = batch.last().map_or(self.sequence, |message| message.sequence);
                }
                RecoveryStep::PassOver(sequence) => self.sequence = sequence,
                RecoveryStep::Take(batch, open) => self.take_group(&batch, open, runtime)?,
                RecoveryStep::Fire(to, Some(open)) => self.fire(to, Some(open), runtime)?,
                RecoveryStep::Fire(to, None) => drop(self.fired_by(to)),
                RecoveryStep::Change(RecoveredRulesChange { plan, generation, .. }, out) => {
                    self.change_rules(plan, generation, Some(out), runtime)?;
                }
                RecoveryStep::Done => {
                    self.recovery = None;
                    self.shared.is_live.send_replace(true);
                }
            }
        }
        Ok(())
    }

    fn describe(&self, user: &str, reply: oneshot::Sender<Option<UserReport>>) {
        let _ = reply.send(self.pipeline.report(user));
    }

    fn export(&self, user: &str, reply: oneshot::Sender<Option<UserExport>>) {
        let _ = reply.send(self.pipeline.export(user));
    }

    fn whom(&self, id: &str, reply: oneshot::Sender<Vec<Arc<str>>>) {
        let _ = reply.send(self.pipeline.whom(id));
    }

    /// Between two batches, and so between two events; what the old rules made due has fired. Of what it comes to, what is
    /// out already does not go out again.
    fn change_rules(
        &mut self,
        plan: Arc<ExecutionPlan>,
        generation: u64,
        out: Option<RulesChangePublication>,
        runtime: &tokio::runtime::Handle,
    ) -> Result<RulesActivation, SinkClosed> {
        match out {
            None | Some(RulesChangePublication::Nothing) => self.fire_rest(runtime)?,
            Some(RulesChangePublication::All | RulesChangePublication::Partial(_)) => {
                drop(self.fired_by(self.pipeline.watermark()))
            }
        }
        let previous = self.pipeline.plan().rules.version.clone();
        let rules_activation =
            RulesActivation { at: self.pipeline.watermark(), rules: plan.rules.version.clone(), previous };
        let open = match out {
            Some(RulesChangePublication::Partial(open)) => Some(open),
            _ => None,
        };
        let before = CommittedPosition { open, ..self.committed() };
        let mut outputs = Vec::new();
        self.pipeline.change_rules(Arc::clone(&plan), &mut outputs);
        self.generation = generation;
        in_order(&mut outputs);
        self.shared.recent.note(&plan, &outputs);
        self.forget_decisions();
        self.shared.replace_view(MembershipView::new(Arc::clone(&plan), self.pipeline.users()));
        self.bytes = StateSizeCount::default();
        self.growth = GrowthReportSchedule::default();
        self.publish_stats();
        if !matches!(out, Some(RulesChangePublication::All)) {
            let is_out = open.is_some_and(|open| open.sent > 0);
            let messages_published = leave_out(&mut outputs, open, 1);
            let rules_activation = (!is_out).then(|| rules_activation.clone());
            let output_batch =
                OutputBatch { rules_activation, ..self.output_batch(outputs, before, messages_published) };
            runtime.block_on(self.emit(OutputItem::Batch(output_batch)))?;
        }
        Ok(rules_activation)
    }

    fn publish_stats(&mut self) {
        self.bytes.count_on(&self.pipeline);
        let is_live = self.is_live();
        self.growth.refresh(&self.pipeline, is_live);
        self.shared.publish(EngineStats {
            plan: Arc::clone(self.pipeline.plan()),
            totals: self.pipeline.totals(),
            watermark: self.pipeline.watermark(),
            pending_timers: self.pipeline.pending_timers(),
            state_bytes: self.bytes.total(),
            queued_batches: self.batches.len(),
            queued_outputs: self.output_items.max_capacity() - self.output_items.capacity(),
            growth: self.growth.last(),
        });
        self.stats_published = Instant::now();
    }
}

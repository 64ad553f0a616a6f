//! A partition task: one partition's share of a batch, applied in the log's order by one worker at a time.
//!
//! A visitor that is linked to a user of another partition is handed over between their tasks. What an event does to a
//! user's state is in `rekindle_core::partition`.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use rekindle_core::event::Event;
use rekindle_core::partition::{ExecutionPlan, LogInstant, Output, Partition, PartitionInput, TimerMark, User};
use rekindle_core::time::Timestamp;

/// One operation of a partition's queue.
pub(super) enum PartitionOperation<'e, 'a> {
    /// Apply an event.
    Event(SequencedEvent<'e, 'a>),
    /// Hand a visitor over to the partition of the user it was linked to.
    Detach(DetachedVisitor<'e>),
}

/// A visitor on the way to the user it was linked to.
pub(super) struct DetachedVisitor<'e> {
    /// The visitor's id.
    pub(super) visitor: &'e str,
    /// The index of the handover that receives the state.
    pub(super) handover: usize,
    /// The watermark of the event that links it.
    pub(super) watermark: Timestamp,
    /// Its position.
    pub(super) position: u64,
}

impl PartitionOperation<'_, '_> {
    /// The user whose state it needs.
    pub(super) fn user_needed(&self) -> &str {
        match self {
            PartitionOperation::Event(sequenced) => sequenced.user(),
            PartitionOperation::Detach(detached) => detached.visitor,
        }
    }

    /// The watermark with the event.
    pub(super) fn watermark(&self) -> Timestamp {
        match self {
            PartitionOperation::Event(sequenced) => sequenced.watermark,
            PartitionOperation::Detach(detached) => detached.watermark,
        }
    }

    /// The log position of the event.
    pub(super) fn position(&self) -> u64 {
        match self {
            PartitionOperation::Event(sequenced) => sequenced.position,
            PartitionOperation::Detach(detached) => detached.position,
        }
    }

    /// Whether it applies an event.
    pub(super) fn is_event(&self) -> bool {
        matches!(self, PartitionOperation::Event(_))
    }

    /// Applies it. A visitor that it needs has been handed over.
    pub(super) fn apply(
        self,
        partition: &mut Partition,
        plan: &ExecutionPlan,
        handovers: &[StateHandover],
        out: &mut Vec<Output>,
    ) {
        match self {
            PartitionOperation::Detach(detached) => {
                handovers[detached.handover].put(partition.detach(detached.visitor));
            }
            PartitionOperation::Event(sequenced) => {
                let visitor = match sequenced.handover.map(|index| handovers[index].take()) {
                    Some(HandoverStage::Ready(visitor)) => visitor,
                    _ => None,
                };
                sequenced.apply(partition, plan, visitor, out);
            }
        }
    }
}

/// The queues of all partitions, in the order of the log.
pub(super) struct PartitionQueues<'e, 'a> {
    queues: Vec<Vec<PartitionOperation<'e, 'a>>>,
    /// The number of visitors that are handed over.
    handovers: usize,
    operations: usize,
}

impl<'e, 'a> PartitionQueues<'e, 'a> {
    /// Empty queues for this number of partitions.
    pub(super) fn new(partitions: usize) -> PartitionQueues<'e, 'a> {
        let mut queues = Vec::new();
        queues.resize_with(partitions, Vec::new);
        PartitionQueues { queues, handovers: 0, operations: 0 }
    }

    /// Adds an operation to a partition's queue.
    pub(super) fn push(&mut self, partition: usize, operation: PartitionOperation<'e, 'a>) {
        self.queues[partition].push(operation);
        self.operations += 1;
    }

    /// The number of operations in all queues.
    pub(super) fn len(&self) -> usize {
        self.operations
    }

    /// Makes a partition hand a visitor over at an event; returns the index of the handover.
    pub(super) fn detach(&mut self, partition: usize, visitor: &'e str, event: LogInstant) -> usize {
        let (handover, LogInstant { at: watermark, position }) = (self.handovers, event);
        self.push(partition, PartitionOperation::Detach(DetachedVisitor { visitor, handover, watermark, position }));
        self.handovers += 1;
        handover
    }

    /// The queue of each partition, and the number of handovers.
    pub(super) fn into_parts(self) -> (Vec<Vec<PartitionOperation<'e, 'a>>>, usize) {
        (self.queues, self.handovers)
    }
}

/// An event with what the log's order determines about it.
pub(super) struct SequencedEvent<'e, 'a> {
    pub(super) event: &'e Event<'a>,
    pub(super) linked_user: Option<Arc<str>>,
    pub(super) own_id: &'e str,
    pub(super) ts: Timestamp,
    pub(super) watermark: Timestamp,
    pub(super) position: u64,
    /// If it links a visitor: the handover that receives the visitor's state.
    pub(super) handover: Option<usize>,
}

impl SequencedEvent<'_, '_> {
    /// The user it belongs to, after linking.
    fn user(&self) -> &str {
        self.linked_user.as_deref().unwrap_or(self.own_id)
    }

    fn apply(
        &self,
        partition: &mut Partition,
        plan: &ExecutionPlan,
        visitor: Option<Box<User>>,
        out: &mut Vec<Output>,
    ) {
        let input = PartitionInput::Event {
            user: self.user(),
            event: self.event,
            ts: self.ts,
            watermark: self.watermark,
            position: self.position,
            visitor,
        };
        partition.apply(plan, input, out);
    }
}

/// A visitor's state between the task that gives it and the task that takes it.
#[derive(Default)]
pub(super) struct StateHandover(Mutex<HandoverStage>);

#[derive(Default)]
enum HandoverStage {
    #[default]
    Pending,
    /// The visitor awaits an answer: its state comes later than the task can wait for.
    Parked,
    Ready(Option<Box<User>>),
}

impl StateHandover {
    fn put(&self, user: Option<Box<User>>) {
        self.turn_to(HandoverStage::Ready(user));
    }

    fn turn_to(&self, stage: HandoverStage) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = stage;
    }

    /// What there is; a state that is ready is taken.
    fn take(&self) -> HandoverStage {
        let mut stage = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*stage {
            HandoverStage::Parked => HandoverStage::Parked,
            _ => std::mem::take(&mut *stage),
        }
    }
}

/// A partition with its queue.
pub(super) struct PartitionTask<'p, 'e, 'a> {
    partition: &'p mut Partition,
    queue: std::vec::IntoIter<PartitionOperation<'e, 'a>>,
    /// The event that waits for a visitor's state.
    waiting: Option<SequencedEvent<'e, 'a>>,
    /// What was left over; `None`: the rules have nothing that users share.
    parked: Option<ParkedQueue<'e, 'a>>,
    /// The queue is empty and, unless users share something, the due timers have fired.
    is_done: bool,
    out: Vec<Output>,
}

/// What was left over, and whose operations are from here on.
#[derive(Default)]
struct ParkedQueue<'e, 'a> {
    operations: Vec<PartitionOperation<'e, 'a>>,
    users: HashSet<Arc<str>>,
}

impl<'p, 'e, 'a> PartitionTask<'p, 'e, 'a> {
    pub(super) fn new(
        partition: &'p mut Partition,
        queue: Vec<PartitionOperation<'e, 'a>>,
        is_shared: bool,
    ) -> PartitionTask<'p, 'e, 'a> {
        let parked = is_shared.then(ParkedQueue::default);
        PartitionTask { partition, queue: queue.into_iter(), waiting: None, parked, is_done: false, out: Vec::new() }
    }

    pub(super) fn is_done(&self) -> bool {
        self.is_done
    }

    /// The outputs, and what was left over.
    pub(super) fn into_results(self) -> (Vec<Output>, Vec<PartitionOperation<'e, 'a>>) {
        (self.out, self.parked.map(|parked| parked.operations).unwrap_or_default())
    }

    /// Runs until the queue is empty and the timers before `fire_to` have fired, or until a visitor's state is missing. Where users
    /// share something the timers come after what is left over, so that the positions of a user's outputs never go back.
    pub(super) fn run(&mut self, plan: &ExecutionPlan, handovers: &[StateHandover], fire_to: TimerMark, position: u64) {
        match self.waiting.take() {
            Some(sequenced) => self.apply_event(plan, sequenced, handovers),
            None => self.partition.warm(self.queue.as_slice().iter().map(PartitionOperation::user_needed)),
        }
        while self.waiting.is_none() {
            let Some(operation) = self.queue.next() else { return self.finish(plan, fire_to, position) };
            if self.awaits_answer(plan, &operation) {
                if let PartitionOperation::Detach(detached) = &operation {
                    handovers[detached.handover].turn_to(HandoverStage::Parked);
                }
                self.park(operation);
                continue;
            }
            match operation {
                PartitionOperation::Event(sequenced) => self.apply_event(plan, sequenced, handovers),
                detach => detach.apply(self.partition, plan, handovers, &mut self.out),
            }
        }
    }

    fn finish(&mut self, plan: &ExecutionPlan, fire_to: TimerMark, position: u64) {
        if !self.is_done && self.parked.is_none() {
            self.partition.apply(plan, PartitionInput::Advance { to: fire_to, position }, &mut self.out);
        }
        self.is_done = true;
    }

    /// Whether the user awaits an answer, or something that was left over.
    fn awaits_answer(&mut self, plan: &ExecutionPlan, operation: &PartitionOperation<'_, '_>) -> bool {
        let Some(parked) = &self.parked else { return false };
        let user = operation.user_needed();
        let by = LogInstant { at: operation.watermark(), position: operation.position() };
        parked.users.contains(user) || self.partition.awaited_beat(plan, user, by, &mut self.out).is_some()
    }

    fn park(&mut self, operation: PartitionOperation<'e, 'a>) {
        if let Some(parked) = &mut self.parked {
            parked.users.insert(operation.user_needed().into());
            parked.operations.push(operation);
        }
    }

    fn apply_event(&mut self, plan: &ExecutionPlan, sequenced: SequencedEvent<'e, 'a>, handovers: &[StateHandover]) {
        let visitor = match sequenced.handover.map(|index| handovers[index].take()) {
            None => None,
            Some(HandoverStage::Ready(visitor)) => visitor,
            Some(HandoverStage::Parked) => return self.park(PartitionOperation::Event(sequenced)),
            Some(HandoverStage::Pending) => {
                self.waiting = Some(sequenced);
                return;
            }
        };
        sequenced.apply(self.partition, plan, visitor, &mut self.out);
    }
}

//! A partition task: one partition's share of a batch, applied in the log's order by one worker at a time.
//!
//! A visitor that is linked to a user of another partition is handed over between their tasks. What an event does to a
//! user's state is in `rekindle_core::partition`.

use std::sync::{Arc, Mutex, PoisonError};

use rekindle_core::event::Event;
use rekindle_core::partition::{ExecutionPlan, Output, Partition, PartitionInput, TimerMark, User};
use rekindle_core::time::Timestamp;

/// One operation of a partition's queue.
pub(super) enum PartitionOperation<'e, 'a> {
    /// Apply an event.
    Event(SequencedEvent<'e, 'a>),
    /// Hand a visitor over to the partition of the user it was linked to.
    Detach {
        /// The visitor's id.
        visitor: &'e str,
        /// The index of the handover that receives the state.
        handover: usize,
    },
}

impl PartitionOperation<'_, '_> {
    /// The user whose state it needs.
    fn user_needed(&self) -> &str {
        match self {
            PartitionOperation::Event(sequenced) => sequenced.user(),
            PartitionOperation::Detach { visitor, .. } => visitor,
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

    /// Makes a partition hand a visitor over; returns the index of the handover.
    pub(super) fn detach(&mut self, partition: usize, visitor: &'e str) -> usize {
        let handover = self.handovers;
        self.push(partition, PartitionOperation::Detach { visitor, handover });
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
}

/// A visitor's state between the task that gives it and the task that takes it.
#[derive(Default)]
pub(super) struct StateHandover(Mutex<HandoverStage>);

#[derive(Default)]
enum HandoverStage {
    #[default]
    Pending,
    Ready(Option<Box<User>>),
}

impl StateHandover {
    fn put(&self, user: Option<Box<User>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = HandoverStage::Ready(user);
    }

    /// `None` until the state was put here.
    fn take(&self) -> Option<Option<Box<User>>> {
        match std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)) {
            HandoverStage::Pending => None,
            HandoverStage::Ready(user) => Some(user),
        }
    }
}

/// A partition with its queue.
pub(super) struct PartitionTask<'p, 'e, 'a> {
    partition: &'p mut Partition,
    queue: std::vec::IntoIter<PartitionOperation<'e, 'a>>,
    /// The event that waits for a visitor's state.
    waiting: Option<SequencedEvent<'e, 'a>>,
    /// The queue is empty and the due timers have fired.
    is_done: bool,
    out: Vec<Output>,
}

impl<'p, 'e, 'a> PartitionTask<'p, 'e, 'a> {
    pub(super) fn new(
        partition: &'p mut Partition,
        queue: Vec<PartitionOperation<'e, 'a>>,
    ) -> PartitionTask<'p, 'e, 'a> {
        PartitionTask { partition, queue: queue.into_iter(), waiting: None, is_done: false, out: Vec::new() }
    }

    pub(super) fn is_done(&self) -> bool {
        self.is_done
    }

    pub(super) fn into_outputs(self) -> Vec<Output> {
        self.out
    }

    /// Runs until the queue is empty and the timers before `fire_to` have fired, or until a visitor's state is missing.
    pub(super) fn run(&mut self, plan: &ExecutionPlan, handovers: &[StateHandover], fire_to: TimerMark, position: u64) {
        match self.waiting.take() {
            Some(sequenced) => self.apply_event(plan, sequenced, handovers),
            None => self.partition.warm(self.queue.as_slice().iter().map(PartitionOperation::user_needed)),
        }
        while self.waiting.is_none() {
            match self.queue.next() {
                Some(PartitionOperation::Event(sequenced)) => self.apply_event(plan, sequenced, handovers),
                Some(PartitionOperation::Detach { visitor, handover }) => {
                    handovers[handover].put(self.partition.detach(visitor));
                }
                None => {
                    if !self.is_done {
                        let advance = PartitionInput::Advance { to: fire_to, position };
                        self.partition.apply(plan, advance, &mut self.out);
                        self.is_done = true;
                    }
                    return;
                }
            }
        }
    }

    fn apply_event(&mut self, plan: &ExecutionPlan, sequenced: SequencedEvent<'e, 'a>, handovers: &[StateHandover]) {
        let visitor = match sequenced.handover.map(|index| handovers[index].take()) {
            None => None,
            Some(Some(visitor)) => visitor,
            Some(None) => {
                self.waiting = Some(sequenced);
                return;
            }
        };
        let input = PartitionInput::Event {
            user: sequenced.user(),
            event: sequenced.event,
            ts: sequenced.ts,
            watermark: sequenced.watermark,
            position: sequenced.position,
            visitor,
        };
        self.partition.apply(plan, input, &mut self.out);
    }
}

//! One partition's share of a batch.

use std::sync::{Arc, Mutex, PoisonError};

use rekindle_core::event::Event;
use rekindle_core::partition::{ExecutionPlan, Output, Partition, PartitionInput, User};
use rekindle_core::time::Timestamp;

/// What a partition has to do, in the order of the log.
pub(super) enum PartitionOperation<'e, 'a> {
    /// Apply an event.
    Event(SequencedEvent<'e, 'a>),
    /// Hand a visitor over to the partition of the user it was linked to.
    Detach {
        /// The visitor's id.
        visitor: &'e str,
        /// Where to put the state.
        handover: usize,
    },
}

impl PartitionOperation<'_, '_> {
    /// Whose state it needs.
    fn whose(&self) -> &str {
        match self {
            PartitionOperation::Event(sequenced) => sequenced.user(),
            PartitionOperation::Detach { visitor, .. } => visitor,
        }
    }
}

/// What the partitions have to do: each its own share, in the order of the log.
pub(super) struct PartitionQueues<'e, 'a> {
    lanes: Vec<Vec<PartitionOperation<'e, 'a>>>,
    /// How many visitors are handed over.
    handovers: usize,
    operations: usize,
}

impl<'e, 'a> PartitionQueues<'e, 'a> {
    /// Nothing yet, for so many partitions.
    pub(super) fn new(partitions: usize) -> PartitionQueues<'e, 'a> {
        let mut lanes = Vec::new();
        lanes.resize_with(partitions, Vec::new);
        PartitionQueues { lanes, handovers: 0, operations: 0 }
    }

    /// Adds something for a partition to do.
    pub(super) fn push(&mut self, partition: usize, operation: PartitionOperation<'e, 'a>) {
        self.lanes[partition].push(operation);
        self.operations += 1;
    }

    /// How much there is to do.
    pub(super) fn len(&self) -> usize {
        self.operations
    }

    /// Lets a partition hand a visitor over; returns where its state will be.
    pub(super) fn detach(&mut self, partition: usize, visitor: &'e str) -> usize {
        let handover = self.handovers;
        self.push(partition, PartitionOperation::Detach { visitor, handover });
        self.handovers += 1;
        handover
    }

    /// Each partition's share, and how many visitors are handed over.
    pub(super) fn into_parts(self) -> (Vec<Vec<PartitionOperation<'e, 'a>>>, usize) {
        (self.lanes, self.handovers)
    }
}

/// An event with all that the log's order says about it.
pub(super) struct SequencedEvent<'e, 'a> {
    pub(super) event: &'e Event<'a>,
    pub(super) linked_user: Option<Arc<str>>,
    pub(super) own_id: &'e str,
    pub(super) ts: Timestamp,
    pub(super) watermark: Timestamp,
    pub(super) position: u64,
    /// It links a visitor: where that visitor's state will be.
    pub(super) handover: Option<usize>,
}

impl SequencedEvent<'_, '_> {
    /// Whose it is, after linking.
    fn user(&self) -> &str {
        self.linked_user.as_deref().unwrap_or(self.own_id)
    }
}

/// A visitor's state on its way between partitions.
#[derive(Default)]
pub(super) struct StateHandover(Mutex<HandoverStage>);

#[derive(Default)]
enum HandoverStage {
    #[default]
    NotYet,
    Ready(Option<Box<User>>),
}

impl StateHandover {
    fn put(&self, user: Option<Box<User>>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = HandoverStage::Ready(user);
    }

    /// `None` while the state has not been put here.
    fn take(&self) -> Option<Option<Box<User>>> {
        match std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner)) {
            HandoverStage::NotYet => None,
            HandoverStage::Ready(user) => Some(user),
        }
    }
}

/// A partition at work on its queue.
pub(super) struct PartitionTask<'p, 'e, 'a> {
    partition: &'p mut Partition,
    queue: std::vec::IntoIter<PartitionOperation<'e, 'a>>,
    /// The event that waits for a visitor.
    waiting: Option<SequencedEvent<'e, 'a>>,
    advanced: bool,
    out: Vec<Output>,
}

impl<'p, 'e, 'a> PartitionTask<'p, 'e, 'a> {
    pub(super) fn new(
        partition: &'p mut Partition,
        queue: Vec<PartitionOperation<'e, 'a>>,
    ) -> PartitionTask<'p, 'e, 'a> {
        PartitionTask { partition, queue: queue.into_iter(), waiting: None, advanced: false, out: Vec::new() }
    }

    pub(super) fn is_done(&self) -> bool {
        self.advanced
    }

    pub(super) fn into_outputs(self) -> Vec<Output> {
        self.out
    }

    /// Works until the queue and what is due by `to` are done, or until a visitor is missing.
    pub(super) fn run(&mut self, plan: &ExecutionPlan, handovers: &[StateHandover], to: Timestamp, position: u64) {
        match self.waiting.take() {
            Some(sequenced) => self.take_event(plan, sequenced, handovers),
            None => self.partition.warm(self.queue.as_slice().iter().map(PartitionOperation::whose)),
        }
        while self.waiting.is_none() {
            match self.queue.next() {
                Some(PartitionOperation::Event(sequenced)) => self.take_event(plan, sequenced, handovers),
                Some(PartitionOperation::Detach { visitor, handover }) => {
                    handovers[handover].put(self.partition.detach(visitor));
                }
                None => {
                    if !self.advanced {
                        self.partition.apply(plan, PartitionInput::Advance { watermark: to, position }, &mut self.out);
                        self.advanced = true;
                    }
                    return;
                }
            }
        }
    }

    fn take_event(&mut self, plan: &ExecutionPlan, sequenced: SequencedEvent<'e, 'a>, handovers: &[StateHandover]) {
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

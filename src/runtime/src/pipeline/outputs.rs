//! Stages 3 and 4: partition tasks run on the workers until every queue is empty and the due timers have fired; then their
//! outputs, the users that expired and the growth deltas are collected on one thread.
//!
//! The outputs of a user are in order, those of different users are not: the journal sorts them, or the live engine does.

use rayon::prelude::*;

use super::Pipeline;
use super::beats::{LeftOver, ParkedOperation};
use super::partition_task::{PartitionQueues, PartitionTask, StateHandover};
use rekindle_core::partition::{ExecutionPlan, Output, TimerMark};

impl Pipeline {
    /// Runs every partition's queue to its end, then fires the timers before `fire_to`, and appends the outputs to
    /// `out`.
    ///
    /// A task that needs a visitor's state which another partition has not handed over yet pauses until the next round. Some
    /// task can always continue: the first operation in the log's order waits for nothing.
    pub(super) fn run_tasks<'e, 'a>(
        &mut self,
        plan: &ExecutionPlan,
        queues: PartitionQueues<'e, 'a>,
        fire_to: TimerMark,
        in_parallel: bool,
        out: &mut Vec<Output>,
    ) {
        out.append(&mut self.pending_outputs);
        let (position, is_shared) = (self.position, self.shared.as_ref().is_some_and(|shared| shared.has_budgets()));
        self.round += 1;
        let (queues, handovers) = queues.into_parts();
        let handovers: Vec<StateHandover> = (0..handovers).map(|_| StateHandover::default()).collect();
        let mut tasks: Vec<PartitionTask<'_, 'e, 'a>> = self
            .partitions
            .iter_mut()
            .zip(queues)
            .map(|(partition, queue)| PartitionTask::new(partition, queue, is_shared))
            .collect();
        let in_parallel = in_parallel && self.decoder.workers() > 1;
        while tasks.iter().any(|task| !task.is_done()) {
            let run = |task: &mut PartitionTask<'_, 'e, 'a>| task.run(plan, &handovers, fire_to, position);
            if in_parallel {
                self.decoder.install(|| tasks.par_iter_mut().for_each(run));
            } else {
                tasks.iter_mut().for_each(run);
            }
        }
        let first = out.len();
        let mut parked = Vec::new();
        for (partition, task) in tasks.into_iter().enumerate() {
            let (outputs, operations) = task.into_results();
            out.extend(outputs);
            parked.extend(operations.into_iter().map(|operation| ParkedOperation { partition, operation }));
        }
        if is_shared {
            self.settle_shared(plan, LeftOver { parked, handovers: &handovers, in_parallel }, fire_to, out);
        }
        if let Some(shared) = &mut self.shared {
            // What waits for the end of a beat is state, and in checkpoints.
            self.partitions.iter_mut().for_each(|partition| shared.collect(partition));
        }
        self.fired = self.fired.max(fire_to);
        self.collect_expired();
        self.merge_aggregates(plan);
        // A visitor's last outputs come from the partition of the user it was merged into, which may precede its own.
        if !handovers.is_empty() {
            out[first..].sort_by_key(|output| output.position);
        }
    }
}

//! The growth numbers of a pipeline: the deltas of each batch are merged into one rollup, from which reports are computed.
//!
//! What the numbers mean, and how a report is computed, is in `rekindle_core::growth`.

use std::collections::HashSet;

use super::Pipeline;
use rekindle_core::growth::calendar::Day;
use rekindle_core::growth::{GrowthReport, ObservedEvent, Rollup};
use rekindle_core::partition::{ExecutionPlan, Partition, PickTrial, TriedEvent};
use rekindle_core::time::Timestamp;

impl Pipeline {
    /// The growth report as of the watermark, or of a later instant; `None`: the rules define no growth numbers, or nothing
    /// was read yet.
    pub fn growth(&self, as_of: Option<Timestamp>) -> Option<GrowthReport> {
        let watermark = self.watermark();
        let as_of = as_of.map_or(watermark, |as_of| as_of.max(watermark));
        let (growth, rollup) = (self.plan.growth.as_ref()?, self.rollup.as_ref()?);
        (as_of > Timestamp::MIN).then(|| GrowthReport::new(growth, rollup, as_of))
    }

    /// Keeps every event that is applied to the growth state from here on, until
    /// [`take_observed_growth`](Pipeline::take_observed_growth).
    pub fn observe_growth(&mut self) {
        self.partitions.iter_mut().for_each(|partition| partition.growth_deltas().observe_events());
    }

    /// Takes the events that were observed since the last call, in log order.
    pub fn take_observed_growth(&mut self) -> Vec<ObservedEvent> {
        let partitions = self.partitions.iter_mut();
        let mut observed: Vec<_> = partitions.flat_map(|partition| partition.growth_deltas().take_observed()).collect();
        observed.sort_unstable_by_key(|event| event.position);
        observed
    }

    /// From here on tries a list on what users do.
    pub fn try_picks(&mut self, trial: PickTrial) {
        self.partitions.iter_mut().for_each(|partition| partition.try_picks(trial));
    }

    /// Takes what was tried since the last call, in log order.
    pub fn take_tried(&mut self) -> Vec<TriedEvent> {
        let mut tried: Vec<TriedEvent> = self.partitions.iter_mut().flat_map(Partition::take_tried).collect();
        // Stable: what happens at one position happens in one partition, which has it in order.
        tried.sort_by_key(|tried| tried.position);
        tried
    }

    /// How many items were touched since the trial began.
    pub fn tried_items(&self) -> usize {
        self.partitions.iter().flat_map(Partition::tried_items).collect::<HashSet<_>>().len()
    }

    /// Merges the deltas of the last batch into the rollup.
    pub(super) fn merge_growth(&mut self, plan: &ExecutionPlan) {
        if let (Some(growth), Some(rollup)) = (&plan.growth, &mut self.rollup) {
            rollup.merge(growth, self.partitions.iter_mut().map(Partition::growth_deltas));
            rollup.compact(growth.today(self.latest_read - self.options.max_disorder));
        }
    }

    /// A copy of the rollup, with the business day of the watermark.
    pub(super) fn growth_snapshot(&self) -> Option<(Box<Rollup>, Day)> {
        let growth = self.plan.growth.as_ref()?;
        self.rollup.clone().map(|rollup| (rollup, growth.today(self.watermark())))
    }
}

//! What a pipeline counted of goals: the counts of each batch are added to those since the log's beginning.
//!
//! What may be concluded from them is worked out in `rekindle_core`.

use std::sync::Arc;

use super::Pipeline;
use rekindle_core::goals::UpliftCounts;
use rekindle_core::partition::{ExecutionPlan, Partition};

impl Pipeline {
    /// The counts of all mature exposures since the log's beginning.
    pub fn uplift(&self) -> Arc<UpliftCounts> {
        Arc::clone(&self.uplift)
    }

    /// Adds what the partitions counted in the last batch of growth and of goals to what was counted before.
    pub(super) fn merge_aggregates(&mut self, plan: &ExecutionPlan) {
        self.merge_growth(plan);
        for counted in self.partitions.iter_mut().map(Partition::take_uplift).filter(|counted| !counted.is_empty()) {
            Arc::make_mut(&mut self.uplift).extend(counted);
        }
        let fired = self.fired();
        if self.uplift.is_due(fired) {
            Arc::make_mut(&mut self.uplift).settle(fired);
        }
    }
}

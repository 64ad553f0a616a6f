//! Changes the growth state of users, and writes what that adds to the counts.

use crate::growth::plan::GrowthPlan;
use crate::growth::rollup::{RollupDeltas, UserContribution};

/// Changes the growth state of users under a plan, and writes the deltas.
#[derive(Debug)]
pub struct StateUpdater<'u> {
    pub(super) plan: &'u GrowthPlan,
    pub(super) deltas: &'u mut RollupDeltas,
}

impl<'u> StateUpdater<'u> {
    /// An updater that writes to `deltas`.
    pub fn new(plan: &'u GrowthPlan, deltas: &'u mut RollupDeltas) -> StateUpdater<'u> {
        StateUpdater { plan, deltas }
    }

    /// Adds to the counts of a channel.
    pub(super) fn adding(&mut self, channel: u8) -> UserContribution<'_> {
        UserContribution::adding(self.plan, channel, self.deltas)
    }

    /// Takes back from the counts of a channel.
    pub(super) fn removing(&mut self, channel: u8) -> UserContribution<'_> {
        UserContribution::removing(self.plan, channel, self.deltas)
    }
}

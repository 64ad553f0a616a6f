//! A rules change: other rules take effect between two events.
//!
//! Timers that were due under the former rules must have fired before. What the change itself does to memberships triggers
//! no campaign.

use std::sync::Arc;

use rayon::prelude::*;

use super::Pipeline;
use super::beats::SharedState;
use rekindle_core::checkpoint::translate;
use rekindle_core::growth::{GrowthMigration, Rollup};
use rekindle_core::partition::{ExecutionPlan, Output, Partition, RulesChange};

impl Pipeline {
    /// Replaces the rules here. The state of features that both rules define alike is kept, new features begin empty. Every
    /// user is evaluated once, at the watermark or at the user's clock if that is ahead; the resulting transitions are
    /// appended to `out`. Timers that are due under the former rules must have [fired](Pipeline::fired).
    pub fn change_rules(&mut self, next: Arc<ExecutionPlan>, out: &mut Vec<Output>) {
        self.take_rest_of_snapshot();
        self.snapshot.lose_changes();
        let (change, plan) = (self.next_rules_change(), Arc::clone(&self.plan));
        self.shared = match &mut self.shared {
            Some(shared) => shared.under(&plan.rules, &next.rules),
            None => SharedState::new(&next.rules),
        };
        let changed = |partition: &mut Partition| {
            let (mut changed, mut outputs) = (partition.emptied(&plan, &next), Vec::new());
            changed.note_rules_change(change.number, change.latest_read);
            let users = translate(&plan, &next, partition.users());
            for user in users.expect("what was just encoded can be read") {
                changed.attach_under_other_rules(&next, user, &change, &mut outputs);
            }
            *partition = changed;
            outputs
        };
        let partitions = &mut self.partitions;
        let outputs: Vec<Vec<Output>> = self.decoder.install(|| partitions.par_iter_mut().map(changed).collect());
        out.append(&mut self.pending_outputs);
        out.extend(outputs.into_iter().flatten());
        self.rollup = next.growth.as_ref().map(|growth| {
            let kept = plan.growth.as_ref().zip(self.rollup.as_ref());
            let kept =
                kept.and_then(|(before, rollup)| Some(rollup.migrated(&GrowthMigration::new(before.keys(), growth)?)));
            Box::new(kept.unwrap_or_else(|| Rollup::new(growth)))
        });
        self.decoder.replace_decoder(self.options.decoder(&next.rules));
        self.plan = next;
        self.seen.forget_rules();
        self.advance_to(change.watermark, out);
    }

    /// Counts a rules change that takes effect here.
    pub(super) fn next_rules_change(&mut self) -> RulesChange {
        self.rules_changes = (self.rules_changes.0 + 1, self.latest_read);
        RulesChange {
            number: self.rules_changes.0,
            watermark: self.watermark(),
            latest_read: self.latest_read,
            position: self.position,
        }
    }
}

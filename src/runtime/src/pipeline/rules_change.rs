//! A rules change: other rules take effect between two events.
//!
//! Timers that were due under the former rules must have fired before. What the change itself does to memberships triggers
//! no campaign. Rules that know the past come with a pipeline that has read the log under them, up to the same record (`past`).

use std::sync::Arc;

use rayon::prelude::*;

use super::Pipeline;
use super::beats::SharedState;
use rekindle_core::checkpoint::translate;
use rekindle_core::engine::recomputed::RecomputedParts;
use rekindle_core::groups::RecomputedGroups;
use rekindle_core::growth::{GrowthMigration, Rollup};
use rekindle_core::partition::{ExecutionPlan, LiveAndRecomputed, Output, Partition, RulesChange};
use rekindle_core::rows::TableRows;

/// What a rules change does, for all partitions.
struct ChangedRules<'c> {
    plan: &'c ExecutionPlan,
    next: &'c ExecutionPlan,
    change: RulesChange,
    /// What is taken from the recomputed state, if there is one.
    parts: Option<RecomputedParts>,
    /// The rows of tables under the next rules.
    rows: Arc<TableRows>,
}

impl Pipeline {
    /// Replaces the rules here. The state of features that both rules define alike is kept, new features begin empty. Every
    /// user is evaluated once, at the watermark or at the user's clock if that is ahead; the resulting transitions are
    /// appended to `out`. Timers that are due under the former rules must have [fired](Pipeline::fired).
    pub fn change_rules(&mut self, next: Arc<ExecutionPlan>, out: &mut Vec<Output>) {
        self.known = self.known.under(&self.plan, &next, self.latest_read);
        self.replace_rules(next, None, out);
    }

    /// Replaces the rules here by those of a pipeline that has read the log up to the same record, and [decides
    /// nothing](Pipeline::decide_nothing): what the rules compute is as if they had been in force all along, as far back as
    /// that pipeline read or this one knows; what was really sent, spent, granted and reserved stays. Otherwise like
    /// [`change_rules`](Pipeline::change_rules).
    pub fn change_rules_to(&mut self, mut past: Pipeline, out: &mut Vec<Output>) {
        // By how far its timers have fired it is a function of the log's prefix.
        past.advance_to(self.watermark(), &mut Vec::new());
        let next = Arc::clone(&past.plan);
        self.replace_rules(next, Some(past), out);
    }

    fn replace_rules(&mut self, next: Arc<ExecutionPlan>, mut past: Option<Pipeline>, out: &mut Vec<Output>) {
        self.take_rest_of_snapshot();
        self.snapshot.lose_changes();
        let plan = Arc::clone(&self.plan);
        let parts = past.as_ref().map(|past| self.known.parts_to_take(&plan, &next, &past.known));
        let change = self.next_rules_change();
        self.shared = match &mut self.shared {
            Some(shared) => shared.under(&plan, &next, &self.options.secret),
            None => SharedState::new(&next.rules),
        };
        if let Some(shared) = &mut self.shared
            && let Some(known) = past.as_ref().and_then(|past| past.shared.as_ref())
        {
            // Of a table that is new, the past has what the log says.
            shared.rows.take_unknown(&known.rows);
        }
        let rows = self.shared.as_ref().map_or_else(Arc::default, |shared| Arc::clone(shared.rows.rows()));
        let changed = ChangedRules { plan: &plan, next: &next, change, parts, rows };
        let mut recomputed: Vec<Option<Partition>> =
            past.as_mut().map(|past| past.partitions.drain(..).map(Some).collect()).unwrap_or_default();
        recomputed.resize_with(self.partitions.len(), || None);
        let partitions = &mut self.partitions;
        let outputs: Vec<Vec<Output>> = self.decoder.install(|| {
            let both = partitions.par_iter_mut().zip(recomputed);
            both.map(|(partition, recomputed)| changed.apply(partition, recomputed)).collect()
        });
        out.append(&mut self.pending_outputs);
        out.extend(outputs.into_iter().flatten());
        let ChangedRules { change, parts, .. } = changed;
        let mut shared = past.as_mut().and_then(|past| past.shared.take());
        if let (Some(own), Some(recomputed), Some(parts)) = (&mut self.shared, &mut shared, &parts)
            && parts.profile
        {
            own.picks = std::mem::take(&mut recomputed.picks);
            own.ranks = std::mem::take(&mut recomputed.ranks);
        }
        let recomputed =
            shared.zip(parts.as_ref()).map(|(shared, parts)| RecomputedGroups { book: shared.groups, parts });
        self.change_rules_of_groups(&next, change.watermark, recomputed, out);
        self.rollup = next.growth.as_ref().map(|growth| {
            let kept = plan.growth.as_ref().zip(self.rollup.as_ref());
            let migrated = || {
                let (before, rollup) = kept?;
                Some(Box::new(rollup.migrated(&GrowthMigration::new(before.keys(), growth)?)))
            };
            let taken = past.as_mut().filter(|_| parts.as_ref().is_some_and(|parts| parts.growth));
            let rollup = taken.map_or_else(migrated, |past| past.rollup.take());
            rollup.unwrap_or_else(|| Box::new(Rollup::new(growth)))
        });
        if let (Some(past), Some(parts)) = (&past, &parts) {
            for (visitor, user) in past.links.iter() {
                self.links.insert(visitor, user);
            }
            self.known = self.known.with_taken(&next, parts, &past.known);
        }
        self.decoder.replace_decoder(self.options.decoder(&next.rules));
        self.plan = next;
        self.begin_takings();
        self.hand_out_takings();
        self.seen.forget_rules();
        self.advance_to(change.watermark, out);
        // What came last in equal times is told by positions, also those of the recomputed state.
        self.position = self.position.max(past.map_or(0, |past| past.position));
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

impl ChangedRules<'_> {
    /// Replaces a partition by one under the other rules.
    fn apply(&self, partition: &mut Partition, recomputed: Option<Partition>) -> Vec<Output> {
        let ChangedRules { plan, next, change, parts, rows } = self;
        let (mut changed, mut outputs) = (partition.emptied(plan, next), Vec::new());
        changed.see_rows(rows);
        changed.note_rules_change(change.number, change.latest_read);
        let users = translate(plan, next, partition.users()).expect("what was just encoded can be read");
        match (recomputed, parts) {
            (Some(mut recomputed), Some(parts)) => {
                for live in users {
                    let recomputed = recomputed.detach(&live.id).map(|user| *user);
                    let both = LiveAndRecomputed { live, recomputed, parts };
                    changed.attach_recomputed(next, both, change, &mut outputs);
                }
                for user in recomputed.take_users() {
                    let both = LiveAndRecomputed::recomputed_alone(user, parts);
                    changed.attach_recomputed(next, both, change, &mut outputs);
                }
            }
            _ => {
                for user in users {
                    changed.attach_under_other_rules(next, user, change, &mut outputs);
                }
            }
        }
        *partition = changed;
        outputs
    }
}

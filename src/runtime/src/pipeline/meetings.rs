//! What crosses at the ends of beats beside asks (semantics §8): the matches for groups, and what groups tell.
//!
//! Between two such ends the partitions know nothing of each other. At one, all have reached one watermark: they have
//! handed in what they have for others ([`SharedState::collect`](super::beats::SharedState::collect)), one place merges it in the order of the log, and deliveries
//! go back. A batch is divided at these ends, so where batches end changes nothing. An event that brings nothing to others, in a
//! beat in which nothing crosses, costs one comparison.
//!
//! What waits for the end of a beat, and what is handed over, are plain lists that checkpoints can hold.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use super::partition_task::PartitionQueues;
use super::{PARALLEL_OPERATIONS_MIN, Pipeline};
use rekindle_core::event::Event;
use rekindle_core::groups::{GroupBeat, GroupOutcome, RecomputedGroups, ToldNotice};
use rekindle_core::partition::{BeatDelivery, ExecutionPlan, LogInstant, Output, OutputKind, TimerMark};
use rekindle_core::route::partition_of;
use rekindle_core::time::{Timestamp, beat_after};

impl Pipeline {
    /// Every output that is still to come is due at this instant or later, where the timers have fired up to `fired`: what
    /// waits for the end of a beat may become due from its beginning on.
    pub fn final_before(&self, fired: Timestamp) -> Timestamp {
        if self.plan.rules.groups.is_empty() { fired } else { Timestamp(fired.0.div_euclid(1_000) * 1_000) }
    }

    /// Notes that an event about to be queued may bring something to others, at the end of its beat.
    pub(super) fn note_crossing(&mut self, plan: &ExecutionPlan, event: &Event<'_>) {
        let end = beat_after(self.watermark());
        if let Some(shared) = &mut self.shared
            && end < shared.next_crossing
            && plan.dispatch.brings_to_groups(&plan.rules, event)
        {
            shared.next_crossing = end;
        }
    }

    /// Ends the beats that end before the mark and at which something crosses, after what is queued: that precedes the first
    /// of them, and is run.
    pub(super) fn end_crossed_beats(
        &mut self,
        plan: &ExecutionPlan,
        queues: &mut PartitionQueues<'_, '_>,
        to: TimerMark,
        out: &mut Vec<Output>,
    ) {
        while let Some(end) = self.shared.as_ref().map(|shared| shared.next_crossing)
            && TimerMark::through(end) <= to
        {
            let queued = std::mem::replace(queues, PartitionQueues::new(self.partitions.len()));
            let in_parallel = queued.len() >= PARALLEL_OPERATIONS_MIN;
            self.run_tasks(plan, queued, TimerMark::through(end), in_parallel, out);
            self.meet(plan, LogInstant { at: end, position: self.position }, end, out);
        }
    }

    /// All partitions have come to the end of a beat, and everything due by then has fired: what they handed in reaches the
    /// groups, and what groups tell reaches the users. Returns whether anything crossed.
    pub(super) fn meet(
        &mut self,
        plan: &ExecutionPlan,
        end: LogInstant,
        beat_end: Timestamp,
        out: &mut Vec<Output>,
    ) -> bool {
        let Some(shared) = &mut self.shared else { return false };
        self.partitions.iter_mut().for_each(|partition| shared.collect(partition));
        let beat = GroupBeat { end: beat_end, watermark: end.at };
        let has_work = shared.groups.has_work(beat);
        let rules = plan.group_rules(&self.options.secret);
        let mut outcome = GroupOutcome::default();
        shared.groups.end_beat(&rules, beat, &mut outcome);
        append_changes(&mut outcome, end.position, out);
        self.take_picks(plan, beat_end.min(end.at));
        if let Some(shared) = &mut self.shared {
            shared.note_next_crossing();
        }
        self.deliver(plan, outcome.notices, end, out);
        has_work
    }

    /// Delivers what groups tell to all whom it concerns, to each at once.
    fn deliver(&mut self, plan: &ExecutionPlan, mut notices: Vec<ToldNotice>, end: LogInstant, out: &mut Vec<Output>) {
        // Stable: what one group tells by one name stays in its order.
        notices.sort_by(|a, b| (a.name, &a.key).cmp(&(b.name, &b.key)));
        let mut deliveries: BTreeMap<Arc<str>, BeatDelivery<'_>> = BTreeMap::new();
        for notice in &notices {
            let mut told = HashSet::new();
            for id in &notice.to {
                let user = self.links.user_of(id).unwrap_or(id);
                if !told.insert(Arc::clone(user)) {
                    continue;
                }
                let delivery = deliveries.entry(Arc::clone(user)).or_insert_with(|| BeatDelivery {
                    user: Arc::clone(user),
                    notices: Vec::new(),
                    at: notice.at,
                });
                delivery.notices.push(notice);
                delivery.at = delivery.at.max(notice.at);
            }
        }
        let (count, mut delivered) = (self.partitions.len(), Vec::new());
        for delivery in deliveries.values() {
            let is_there = self.partitions[partition_of(&delivery.user, count)].deliver(plan, delivery, end, out);
            let got: &[&ToldNotice] = if is_there { &delivery.notices } else { &[] };
            delivered.extend(got.iter().map(|notice| notice.name));
        }
        if let Some(shared) = &mut self.shared {
            delivered.into_iter().for_each(|name| shared.groups.count_delivered(name));
            self.partitions.iter_mut().for_each(|partition| shared.collect(partition));
        }
        self.collect_expired();
        self.merge_aggregates(plan);
    }

    /// Takes forgotten ids out of all groups.
    pub(super) fn forget_in_groups(&mut self, plan: &ExecutionPlan, id: &str) {
        if let Some(shared) = &mut self.shared {
            let rules = plan.group_rules(&self.options.secret);
            shared.groups.forget(&rules, id);
        }
    }

    /// Every group is evaluated by other rules, which took effect here; with what was recomputed of groups, if it was.
    pub(super) fn change_rules_of_groups(
        &mut self,
        plan: &ExecutionPlan,
        watermark: Timestamp,
        recomputed: Option<RecomputedGroups<'_>>,
        out: &mut Vec<Output>,
    ) {
        let Some(shared) = &mut self.shared else { return };
        let rules = plan.group_rules(&self.options.secret);
        let mut outcome = GroupOutcome::default();
        shared.groups.change_rules(&rules, watermark, recomputed, &mut outcome);
        shared.note_next_crossing();
        append_changes(&mut outcome, self.position, out);
    }
}

fn append_changes(outcome: &mut GroupOutcome, position: u64, out: &mut Vec<Output>) {
    out.extend(outcome.changes.drain(..).zip(0..).map(|(changed, ordinal)| {
        let (group, segment, change, cause) = (changed.group, changed.segment, changed.change, changed.cause);
        let decided = OutputKind::GroupTransition { group, segment, change, cause, ordinal };
        Output { at: changed.at, user: changed.key, position, decided }
    }));
}

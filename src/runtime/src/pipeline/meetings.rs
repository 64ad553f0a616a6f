//! What crosses at the ends of beats beside asks (semantics §8): rows of tables, the matches for groups, what groups tell, and takings.
//!
//! Between two such ends the partitions know nothing of each other. At one, all have reached one watermark: they have
//! handed in what they have for others ([`SharedState::collect`](super::beats::SharedState::collect)), one place merges it in the order of the log, and deliveries
//! go back. A batch is divided at these ends, so where batches end changes nothing. An event that brings nothing to others, in a
//! beat in which nothing crosses, costs one comparison.
//!
//! What waits for the end of a beat, and what is handed over, are plain lists that checkpoints can hold.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use rayon::prelude::*;

use super::partition_task::PartitionQueues;
use super::{PARALLEL_OPERATIONS_MIN, Pipeline};
use rekindle_core::engine::evaluate::EvaluationContext;
use rekindle_core::engine::profile::UserProfile;
use rekindle_core::event::Event;
use rekindle_core::groups::{GroupBeat, GroupOutcome, RecomputedGroups, ToldNotice};
use rekindle_core::partition::{
    BeatDeliveries, ExecutionPlan, LogInstant, NoticeDelivery, Output, OutputKind, Partition, TimerMark,
};
use rekindle_core::route::partition_of;
use rekindle_core::rows::{RowBook, RowChange, RowUpdate};
use rekindle_core::rules::ruleset::{NameId, TableId};
use rekindle_core::time::{Timestamp, beat_after};

/// A call that is a row, with its key and its time.
pub(super) struct TakenRow<'e> {
    pub(super) table: TableId,
    pub(super) key: &'e str,
    pub(super) event: &'e Event<'e>,
    pub(super) ts: Timestamp,
}

impl Pipeline {
    /// All rows of tables, and what waits for them; `None`: the rules have none.
    pub fn rows(&self) -> Option<&RowBook> {
        self.shared.as_ref().filter(|_| !self.plan.rules.tables.is_empty()).map(|shared| &shared.rows)
    }

    /// Every output that is still to come is due at this instant or later, where the timers have fired up to `fired`: what
    /// waits for the end of a beat may become due from its beginning on.
    pub fn final_before(&self, fired: Timestamp) -> Timestamp {
        let nothing_crosses = self.plan.rules.groups.is_empty() && self.plan.rules.tables.is_empty();
        if nothing_crosses { fired } else { Timestamp(fired.0.div_euclid(1_000) * 1_000) }
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

    /// Hands in a call that is a row, for the end of its beat.
    pub(super) fn hand_in_row(&mut self, plan: &ExecutionPlan, row: TakenRow<'_>) {
        let TakenRow { table, key, event, ts } = row;
        let (beat, position) = (beat_after(self.watermark()), self.position);
        let Some(shared) = &mut self.shared else { return };
        let definition = &plan.rules.tables[usize::from(table.0)];
        let nobody = UserProfile::new(ts);
        let scope = EvaluationContext { fields: &event.fields, ..EvaluationContext::new(&plan.rules, &nobody, ts) };
        let is_gone = definition.gone.as_ref().is_some_and(|gone| scope.holds(gone));
        let values = RowUpdate::values_of(definition, event);
        shared.rows.hand_in(RowUpdate { beat, position, table, key: key.into(), ts, is_gone, values });
        shared.next_crossing = shared.next_crossing.min(beat);
    }

    /// From here on users see the rows as they are.
    pub(super) fn show_rows(&mut self) {
        if let Some(shared) = self.shared.as_ref().filter(|_| !self.plan.rules.tables.is_empty()) {
            self.partitions.iter_mut().for_each(|partition| partition.see_rows(shared.rows.rows()));
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
        let has_rows = shared.rows.has_work(beat_end);
        let changed = if has_rows { self.take_rows(plan, beat_end) } else { Vec::new() };
        let Some(shared) = &mut self.shared else { return false };
        let beat = GroupBeat { end: beat_end, watermark: end.at };
        let has_work = has_rows || shared.groups.has_work(beat);
        let rows = Arc::clone(shared.rows.rows());
        let rules = plan.group_rules(&self.options.secret, &rows);
        let mut outcome = GroupOutcome::default();
        shared.groups.end_beat(&rules, beat, &mut outcome);
        append_changes(&mut outcome, end.position, out);
        drop(rows);
        let takes_ranks = self.take_ranks(plan, beat_end.min(end.at));
        let takes_weights = self.take_weights(plan, (beat_end.min(end.at), end.position), out);
        self.take_picks(plan, beat_end.min(end.at));
        if let Some(shared) = &mut self.shared {
            shared.note_next_crossing();
        }
        if takes_ranks || !outcome.notices.is_empty() || !changed.is_empty() {
            self.deliver(plan, (outcome.notices, takes_ranks), &changed, end, out);
        }
        has_work || takes_ranks || takes_weights
    }

    /// Merges the calls of the beats that have ended into their rows, which users see from here on.
    fn take_rows(&mut self, plan: &ExecutionPlan, beat_end: Timestamp) -> Vec<RowChange> {
        let Some(shared) = &mut self.shared else { return Vec::new() };
        // So that nothing is copied that nobody else sees.
        self.partitions.iter_mut().for_each(Partition::release_rows);
        let changed = shared.rows.end_beat(&plan.rules, beat_end);
        self.partitions.iter_mut().for_each(|partition| partition.see_rows(shared.rows.rows()));
        changed
    }

    /// Delivers what groups tell, rows that changed, and what takings of ranks bring, to all whom it concerns, to each at once.
    fn deliver(
        &mut self,
        plan: &ExecutionPlan,
        (mut notices, takes_ranks): (Vec<ToldNotice>, bool),
        changed: &[RowChange],
        end: LogInstant,
        out: &mut Vec<Output>,
    ) {
        // Stable: what one group tells by one name stays in its order.
        notices.sort_by(|a, b| (a.name, &a.key).cmp(&(b.name, &b.key)));
        let mut told: BTreeMap<Arc<str>, Vec<&ToldNotice>> = BTreeMap::new();
        for notice in &notices {
            let mut users = HashSet::new();
            for id in &notice.to {
                let user = self.links.user_of(id).unwrap_or(id);
                if users.insert(Arc::clone(user)) {
                    told.entry(Arc::clone(user)).or_default().push(notice);
                }
            }
        }
        let count = self.partitions.len();
        let mut deliveries: Vec<BeatDeliveries<'_>> = Vec::new();
        deliveries.resize_with(count, || BeatDeliveries { notices: Vec::new(), rows: changed });
        for (user, notices) in told {
            let of_partition = &mut deliveries[partition_of(&user, count)];
            of_partition.notices.push(NoticeDelivery { user, notices });
        }
        let partitions = &mut self.partitions;
        let deliver = |(partition, deliveries): (&mut Partition, BeatDeliveries<'_>)| {
            let mut outputs = Vec::new();
            let delivered = partition.deliver(plan, &deliveries, end, &mut outputs);
            (outputs, delivered)
        };
        // A row, or a taking, may concern any number of users.
        let concerns_few = changed.is_empty() && !takes_ranks;
        let results: Vec<(Vec<Output>, Vec<NameId>)> = if concerns_few || self.decoder.workers() == 1 {
            partitions.iter_mut().zip(deliveries).map(deliver).collect()
        } else {
            self.decoder.install(|| partitions.par_iter_mut().zip(deliveries).map(deliver).collect())
        };
        let mut delivered = Vec::new();
        for (outputs, names) in results {
            out.extend(outputs);
            delivered.extend(names);
        }
        if let Some(shared) = &mut self.shared {
            for name in delivered {
                // What a group tells is counted as it does, also where nobody gets it.
                if plan.rules.names[usize::from(name.0)].rank.is_some() {
                    shared.groups.count_told(name);
                }
                shared.groups.count_delivered(name);
            }
            self.partitions.iter_mut().for_each(|partition| shared.collect(partition));
        }
        self.collect_expired();
        self.merge_aggregates(plan);
    }

    /// Takes forgotten ids out of all groups.
    pub(super) fn forget_in_groups(&mut self, plan: &ExecutionPlan, id: &str) {
        if let Some(shared) = &mut self.shared {
            let rows = Arc::clone(shared.rows.rows());
            let rules = plan.group_rules(&self.options.secret, &rows);
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
        let rows = Arc::clone(shared.rows.rows());
        let rules = plan.group_rules(&self.options.secret, &rows);
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

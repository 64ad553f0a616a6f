//! The ends of beats (semantics §8): where the partitions meet, since users share budgets. (What else they share is in `meetings`.)
//!
//! Between two ends the partitions know nothing of each other, so they need not stop at each: they go through their whole
//! queues, and only what happens to a user who awaits an answer is left over (it is *parked*), with all that follows for the
//! same user. Then one thread goes through what is left over, in the order of the log: where an answer is missing, the beats
//! up to there end, one after another, and all who asked are answered in the order that the page fixes. That order depends on
//! nothing but the log, and of all others nothing depends on when they were applied.
//!
//! Rules without budgets have none of this.
//!
//! Where something else crosses at the end of a beat, a batch is divided there: nothing of it is applied before what
//! precedes the end has been.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use rayon::prelude::*;

use super::Pipeline;
use super::partition_task::{PartitionOperation, StateHandover};
use super::rank_takings::RankTakings;
use super::takings::PickTakings;
use super::weight_takings::WeightTakings;
use rekindle_core::budgets::{BudgetBook, BudgetChange, StoredBook, TimedBudgetChange};
use rekindle_core::campaigns::StoredWeights;
use rekindle_core::checkpoint::{StoredShared, translate_groups, translate_picks, translate_rank_takings};
use rekindle_core::groups::GroupBook;
use rekindle_core::partition::{
    AskTicket, BeatEnd, ExecutionPlan, LogInstant, Output, Partition, PartitionInput, TimerMark,
};
use rekindle_core::route::partition_of;
use rekindle_core::rows::RowBook;
use rekindle_core::rules::ruleset::{CampaignId, Ruleset};
use rekindle_core::secret::DrawSecret;
use rekindle_core::time::Timestamp;

/// What users share, and what waits for the end of a beat.
#[derive(Debug)]
pub(super) struct SharedState {
    /// All budgets, as of the last end of a beat.
    book: BudgetBook,
    /// What changed of budgets in beats that have not ended.
    changes: Vec<TimedBudgetChange>,
    /// Who asks, by the end of the beat; each user's asks in their order.
    asks: BTreeMap<Timestamp, Vec<AskTicket>>,
    /// The rules have budgets: users may await answers.
    has_budgets: bool,
    /// The groups, and what waits for them.
    pub(super) groups: GroupBook,
    /// The rows of tables, and what waits for them.
    pub(super) rows: RowBook,
    /// The first end of a beat at which anything but asks crosses.
    pub(super) next_crossing: Timestamp,
    /// What stands of weights of variants.
    pub(super) weights: WeightTakings,
    /// When ranks are taken.
    pub(super) ranks: RankTakings,
    /// What stands of picks.
    pub(super) picks: PickTakings,
}

/// An operation that was left over, since a user awaits an answer.
pub(super) struct ParkedOperation<'e, 'a> {
    /// The partition.
    pub(super) partition: usize,
    /// The operation.
    pub(super) operation: PartitionOperation<'e, 'a>,
}

/// What the partition tasks left over.
pub(super) struct LeftOver<'h, 'e, 'a> {
    /// The operations, by partition.
    pub(super) parked: Vec<ParkedOperation<'e, 'a>>,
    /// The visitors that are on the way.
    pub(super) handovers: &'h [StateHandover],
    /// The batch is large enough for all workers.
    pub(super) in_parallel: bool,
}

impl SharedState {
    /// Nothing spent. `None`: users share nothing.
    pub(super) fn new(rules: &Ruleset) -> Option<Box<SharedState>> {
        let has_budgets = !rules.budgets.is_empty();
        let adapts = rules.campaigns.iter().any(|campaign| campaign.adapt.is_some());
        let has_takings = adapts || !rules.ranks.is_empty() || !rules.picks.is_empty();
        let has_more = has_takings || !rules.groups.is_empty() || !rules.tables.is_empty();
        (has_budgets || has_more).then(|| {
            Box::new(SharedState {
                book: BudgetBook::new(rules),
                changes: Vec::new(),
                asks: BTreeMap::new(),
                has_budgets,
                groups: GroupBook::new(rules),
                rows: RowBook::new(rules),
                next_crossing: Timestamp::NEVER,
                weights: WeightTakings::new(rules),
                ranks: RankTakings::new(rules),
                picks: PickTakings::new(rules),
            })
        })
    }

    /// Whether users may await answers.
    pub(super) fn has_budgets(&self) -> bool {
        self.has_budgets
    }

    /// What was stored. The users with their asks and what they have reserved come by themselves.
    pub(super) fn restored(
        plan: &ExecutionPlan,
        secret: &DrawSecret,
        stored: StoredShared,
    ) -> Option<Box<SharedState>> {
        let mut shared = SharedState::new(&plan.rules)?;
        shared.rows = RowBook::restored(&plan.rules, stored.rows);
        let rows = Arc::clone(shared.rows.rows());
        shared.groups = GroupBook::restored(&plan.group_rules(secret, &rows), stored.groups);
        shared.weights = WeightTakings::restored(&plan.rules, &stored.weights);
        shared.ranks = RankTakings::restored(&plan.rules, &stored.ranks);
        shared.picks = PickTakings::restored(&plan.rules, stored.picks);
        shared.note_next_crossing();
        if let Some(StoredBook { budgets, changes }) = stored.budgets {
            shared.book = BudgetBook::restored(&plan.rules, budgets);
            // The users' reservations are those after these changes; the book has them at the end of the beat.
            for TimedBudgetChange { change, .. } in &changes {
                shared.book.add(&BudgetChange { spent: 0, reserved: -change.reserved, ..*change });
            }
            shared.changes = changes;
        }
        Some(shared)
    }

    /// The same under other rules, before the users come.
    pub(super) fn under(
        &mut self,
        plan: &ExecutionPlan,
        next: &ExecutionPlan,
        secret: &DrawSecret,
    ) -> Option<Box<SharedState>> {
        let mut shared = SharedState::new(&next.rules)?;
        self.merge_changes(Timestamp::NEVER);
        shared.book = self.book.under(&plan.rules, &next.rules);
        let groups = translate_groups(plan, next, &self.groups.stored());
        let groups = groups.expect("what was just encoded can be read");
        shared.rows = self.rows.under(&plan.rules, &next.rules);
        let rows = Arc::clone(shared.rows.rows());
        shared.groups = self.groups.under(&plan.rules, &next.group_rules(secret, &rows), groups);
        let weights = self.weights.stored(&plan.rules).into_iter().filter_map(|stored| {
            let id = &plan.rules.campaigns[usize::from(stored.campaign.0)].id;
            let place = next.rules.campaigns.iter().position(|campaign| campaign.id == *id)?;
            Some(StoredWeights { campaign: CampaignId(u16::try_from(place).ok()?), ..stored })
        });
        shared.weights = WeightTakings::restored(&next.rules, &weights.collect::<Vec<_>>());
        let ranks = translate_rank_takings(plan, next, &self.ranks.stored());
        let ranks = RankTakings::restored(&next.rules, &ranks.expect("what was just encoded can be read"));
        shared.ranks = ranks.counting_on(&next.rules, (&plan.rules, &self.ranks));
        let picks = translate_picks(plan, next, &self.picks.stored());
        shared.picks = PickTakings::restored(&next.rules, picks.expect("what was just encoded can be read"));
        shared.note_next_crossing();
        Some(shared)
    }

    /// What is to be stored.
    pub(super) fn stored(&self, rules: &Ruleset) -> StoredShared {
        StoredShared { rows: self.rows.stored(), ..self.stored_beside_rows(rules) }
    }

    /// What is to be stored in a snapshot: all of it, or of the rows those that changed since the last one.
    pub(super) fn begin_snapshot(&mut self, rules: &Ruleset, full: bool) -> StoredShared {
        StoredShared { rows: self.rows.begin_snapshot(full), ..self.stored_beside_rows(rules) }
    }

    fn stored_beside_rows(&self, rules: &Ruleset) -> StoredShared {
        let budgets = self.has_budgets.then(|| self.stored_book());
        let (groups, picks, ranks) = (self.groups.stored(), self.picks.stored(), self.ranks.stored());
        let weights = self.weights.stored(rules);
        StoredShared { budgets, groups, picks, ranks, weights, ..StoredShared::default() }
    }

    /// Works out at which end of a beat anything but asks crosses next.
    pub(super) fn note_next_crossing(&mut self) {
        let of_takings = self.ranks.next().min(self.weights.next()).min(self.picks.next());
        self.next_crossing = self.groups.next_end().min(self.rows.next_end()).min(of_takings);
    }

    fn stored_book(&self) -> StoredBook {
        let mut sums: BTreeMap<_, (i128, i128)> = BTreeMap::new();
        for TimedBudgetChange { beat, change } in &self.changes {
            let (spent, reserved) = sums.entry((*beat, change.budget, change.campaign, change.period)).or_default();
            *spent = spent.saturating_add(change.spent);
            *reserved = reserved.saturating_add(change.reserved);
        }
        let change = |((beat, budget, campaign, period), (spent, reserved))| {
            let change = BudgetChange { budget, campaign, period, spent, reserved };
            TimedBudgetChange { beat, change }
        };
        StoredBook { budgets: self.book.stored().collect(), changes: sums.into_iter().map(change).collect() }
    }

    /// What is known of all budgets, as of the last end of a beat.
    pub(super) fn book(&self) -> &BudgetBook {
        &self.book
    }

    /// Takes the asks and the reservations that users came with.
    pub(super) fn collect_arrived(&mut self, partitions: &mut [Partition]) {
        partitions.iter_mut().for_each(|partition| self.collect(partition));
        self.merge_changes(Timestamp::MIN);
    }

    /// Takes what a partition hands in.
    pub(super) fn collect(&mut self, partition: &mut Partition) {
        self.groups.hand_in(partition.take_group_matches());
        self.picks.collect(partition);
        self.changes.extend(partition.take_budget_changes());
        for ticket in partition.take_asks() {
            self.asks.entry(ticket.beat).or_default().push(ticket);
        }
    }

    /// The book gets what changed in the beats up to then.
    fn merge_changes(&mut self, end: Timestamp) {
        let book = &mut self.book;
        self.changes.retain(|TimedBudgetChange { beat, change }| {
            let has_ended = *beat <= end;
            if has_ended {
                book.add(change);
            }
            !has_ended
        });
    }

    /// Who asked in the first beat that has not been answered and ends at or before `end`, in the order of the answers.
    fn next_asks(&mut self, end: Timestamp) -> Option<Vec<AskTicket>> {
        let first = self.asks.first_entry().filter(|entry| *entry.key() <= end)?;
        let mut asks = first.remove();
        asks.sort_by(|a, b| (a.at, &a.user).cmp(&(b.at, &b.user)));
        Some(asks)
    }
}

impl Pipeline {
    /// What is known of all budgets; `None`: the rules have none.
    pub fn budgets(&self) -> Option<&BudgetBook> {
        self.shared.as_ref().filter(|shared| shared.has_budgets()).map(|shared| shared.book())
    }

    /// From here on keeps what becomes of each period of the budgets.
    pub fn keep_budget_history(&mut self) {
        if let Some(shared) = &mut self.shared {
            shared.book.keep_history();
        }
    }

    /// Collects what the partitions hand in, and ends the beats up to `fired`.
    pub(super) fn end_beats(&mut self, plan: &ExecutionPlan, position: u64, out: &mut Vec<Output>) {
        let Some(shared) = &mut self.shared else { return };
        self.partitions.iter_mut().for_each(|partition| shared.collect(partition));
        let reached = self.fired.instant;
        while let Some(asks) = self.shared.as_mut().and_then(|shared| shared.next_asks(reached)) {
            let at = asks[0].beat;
            self.answer(plan, asks, LogInstant { at, position }, out);
        }
        if let Some(shared) = &mut self.shared {
            shared.merge_changes(reached);
        }
    }

    /// Answers all who asked in one beat.
    fn answer(&mut self, plan: &ExecutionPlan, asks: Vec<AskTicket>, end: LogInstant, out: &mut Vec<Output>) {
        let (fired, count) = (self.fired, self.partitions.len());
        let Some(shared) = &mut self.shared else { return };
        shared.merge_changes(end.at);
        for ticket in asks {
            let partition = &mut self.partitions[partition_of(&ticket.user, count)];
            let (at, position) = (end.at, end.position.max(ticket.position));
            partition.answer(plan, &ticket, &mut BeatEnd { at, position, fired, book: &mut shared.book }, out);
            shared.collect(partition);
        }
    }

    /// Answers a user for the beats that have ended by then. The timers of all users fire up to these ends and no further, since
    /// how far they have fired must depend on nothing but the log: not on how far it was read at once.
    pub(super) fn answer_user(
        &mut self,
        plan: &ExecutionPlan,
        partition: usize,
        user: &str,
        by: LogInstant,
        out: &mut Vec<Output>,
    ) {
        let mut ended = Timestamp::MIN;
        // Each answer lets the user come to a later beat.
        while self.shared.is_some()
            && let Some(beat) =
                self.partitions[partition].awaited_beat(plan, user, by, out).filter(|beat| *beat > ended)
        {
            ended = beat;
            let to = TimerMark::through(beat);
            if self.fired < to {
                for partition in &mut self.partitions {
                    partition.apply(plan, PartitionInput::Advance { to, position: by.position }, out);
                }
                self.fired = to;
            }
            self.end_beats(plan, by.position, out);
        }
    }

    /// At the end of the log's time, beats end one after another until nothing is left to answer.
    pub(super) fn end_last_beats(&mut self, plan: &ExecutionPlan, at: Timestamp, out: &mut Vec<Output>) {
        let position = self.position;
        let end = LogInstant { at, position };
        loop {
            let asks = self.shared.as_mut().and_then(|shared| shared.next_asks(Timestamp::NEVER));
            let has_asks = asks.is_some();
            if let Some(asks) = asks {
                self.answer(plan, asks, end, out);
            }
            if let Some(shared) = &mut self.shared {
                shared.merge_changes(Timestamp::NEVER);
            }
            if !self.meet(plan, end, Timestamp::NEVER, out) && !has_asks {
                break;
            }
        }
    }

    /// Applies what was left over, then fires the timers before `fire_to`, and ends the beats up to there.
    pub(super) fn settle_shared(
        &mut self,
        plan: &ExecutionPlan,
        left: LeftOver<'_, '_, '_>,
        fire_to: TimerMark,
        out: &mut Vec<Output>,
    ) {
        let LeftOver { parked, handovers, in_parallel } = left;
        let position = self.position;
        if let Some(shared) = &mut self.shared {
            self.partitions.iter_mut().for_each(|partition| shared.collect(partition));
        }
        self.apply_parked(plan, parked, handovers, out);
        let advance = |partition: &mut Partition| {
            let mut outputs = Vec::new();
            partition.apply(plan, PartitionInput::Advance { to: fire_to, position }, &mut outputs);
            outputs
        };
        let partitions = &mut self.partitions;
        if in_parallel {
            let outputs: Vec<Vec<Output>> = self.decoder.install(|| partitions.par_iter_mut().map(advance).collect());
            out.extend(outputs.into_iter().flatten());
        } else {
            partitions.iter_mut().for_each(|partition| out.extend(advance(partition)));
        }
        self.fired = self.fired.max(fire_to);
        self.end_beats(plan, position, out);
        self.partitions.iter_mut().for_each(Partition::end_batch);
    }

    /// Applies what was left over, in the order of the log.
    fn apply_parked(
        &mut self,
        plan: &ExecutionPlan,
        mut parked: Vec<ParkedOperation<'_, '_>>,
        handovers: &[StateHandover],
        out: &mut Vec<Output>,
    ) {
        // Stable: a visitor is handed over before the event that needs it.
        parked.sort_by_key(|parked| (parked.operation.position(), parked.operation.is_event()));
        let events = parked.iter().filter(|parked| parked.operation.is_event());
        let users: HashSet<String> = events.map(|parked| parked.operation.user_needed().to_owned()).collect();
        for ParkedOperation { partition, operation } in parked {
            let by = LogInstant { at: operation.watermark(), position: operation.position() };
            self.answer_user(plan, partition, operation.user_needed(), by, out);
            operation.apply(&mut self.partitions[partition], plan, handovers, out);
        }
        self.partitions.iter_mut().for_each(|partition| partition.note_renewed(|user| users.contains(user)));
    }
}

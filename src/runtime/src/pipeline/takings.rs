//! Takings (semantics §8, §20): at the end of a beat with which an hour or a day begins, the indexes of picks are made of what all
//! users have touched, and stand until the next.
//!
//! The partitions look through what they counted in parallel; what they find is put together by one place, in which nothing depends on
//! how many partitions there are.

use std::sync::Arc;

use rayon::prelude::*;

use super::beats::SharedState;
use super::{PickTotals, Pipeline};
use rekindle_core::partition::{ExecutionPlan, Partition};
use rekindle_core::picks::{BegunSessions, Pick, PickIndex, StoredPicks};
use rekindle_core::route::partition_of;
use rekindle_core::rules::ruleset::{PickInterval, PickList, PickListId, Ruleset, TakingInterval};
use rekindle_core::time::{Timestamp, ZoneCalendar};

/// A list that is asked for.
#[derive(Clone, Debug)]
pub struct AskedPicks {
    /// The id of the list.
    pub list: String,
    /// The id of a user or a visitor; empty: nobody who is known.
    pub user: String,
    /// What it is about, the latest first, in place of the user's current session; empty: that.
    pub seeds: Vec<Arc<str>>,
    /// How many items.
    pub items: usize,
}

/// What stands of picks, by list.
#[derive(Debug, Default)]
pub(super) struct PickTakings(Vec<PickTaking>);

/// What stands of one list.
#[derive(Clone, Debug, Default)]
struct PickTaking {
    index: Arc<PickIndex>,
    /// The bytes of the index.
    index_bytes: usize,
    /// When the next index is made; `None`: the log has not begun.
    next: Option<Timestamp>,
    /// The sessions that began last, anyone's: an index has no others.
    begun: BegunSessions,
}

impl PickTakings {
    /// Nothing yet.
    pub(super) fn new(rules: &Ruleset) -> PickTakings {
        PickTakings(vec![PickTaking::default(); rules.picks.len()])
    }

    /// What was stored.
    pub(super) fn restored(rules: &Ruleset, stored: Vec<StoredPicks>) -> PickTakings {
        let mut takings = PickTakings::new(rules);
        for StoredPicks { list, next, begun, index } in stored {
            if let Some(taking) = takings.0.get_mut(usize::from(list.0)) {
                let index_bytes = index.heap_bytes();
                *taking = PickTaking { index, index_bytes, next, begun };
            }
        }
        takings
    }

    /// What is to be stored.
    pub(super) fn stored(&self) -> Vec<StoredPicks> {
        let stored = |(list, taking): (PickListId, &PickTaking)| StoredPicks {
            list,
            next: taking.next,
            begun: taking.begun.clone(),
            index: Arc::clone(&taking.index),
        };
        (0..).map(PickListId).zip(&self.0).map(stored).collect()
    }

    /// Takes the sessions that began in a partition.
    pub(super) fn collect(&mut self, partition: &mut Partition) {
        for (list, begun) in partition.take_begun_sessions() {
            if let Some(taking) = self.0.get_mut(usize::from(list.0)) {
                taking.begun.extend(begun);
            }
        }
    }

    /// When the next index is made.
    pub(super) fn next(&self) -> Timestamp {
        self.0.iter().filter_map(|taking| taking.next).min().unwrap_or(Timestamp::NEVER)
    }

    /// The bytes of what stands.
    fn heap_bytes(&self) -> usize {
        self.0.iter().map(|taking| taking.index_bytes + taking.begun.heap_bytes()).sum()
    }

    /// Whether takings are counted from somewhere for every list.
    pub(super) fn has_begun(&self) -> bool {
        self.0.iter().all(|taking| taking.next.is_some())
    }

    /// The log has reached this watermark: the first is no taking.
    fn begin(&mut self, rules: &Ruleset, watermark: Timestamp) {
        for (taking, list) in self.0.iter_mut().zip(&rules.picks) {
            taking.next.get_or_insert_with(|| next_taking(&rules.calendar, list, watermark));
        }
    }

    /// What stands, by list.
    fn indexes(&self) -> Arc<[Arc<PickIndex>]> {
        self.0.iter().map(|taking| Arc::clone(&taking.index)).collect()
    }
}

/// The first beginning of an hour or a day after an instant.
fn next_taking(calendar: &ZoneCalendar, list: &PickList, after: Timestamp) -> Timestamp {
    let every = match list.every {
        PickInterval::Hour => TakingInterval::Hour,
        PickInterval::Day => TakingInterval::Day,
    };
    every.next_after(calendar, after)
}

impl Pipeline {
    /// Notes the first watermark, from which takings are counted.
    pub(super) fn begin_takings(&mut self) {
        if self.shared.is_none() || self.latest_read == Timestamp::MIN {
            return;
        }
        let watermark = self.watermark();
        let is_to_begin = |shared: &&mut Box<SharedState>| {
            !(shared.picks.has_begun() && shared.ranks.has_begun() && shared.weights.has_begun())
        };
        if let Some(shared) = self.shared.as_mut().filter(is_to_begin) {
            shared.picks.begin(&self.plan.rules, watermark);
            shared.ranks.begin(&self.plan.rules, watermark);
            shared.weights.begin(&self.plan.rules, watermark);
            shared.note_next_crossing();
        }
    }

    /// Makes the indexes whose instant has come, of all that has arrived.
    pub(super) fn take_picks(&mut self, plan: &ExecutionPlan, end: Timestamp) {
        let Some(shared) = &mut self.shared else { return };
        let mut is_changed = false;
        for (id, (taking, list)) in (0..).map(PickListId).zip(shared.picks.0.iter_mut().zip(&plan.rules.picks)) {
            let Some(at) = taking.next.filter(|next| *next <= end) else { continue };
            let (partitions, first) = (&mut self.partitions, taking.begun.first());
            let scan = |partition: &mut Partition| partition.scan_touches(id, at, first);
            let scans: Vec<_> = self.decoder.install(|| partitions.par_iter_mut().map(scan).collect());
            let index = PickIndex::new(list, &scans);
            taking.index = Arc::new(match list.table.filter(|_| !list.by.is_empty()) {
                Some(table) => {
                    let rows = shared.rows.rows();
                    let values = (0..).zip(&list.by).flat_map(|(place, by)| {
                        let of_table = rows.of_table(table);
                        of_table.filter_map(move |(key, row)| Some((key, place, row.value(by.column)?)))
                    });
                    index.with_values(list, list.value_columns(&plan.rules), values)
                }
                None => index,
            });
            taking.index_bytes = taking.index.heap_bytes();
            taking.next = Some(next_taking(&plan.rules.calendar, list, at));
            is_changed = true;
        }
        if is_changed {
            self.hand_out_picks();
        }
    }

    /// What stands of each list.
    pub(super) fn pick_totals(&self) -> Vec<PickTotals> {
        let totals = |taking: &PickTaking| PickTotals {
            items: taking.index.items() as u64,
            sessions: taking.index.sessions() as u64,
            bytes: (taking.index_bytes + taking.begun.heap_bytes()) as u64,
        };
        self.shared.as_ref().map(|shared| shared.picks.0.iter().map(totals).collect()).unwrap_or_default()
    }

    /// The bytes of all indexes that stand.
    pub(crate) fn picks_bytes(&self) -> u64 {
        self.shared.as_ref().map_or(0, |shared| shared.picks.heap_bytes() as u64)
    }

    /// All partitions use what stands of picks and weights.
    pub(super) fn hand_out_takings(&mut self) {
        self.hand_out_picks();
        self.hand_out_weights();
    }

    fn hand_out_picks(&mut self) {
        if let Some(shared) = &self.shared {
            let indexes = shared.picks.indexes();
            self.partitions.iter_mut().for_each(|partition| partition.use_pick_indexes(Arc::clone(&indexes)));
        }
    }

    /// What would be offered now. `None`: the rules have no such list.
    pub fn picks_for(&self, asked: &AskedPicks) -> Option<Vec<Pick>> {
        let place = self.plan.rules.picks.iter().position(|list| list.id == asked.list)?;
        let list = PickListId(u16::try_from(place).ok()?);
        let user = self.links.user_of(&asked.user).map_or(asked.user.as_str(), |user| &**user);
        let partition: &Partition = &self.partitions[partition_of(user, self.partitions.len())];
        let seeds = Some(asked.seeds.as_slice()).filter(|seeds| !seeds.is_empty());
        Some(partition.picks_for(&self.plan, user, list, asked.items, (seeds, self.watermark())))
    }
}

//! Takings of ranks (semantics §19): at the end of a beat with which an hour, a day, a week or a month begins, all users are asked
//! for the numbers by which they are ordered.
//!
//! The partitions go through their users in parallel, and hand in how many have which number. One place puts that together, in which
//! nothing depends on how many partitions there are; what comes of each user is there before anything is delivered to one.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::Pipeline;
use rekindle_core::partition::{ExecutionPlan, Partition, RankScan};
use rekindle_core::ranks::{RankTable, StoredRankTaking};
use rekindle_core::rules::ruleset::{RankId, Ruleset};
use rekindle_core::time::Timestamp;

/// When each rank is taken, and what was counted of that.
#[derive(Debug, Default)]
pub(super) struct RankTakings(Vec<RankTaking>);

/// When one rank is taken, and what was counted of that.
#[derive(Clone, Copy, Debug, Default)]
struct RankTaking {
    /// When it is taken next; `None`: the log has not begun.
    next: Option<Timestamp>,
    totals: RankTotals,
}

/// What was counted of the takings of a rank.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RankTotals {
    /// How often it was taken.
    pub takings: u64,
    /// How many users were taken at the latest one.
    pub ranked: u64,
}

impl RankTakings {
    /// None was taken yet.
    pub(super) fn new(rules: &Ruleset) -> RankTakings {
        RankTakings(vec![RankTaking::default(); rules.ranks.len()])
    }

    /// What was stored.
    pub(super) fn restored(rules: &Ruleset, stored: &[StoredRankTaking]) -> RankTakings {
        let mut takings = RankTakings::new(rules);
        for StoredRankTaking { rank, next, ranked } in stored {
            if let Some(taking) = takings.0.get_mut(usize::from(rank.0)) {
                taking.next = *next;
                taking.totals.ranked = (*ranked).into();
            }
        }
        takings
    }

    /// The same with what was counted under other rules, by id.
    pub(super) fn counting_on(mut self, rules: &Ruleset, before: (&Ruleset, &RankTakings)) -> RankTakings {
        for (taking, rank) in self.0.iter_mut().zip(&rules.ranks) {
            let known = before.0.ranks.iter().zip(&before.1.0).find(|(other, _)| other.id == rank.id);
            taking.totals.takings = known.map(|(_, taking)| taking.totals.takings).unwrap_or_default();
        }
        self
    }

    /// What is to be stored.
    pub(super) fn stored(&self) -> Vec<StoredRankTaking> {
        let stored = |(rank, taking): (RankId, &RankTaking)| StoredRankTaking {
            rank,
            next: taking.next,
            ranked: u32::try_from(taking.totals.ranked).unwrap_or(u32::MAX),
        };
        (0..).map(RankId).zip(&self.0).map(stored).collect()
    }

    /// When the next is taken.
    pub(super) fn next(&self) -> Timestamp {
        self.0.iter().filter_map(|taking| taking.next).min().unwrap_or(Timestamp::NEVER)
    }

    /// Whether takings are counted from somewhere for every rank.
    pub(super) fn has_begun(&self) -> bool {
        self.0.iter().all(|taking| taking.next.is_some())
    }

    /// The log has reached this watermark: the first is no taking.
    pub(super) fn begin(&mut self, rules: &Ruleset, watermark: Timestamp) {
        for (taking, rank) in self.0.iter_mut().zip(&rules.ranks) {
            taking.next.get_or_insert_with(|| rank.every.next_after(&rules.calendar, watermark));
        }
    }

    /// What was counted, by rank.
    pub(super) fn totals(&self) -> Vec<RankTotals> {
        self.0.iter().map(|taking| taking.totals).collect()
    }

    /// The first rank, in file order and from one on, whose instant has come by the end of a beat; it is taken again later.
    fn take_due(&mut self, rules: &Ruleset, from: RankId, end: Timestamp) -> Option<(RankId, Timestamp)> {
        let mut ranks = (0..).map(RankId).zip(&mut self.0).skip(usize::from(from.0));
        let (rank, taking) = ranks.find(|(_, taking)| taking.next.is_some_and(|next| next <= end))?;
        let at = taking.next?;
        taking.next = Some(rules.ranks[usize::from(rank.0)].every.next_after(&rules.calendar, at));
        Some((rank, at))
    }

    fn note_taken(&mut self, rank: RankId, ranked: u32) {
        if let Some(taking) = self.0.get_mut(usize::from(rank.0)) {
            taking.totals = RankTotals { takings: taking.totals.takings + 1, ranked: ranked.into() };
        }
    }
}

impl Pipeline {
    /// Takes the ranks whose instant has come, in file order: each sees what came of those before it. Returns whether there were any.
    pub(super) fn take_ranks(&mut self, plan: &ExecutionPlan, end: Timestamp) -> bool {
        let (mut from, mut is_any) = (RankId(0), false);
        while let Some((rank, at)) =
            self.shared.as_mut().and_then(|shared| shared.ranks.take_due(&plan.rules, from, end))
        {
            self.take_rank(plan, rank, at);
            (from, is_any) = (RankId(rank.0 + 1), true);
        }
        is_any
    }

    fn take_rank(&mut self, plan: &ExecutionPlan, rank: RankId, at: Timestamp) {
        let partitions = &mut self.partitions;
        let ranked = self.decoder.install(|| {
            let scan = |partition: &Partition| partition.scan_rank(plan, rank, at);
            let scans: Vec<RankScan> = partitions.par_iter().map(scan).collect();
            let counts: Vec<_> = scans.par_iter().map(RankScan::counts).collect();
            let table = RankTable::new(counts);
            let both = partitions.par_iter_mut().zip(&scans);
            both.for_each(|(partition, scan)| partition.take_rank(plan, rank, (scan, &table), at));
            table.ranked()
        });
        if let Some(shared) = &mut self.shared {
            shared.ranks.note_taken(rank, ranked);
        }
    }
}

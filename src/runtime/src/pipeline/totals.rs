//! What a pipeline counts: events, rejections, users, links, and what the partitions counted.
//!
//! Counts start at zero when a process starts; a checkpoint has none of them, except the number of forgotten users.
//! A replay that is resumed adds those of the runs before.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::{ObservedNames, Pipeline, RankTotals};
use rekindle_core::budgets::{BudgetPeriod, period_of};
use rekindle_core::decode::RejectionReason;
use rekindle_core::event::CallType;
use rekindle_core::groups::GroupTotals;
use rekindle_core::partition::PartitionCounters;
use rekindle_core::rows::{RowBook, RowTotals};
use rekindle_core::rules::ruleset::BudgetId;

/// Everything counted so far.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PipelineTotals {
    /// Events accepted by the decoder, including duplicates.
    pub events: u64,
    /// The same by type of call, in the order of [`CallType::ALL`].
    pub by_call: [u64; CallType::ALL.len()],
    /// Rejections by reason, in the order of [`RejectionReason::CODES`].
    #[serde(deserialize_with = "by_reason")]
    pub rejected: [u64; RejectionReason::CODES.len()],
    /// Accepted events whose own time was after the broker's, and was replaced by it.
    pub from_future: u64,
    /// Placeholder ids that were treated as missing, in accepted events and in calls without any other id.
    pub placeholder_ids: u64,
    /// Values of accepted events that the rules read and that were too large to keep: they count as missing.
    #[serde(default)]
    pub oversized_values: u64,
    /// What the partitions counted.
    pub counts: PartitionCounters,
    /// Users with state.
    pub users: u64,
    /// Links of visitors to users.
    pub links: u64,
    /// Forget requests that found a user or a visitor, since the log's beginning.
    pub forgotten: u64,
    /// The events, properties and traits that occurred.
    #[serde(default)]
    pub seen: ObservedNames,
    /// The budgets, in file order.
    #[serde(default)]
    pub budgets: Vec<BudgetTotals>,
    /// What groups are there, and the notices of groups and ranks.
    #[serde(default)]
    pub groups: GroupTotals,
    /// What rows of tables are there, and what became of calls.
    #[serde(default)]
    pub rows: RowTotals,
    /// What was counted of ranks, in file order.
    #[serde(default)]
    pub ranks: Vec<RankTotals>,
    /// What stands of the lists of picks, in file order.
    #[serde(default)]
    pub picks: Vec<PickTotals>,
    /// The weights of variants that have adapted, in thousandths, by campaign in file order; empty: as the rules write them.
    #[serde(default)]
    pub weights: Vec<Vec<u16>>,
}

/// The index that stands of a list of picks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PickTotals {
    /// Its items.
    pub items: u64,
    /// Its sessions.
    pub sessions: u64,
    /// The bytes it takes.
    pub bytes: u64,
}

/// Counts by reason, of a version that knew no later reasons: new ones are added at the end.
fn by_reason<'de, D: Deserializer<'de>>(json: D) -> Result<[u64; RejectionReason::CODES.len()], D::Error> {
    let (counts, mut all) = (Vec::<u64>::deserialize(json)?, [0; RejectionReason::CODES.len()]);
    let known = all.get_mut(..counts.len()).ok_or_else(|| D::Error::custom("there are more reasons than are known"))?;
    known.copy_from_slice(&counts);
    Ok(all)
}

/// What is spent and reserved of a budget in the period that the watermark is in, and what was granted and refused in all.
/// Amounts are in millionths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BudgetTotals {
    /// What is spent of the period.
    pub spent: i128,
    /// What is reserved of the period.
    pub reserved: i128,
    /// All that was granted, of all periods.
    pub granted: i128,
    /// How often the budget lacked what a campaign asked for, in all periods.
    pub refused: u64,
}

impl PipelineTotals {
    /// Adds what was counted before the pipeline was restored. Users, links, segment sizes, keys, groups, rows, picks and balances are current
    /// values and stay as they are, and so do budgets and the number of forgotten users, which a checkpoint contains.
    pub fn add_before(&mut self, before: &PipelineTotals) {
        self.events += before.events;
        self.from_future += before.from_future;
        self.placeholder_ids += before.placeholder_ids;
        self.oversized_values += before.oversized_values;
        let add_each = |ours: &mut [u64], theirs: &[u64]| ours.iter_mut().zip(theirs).for_each(|(a, b)| *a += b);
        add_each(&mut self.by_call, &before.by_call);
        add_each(&mut self.rejected, &before.rejected);
        let (sizes, keys) = (std::mem::take(&mut self.counts.sizes), std::mem::take(&mut self.counts.keys));
        let sharing = std::mem::take(&mut self.counts.sharing);
        let balances: Vec<i64> = self.counts.points.iter().map(|points| points.balance).collect();
        self.counts.add(&before.counts);
        (self.counts.sizes, self.counts.keys, self.counts.sharing) = (sizes, keys, sharing);
        for (points, balance) in self.counts.points.iter_mut().zip(balances) {
            points.balance = balance;
        }
        self.seen.add_before(&before.seen);
        self.groups.add_before(&before.groups);
        self.rows.add_before(&before.rows);
        for (ours, theirs) in self.ranks.iter_mut().zip(&before.ranks) {
            ours.takings += theirs.takings;
        }
    }
}

impl Pipeline {
    /// Everything counted so far.
    pub fn totals(&self) -> PipelineTotals {
        let mut counts = PartitionCounters::new(&self.plan.rules);
        for partition in &self.partitions {
            counts.add(partition.counts());
        }
        if let Some(groups) = self.groups() {
            counts.sizes.iter_mut().zip(groups.sizes()).for_each(|(size, more)| *size += more);
            for (ours, theirs) in counts.transitions.iter_mut().zip(groups.transitions()) {
                ours.iter_mut().zip(theirs).for_each(|(count, more)| *count += more);
            }
        }
        PipelineTotals {
            events: self.events,
            by_call: self.by_call,
            rejected: self.rejected,
            from_future: self.from_future,
            placeholder_ids: self.placeholder_ids,
            oversized_values: self.oversized_values,
            counts,
            users: self.partitions.iter().map(|partition| partition.len() as u64).sum(),
            links: self.links.len() as u64,
            forgotten: self.forgotten_count,
            seen: self.seen.clone(),
            budgets: self.budget_totals(),
            groups: self.shared.as_ref().map(|shared| shared.groups.totals()).unwrap_or_default(),
            rows: self.rows().map(RowBook::totals).unwrap_or_default(),
            weights: self.shared.as_ref().map(|shared| shared.weights.totals()).unwrap_or_default(),
            ranks: self.shared.as_ref().map(|shared| shared.ranks.totals()).unwrap_or_default(),
            picks: self.pick_totals(),
        }
    }

    fn budget_totals(&self) -> Vec<BudgetTotals> {
        let rules = &self.plan.rules;
        let Some(book) = self.budgets() else { return Vec::new() };
        let totals = |budget| {
            let BudgetPeriod { spent, reserved } = book.period(budget, period_of(rules, budget, self.watermark()));
            let account = book.account(budget);
            let (granted, refused) = account.map_or((0, 0), |account| (account.granted, account.refused));
            BudgetTotals { spent, reserved, granted, refused }
        };
        (0..).map(BudgetId).take(rules.budgets.len()).map(totals).collect()
    }

    /// Counts a line that is too long to be read completely; no block contains it.
    pub fn count_oversized(&mut self, reason: &RejectionReason) {
        self.rejected[reason.index()] += 1;
    }
}

//! The counts of all users by day and by hour, which the deltas of the partitions are merged into.

mod categories;
mod contribution;
mod deltas;
mod row;
mod stored;

pub(crate) use categories::{CategoryTotal, DayCategories};
pub(crate) use contribution::UserContribution;
pub(crate) use deltas::CategorySale;
pub use deltas::PurchasedItem;
pub use deltas::{ObservedEvent, OrderPart, RollupDeltas, Sale};
pub(crate) use row::{RollupRow, reported};
pub use stored::{SparseRow, StoredCategories, StoredRollup};

use std::collections::BTreeMap;
use std::sync::Arc;

use super::calendar::{Day, Hour};
use super::plan::{GrowthMigration, GrowthPlan};

/// Days that are reported, today included.
pub const DAYS_KEPT: i64 = 400;
/// The number of day rows from which those that are no longer reported are summed up.
const ROWS_MAX: usize = 480;

/// All counts. Cloning it is cheap: rows are shared until they change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rollup {
    /// Days before this are summed up in `carried`.
    first: Day,
    /// The sum of all days before `first`.
    pub(crate) carried: Arc<RollupRow>,
    pub(crate) days: BTreeMap<Day, Arc<RollupRow>>,
    pub(crate) hours: BTreeMap<Hour, Arc<RollupRow>>,
    pub(crate) categories: BTreeMap<Day, Arc<DayCategories>>,
    /// It was stored in form 1, which has no users of funnels within 30 days.
    lacks_funnel_windows: bool,
}

impl Rollup {
    /// An empty rollup.
    pub fn new(plan: &GrowthPlan) -> Rollup {
        Rollup {
            first: Day::FIRST,
            carried: Arc::new(RollupRow::of_day(plan)),
            days: BTreeMap::new(),
            hours: BTreeMap::new(),
            categories: BTreeMap::new(),
            lacks_funnel_windows: false,
        }
    }

    /// Merges the deltas of a batch, of all partitions, and empties them.
    pub fn merge<'d>(&mut self, plan: &GrowthPlan, deltas: impl Iterator<Item = &'d mut RollupDeltas>) {
        let mut sales: Vec<CategorySale> = Vec::new();
        for deltas in deltas {
            deltas.flush_events();
            for ((day, column), by) in deltas.counts.drain().filter(|(_, by)| *by != 0) {
                self.day_row(plan, day).counts[usize::from(column)] += by;
            }
            for ((day, column), by) in deltas.amounts.drain().filter(|(_, by)| *by != 0) {
                self.day_row(plan, day).amounts[usize::from(column)] += by;
            }
            for ((hour, column), by) in deltas.hour_counts.drain().filter(|(_, by)| *by != 0) {
                self.hour_row(hour).into_iter().for_each(|row| row.counts[usize::from(column)] += by);
            }
            for ((hour, column), by) in deltas.hour_amounts.drain().filter(|(_, by)| *by != 0) {
                self.hour_row(hour).into_iter().for_each(|row| row.amounts[usize::from(column)] += by);
            }
            sales.append(&mut deltas.category_sales);
        }
        // The order of the log does not depend on how users are partitioned.
        sales.sort_by_key(|sale| sale.position);
        for sale in sales.into_iter().filter(|sale| sale.day >= self.first) {
            let day = Arc::make_mut(self.categories.entry(sale.day).or_default());
            day.add(&sale.category, sale.value.unsigned_abs());
        }
    }

    fn day_row(&mut self, plan: &GrowthPlan, day: Day) -> &mut RollupRow {
        if day < self.first {
            return Arc::make_mut(&mut self.carried);
        }
        Arc::make_mut(self.days.entry(day).or_insert_with(|| Arc::new(RollupRow::of_day(plan))))
    }

    fn hour_row(&mut self, hour: Hour) -> Option<&mut RollupRow> {
        (hour.day() >= self.first)
            .then(|| Arc::make_mut(self.hours.entry(hour).or_insert_with(|| Arc::new(RollupRow::of_hour()))))
    }

    /// The first day that a report of today may contain.
    pub(crate) fn first_reported(&self, today: Day) -> Day {
        today.plus(1 - DAYS_KEPT).max(self.first)
    }

    /// Sums up the days that are no longer reported once today is `today`, if there are many of them. Reports do not change.
    pub fn compact(&mut self, today: Day) {
        let is_large = self.days.len() >= ROWS_MAX || self.hours.len() >= ROWS_MAX * 24;
        if is_large && self.first_reported(today) > self.first {
            self.carry_until(self.first_reported(today));
        }
    }

    fn carry_until(&mut self, first: Day) {
        let kept = self.days.split_off(&first);
        let carried = Arc::make_mut(&mut self.carried);
        for row in std::mem::replace(&mut self.days, kept).into_values() {
            carried.add(&row);
        }
        self.hours = self.hours.split_off(&first.first_hour());
        self.categories = self.categories.split_off(&first);
        self.first = first;
    }

    /// The same counts in canonical form, which is the same for the same reports: only days that are reported, and no rows
    /// of zeros.
    pub fn canonical(&self, today: Day) -> Rollup {
        let mut rollup = self.clone();
        rollup.carry_until(rollup.first_reported(today));
        rollup.days.retain(|_, row| !row.is_zero());
        rollup.hours.retain(|_, row| !row.is_zero());
        rollup
    }

    /// The rollup under the current rules.
    pub fn migrated(&self, migration: &GrowthMigration) -> Rollup {
        let days = self.days.iter().map(|(day, row)| (*day, Arc::new(row.migrated(migration))));
        Rollup {
            first: self.first,
            carried: Arc::new(self.carried.migrated(migration)),
            days: days.collect(),
            hours: self.hours.clone(),
            categories: self.categories.clone(),
            lacks_funnel_windows: self.lacks_funnel_windows || migration.is_form_1(),
        }
    }

    /// Whether the users of funnels within 30 days are still to be counted, as after form 1. They count as counted then.
    pub(crate) fn take_lacks_funnel_windows(&mut self) -> bool {
        std::mem::take(&mut self.lacks_funnel_windows)
    }
}

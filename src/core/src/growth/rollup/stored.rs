//! The rollup as plain numbers, for the checkpoint codec, and back. What comes back is checked: whatever could not have been
//! stored is refused.

use std::sync::Arc;

use super::Rollup;
use super::categories::{CATEGORIES_MAX, DayCategories};
use super::row::RollupRow;
use crate::growth::calendar::{Day, Hour};
use crate::growth::plan::GrowthMigration;

/// Larger counts cannot be right, and adding to them could overflow.
const COUNT_MAX: i64 = 1 << 53;
const AMOUNT_MAX: i128 = 1 << 100;

/// A row of which only what is not 0 is listed, with its column.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SparseRow {
    /// The counts.
    pub counts: Vec<(u16, i64)>,
    /// The amounts, in millionths.
    pub amounts: Vec<(u16, i128)>,
}

/// The categories of a day.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredCategories {
    /// By how much a value may be too low.
    pub error: u64,
    /// Each category with its orders and value, ascending.
    pub sales: Vec<(String, u64, u64)>,
}

/// A rollup as numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StoredRollup {
    /// Days before this are in `carried`.
    pub first: u16,
    /// Their sum.
    pub carried: SparseRow,
    /// Days, ascending.
    pub days: Vec<(u16, SparseRow)>,
    /// Hours, ascending.
    pub hours: Vec<(u32, SparseRow)>,
    /// DayCategories of days, ascending.
    pub categories: Vec<(u16, StoredCategories)>,
}

impl SparseRow {
    fn new(row: &RollupRow) -> SparseRow {
        let counts = (0..).zip(row.counts.iter().copied()).filter(|(_, count)| *count != 0);
        let amounts = (0..).zip(row.amounts.iter().copied()).filter(|(_, amount)| *amount != 0);
        SparseRow { counts: counts.collect(), amounts: amounts.collect() }
    }

    /// Written into an empty row; `None`: a column or a number is out of range.
    fn fill(&self, mut row: RollupRow) -> Option<RollupRow> {
        for (column, count) in &self.counts {
            let is_sound = count.unsigned_abs() <= COUNT_MAX.unsigned_abs();
            *row.counts.get_mut(usize::from(*column)).filter(|_| is_sound)? = *count;
        }
        for (column, amount) in &self.amounts {
            let is_sound = amount.unsigned_abs() <= AMOUNT_MAX.unsigned_abs();
            *row.amounts.get_mut(usize::from(*column)).filter(|_| is_sound)? = *amount;
        }
        Some(row)
    }
}

impl Rollup {
    /// The rollup as numbers, in canonical form as of `today`: the same numbers for the same counts.
    pub fn stored(&self, today: Day) -> StoredRollup {
        let canonical = self.canonical(today);
        let categories = canonical.categories.iter().map(|(day, held)| {
            let sales = held.sales.iter().map(|(name, (orders, value))| (name.to_string(), *orders, *value));
            (day.0, StoredCategories { error: held.error, sales: sales.collect() })
        });
        StoredRollup {
            first: canonical.first.0,
            carried: SparseRow::new(&canonical.carried),
            days: canonical.days.iter().map(|(day, row)| (day.0, SparseRow::new(row))).collect(),
            hours: canonical.hours.iter().map(|(hour, row)| (hour.0, SparseRow::new(row))).collect(),
            categories: categories.collect(),
        }
    }
}

impl StoredRollup {
    /// The stored rollup under the current rules; `None`: no rollup could have been stored like this.
    pub fn restore(&self, migration: &GrowthMigration) -> Option<Rollup> {
        let day_row = || RollupRow::of_layout(&migration.from);
        let is_ascending = self.days.windows(2).all(|pair| pair[0].0 < pair[1].0)
            && self.hours.windows(2).all(|pair| pair[0].0 < pair[1].0)
            && self.categories.windows(2).all(|pair| pair[0].0 < pair[1].0);
        if !is_ascending || self.first == 0 || self.days.first().is_some_and(|(day, _)| *day < self.first) {
            return None;
        }
        let days = self.days.iter().map(|(day, row)| Some((Day(*day), Arc::new(row.fill(day_row())?))));
        let hours = self.hours.iter().map(|(hour, row)| Some((Hour(*hour), Arc::new(row.fill(RollupRow::of_hour())?))));
        let categories = self.categories.iter().map(|(day, held)| {
            let sales = held.sales.iter().map(|(name, orders, value)| (name.as_str().into(), (*orders, *value)));
            let categories = DayCategories { sales: sales.collect(), error: held.error };
            (held.sales.len() <= CATEGORIES_MAX).then(|| (Day(*day), Arc::new(categories)))
        });
        let stored = Rollup {
            first: Day(self.first),
            carried: Arc::new(self.carried.fill(day_row())?),
            days: days.collect::<Option<_>>()?,
            hours: hours.collect::<Option<_>>()?,
            categories: categories.collect::<Option<_>>()?,
            lacks_funnel_windows: false,
        };
        Some(stored.migrated(migration))
    }
}

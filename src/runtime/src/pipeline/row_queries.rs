//! What can be read of rows of tables between two batches.
//!
//! Nothing here changes anything that is decided.

use std::sync::Arc;

use super::Pipeline;
use rekindle_core::json::JsonText;
use rekindle_core::partition::Partition;
use rekindle_core::route::partition_of;
use rekindle_core::rules::ruleset::TableId;
use rekindle_core::time::Timestamp;
use rekindle_core::value::Value;

/// How many of those who watch a row are counted.
pub const WATCHERS_COUNTED_MAX: usize = 100_000;

/// How many of them are named.
pub const WATCHERS_NAMED_MAX: usize = 100;

/// A row of a table as users see it.
#[derive(Clone, Debug)]
pub struct RowReport {
    /// The table.
    pub table: String,
    /// The row's key.
    pub key: Arc<str>,
    /// The instant: the last end of a beat.
    pub at: Timestamp,
    /// The time of its latest call.
    pub latest: Timestamp,
    /// What it has, in the order of `keep`: a value, or null where that is what is known.
    pub values: Vec<(String, JsonText)>,
    /// How many keys of users have this row, at most [`WATCHERS_COUNTED_MAX`]: whom a change of it concerns.
    pub watchers: usize,
    /// The first [`WATCHERS_NAMED_MAX`] of them, by id, then as the rules order their keys.
    pub named: Vec<RowWatcher>,
}

/// A key of a user that has a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowWatcher {
    /// The user.
    pub user: Arc<str>,
    /// The `[per.K]`.
    pub per: String,
    /// The segments that the key is in, in file order.
    pub segments: Vec<String>,
}

impl Pipeline {
    /// A row as users see it. `None`: there is no such table, or no such row.
    pub fn row_report(&self, table: &str, key: &str) -> Option<RowReport> {
        let (place, definition) = self.plan.rules.tables.iter().enumerate().find(|(_, known)| known.id == table)?;
        let id = TableId(u16::try_from(place).ok()?);
        let rows = self.rows()?.rows();
        let (key, row) = rows.entry(id, key)?;
        let values = row.entries().iter().map(|(column, value)| {
            let name = definition.columns[usize::from(column.0)].name.clone();
            (name, value.as_ref().map_or_else(JsonText::null, |value| Value::from(value).to_json()))
        });
        let mut ids = Vec::new();
        for partition in &self.partitions {
            ids.extend(partition.watching_users(&self.plan, id, key, WATCHERS_COUNTED_MAX - ids.len()));
        }
        let watchers = ids.len();
        ids.sort_unstable();
        ids.dedup();
        ids.truncate(WATCHERS_NAMED_MAX);
        let mut named: Vec<RowWatcher> = ids.iter().flat_map(|user| self.watching_keys(user, id, key)).collect();
        named.truncate(WATCHERS_NAMED_MAX);
        Some(RowReport {
            table: table.to_owned(),
            key: Arc::clone(key),
            at: self.final_before(self.fired()),
            latest: row.latest(),
            values: values.collect(),
            watchers,
            named,
        })
    }

    /// The keys of a user that have a row.
    fn watching_keys(&self, user: &str, table: TableId, key: &str) -> Vec<RowWatcher> {
        let rules = &self.plan.rules;
        let partition: &Partition = &self.partitions[partition_of(user, self.partitions.len())];
        let Some(user) = partition.user(user) else { return Vec::new() };
        let pers = self.plan.dispatch.pers_of_table(table).iter();
        pers.filter_map(|id| {
            let (per, instance) = (&rules.pers[usize::from(id.0)], user.profile.keys.get(*id, key)?);
            let segments = instance.members.iter().map(|segment| rules.segments[usize::from(segment.0)].id.clone());
            Some(RowWatcher { user: Arc::clone(&user.id), per: per.id.clone(), segments: segments.collect() })
        })
        .collect()
    }

    /// The bytes of all rows.
    pub fn rows_bytes(&self) -> u64 {
        let Some(book) = self.rows() else { return 0 };
        let tables = (0..).map(TableId).take(self.plan.rules.tables.len());
        tables.map(|table| book.rows().heap_bytes_of(table) as u64).sum()
    }
}

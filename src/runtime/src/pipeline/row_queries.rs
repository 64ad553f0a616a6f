//! What can be read of rows of tables between two batches.
//!
//! Nothing here changes anything that is decided.

use std::sync::Arc;

use super::Pipeline;
use rekindle_core::json::JsonText;
use rekindle_core::rules::ruleset::TableId;
use rekindle_core::time::Timestamp;
use rekindle_core::value::Value;

/// How many of those who watch a row are counted.
pub const WATCHERS_COUNTED_MAX: usize = 100_000;

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
        let mut watchers = 0;
        for partition in &self.partitions {
            watchers += partition.watchers(&self.plan, id, key, WATCHERS_COUNTED_MAX - watchers);
        }
        Some(RowReport {
            table: table.to_owned(),
            key: Arc::clone(key),
            at: self.final_before(self.fired()),
            latest: row.latest(),
            values: values.collect(),
            watchers,
        })
    }

    /// The bytes of all rows.
    pub fn rows_bytes(&self) -> u64 {
        let Some(book) = self.rows() else { return 0 };
        let tables = (0..).map(TableId).take(self.plan.rules.tables.len());
        tables.map(|table| book.rows().heap_bytes_of(table) as u64).sum()
    }
}

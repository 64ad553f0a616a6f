//! The rows of all tables, as users see them.
//!
//! They are shared between the partitions, a snapshot that is being stored, and requests that look at a user: sharing costs one counter.
//! The rows of a table lie in parts, so that a change while somebody else still sees the rows copies a part and not all.

use std::sync::Arc;

use hashbrown::HashMap;
use xxhash_rust::xxh3::xxh3_64;

use super::Row;
use crate::event::Scalar;
use crate::rules::ruleset::{ColumnId, Ruleset, TableId};

/// How many parts a table's rows lie in; with a million rows, a thousand are in each.
const PARTS: usize = 1_024;

type RowPart = HashMap<Arc<str>, Row, foldhash::fast::FixedState>;

/// The rows of all tables.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TableRows {
    tables: Vec<PartedRows>,
}

/// The rows of one table.
#[derive(Clone, Debug, Default, PartialEq)]
struct PartedRows {
    /// None until there is a row.
    parts: Vec<Arc<RowPart>>,
    len: usize,
    /// The bytes of keys and values.
    bytes: usize,
}

impl TableRows {
    /// No rows, of these rules.
    pub fn new(rules: &Ruleset) -> TableRows {
        TableRows { tables: vec![PartedRows::default(); rules.tables.len()] }
    }

    /// The row of a key.
    pub fn row(&self, table: TableId, key: &str) -> Option<&Row> {
        self.tables.get(usize::from(table.0))?.parts.get(part_of(key))?.get(key)
    }

    /// The row of a key, with the key as it is kept.
    pub fn entry(&self, table: TableId, key: &str) -> Option<(&Arc<str>, &Row)> {
        self.tables.get(usize::from(table.0))?.parts.get(part_of(key))?.get_key_value(key)
    }

    /// A value of the row of a key; `None` where there is none.
    pub fn value(&self, table: TableId, key: &str, column: ColumnId) -> Option<&Scalar<'static>> {
        self.row(table, key)?.value(column)
    }

    /// How many rows a table has.
    pub fn len_of(&self, table: TableId) -> usize {
        self.tables.get(usize::from(table.0)).map_or(0, |rows| rows.len)
    }

    /// All rows with their keys, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (TableId, &Arc<str>, &Row)> {
        (0..).map(TableId).zip(&self.tables).flat_map(|(table, rows)| {
            rows.parts.iter().flat_map(|part| part.iter()).map(move |(key, row)| (table, key, row))
        })
    }

    /// The rows of a table with their keys, in no particular order.
    pub fn of_table(&self, table: TableId) -> impl Iterator<Item = (&Arc<str>, &Row)> {
        self.tables
            .get(usize::from(table.0))
            .into_iter()
            .flat_map(|rows| rows.parts.iter().flat_map(|part| part.iter()))
    }

    /// The bytes on the heap of a table, about: its keys and values, and what leads to them.
    pub fn heap_bytes_of(&self, table: TableId) -> usize {
        self.tables
            .get(usize::from(table.0))
            .map_or(0, |rows| rows.bytes + rows.parts.iter().map(|part| part.allocation_size()).sum::<usize>())
    }

    /// Puts a row in the place of the one of its key.
    pub fn put(&mut self, table: TableId, key: Arc<str>, row: Row) {
        let Some(rows) = self.tables.get_mut(usize::from(table.0)) else { return };
        if rows.parts.is_empty() {
            rows.parts = vec![Arc::default(); PARTS];
        }
        let part = Arc::make_mut(&mut rows.parts[part_of(&key)]);
        rows.bytes += bytes_of(&key, &row);
        match part.get_mut(&key) {
            Some(known) => rows.bytes -= bytes_of(&key, &std::mem::replace(known, row)),
            None => {
                rows.len += 1;
                part.insert(key, row);
            }
        }
    }

    /// Takes a row out.
    pub fn remove(&mut self, table: TableId, key: &str) {
        let Some(rows) = self.tables.get_mut(usize::from(table.0)) else { return };
        let Some(part) = rows.parts.get_mut(part_of(key)).filter(|part| part.contains_key(key)) else { return };
        if let Some(row) = Arc::make_mut(part).remove(key) {
            rows.len -= 1;
            rows.bytes -= bytes_of(key, &row);
        }
    }

    /// Changes a row, if there is one.
    pub(super) fn change(&mut self, table: TableId, key: &str, change: impl FnOnce(&mut Row)) {
        let Some(rows) = self.tables.get_mut(usize::from(table.0)) else { return };
        let part = rows.parts.get_mut(part_of(key)).filter(|part| part.contains_key(key));
        if let Some(row) = part.and_then(|part| Arc::make_mut(part).get_mut(key)) {
            rows.bytes -= bytes_of(key, row);
            change(row);
            rows.bytes += bytes_of(key, row);
        }
    }
}

/// The bytes of a row and its key; an `Arc` has two counters before its text.
fn bytes_of(key: &str, row: &Row) -> usize {
    key.len() + 2 * size_of::<usize>() + row.heap_bytes()
}

fn part_of(key: &str) -> usize {
    xxh3_64(key.as_bytes()) as usize % PARTS
}

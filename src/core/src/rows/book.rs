//! All rows, and the calls that wait for the end of a beat.

use std::collections::BTreeMap;
use std::sync::Arc;

use hashbrown::HashSet;
use serde::{Deserialize, Serialize};

use super::{Row, RowChange, RowUpdate, TableRows};
use crate::event::Scalar;
use crate::rules::ruleset::{ColumnId, RowTable, Ruleset, TableId};
use crate::time::Timestamp;

/// Counts of rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowTotals {
    /// How many rows there are, by table.
    pub rows: Vec<u64>,
    /// The bytes that they take, by table.
    pub bytes: Vec<u64>,
    /// How many calls have been taken, by table: those too that said nothing new.
    pub calls: Vec<u64>,
    /// How many calls were ignored since there were `max` rows, by table.
    pub ignored: Vec<u64>,
    /// How often what can be read of a row was other than before, by table.
    pub changed: Vec<u64>,
    /// How many calls wait for the end of their beat.
    pub waiting: u64,
}

impl RowTotals {
    /// Adds what was counted before: what there is now stays as it is.
    pub fn add_before(&mut self, before: &RowTotals) {
        let add_each = |ours: &mut [u64], theirs: &[u64]| ours.iter_mut().zip(theirs).for_each(|(a, b)| *a += b);
        add_each(&mut self.calls, &before.calls);
        add_each(&mut self.ignored, &before.ignored);
        add_each(&mut self.changed, &before.changed);
    }
}

/// Rows as they are stored, with the calls that wait for the end of their beat.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StoredRows {
    /// All rows.
    pub rows: Arc<TableRows>,
    /// Only these changed since the last snapshot; those of them that are not among the rows were taken out. `None`: all are
    /// stored.
    pub changed: Option<Vec<(TableId, Arc<str>)>>,
    /// The calls, in the order of the log.
    pub waiting: Vec<RowUpdate>,
}

/// All rows.
#[derive(Clone, Debug, Default)]
pub struct RowBook {
    rows: Arc<TableRows>,
    /// The calls of beats that have not ended, in the order of the log.
    waiting: Vec<RowUpdate>,
    /// What changed since the last snapshot; `None`: it is not kept.
    changed: Option<HashSet<(TableId, Arc<str>), foldhash::fast::FixedState>>,
    calls: Vec<u64>,
    ignored: Vec<u64>,
    changes: Vec<u64>,
}

/// A row as it was when the beat began, and the latest time of the calls since.
struct TouchedRow {
    before: Option<Row>,
    at: Timestamp,
}

impl RowBook {
    /// No rows, of these rules.
    pub fn new(rules: &Ruleset) -> RowBook {
        let rows = Arc::new(TableRows::new(rules));
        let none = vec![0; rules.tables.len()];
        RowBook { rows, calls: none.clone(), ignored: none.clone(), changes: none, ..RowBook::default() }
    }

    /// Rows as they were stored.
    pub fn restored(rules: &Ruleset, stored: StoredRows) -> RowBook {
        let StoredRows { rows, waiting, .. } = stored;
        RowBook { rows, waiting, ..RowBook::new(rules) }
    }

    /// What is to be stored: all rows, or those that changed since this was last asked or
    /// [`track_changes`](RowBook::track_changes) called. From here on what changes is kept.
    pub fn begin_snapshot(&mut self, all: bool) -> StoredRows {
        let changed = self.changed.replace(HashSet::default()).filter(|_| !all);
        let changed = changed.map(|changed| {
            let mut changed: Vec<_> = changed.into_iter().collect();
            changed.sort_unstable();
            changed
        });
        StoredRows { changed, ..self.stored() }
    }

    /// All rows, as they are to be stored.
    pub fn stored(&self) -> StoredRows {
        StoredRows { rows: Arc::clone(&self.rows), changed: None, waiting: self.waiting.clone() }
    }

    /// The rows are as a checkpoint has them: from here on what changes is kept.
    pub fn track_changes(&mut self) {
        self.changed = Some(HashSet::default());
    }

    /// The same under other rules: a table with the same id, event and key keeps of its rows what is still kept.
    pub fn under(&self, rules: &Ruleset, next: &Ruleset) -> RowBook {
        let mut book = RowBook::new(next);
        let is_same =
            |one: &RowTable, other: &RowTable| (&one.id, &one.event, &one.key) == (&other.id, &other.event, &other.key);
        let known: Vec<Option<(TableId, Vec<Option<ColumnId>>)>> = rules
            .tables
            .iter()
            .map(|table| {
                let place = next.tables.iter().position(|other| is_same(table, other))?;
                let columns = &next.tables[place].columns;
                let column_of = |name: &str| {
                    let place = columns.iter().position(|column| column.name == name)?;
                    u16::try_from(place).ok().map(ColumnId)
                };
                let columns = table.columns.iter().map(|column| column_of(&column.name)).collect();
                Some((TableId(u16::try_from(place).ok()?), columns))
            })
            .collect();
        let translated = |columns: &[Option<ColumnId>], values: &[(ColumnId, Option<Scalar<'static>>)]| {
            let values = values.iter().map(|(column, value)| Some((columns[usize::from(column.0)]?, value.clone())));
            values.flatten().collect::<Vec<_>>()
        };
        let mut rows = TableRows::new(next);
        for (table, key, row) in self.rows.iter() {
            let Some((table, columns)) = &known[usize::from(table.0)] else { continue };
            rows.put(*table, Arc::clone(key), Row::from_parts(row.latest(), translated(columns, row.entries())));
        }
        book.rows = Arc::new(rows);
        book.waiting.extend(self.waiting.iter().filter_map(|update| {
            let (table, columns) = known[usize::from(update.table.0)].as_ref()?;
            Some(RowUpdate { table: *table, values: translated(columns, &update.values), ..update.clone() })
        }));
        book
    }

    /// Takes the rows of tables that have none here from another book, of the same rules.
    pub fn take_unknown(&mut self, other: &RowBook) {
        let rows = Arc::make_mut(&mut self.rows);
        let is_unknown: Vec<bool> =
            (0..self.ignored.len() as u16).map(|table| rows.len_of(TableId(table)) == 0).collect();
        for (table, key, row) in other.rows.iter().filter(|(table, ..)| is_unknown[usize::from(table.0)]) {
            rows.put(table, Arc::clone(key), row.clone());
        }
    }

    /// Adds a call, which waits for the end of its beat.
    pub fn hand_in(&mut self, update: RowUpdate) {
        self.waiting.push(update);
    }

    /// The first end of a beat at which a row may change.
    pub fn next_end(&self) -> Timestamp {
        self.waiting.iter().map(|update| update.beat).min().unwrap_or(Timestamp::NEVER)
    }

    /// Whether a call waits for the end of a beat.
    pub fn has_work(&self, end: Timestamp) -> bool {
        self.waiting.iter().any(|update| update.beat <= end)
    }

    /// Ends a beat: the calls are merged into their rows in the order of the log. Returns of which rows other things can be read
    /// than before, by table and key.
    pub fn end_beat(&mut self, rules: &Ruleset, end: Timestamp) -> Vec<RowChange> {
        let ready: Vec<RowUpdate> = self.waiting.extract_if(.., |update| update.beat <= end).collect();
        if ready.is_empty() {
            return Vec::new();
        }
        let rows = Arc::make_mut(&mut self.rows);
        let mut touched: BTreeMap<(TableId, Arc<str>), TouchedRow> = BTreeMap::new();
        for update in ready {
            let table = update.table;
            if rows.row(table, &update.key).is_none() {
                let is_full = rows.len_of(table) >= rules.tables[usize::from(table.0)].max as usize;
                if is_full && !update.is_gone {
                    self.ignored[usize::from(table.0)] += 1;
                    continue;
                }
            }
            let place = (table, Arc::clone(&update.key));
            let before = || TouchedRow { before: rows.row(table, &update.key).cloned(), at: update.ts };
            let row = touched.entry(place).or_insert_with(before);
            row.at = row.at.max(update.ts);
            self.calls[usize::from(table.0)] += 1;
            take(rows, update);
        }
        let mut changes = Vec::new();
        for ((table, key), TouchedRow { before, at }) in touched {
            let after = rows.row(table, &key);
            if after == before.as_ref() {
                continue;
            }
            if let Some(changed) = &mut self.changed {
                changed.insert((table, Arc::clone(&key)));
            }
            if !before.iter().flat_map(Row::values).eq(after.iter().flat_map(|row| row.values())) {
                self.changes[usize::from(table.0)] += 1;
                changes.push(RowChange { table, key, at });
            }
        }
        changes
    }

    /// The rows, as users see them.
    pub fn rows(&self) -> &Arc<TableRows> {
        &self.rows
    }

    /// The calls that wait for the end of their beat, in the order of the log.
    pub fn waiting(&self) -> &[RowUpdate] {
        &self.waiting
    }

    /// How many there are.
    pub fn totals(&self) -> RowTotals {
        let tables = (0..).map(TableId).take(self.ignored.len());
        RowTotals {
            rows: tables.clone().map(|table| self.rows.len_of(table) as u64).collect(),
            bytes: tables.map(|table| self.rows.heap_bytes_of(table) as u64).collect(),
            calls: self.calls.clone(),
            ignored: self.ignored.clone(),
            changed: self.changes.clone(),
            waiting: self.waiting.len() as u64,
        }
    }
}

/// Merges a call into its row.
fn take(rows: &mut TableRows, update: RowUpdate) {
    let RowUpdate { table, key, ts, is_gone, values, .. } = update;
    if let Some(latest) = rows.row(table, &key).map(Row::latest) {
        if is_gone && ts >= latest {
            rows.remove(table, &key);
        } else {
            rows.change(table, &key, |row| row.learn(values, ts));
        }
    } else if !is_gone {
        let mut row = Row::new(ts);
        row.learn(values, ts);
        rows.put(table, key, row);
    }
}

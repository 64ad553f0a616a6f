//! One row, and a call that changes it.

use std::sync::Arc;

use thin_vec::ThinVec;

use crate::event::{Event, Scalar, field_value};
use crate::rules::ruleset::{ColumnId, RowTable, TableId};
use crate::time::Timestamp;

/// A row: the latest value of each column, by the calls' own times.
///
/// As of a user's traits: a call that is older than the latest adds only what is not there. Null is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// The time of the latest call.
    latest: Timestamp,
    /// Ascending by column; `None`: null.
    values: ThinVec<(ColumnId, Option<Scalar<'static>>)>,
}

/// A call that is a row, on its way into it.
#[derive(Clone, Debug, PartialEq)]
pub struct RowUpdate {
    /// The end of the beat in which it came.
    pub beat: Timestamp,
    /// Its position in the log.
    pub position: u64,
    /// The table.
    pub table: TableId,
    /// The row's key.
    pub key: Arc<str>,
    /// Its own time.
    pub ts: Timestamp,
    /// It takes the row out.
    pub is_gone: bool,
    /// What it has of the columns; `None`: null.
    pub values: Vec<(ColumnId, Option<Scalar<'static>>)>,
}

impl Row {
    /// A row with nothing in it yet, whose latest call is of that time.
    pub fn new(latest: Timestamp) -> Row {
        Row { latest, values: ThinVec::new() }
    }

    /// Puts back what [`latest`](Row::latest) and [`entries`](Row::entries) gave.
    pub fn from_parts(latest: Timestamp, mut values: Vec<(ColumnId, Option<Scalar<'static>>)>) -> Row {
        values.sort_by_key(|(column, _)| *column);
        values.dedup_by_key(|(column, _)| *column);
        Row { latest, values: values.into() }
    }

    /// Merges a call into it.
    pub(super) fn learn(&mut self, said: Vec<(ColumnId, Option<Scalar<'static>>)>, ts: Timestamp) {
        let is_latest = ts >= self.latest;
        self.latest = self.latest.max(ts);
        for (column, value) in said {
            match self.values.binary_search_by_key(&column, |(other, _)| *other) {
                Ok(at) if is_latest => self.values[at].1 = value,
                Ok(_) => {}
                Err(at) => self.values.insert(at, (column, value)),
            }
        }
    }

    /// The time of the latest call.
    pub fn latest(&self) -> Timestamp {
        self.latest
    }

    /// A column's value; `None` if it is null or not there.
    pub fn value(&self, column: ColumnId) -> Option<&Scalar<'static>> {
        let at = self.values.binary_search_by_key(&column, |(other, _)| *other).ok()?;
        self.values[at].1.as_ref()
    }

    /// What is there, null too, ascending by column.
    pub fn entries(&self) -> &[(ColumnId, Option<Scalar<'static>>)] {
        &self.values
    }

    /// What can be read of it.
    pub fn values(&self) -> impl Iterator<Item = (ColumnId, &Scalar<'static>)> {
        self.values.iter().filter_map(|(column, value)| Some((*column, value.as_ref()?)))
    }

    /// The bytes it takes on the heap, but for room that is not used.
    pub(super) fn heap_bytes(&self) -> usize {
        self.values.len() * size_of::<(ColumnId, Option<Scalar<'static>>)>()
            + self.values().map(|(_, value)| value.heap_bytes()).sum::<usize>()
    }
}

impl RowUpdate {
    /// What a call has of a table's columns.
    pub fn values_of(table: &RowTable, event: &Event<'_>) -> Vec<(ColumnId, Option<Scalar<'static>>)> {
        let value = |(id, field)| {
            let found = field_value(&event.fields, field).map(|value| Some(value.clone().into_owned()));
            Some((id, found.or_else(|| event.nulls.contains(&field).then_some(None))?))
        };
        (0..).map(ColumnId).zip(table.columns.iter().map(|column| column.field)).filter_map(value).collect()
    }
}

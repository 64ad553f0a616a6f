//! `[tables.T]`: rows that come from the log, such as products, which conditions of all users read (semantics §18).

use super::Condition;
use crate::event::{FieldId, TrackedId};

/// One `[tables.T]`, in file order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(pub u16);

/// A column of a table, by its place in `keep`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ColumnId(pub u16);

/// `[tables.T]`: there is a row for each value that the key has in the calls of an event.
#[derive(Clone, Debug)]
pub struct RowTable {
    /// Its id, `T`.
    pub id: String,
    /// The track event whose calls are rows.
    pub event: String,
    /// The same, as the decoder tells it.
    pub tracked: Option<TrackedId>,
    /// The key, as the rules write it: the property `product_id` of a call.
    pub key: String,
    /// The field that has the key of a call.
    pub key_field: FieldId,
    /// What is kept of a call, by `ColumnId`.
    pub columns: Vec<TableColumn>,
    /// Calls for which it holds take their row out.
    pub gone: Option<Condition>,
    /// How many rows there are at most, 1 to [`MAX_ROWS`](RowTable::MAX_ROWS).
    pub max: u32,
}

/// A column of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableColumn {
    /// The property, as the rules write it.
    pub name: String,
    /// The field that has it.
    pub field: FieldId,
}

impl RowTable {
    /// The largest `max`, which is that of a table that says nothing else.
    pub const MAX_ROWS: u32 = 1_000_000;
    /// How many columns a table has at most.
    pub const MAX_COLUMNS: usize = 64;
}

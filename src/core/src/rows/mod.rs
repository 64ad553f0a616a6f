//! Rows of tables (semantics §18): what is known of products and the like, from calls of the log that are no user's events.
//!
//! A row belongs to nobody, and conditions of all users read it. A call waits for the end of its beat ([`RowUpdate`]); there the
//! calls are merged into their rows in the order of the log ([`RowBook::end_beat`]), and what can be read of a row is
//! other than before or it is not: only in the first case anybody is concerned ([`RowChange`]). Who that is, is not known here.
//!
//! **What it promises.** Users see the rows as they were when the beat began: what they see ([`TableRows`]) is shared and never
//! changes under them. There are no more rows than a table's `max`, whatever comes.

mod book;
mod row;
mod table_rows;

pub use book::{RowBook, RowTotals, StoredRows};
pub use row::{Row, RowUpdate};
pub use table_rows::TableRows;

use std::sync::Arc;

use crate::rules::ruleset::TableId;
use crate::time::Timestamp;

/// What can be read of a row is other than it was when the beat began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowChange {
    /// The table.
    pub table: TableId,
    /// The row's key.
    pub key: Arc<str>,
    /// The latest time of the calls of the beat with this key.
    pub at: Timestamp,
}

//! What is not a call becomes calls: a table says where the list is, who, what, when, which id, which properties. One engine for
//! requests over HTTP, messages of the log, and files.
//!
//! `table` has the tables, `read` reads them (every mistake at its place), `source` and `form` are where a value comes from and what it is
//! turned into, `apply` makes the calls, `rows` groups successive rows, `builtin` has the tables of vendors, `guess` proposes one for columns.
//!
//! Pure: the same table and body give the same calls, on every machine. The daemon relies on that for the messages of its log.

mod apply;
pub mod builtin;
mod fingerprint;
mod form;
pub mod guess;
mod path;
mod read;
pub mod rows;
mod source;
mod table;
#[cfg(test)]
mod tests;
mod times;

pub use apply::{ItemOutcome, MappedItem};
pub use fingerprint::value_hash;
pub use read::{CALL_KEYS, TABLE_KEYS};
pub use source::FieldSource;
pub use table::{ArrayMapping, CallMapping, MappingCondition, MappingTable, ObjectMapping};
pub use times::{MappingZone, written_time};

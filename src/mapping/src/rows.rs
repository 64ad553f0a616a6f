//! Successive rows that are one event, like the lines of an order.

use serde_json::{Map, Value};

use super::FieldSource;

/// The most rows of one event; what follows begins another one.
const ROWS_MAX: usize = 1_000;

/// Puts successive rows with the same values of some fields together.
#[derive(Debug)]
pub struct RowGroups<'t> {
    by: &'t [FieldSource],
    /// The values of the rows that are held, and the rows.
    open: Option<(Vec<Option<String>>, Vec<Value>)>,
}

/// One event.
#[derive(Clone, Debug, PartialEq)]
pub struct RowGroup {
    /// The first row, with all of them in `rows`; without grouping the row itself.
    pub item: Value,
    /// How many rows there are.
    pub rows: u64,
}

impl<'t> RowGroups<'t> {
    /// Groups by these fields; none: every row is an event.
    pub fn new(by: &'t [FieldSource]) -> RowGroups<'t> {
        RowGroups { by, open: None }
    }

    /// Adds a row; returns the event that ends before it.
    pub fn add(&mut self, row: Value) -> Option<RowGroup> {
        if self.by.is_empty() {
            return Some(RowGroup { item: row, rows: 1 });
        }
        let values: Vec<Option<String>> = self.by.iter().map(|field| field.text_in(&row)).collect();
        match &mut self.open {
            // Rows that have none of the values belong to nothing.
            Some((open, rows)) if *open == values && values.iter().any(Option::is_some) && rows.len() < ROWS_MAX => {
                rows.push(row);
                None
            }
            open => open.replace((values, vec![row])).map(|(_, rows)| grouped(rows)),
        }
    }

    /// The last event.
    pub fn end(&mut self) -> Option<RowGroup> {
        self.open.take().map(|(_, rows)| grouped(rows))
    }
}

fn grouped(rows: Vec<Value>) -> RowGroup {
    let count = rows.len() as u64;
    let mut item = match rows.first() {
        Some(Value::Object(first)) => first.clone(),
        _ => Map::new(),
    };
    item.insert("rows".to_owned(), Value::Array(rows));
    RowGroup { item: Value::Object(item), rows: count }
}

//! What stands between two takings, as it is stored. What can be worked out of the rest is left out.

use std::sync::Arc;

use super::begun::BegunSessions;
use super::index::PickIndex;
use super::item_values::ItemValues;
use super::sessions::{ITEMS_MAX, SessionNumber};
use crate::rules::ruleset::{PickListId, Ruleset};
use crate::time::Timestamp;

/// How many sessions that began are one piece.
const BEGUN_PIECE: usize = 4_096;

/// What stands for one list.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredPicks {
    /// The list.
    pub list: PickListId,
    /// When the next index is made; `None`: the log has not begun.
    pub next: Option<Timestamp>,
    /// The sessions that began last.
    pub begun: BegunSessions,
    /// The index.
    pub index: Arc<PickIndex>,
}

/// A piece of it. Those of one list follow each other: first the next taking, then the sessions that began last, then the items of the
/// index and its sessions, then the values of items.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PickRecord {
    /// When the next index is made.
    Next(Option<Timestamp>),
    /// Some of the sessions that began last, ascending: each but the first by how much higher its number is than the one before.
    Begun(Vec<u64>),
    /// An item, ascending by bytes, with how many users touched it, and how many of them keep several times of it.
    Item(Arc<str>, [u32; 2]),
    /// A session, ascending, with its items, by their places among those of the list.
    Session(SessionNumber, Vec<u32>),
    /// The columns by whose values items are alike, each with its table. What follows is of them.
    Columns(Vec<Arc<str>>),
    /// A value with the place of its column, ascending.
    Value(u16, Arc<str>),
    /// An item, ascending by bytes, with its values, by their places among those of the list, ascending.
    Valued(Arc<str>, Vec<u32>),
}

impl StoredPicks {
    /// Its pieces.
    pub fn records(&self) -> impl Iterator<Item = PickRecord> + '_ {
        let index = &self.index;
        let items =
            index.items.iter().zip(&index.users).map(|(item, users)| PickRecord::Item(Arc::clone(item), *users));
        let sessions = (0..).zip(&index.numbers);
        let sessions = sessions.map(|(at, number)| PickRecord::Session(*number, index.contents.get(at).to_vec()));
        let begun: Vec<PickRecord> = self.begun.numbers().chunks(BEGUN_PIECE).map(begun_piece).collect();
        let of_items = &index.values;
        let columns = (!of_items.columns.is_empty()).then(|| PickRecord::Columns(of_items.columns.clone()));
        let values = of_items.values.iter().map(|(column, text)| PickRecord::Value(*column, Arc::clone(text)));
        let valued = (0..).zip(&of_items.items);
        let valued = valued.map(|(at, item)| PickRecord::Valued(Arc::clone(item), of_items.of_items.get(at).to_vec()));
        let of_index = std::iter::once(PickRecord::Next(self.next)).chain(begun).chain(items).chain(sessions);
        of_index.chain(columns).chain(values).chain(valued)
    }

    /// Puts pieces together, for these rules. `None`: they could not have been written.
    pub fn of_records(rules: &Ruleset, records: Vec<(PickListId, PickRecord)>) -> Option<Vec<StoredPicks>> {
        let mut stored: Vec<(PickListId, Option<Timestamp>, BegunSessions, PickIndex)> = Vec::new();
        for (list, record) in records {
            if let PickRecord::Next(next) = record {
                if stored.iter().any(|(other, ..)| *other == list) {
                    return None;
                }
                stored.push((list, next, BegunSessions::default(), PickIndex::default()));
                continue;
            }
            let (_, _, begun, index) = stored.last_mut().filter(|(other, ..)| *other == list)?;
            match record {
                PickRecord::Begun(piece) => begun.extend(numbers_of(&piece)?),
                PickRecord::Item(item, users) => {
                    if !index.numbers.is_empty() || index.items.last().is_some_and(|last| *last >= item) {
                        return None;
                    }
                    index.items.push(item);
                    index.users.push(users);
                }
                PickRecord::Session(number, items) => {
                    let is_known = items.iter().all(|item| (*item as usize) < index.items.len());
                    let is_sorted = index.numbers.last().is_none_or(|last| *last <= number);
                    if !is_known || !is_sorted || items.len() > ITEMS_MAX {
                        return None;
                    }
                    index.numbers.push(number);
                    index.contents.push(items);
                }
                PickRecord::Columns(_) | PickRecord::Value(..) | PickRecord::Valued(..) => index.values.add(record)?,
                PickRecord::Next(_) => {}
            }
        }
        let complete = |(list, next, begun, mut index): (PickListId, _, _, PickIndex)| {
            let definition = &rules.picks[usize::from(list.0)];
            // Values of other columns say nothing: until the next taking there are none.
            if index.values.columns != definition.value_columns(rules) {
                index.values = ItemValues::default();
            }
            index.derive(definition);
            StoredPicks { list, next, begun, index: Arc::new(index) }
        };
        Some(stored.into_iter().map(complete).collect())
    }
}

impl ItemValues {
    /// Adds a piece. `None`: it could not have been written.
    fn add(&mut self, record: PickRecord) -> Option<()> {
        let is_sound = match record {
            PickRecord::Columns(columns) => {
                let is_first = self.columns.is_empty() && !columns.is_empty();
                self.columns = columns;
                is_first
            }
            PickRecord::Value(column, text) => {
                let value = (column, text);
                let is_next = self.items.is_empty() && self.values.last().is_none_or(|last| *last < value);
                let is_known = usize::from(value.0) < self.columns.len();
                self.values.push(value);
                is_next && is_known
            }
            PickRecord::Valued(item, values) => {
                let is_next = self.items.last().is_none_or(|last| *last < item);
                let are_sorted = values.is_sorted_by(|a, b| a < b);
                let are_known = values.last().is_some_and(|last| (*last as usize) < self.values.len());
                self.items.push(item);
                self.of_items.push(values);
                is_next && are_sorted && are_known
            }
            _ => false,
        };
        is_sound.then_some(())
    }
}

fn begun_piece(numbers: &[SessionNumber]) -> PickRecord {
    let mut before = 0;
    PickRecord::Begun(numbers.iter().map(|number| number.0 - std::mem::replace(&mut before, number.0)).collect())
}

/// `None`: no number is as high as that.
fn numbers_of(piece: &[u64]) -> Option<Vec<SessionNumber>> {
    let mut number = 0_u64;
    let next = |more: &u64| {
        number = number.checked_add(*more)?;
        Some(SessionNumber(number))
    };
    piece.iter().map(next).collect()
}

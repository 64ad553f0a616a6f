//! What the rows of items had in the columns of `by` when an index was made: by such values items are alike.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use super::index::{IndexItem, PackedLists};
use super::scores::by_rank;
use crate::decimal::Decimal;
use crate::event::Scalar;
use crate::json;

/// The most values of a column that count for what is asked about.
const VALUES_MAX: usize = 10;

/// The values of items, also of those that nobody touched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ItemValues {
    /// Of which columns, each with its table.
    pub(super) columns: Vec<Arc<str>>,
    /// The distinct values with their columns, ascending.
    pub(super) values: Vec<(u16, Arc<str>)>,
    /// The items that have any, ascending.
    pub(super) items: Vec<Arc<str>>,
    /// By item: its values, ascending.
    pub(super) of_items: PackedLists,
    /// By item of the index: its place among these; none is 2^32 - 1.
    places: Vec<u32>,
    /// By value: the items of the index that have it and most users.
    best: PackedLists,
}

/// A value that counts for what is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ValueShare {
    pub(super) value: u32,
    /// In millionths.
    pub(super) share: u64,
}

impl ItemValues {
    /// Those of some rows: each with the item, the place of a column, and what the row has there.
    pub(super) fn new<'r>(
        columns: Vec<Arc<str>>,
        rows: impl Iterator<Item = (&'r Arc<str>, u16, &'r Scalar<'static>)>,
    ) -> ItemValues {
        let mut known: Vec<HashMap<Arc<str>, u32>> = vec![HashMap::new(); columns.len()];
        let mut values: Vec<(u16, Arc<str>)> = Vec::new();
        let mut held: Vec<(&Arc<str>, u32)> = Vec::new();
        for (item, column, value) in rows {
            for text in texts(value) {
                let known = &mut known[usize::from(column)];
                let number = known.get(&*text).copied().unwrap_or_else(|| {
                    let (text, number) = (Arc::<str>::from(&*text), u32::try_from(values.len()).unwrap_or(u32::MAX));
                    values.push((column, Arc::clone(&text)));
                    known.insert(text, number);
                    number
                });
                held.push((item, number));
            }
        }
        // Numbers so far are in no order that anything may depend on.
        let mut order: Vec<u32> = (0..).take(values.len()).collect();
        order.sort_unstable_by_key(|number| &values[*number as usize]);
        let mut places = vec![0; values.len()];
        for (place, number) in (0..).zip(&order) {
            places[*number as usize] = place;
        }
        held.iter_mut().for_each(|(_, number)| *number = places[*number as usize]);
        held.sort_unstable();
        held.dedup();
        let values = order.iter().map(|number| values[*number as usize].clone()).collect();
        let mut made = ItemValues { columns, values, ..ItemValues::default() };
        for of_item in held.chunk_by(|a, b| a.0 == b.0) {
            made.items.push(Arc::clone(of_item[0].0));
            made.of_items.push(of_item.iter().map(|(_, value)| *value));
        }
        made
    }

    /// Works out what follows from the items of an index, each with its users: of each value, the `most` items with most users.
    pub(super) fn derive(&mut self, items: &[Arc<str>], users: impl Fn(IndexItem) -> u32, most: usize) {
        (self.places, self.best) = (Vec::new(), PackedLists::default());
        if self.values.is_empty() {
            return;
        }
        let place = |item: &Arc<str>| self.items.binary_search(item).ok().and_then(|at| u32::try_from(at).ok());
        self.places = items.iter().map(|item| place(item).unwrap_or(u32::MAX)).collect();
        let mut ranked: Vec<Vec<(u64, u32, IndexItem)>> = vec![Vec::new(); self.values.len()];
        for item in (0..).map(IndexItem).take(items.len()).filter(|item| users(*item) > 0) {
            for value in self.of_index(item) {
                ranked[*value as usize].push((0, users(item), item));
            }
        }
        for mut of_value in ranked {
            by_rank(&mut of_value, most);
            self.best.push(of_value.into_iter().map(|(_, _, item)| item.0));
        }
    }

    /// The values of an item of the index.
    pub(super) fn of_index(&self, item: IndexItem) -> &[u32] {
        match self.places.get(item.0 as usize) {
            Some(place) if *place != u32::MAX => self.of_items.get(*place),
            _ => &[],
        }
    }

    /// The items of the index that have a value and most users.
    pub(super) fn best(&self, value: u32) -> &[u32] {
        self.best.get(value)
    }

    /// The place of a value's column.
    pub(super) fn column(&self, value: u32) -> usize {
        self.values[value as usize].0.into()
    }

    /// What counts of items, each with how often it was touched: of each column the values with the largest shares, in the order of
    /// columns.
    pub(super) fn shares<'i>(&self, kept: impl Iterator<Item = (&'i Arc<str>, u64)>) -> Vec<ValueShare> {
        let mut counts: HashMap<u32, u64> = HashMap::new();
        let mut totals: Vec<u64> = vec![0; self.columns.len()];
        for (item, times) in kept {
            let Ok(at) = self.items.binary_search(item) else { continue };
            let values = self.of_items.get(u32::try_from(at).unwrap_or(u32::MAX));
            values.iter().for_each(|value| *counts.entry(*value).or_default() += times);
            for of_column in values.chunk_by(|a, b| self.column(*a) == self.column(*b)) {
                totals[self.column(of_column[0])] += times;
            }
        }
        let mut counted: Vec<(u32, u64)> = counts.into_iter().collect();
        // Values are in the order of their bytes.
        counted.sort_unstable_by_key(|(value, count)| (self.column(*value), Reverse(*count), *value));
        let of_columns = counted.chunk_by(|a, b| self.column(a.0) == self.column(b.0));
        let largest = of_columns.flat_map(|of_column| of_column.iter().take(VALUES_MAX));
        let share = |(value, count): &(u32, u64)| ValueShare {
            value: *value,
            share: super::scores::share(*count, totals[self.column(*value)]),
        };
        largest.map(share).collect()
    }

    /// The bytes it takes on the heap; texts of items are those of rows.
    pub(super) fn heap_bytes(&self) -> usize {
        let texts: usize = self.values.iter().map(|(_, text)| text.len() + 2 * size_of::<usize>()).sum();
        let numbers = self.places.len() + self.of_items.len() + self.best.len();
        texts
            + self.values.len() * size_of::<(u16, Arc<str>)>()
            + self.items.len() * size_of::<Arc<str>>()
            + numbers * size_of::<u32>()
    }
}

/// What counts of a value: a text, a whole number as a text, and the elements of an array.
fn texts<'v>(value: &'v Scalar<'_>) -> Vec<Cow<'v, str>> {
    match value {
        Scalar::Text(text) => vec![Cow::Borrowed(&**text)],
        Scalar::Number(number) => whole(*number).into_iter().collect(),
        Scalar::Bool(_) => Vec::new(),
        Scalar::Json(list) => json::elements(list).filter_map(element).collect(),
    }
}

fn element(element: &str) -> Option<Cow<'_, str>> {
    match element.as_bytes().first()? {
        b'"' if !element.contains('\\') => element[1..].strip_suffix('"').map(Cow::Borrowed),
        b'"' => serde_json::from_str(element).ok().map(Cow::Owned),
        b'-' | b'0'..=b'9' => whole(Decimal::parse(element)?),
        _ => None,
    }
}

fn whole(number: Decimal) -> Option<Cow<'static, str>> {
    let text = number.to_string();
    (!text.contains('.')).then_some(Cow::Owned(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_whole_numbers_and_elements_count() {
        let json = |text: &'static str| Scalar::Json(Cow::Borrowed(text));
        let number = |text| Scalar::Number(Decimal::parse(text).expect("a number"));
        for (value, expected) in [
            (Scalar::Text(Cow::Borrowed("shoe")), vec!["shoe"]),
            (Scalar::Text(Cow::Borrowed("")), vec![""]),
            (number("7"), vec!["7"]),
            (number("7.0"), vec!["7"]),
            (number("7.5"), vec![]),
            (Scalar::Bool(true), vec![]),
            (json(r#"["a","b\"c",1,2.50,-3,true,null,["d"],{"e":"f"},"a"]"#), vec!["a", "b\"c", "1", "-3", "a"]),
            (json(r#"{"a":"b"}"#), vec![]),
        ] {
            assert_eq!(texts(&value), expected, "{value:?}");
        }
    }
}

//! What stands between two takings: sessions by item, items by session, and how many users touch an item. Only read.

use std::sync::Arc;

use super::item_values::ItemValues;
use super::sessions::SessionNumber;
use crate::event::Scalar;
use crate::rules::ruleset::PickList;

/// An item of an index. Items are in the order of their bytes, so that of two the smaller number is the smaller item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct IndexItem(pub(super) u32);

/// A session of an index: later ones have higher numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct IndexSession(pub(super) u32);

/// What a taking made of all that had arrived. Before the first taking there is an empty one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PickIndex {
    /// By item.
    pub(super) items: Vec<Arc<str>>,
    /// By item: in how many sessions it is.
    pub(super) held: Vec<u32>,
    /// By item: those of them that began last, ascending.
    pub(super) latest: PackedLists,
    /// By item: how many users touched it in the window, and how many of them keep several times of it.
    pub(super) users: Vec<[u32; 2]>,
    /// By session.
    pub(super) numbers: Vec<SessionNumber>,
    /// By session: its items.
    pub(super) contents: PackedLists,
    /// The items that most users touched, from the most on.
    pub(super) popular: Vec<IndexItem>,
    /// In how many sessions items are, together.
    pub(super) total: u64,
    /// What rows had in the columns of `by`.
    pub(super) values: ItemValues,
}

/// Lists of numbers, one after the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PackedLists {
    /// Where each ends.
    pub(super) ends: Vec<u32>,
    pub(super) values: Vec<u32>,
}

impl PackedLists {
    /// The list with a number.
    pub(super) fn get(&self, at: u32) -> &[u32] {
        let at = at as usize;
        let from = at.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.values[from..self.ends[at] as usize]
    }

    /// How many numbers there are, those of ends included.
    pub(super) fn len(&self) -> usize {
        self.ends.len() + self.values.len()
    }

    /// Appends a list.
    pub(super) fn push(&mut self, values: impl IntoIterator<Item = u32>) {
        self.values.extend(values);
        self.ends.push(u32::try_from(self.values.len()).unwrap_or(u32::MAX));
    }
}

impl PickIndex {
    /// With what the rows of items have in some columns: each with the item, the place of the column, and the value.
    pub fn with_values<'r>(
        mut self,
        list: &PickList,
        columns: Vec<Arc<str>>,
        rows: impl Iterator<Item = (&'r Arc<str>, u16, &'r Scalar<'static>)>,
    ) -> PickIndex {
        self.values = ItemValues::new(columns, rows);
        self.derive_values(list);
        self
    }

    /// Works out what follows from the values of items.
    pub(super) fn derive_values(&mut self, list: &PickList) {
        let (users, items) = (&self.users, &self.items);
        self.values.derive(items, |item| users[item.0 as usize][0], list.sessions);
    }

    /// The item, if the index has it.
    pub(super) fn item(&self, text: &str) -> Option<IndexItem> {
        let at = self.items.binary_search_by(|item| (**item).cmp(text)).ok()?;
        u32::try_from(at).ok().map(IndexItem)
    }

    /// How many users touched an item in the window.
    pub(super) fn users(&self, item: IndexItem) -> u32 {
        self.users[item.0 as usize][0]
    }

    /// The same of an item that the index need not have.
    pub fn users_of(&self, item: &str) -> u32 {
        self.item(item).map_or(0, |item| self.users(item))
    }

    /// The most users that any item has.
    pub fn users_max(&self) -> u32 {
        self.popular.first().map_or(0, |item| self.users(*item))
    }

    /// How many sessions there are.
    pub fn sessions(&self) -> usize {
        self.numbers.len()
    }

    /// How many items there are.
    pub fn items(&self) -> usize {
        self.items.len()
    }

    /// The bytes it takes, texts of items included.
    pub fn heap_bytes(&self) -> usize {
        let texts: usize = self.items.iter().map(|item| item.len() + 2 * size_of::<usize>()).sum();
        let lists = [&self.latest, &self.contents].map(|lists| lists.len() * size_of::<u32>());
        texts
            + self.values.heap_bytes()
            + self.items.len() * (size_of::<Arc<str>>() + size_of::<u32>() + size_of::<[u32; 2]>())
            + self.numbers.len() * size_of::<SessionNumber>()
            + lists.iter().sum::<usize>()
    }
}

//! Items by number.

use std::hash::BuildHasher as _;
use std::sync::Arc;

use hashbrown::HashTable;

/// Hashes items in memory; nothing that leaves the process depends on it.
type ItemHasher = foldhash::fast::FixedState;

/// Gives every item a number, in the order in which they come.
#[derive(Clone, Debug, Default)]
pub(super) struct ItemTable {
    items: Vec<Arc<str>>,
    numbers: HashTable<u32>,
    /// The bytes of all texts.
    text_bytes: usize,
}

impl ItemTable {
    /// The number of an item. Beyond 2^32 - 1 items, which no memory has room for, all others share the last.
    pub(super) fn number(&mut self, item: &Arc<str>) -> u32 {
        let hasher = ItemHasher::default();
        let hash = hasher.hash_one(&**item);
        let items = &self.items;
        if let Some(number) = self.numbers.find(hash, |number| items[*number as usize] == *item) {
            return *number;
        }
        let number = u32::try_from(self.items.len()).unwrap_or(u32::MAX);
        self.items.push(Arc::clone(item));
        self.text_bytes += item.len() + 2 * size_of::<usize>();
        let items = &self.items;
        self.numbers.insert_unique(hash, number, |number| hasher.hash_one(&*items[*number as usize]));
        number
    }

    /// The bytes it takes on the heap, texts included.
    pub(super) fn heap_bytes(&self) -> usize {
        self.text_bytes
            + self.items.capacity() * size_of::<Arc<str>>()
            + self.numbers.capacity() * (size_of::<u32>() + 1)
    }

    /// The items, by number.
    pub(super) fn items(&self) -> &[Arc<str>] {
        &self.items
    }
}
